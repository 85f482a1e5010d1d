import FixedMemory
import Foundation
import Proofs
import TestSupport
import Testing

/// `cairn-uplink-mqtt --check`: the way through a broker, step by step, as docs/doctor.md has its lines.
@Suite(.serialized, .timeLimit(.minutes(30))) struct BrokerCheckTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    let agent = folder.path + "/agent"
    try FileManager.default.createDirectory(atPath: agent, withIntermediateDirectories: false)
    try Data((0..<32).map { UInt8($0) }).write(to: URL(filePath: agent + "/device.pub"))
  }

  /// The lines between head and end, as identifier and state, and all that was said.
  private func check(_ url: String, _ key: PublicKey?, more: String = "") throws -> (
    rows: [String], said: String
  ) {
    let digits = key.map { key in
      (0..<32).map { (key.bytes[$0] < 16 ? "0" : "") + String(key.bytes[$0], radix: 16) }.joined()
    }
    try "[gateway]\nurl = \(url)\n\(digits.map { "public_key = \($0)\n" } ?? "")\(more)\n".write(
      toFile: folder.path + "/site.ini", atomically: true, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(filePath: try GatewayProgram.path()).deletingLastPathComponent()
      .appending(path: "cairn-uplink-mqtt")
    process.arguments = [
      "--check", "--config", folder.path + "/site.ini", "--state", folder.path,
    ]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(said)")
    let lines = said.split(separator: "\n")
    #expect(lines.first == "cairn-check 1 0.1.0" && lines.last == "end", "\(said)")
    let rows = lines.dropFirst().dropLast().map { line in
      line.split(separator: "\t").prefix(2).joined(separator: " ")
    }
    return (rows, said)
  }

  private static let reached = [
    "network.name ok", "network.connect ok", "network.tls ok", "network.login ok",
    "network.subscription ok",
  ]

  @Test func aGatewayBehindABrokerIsFoundWell() async throws {
    let broker = try Broker()
    let gateway = try GatewayProcess(folder, ["--mqtt", broker.url])
    var isThere = false
    for _ in 0..<60_000 where !isThere {
      isThere = try await gateway.json("/healthz")["broker"] as? String == "connected"
      usleep(1000)
    }
    let found = try check(broker.url, try folder.publicKey)
    #expect(
      found.rows == Self.reached + ["network.gateway ok", "network.key ok", "network.time ok"],
      "\(found.said)")
    let other = try FileKeyOfNobody.publicKey()
    #expect(
      try check(broker.url, other).rows == Self.reached + [
        "network.gateway ok", "network.key failed",
      ])
    #expect(gateway.stop() == 0)
  }

  @Test func aBrokerWithoutAGatewayIsTold() throws {
    let broker = try Broker()
    let found = try check(broker.url, nil)
    #expect(found.rows == Self.reached + ["network.gateway failed"], "\(found.said)")
    #expect(found.said.contains("no gateway listens at the broker"))
    broker.kill()
    #expect(try check(broker.url, nil).rows == ["network.name ok", "network.connect failed"])
  }

  @Test func aBrokerThatDoesNotLetItInIsTold() throws {
    let broker = try Broker(settings: "allow_anonymous false")
    let found = try check(broker.url, nil)
    #expect(
      found.rows
        == ["network.name ok", "network.connect ok", "network.tls ok", "network.login failed"],
      "\(found.said)")
    let unreadable = try check(
      broker.url, nil, more: "user = roof\npassword_file = \(folder.path)/nowhere")
    #expect(unreadable.rows == ["network.login failed"], "\(unreadable.said)")
  }

  @Test func aBrokerThatHidesTheAnswersIsTold() throws {
    let broker = try Broker(
      settings: "allow_anonymous true\nacl_file FOLDER/acl", files: ["acl": "topic write cairn/#\n"]
    )
    let found = try check(broker.url, nil)
    // A broker may take a subscription that it never serves: then no answer comes.
    let lasts = ["network.subscription failed", "network.gateway failed"]
    #expect(lasts.contains(found.rows.last ?? ""), "\(found.said)")
  }

  @Test func aNameThatNobodyKnowsIsTold() throws {
    let found = try check("mqtts://broker.invalid", nil)
    #expect(found.rows == ["network.name failed"], "\(found.said)")
  }

  @Test func withoutAKeyThereIsNoTopicToAskAt() throws {
    try FileManager.default.removeItem(atPath: folder.path + "/agent/device.pub")
    #expect(try check("mqtt://127.0.0.1:9", nil).rows == ["network.name not-checked"])
  }
}

/// A key that no gateway here has.
private enum FileKeyOfNobody {
  static func publicKey() throws -> PublicKey {
    PublicKey(ed25519: FixedBytes<32>(Array(repeating: UInt8(9), count: 32).span) ?? FixedBytes())
  }
}
