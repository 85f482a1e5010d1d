import FixedMemory
import Foundation
import LinuxPlatform
import Testing

/// `cairn-forwarder`, and a packet forwarder that the test plays, on loopback.
final class PacketForwarder {
  static let eui: [UInt8] = [0xb8, 0x27, 0xeb, 0xff, 0xfe, 0x12, 0x34, 0x56]

  private let process = Process()
  private let socket: UDPSocket
  private var token: UInt16 = 0
  private var tmst: UInt32 = 1_000_000

  init(run folder: String) throws {
    process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appending(path: "cairn-forwarder")
    process.arguments = ["--listen", "127.0.0.1:0", "--run", folder]
    let pipe = Pipe()
    process.standardError = pipe
    try AgentNode.start(process)
    let line = String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
    let port = try #require(
      UInt16(line.drop { !$0.isNumber }.prefix { $0.isNumber }), "\(line)")
    // Nobody reads on: what it says later must not fill a pipe.
    pipe.fileHandleForReading.readabilityHandler = { handle in
      if handle.availableData.isEmpty { handle.readabilityHandler = nil }
    }
    let text = Array("127.0.0.1:\(port)".utf8)
    let address = UDPAddress(text.span)
    socket = try UDPSocket(connectedTo: try #require(address))
  }

  deinit { end() }

  func end() {
    guard process.isRunning else { return }
    process.terminate()
    process.waitUntilExit()
  }

  private func send(_ kind: UInt8, _ body: String = "", token given: UInt16? = nil) throws {
    token &+= 1
    let used = given ?? token
    let bytes =
      [2, UInt8(used >> 8), UInt8(used & 255), kind] + Self.eui + Array(body.utf8)
    try socket.send(bytes.span)
  }

  /// The next datagram of this type, however long it takes to come; others are passed over.
  func receive(_ kind: UInt8) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 2048)
    for _ in 0..<60_000 {
      var span = buffer.mutableSpan
      if let (count, _) = try socket.receive(into: &span) {
        if count >= 4, buffer[3] == kind { return Array(buffer[..<count]) }
      } else {
        usleep(1000)
      }
    }
    throw CocoaError(.fileReadUnknown)
  }

  /// Asks whether there is something to send, until it is answered.
  func pull() throws {
    try send(2)
    _ = try receive(4)
  }

  func hear(_ bytes: [UInt8], rssi: Int = -101, snr: Double = -2.25) throws {
    tmst &+= 10_000
    let data = Data(bytes).base64EncodedString()
    try send(
      0,
      """
      {"rxpk":[{"tmst":\(tmst),"freq":868.300000,"chan":1,"rfch":0,"stat":1,"modu":"LORA","datr":"SF9BW125",\
      "codr":"4/5","rsig":[{"ant":0,"chan":1,"rssic":\(rssi),"rssis":\(rssi - 2),"lsnr":\(snr),"foff":-730}],\
      "size":\(bytes.count),"data":"\(data)"}]}
      """)
    // It is taken when it is acknowledged.
    _ = try receive(1)
  }

  /// What is to be sent; answered as it is told.
  func transmission(answer: String) throws -> [String: Any] {
    try taken(try receive(3), answer)
  }

  /// The same, if there is one; other datagrams are passed over.
  func takeTransmission() throws -> [String: Any]? {
    var buffer = [UInt8](repeating: 0, count: 2048)
    while true {
      var span = buffer.mutableSpan
      guard let (count, _) = try socket.receive(into: &span) else { return nil }
      guard count >= 4, buffer[3] == 3 else { continue }
      return try taken(Array(buffer[..<count]), "{\"txpk_ack\":{\"error\":\"NONE\"}}")
    }
  }

  private func taken(_ bytes: [UInt8], _ answer: String) throws -> [String: Any] {
    try send(5, answer, token: UInt16(bytes[1]) << 8 | UInt16(bytes[2]))
    let object =
      try JSONSerialization.jsonObject(with: Data(bytes[4...])) as? [String: [String: Any]]
    return try #require(object?["txpk"])
  }

  /// The frame of a txpk.
  static func bytes(of transmission: [String: Any]) -> [UInt8] {
    Array(Data(base64Encoded: transmission["data"] as? String ?? "") ?? Data())
  }
}
