import AgentMessages
import DeviceLog
import FixedMemory
import Foundation
import LinuxPlatform
import Proofs
import Records
import Signers
import TestSupport
import Testing

/// A gateway's head while the agent runs: a card that was restored as a whole goes on in a lawful epoch.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct FollowedHeadTests {
  private static let sensor = """
    [sensor.air]
    chip = bme280
    bus = i2c-1
    interval = 100 ms
    """

  private func head(
    _ node: AgentNode, _ epoch: UInt64, _ batch: UInt64, hash: Digest = filled(9),
    seed: UInt8 = AgentNode.gatewaySeed, of key: PublicKey? = nil
  ) throws -> [UInt8] {
    var gateway = try AgentNode.gatewayKey(seed: seed)
    var bytes = [UInt8](repeating: 0, count: 512)
    let head = DeviceHead(
      algorithm: .ed25519, keyID: gateway.publicKey.keyID,
      deviceKeyHash: try key?.hash ?? node.deviceKey().hash, epoch: epoch, batch: batch, size: 999,
      nowUTCMilliseconds: 1_800_000_000_000, checkpointHash: hash)
    let count = try head.sign(with: &gateway, into: bytes.mutableSpan).byteCount
    return Array(bytes[..<count])
  }

  private func positions(_ node: AgentNode) throws -> [[UInt64]] {
    try node.checkpoints().map { [$0.checkpoint.epoch, $0.checkpoint.batch] }
  }

  /// Beyond what is sealed, another checkpoint at a position that is, a later epoch.
  @Test(arguments: [(0, 50), (0, 0), (3, 2)] as [(UInt64, UInt64)])
  func aHeadWhereTheLogDoesNotLeadBeginsTheEpochBehindIt(epoch: UInt64, batch: UInt64) throws {
    let node = try AgentNode(site: Self.sensor)
    try node.startBoard()
    #expect(try node.runAgent().status == 0)
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    let left = try node.checkpoints()
    let bytes = try head(node, epoch, batch)
    try connection.send(.head(bytes: bytes.span))
    #expect(try connection.receiveAnswer() == 0)
    // The epoch is durable with the key, and its first batch is signed, when the answer comes.
    let key = try String(contentsOfFile: node.path("agent/agent.key"), encoding: .utf8)
    #expect(key.contains("\nepoch \(epoch + 1)\n"), "\(key)")
    let first = try #require(
      try node.checkpoints().first { $0.checkpoint.epoch == epoch + 1 }
    ).checkpoint
    #expect(first.batch == 0 && first.first == 0 && first.previous == filled(9))
    // Asked once more it is behind it already.
    try connection.send(.head(bytes: bytes.span))
    #expect(try connection.receiveAnswer() == 0)
    let ending = try agent.end()
    #expect(ending.status == 0)
    #expect(ending.said.contains("restored from an older copy"), "\(ending.said)")

    let all = try positions(node)
    #expect(Set(all).count == all.count)
    #expect(all.starts(with: left.map { [$0.checkpoint.epoch, $0.checkpoint.batch] }))
    // Nothing more of the old epoch, neither by its end nor by the next start.
    #expect(try node.runAgent().status == 0)
    let signed = try positions(node)
    #expect(signed.dropFirst(left.count).allSatisfy { $0[0] == epoch + 1 }, "\(signed)")
    try checkWhatIsTold(node, behind: left)
  }

  /// One leaf tells of all that no receipt covers, sealed or not, and none says that the card lost it. What readings
  /// mean is said again before the first of them.
  private func checkWhatIsTold(_ node: AgentNode, behind left: [LogBatch]) throws {
    let newLeaves = try node.leaves().filter { $0.epoch > 0 }
    #expect(newLeaves.first?.kind == .boot)
    let lost = newLeaves.filter { $0.lost != nil }
    #expect(lost.count == 1, "\(lost)")
    let told = try #require(lost.first?.lost)
    #expect(told.reason == .restoredCopy && told.from == 0 && lost.first?.lostEpoch == 0)
    #expect(told.to == told.count && told.to >= (left.last?.checkpoint.size ?? 0))
    let kinds = newLeaves.map(\.kind)
    if let reading = kinds.firstIndex(of: .reading) {
      #expect(kinds[..<reading].contains(.schema))
    }
  }

  @Test func aGatewayThatLiesOnceMoreIsRefusedAndTheLogStaysWhereItIs() throws {
    let node = try AgentNode()
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    for (epoch, code) in [(4, 0), (5, 60), (900, 60), (4, 0)] as [(UInt64, UInt16)] {
      let bytes = try head(node, epoch, 8)
      try connection.send(.head(bytes: bytes.span))
      #expect(try connection.receiveAnswer() == code, "\(epoch)")
    }
    #expect(try agent.end().status == 0)
    #expect(try positions(node).last?[0] == 5)
  }

  @Test func aHeadThatTheLogHasOrThatNobodySignedChangesNothing() throws {
    let node = try AgentNode()
    #expect(try node.runAgent().status == 0)
    #expect(try node.runAgent().status == 0)
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    let before = try node.checkpoints()
    // An older one of its own, its newest, and nothing at all.
    for batch in [try #require(before.first), try #require(before.last)] {
      let bytes = try head(node, 0, batch.checkpoint.batch, hash: batch.sigStructureHash)
      try connection.send(.head(bytes: bytes.span))
      #expect(try connection.receiveDenial() == .notNow)
    }
    let nothing: [UInt8] = []
    try connection.send(.head(bytes: nothing.span))
    #expect(try connection.receiveDenial() == .notNow)
    let stranger = try AgentNode.gatewayKey(seed: 3).publicKey
    var forged = try head(node, 0, 50)
    forged[forged.count - 1] ^= 1
    let cases: [([UInt8], UInt16)] = [
      (try head(node, 0, 50, seed: 78), RefusalCode.unknownKey.rawValue),
      (try head(node, 0, 50, of: stranger), RefusalCode.keyMismatch.rawValue),
      (forged, RefusalCode.badSignature.rawValue),
      ([0xd2, 0x84, 0x40], RefusalCode.malformed.rawValue),
      // So many epochs nobody has begun: it would use them up.
      (try head(node, 1_000_001, 0), RefusalCode.unknownPosition.rawValue),
      (try head(node, .max, .max), RefusalCode.unknownPosition.rawValue),
    ]
    for (bytes, code) in cases {
      try connection.send(.head(bytes: bytes.span))
      #expect(try connection.receiveAnswer() == code)
    }
    #expect(try node.checkpoints() == before)
    #expect(try agent.end().status == 0)
    #expect(try positions(node).allSatisfy { $0[0] == 0 })
  }

  /// A full ring of what can't be delivered any more would stay full for ever.
  @Test func aFullRingMakesRoomForTheNewEpoch() throws {
    let node = try AgentNode()
    try node.makeKeyAndSpool()
    try node.fillSpool(leaving: 0)
    try node.exhaustLastWords()
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    let bytes = try head(node, 0, 5000)
    try connection.send(.head(bytes: bytes.span))
    #expect(try connection.receiveAnswer() == 0)
    #expect(try node.checkpoints().last?.checkpoint.epoch == 1)
    #expect(try agent.end().status == 0)
  }
}
