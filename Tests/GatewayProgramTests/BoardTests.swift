import FixedMemory
import Foundation
import Identity
import Proofs
import TestSupport
import Testing
import Verifier

/// A program of the board, as its unit starts it. Killed with its owner.
final class BoardProcess {
  private let process = Process()
  private let output = Pipe()
  private(set) var words = ""

  init(_ name: String, _ arguments: [String]) throws {
    process.executableURL = URL(fileURLWithPath: try GatewayProgram.path())
      .deletingLastPathComponent().appendingPathComponent(name)
    process.arguments = arguments
    process.standardOutput = output
    process.standardError = output
    try process.run()
  }

  deinit { if process.isRunning { _ = Foundation.kill(process.processIdentifier, SIGKILL) } }

  /// Waits until it has said this, after what was said before.
  func awaitWords(_ wanted: String) throws {
    while !words.contains(wanted) {
      let data = output.fileHandleForReading.availableData
      guard !data.isEmpty else { throw WrongAnswer(what: "it ended: \(words)") }
      words += String(decoding: data, as: UTF8.self)
    }
    guard let place = words.range(of: wanted) else { return }
    words = String(words[place.upperBound...])
  }

  /// Waits for its end, and gives all that it said since what was waited for.
  func end() throws -> (status: Int32, words: String) {
    words += String(
      decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, words)
  }

  func stop() -> Int32 {
    process.terminate()
    process.waitUntilExit()
    return process.terminationStatus
  }
}

/// Agent and uplink of one node, without sensors.
final class Board {
  /// Short: a socket stands below it.
  let folder = "/tmp/cairn-board-\(UInt32.random(in: 0 ... .max))"

  init() throws {
    for name in ["agent", "uplink"] {
      try FileManager.default.createDirectory(
        atPath: path(name), withIntermediateDirectories: true)
    }
    try write("[board]\nname = bench\n", to: "board.ini")
  }

  deinit {
    // What stays behind in /tmp is no failure of what was tested.
    do { try FileManager.default.removeItem(atPath: folder) } catch {}
  }

  func path(_ name: String) -> String { folder + "/" + name }

  func bytes(of name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path(name))))
  }

  private func write(_ text: String, to name: String) throws {
    try text.write(toFile: path(name), atomically: true, encoding: .utf8)
  }

  /// Runs both against a gateway while `body` looks.
  func run(
    _ gateway: GatewayProcess, key: PublicKey, site: String = "",
    _ body: (_ uplink: BoardProcess) throws -> Void
  ) throws {
    try run("cairn-uplink-https", gateway.address, key: key, site: site, body)
  }

  /// The same by another uplink, whose address may be a broker's.
  func run(
    _ uplink: String, _ url: String, key: PublicKey, site: String = "",
    _ body: (_ uplink: BoardProcess) throws -> Void
  ) throws {
    let digits = (0..<32).map { index in
      (key.bytes[index] < 16 ? "0" : "") + String(key.bytes[index], radix: 16)
    }
    try write(
      """
      [gateway]
      url = \(url)
      public_key = \(digits.joined())
      [spool]
      size = 1 MiB
      segment = 128 KiB
      [batch]
      interval = 1 s
      \(site)

      """, to: "site.ini")
    let common = ["--config", path("site.ini"), "--state", folder, "--run", folder]
    let agent = try BoardProcess("cairn-agent", ["--board", path("board.ini")] + common)
    try agent.awaitWords(": boot ")
    let uplink = try BoardProcess(uplink, common)
    try body(uplink)
    #expect(uplink.stop() == 0)
    #expect(agent.stop() == 0)
  }

  func head() throws -> GatewayHead {
    let bytes = try bytes(of: "uplink/gateway-head.cose")
    return try GatewayHead(decoding: bytes.span)
  }
}

/// Board and gateway, whole programs on both sides.
@Suite(.serialized, .ownThreads, .timeLimit(.minutes(30))) struct BoardTests {
  private static let enrolled = "has this node's enrolment"

  @Test func aNodeRestoredFromItsKeyGoesOnWithAGatewayWhoseKeyHasChanged() throws {
    let folder = try TemporaryFolder()
    let board = try Board()
    let first = try GatewayProcess(folder)
    let key = try folder.publicKey
    try board.run(first, key: key) { try $0.awaitWords(Self.enrolled) }
    let place = "[place]\nlatitude = 40.6398\nlongitude = -73.7789"
    try board.run(first, key: key, site: place) { uplink in
      try uplink.awaitWords(Self.enrolled)
      try awaitHead(board, by: key)
    }
    #expect(first.stop() == 0)
    let second = try board.bytes(of: "agent/enrolment.cose")
    let held = try board.head()
    let rotated = try GatewayProgram.run(["key", "rotate", "--data", folder.path])
    #expect(rotated.status == 0, "\(rotated.words)")
    let newKey = try folder.publicKey
    try FileManager.default.removeItem(atPath: board.path("agent/enrolment.cose"))

    let last = try GatewayProcess(folder)
    // The site file has the old key still.
    try board.run(last, key: key, site: place) { uplink in
      try uplink.awaitWords("the agent goes on from the enrolment that the gateway has")
      try awaitHead(board, by: newKey)
    }
    #expect(last.stop() == 0)
    #expect(try board.bytes(of: "agent/enrolment.cose") == second)
    let list = try board.bytes(of: "agent/gateway-keys.cbor")
    let chain = try GatewayKeyChain(verifyingList: list.span)
    #expect(chain.count == 2 && chain[0] == key && chain.newest == newKey)
    #expect(try board.head().size > held.size)
    #expect(
      !FileManager.default.fileExists(atPath: board.path("uplink/gateway-contradiction.cbor")))
  }

  /// Looks until a head by this key is kept, for at most a minute.
  private func awaitHead(_ board: Board, by key: PublicKey) throws {
    let path = board.path("uplink/gateway-head.cose")
    for _ in 0..<600 {
      if FileManager.default.fileExists(atPath: path), try board.head().keyID == key.keyID {
        return
      }
      _ = poll(nil, 0, 100)
    }
    Issue.record("no head by the gateway's key is kept")
  }
}
