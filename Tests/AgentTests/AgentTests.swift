import AgentMessages
import FixedMemory
import Foundation
import LinuxPlatform
import Proofs
import Records
import Signers
import Testing

/// The built agent, as systemd would start it.
@Suite(.timeLimit(.minutes(3))) struct AgentTests {
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
