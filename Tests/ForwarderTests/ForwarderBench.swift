import FixedMemory
import Foundation
import GWMP
import LinuxPlatform
import Testing

/// The program, a packet forwarder with two sockets, a network server, and an agent: all on loopback.
final class ForwarderBench {
  let process = Process()
  let folder: URL
  let port: UInt16
  let server: Peer?

  init(hasServer: Bool = true, server other: UInt16? = nil) throws {
    folder = FileManager.default.temporaryDirectory
      .appending(path: "cairn-fwd-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    server = hasServer && other == nil ? try Peer() : nil
    process.executableURL = try Self.program()
    process.arguments = ["--listen", "127.0.0.1:0", "--run", folder.path]
    if let port = try other ?? server?.port() {
      process.arguments? += ["--server", "127.0.0.1:\(port)"]
    }
    let pipe = Pipe()
    process.standardError = pipe
    try process.run()
    let line = String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
    let digits = line.drop { !$0.isNumber }.prefix { $0.isNumber }
    port = try #require(UInt16(digits), "\(line)")
    // Nobody reads on: what it says later must not fill a pipe.
    pipe.fileHandleForReading.readabilityHandler = { handle in
      if handle.availableData.isEmpty { handle.readabilityHandler = nil }
    }
  }

  deinit {
    process.terminate()
    process.waitUntilExit()
    do { try FileManager.default.removeItem(at: folder) } catch { print("not removed") }
  }

  static func program() throws -> URL {
    var folder = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    for _ in 0..<6 {
      folder.deleteLastPathComponent()
      let candidate = folder.appending(path: "cairn-forwarder")
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: candidate.path, isDirectory: &isFolder),
        !isFolder.boolValue
      {
        return candidate
      }
    }
    throw CocoaError(.fileNoSuchFile)
  }

  /// A socket of the packet forwarder.
  func gateway() throws -> Peer { try Peer(connectedTo: port) }

  func agent() throws -> Agent { try Agent(folder.appending(path: "forwarder.sock").path) }
}

/// A UDP socket on loopback.
final class Peer {
  let socket: UDPSocket
  private(set) var source: UDPAddress?

  init() throws { socket = try UDPSocket(boundTo: try Self.address(0)) }

  init(connectedTo port: UInt16) throws {
    socket = try UDPSocket(connectedTo: try Self.address(port))
  }

  init(boundTo port: UInt16) throws { socket = try UDPSocket(boundTo: try Self.address(port)) }

  static func address(_ port: UInt16) throws -> UDPAddress {
    let text = Array("127.0.0.1:\(port)".utf8)
    let address = UDPAddress(text.span)
    return try #require(address)
  }

  func port() throws -> UInt16 { try socket.port() }

  func send(_ bytes: [UInt8]) throws { try socket.send(bytes.span) }

  func answer(_ bytes: [UInt8], to other: UDPAddress? = nil) throws {
    try socket.send(bytes.span, to: try #require(other ?? source))
  }

  /// What is there; nil when nothing is.
  func take() throws -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var span = buffer.mutableSpan
    guard let (count, from) = try socket.receive(into: &span) else { return nil }
    source = from
    return Array(buffer[..<count])
  }

  /// The next datagram, however long it takes to come.
  func receive() throws -> [UInt8] {
    for _ in 0..<60_000 {
      do throws(SystemError) {
        if let datagram = try takeTyped() { return datagram }
      } catch {}
      usleep(1000)
    }
    throw CocoaError(.fileReadUnknown)
  }

  private func takeTyped() throws(SystemError) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var span = buffer.mutableSpan
    guard let (count, from) = try socket.receive(into: &span) else { return nil }
    source = from
    return Array(buffer[..<count])
  }
}

/// The agent's end of forwarder.sock.
final class Agent {
  let connection: UnixConnection

  init(_ path: String) throws {
    let bytes = Array(path.utf8)
    let fixed = FixedPath(bytes.span)
    let path = try #require(fixed)
    connection = try UnixConnection(connectingTo: path)
  }

  func receive() throws -> ForwarderMessage.Decoded {
    var buffer = [UInt8](repeating: 0, count: 512)
    var span = buffer.mutableSpan
    let count = try connection.receive(into: &span, timeoutMilliseconds: 60_000)
    return try ForwarderMessage.decode(buffer.span.extracting(0..<count))
  }

  func send(_ transmit: ForwarderMessage.Transmit) throws {
    let packet = ForwarderMessage.encode(transmit)
    try connection.send(packet.bytes, timeoutMilliseconds: 60_000)
  }
}

let eui: [UInt8] = [0xb8, 0x27, 0xeb, 0xff, 0xfe, 0x12, 0x34, 0x56]
let gatewayNumber: UInt64 = 0xb827_ebff_fe12_3456

let otherEUI: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 2]

func up(
  _ kind: UInt8, token: UInt16, version: UInt8 = 2, eui: [UInt8] = eui, _ body: String = ""
) -> [UInt8] {
  [version, UInt8(token >> 8), UInt8(token & 255), kind] + eui + Array(body.utf8)
}

func down(_ kind: UInt8, token: UInt16, version: UInt8 = 2, _ body: String = "") -> [UInt8] {
  [version, UInt8(token >> 8), UInt8(token & 255), kind] + Array(body.utf8)
}

func rxpk(_ tmst: Int, data: String = "AQID") -> String {
  """
  {"rxpk":[{"tmst":\(tmst),"freq":868.1,"chan":0,"rfch":0,"stat":1,"modu":"LORA","datr":"SF7BW125","codr":"4/5",\
  "rssi":-101,"rssis":-103.5,"lsnr":-2.25,"size":3,"data":"\(data)"}]}
  """
}
