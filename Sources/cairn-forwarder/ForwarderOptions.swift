import FixedMemory
import LinuxPlatform
import SocketPrograms

/// What the program was started with.
struct ForwarderOptions: SocketProgram {
  var listen: UDPAddress
  var server: UDPAddress?
  var runFolder = FixedText<80>("/run/cairn")
  var mayListenBeyondLoopback = false

  enum Word { case listen, server, run, open }

  static var name: StaticString { "cairn-forwarder" }
  static var version: StaticString { "0.1.0" }
  static var tooLongForASocket: StaticString { "--run is too long for a socket" }
  static var tooLongForTheKernel: StaticString {
    "longer than 107 bytes: choose a shorter --run"
  }
  static var socketInUse: StaticString {
    "another forwarder listens there: give this one another --run"
  }

  /// Where packet forwarders send when nobody has told them otherwise.
  init() {
    let text = FixedText<16>("127.0.0.1:1700")
    guard let address = UDPAddress(text.span) else { stop("the usual address is none") }
    listen = address
  }

  /// RUN/forwarder.sock.
  var socketPath: FixedPath? { FixedPath(runFolder.span)?.appending(name: "forwarder.sock") }

  static func word(_ text: Span<UInt8>) -> Word? {
    if text.equals("--listen") { return .listen }
    if text.equals("--server") { return .server }
    if text.equals("--run") { return .run }
    return text.equals("--open") ? .open : nil
  }

  mutating func isTaken(_ word: Word) -> Bool {
    guard word == .open else { return false }
    mayListenBeyondLoopback = true
    return true
  }

  mutating func set(_ word: Word, _ value: Span<UInt8>) -> Bool {
    switch word {
    case .listen:
      guard let address = UDPAddress(value) else { return false }
      listen = address
    case .server:
      guard let address = UDPAddress(value), address.port != 0 else { return false }
      server = address
    case .run:
      guard let folder = FixedText<80>(value), !value.isEmpty else { return false }
      runFolder = folder
    case .open: return false
    }
    return true
  }

  static func form(of word: Word) -> StaticString {
    switch word {
    case .listen: "--listen: an address and a port, such as 127.0.0.1:1700 or [::1]:1700"
    case .server: "--server: an address of digits and a port, such as 127.0.0.1:1701"
    case .run: "--run: a folder of up to 80 bytes"
    case .open: "--open takes no value"
    }
  }

  var contradiction: StaticString? {
    guard listen.isLoopback || mayListenBeyondLoopback else {
      return
        "--listen: other machines reach this address, and the protocol has no login: add --open to allow it"
    }
    return server == listen ? "--server: that is the address of --listen" : nil
  }

  static var help: StaticString {
    """
    cairn-forwarder: stands between a LoRa packet forwarder, its network server and the agent

      --listen ADDRESS:PORT   where the packet forwarder sends       127.0.0.1:1700
      --server ADDRESS:PORT   the network server, which gets and sends everything unchanged
      --open            --listen may be an address that other machines reach
      --run FOLDER      whose owner is the agent's user              /run/cairn
      --version, --help

    Without --server it acknowledges by itself. It runs until SIGTERM. Exit status: 0 asked to
    end, 2 command line, 77 an address or the socket can't be had.
    """
  }
}
