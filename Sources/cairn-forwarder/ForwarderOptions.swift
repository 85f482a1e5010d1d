import CLinux
import FixedMemory
import LinuxPlatform

/// The version that `--version` gives.
var forwarderVersion: StaticString { "0.1.0" }

/// How the program ends (docs/architecture.md): systemd decides by it whether to start it anew.
enum ForwarderExit: Int32 {
  case success = 0
  case usage = 2
  case refused = 77
}

/// Writes one line to standard error, if there is one, and ends the program.
func endProgram(_ status: ForwarderExit, _ message: Span<UInt8> = Span()) -> Never {
  if !message.isEmpty { tellLine(message) }
  exit(status.rawValue)
}

/// Writes one line to standard error, if there is one.
func tellLine(_ message: Span<UInt8>) {
  var text = TextBuilder<512>()
  text.append("cairn-forwarder: ")
  text.append(message)
  text.append("\n")
  // Without a reader of standard error the status says it too.
  do throws(SystemError) { try StandardStream.error.write(text) } catch {}
}

/// What the program was started with.
struct ForwarderOptions {
  var listen: UDPAddress
  var server: UDPAddress?
  var runFolder = FixedText<80>("/run/cairn")
  var mayListenBeyondLoopback = false

  /// RUN/forwarder.sock; nil when that is too long.
  var socketPath: FixedPath? { FixedPath(runFolder.span)?.appending(name: "forwarder.sock") }

  private enum Word { case listen, server, run, open }

  /// Reads the command line, or ends the program.
  static func read() -> ForwarderOptions {
    var options = ForwarderOptions(listen: standardAddress)
    var awaited: Word?
    do throws(FileFailure) {
      let arguments = try ProgramArguments()
      for index in 1..<max(1, arguments.count) {
        if let word = awaited {
          guard options.set(word, arguments[index]) else { usage(arguments[index], word) }
          awaited = nil
        } else {
          awaited = word(arguments[index])
        }
        // The one option without a value.
        if awaited == .open {
          options.mayListenBeyondLoopback = true
          awaited = nil
        }
      }
    } catch { usage("the command line can't be read, or is longer than 4096 bytes") }
    if awaited != nil { usage("the last option needs a value; see --help") }
    guard options.listen.isLoopback || options.mayListenBeyondLoopback else {
      usage(
        "--listen: other machines reach this address, and the protocol has no login: add --open to allow it"
      )
    }
    if options.server == options.listen { usage("--server: that is the address of --listen") }
    return options
  }

  /// Where packet forwarders send when nobody has told them otherwise.
  private static var standardAddress: UDPAddress {
    let text = FixedText<16>("127.0.0.1:1700")
    guard let address = UDPAddress(text.span) else { stop("the usual address is none") }
    return address
  }

  private static func word(_ text: Span<UInt8>) -> Word {
    if text.equals("--listen") { return .listen }
    if text.equals("--server") { return .server }
    if text.equals("--run") { return .run }
    if text.equals("--open") { return .open }
    if text.equals("--help") { show(help) }
    if text.equals("--version") { show("cairn-forwarder ", forwarderVersion) }
    var message = TextBuilder<256>()
    message.append("unknown argument ")
    message.append(untrusted: text)
    message.append("; see --help")
    endProgram(.usage, message.span)
  }

  private mutating func set(_ word: Word, _ value: Span<UInt8>) -> Bool {
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
    case .open: mayListenBeyondLoopback = true
    }
    return true
  }

  private static func usage(_ value: Span<UInt8>, _ word: Word) -> Never {
    var message = TextBuilder<384>()
    switch word {
    case .listen:
      message.append("--listen: an address and a port, such as 127.0.0.1:1700 or [::1]:1700")
    case .server:
      message.append("--server: an address of digits and a port, such as 127.0.0.1:1701")
    case .run: message.append("--run: a folder of up to 80 bytes")
    case .open: message.append("--open takes no value")
    }
    message.append(", not ")
    message.append(untrusted: value)
    endProgram(.usage, message.span)
  }

  private static func usage(_ why: StaticString) -> Never {
    var message = TextBuilder<128>()
    message.append(why)
    endProgram(.usage, message.span)
  }

  private static func show(_ first: StaticString, _ second: StaticString = "") -> Never {
    // Nothing is left to do when standard output is closed.
    do throws(SystemError) {
      try StandardStream.output.write(first)
      try StandardStream.output.write(second)
      try StandardStream.output.write("\n")
    } catch {}
    endProgram(.success)
  }

  private static var help: StaticString {
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
