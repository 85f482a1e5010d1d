import AgentMessages
import FixedMemory
import Foundation
import LinuxPlatform
import Proofs
import Records
import Signers
import TestSupport
import Testing

/// The built agent, as systemd would start it.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct AgentTests {
  private static let sensor = """
    [sensor.air]
    chip = bme280
    bus = i2c-1
    interval = 100 ms
    """

  /// The ring fills up, the agent is stopped, started on the full ring, stopped, and something is delivered.
  @Test func aFullRingTellsWhyNothingFollowsAndEveryBootBeginsWithItsLeaf() throws {
    let node = try AgentNode(site: Self.sensor)
    try node.startBoard()
    try node.makeKeyAndSpool()
    try node.fillSpool(leaving: 4)
    let first = try node.startAgent()
    _ = first.words()
    let full = try untilFull(node)
    // Told while it still runs: a crash can't hide it.
    #expect(full.boot == 2 && full.gap?.count == 0)
    #expect(try first.end().status == 0)
    let leaves = try node.leaves()
    let last = try #require(leaves.last?.gap)
    #expect(last.reason == .spoolFull && last.count > 0)

    #expect(try node.runAgent().status == 0)
    #expect(try node.leaves() == leaves)

    try node.deliverAll()
    #expect(try node.runAgent().status == 0)
    let later = try node.leaves().filter { $0.boot == 3 }
    #expect(later.first?.kind == .boot)
    #expect(later.filter { $0.kind == .boot }.count == 1)
  }

  /// Waits for batches until one says that the ring is full.
  private func untilFull(_ node: AgentNode) throws -> LoggedLeaf {
    let connection = try node.connect()
    try connection.send(.subscribe)
    while true {
      _ = try connection.receiveType()
      if let leaf = try node.leaves().first(where: { $0.gap?.reason == .spoolFull }) {
        return leaf
      }
    }
  }

  /// Another copy of the card was ahead, and this one's ring is full: nothing is signed before there is room.
  @Test func aNewEpochOnAFullRingWaitsForRoom() throws {
    let node = try AgentNode()
    try node.makeKeyAndSpool()
    try node.fillSpool(leaving: 0)
    try node.exhaustLastWords()
    let key = node.path("agent/agent.key")
    let text = try String(contentsOfFile: key, encoding: .utf8)
    try text.replacing("epoch 0", with: "epoch 4").write(
      toFile: key, atomically: false, encoding: .utf8)
    let before = try node.checkpoints()
    #expect(try node.runAgent().status == 0)
    #expect(try node.checkpoints() == before)
    try node.deliverAll()
    #expect(try node.runAgent().status == 0)
    let last = try #require(try node.checkpoints().last).checkpoint
    #expect(last.epoch > 4 && last.batch == 0)
  }

  @Test(arguments: 0..<5)
  func twoAgentsAtAFirstStartMakeOneKey(attempt: Int) throws {
    let node = try AgentNode()
    let agents = try [node.startAgent(), node.startAgent()]
    // The one that has no place waits some seconds for the other, and ends by itself.
    for _ in 0..<60_000 where agents.allSatisfy(\.isRunning) { usleep(1000) }
    let endings = try agents.map { try $0.end() }
    #expect(endings.map(\.status).sorted() == [0, 77], "\(endings)")
    // The key that is there is the one that signed.
    #expect(try node.runAgent().status == 0)
  }

  @Test func anErasedFirstBlockIsNoNewSpool() throws {
    let node = try AgentNode()
    #expect(try node.runAgent().status == 0)
    let spool = node.path("agent/spool")
    let file = try FileHandle(forUpdating: URL(filePath: spool))
    try file.write(contentsOf: [UInt8](repeating: 0, count: 4096))
    try file.close()
    let before = try node.bytes(of: "agent/spool")
    let ending = try node.runAgent()
    #expect(ending.status == 77 && ending.said.contains("damaged"), "\(ending.said)")
    #expect(try node.bytes(of: "agent/spool") == before)
  }

  @Test func anExchangedKeyIsRefusedAlsoWithoutItsPublicKey() throws {
    let node = try AgentNode()
    #expect(try node.runAgent().status == 0)
    let other = try AgentNode()
    #expect(try other.runAgent().status == 0)
    try FileManager.default.removeItem(atPath: node.path("agent/device.pub"))
    try FileManager.default.removeItem(atPath: node.path("agent/agent.key"))
    try FileManager.default.copyItem(
      atPath: other.path("agent/agent.key"), toPath: node.path("agent/agent.key"))
    let ending = try node.runAgent()
    #expect(ending.status == 77 && ending.said.contains("another key"), "\(ending.said)")
  }

  @Test func anExchangedKeyIsRefusedWhileItsLogIsThere() throws {
    let node = try AgentNode()
    #expect(try node.runAgent().status == 0)
    let key = node.path("agent/agent.key")
    var text = try String(contentsOfFile: key, encoding: .utf8)
    let seed = try #require(text.firstRange(of: /seed [0-9a-f]/))
    let digit = text[seed].last == "0" ? "1" : "0"
    text.replaceSubrange(seed, with: "seed " + digit)
    try text.write(toFile: key, atomically: false, encoding: .utf8)
    let ending = try node.runAgent()
    #expect(ending.status == 77)
    #expect(ending.said.contains("device.pub"), "\(ending.said)")
    // Without the log it is another node, which is no secret.
    for name in ["spool", "device.pub"] {
      try FileManager.default.removeItem(atPath: node.path("agent/" + name))
    }
    #expect(try node.runAgent().status == 0)
  }

  @Test func silentClientsDoNotKeepTheUplinkOut() throws {
    let node = try AgentNode()
    let agent = try node.startAgent()
    _ = agent.words()
    var silent: [SilentClient] = []
    for _ in 0..<12 { silent.append(SilentClient(try node.connect())) }
    let uplink = try node.connect()
    try uplink.send(.subscribe)
    #expect(try uplink.receiveType() == .released)
    for _ in 0..<12 { silent.append(SilentClient(try node.connect())) }
    try uplink.send(.statusRequest)
    #expect(try uplink.receiveType() == .status)
    #expect(try agent.end().status == 0)
  }

  @Test func aMissingStateFolderIsNamedWithWhatToDo() throws {
    let node = try AgentNode()
    try FileManager.default.removeItem(atPath: node.path("agent"))
    let ending = try node.runAgent()
    #expect(ending.status == 77)
    #expect(ending.said.contains("make it, owned by the agent's user"), "\(ending.said)")
  }
}

/// An array can't hold what can't be copied.
private final class SilentClient {
  let connection: UnixConnection
  init(_ connection: consuming UnixConnection) { self.connection = connection }
}
