import AgentMessages
import FixedMemory
import Foundation
import Identity
import LinuxPlatform
import Proofs
import Records
import Signers
import TestSupport
import Testing
import Verifier

/// Which hardware a key signs on, what a lost place asks for, and what a gateway may tell an agent.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct AgentIdentityTests {
  private func head(
    _ node: AgentNode, epoch: UInt64, seed: UInt8 = AgentNode.gatewaySeed, of key: PublicKey? = nil
  ) throws -> [UInt8] {
    var gateway = try AgentNode.gatewayKey(seed: seed)
    var bytes = [UInt8](repeating: 0, count: 512)
    let head = DeviceHead(
      algorithm: .ed25519, keyID: gateway.publicKey.keyID,
      deviceKeyHash: try key?.hash ?? node.deviceKey().hash, epoch: epoch, batch: 40, size: 999,
      nowUTCMilliseconds: 1_800_000_000_000, checkpointHash: filled(9))
    let count = try head.sign(with: &gateway, into: bytes.mutableSpan).byteCount
    return Array(bytes[..<count])
  }

  @Test func aCopiedCardSignsNothingBeforeItIsAdoptedAndThenBehindTheGatewaysHead() throws {
    let node = try AgentNode()
    try node.write("board-one\n", to: "board-serial")
    #expect(try node.runAgent().status == 0)
    let before = try node.checkpoints()
    try node.write("board-two\n", to: "board-serial")

    let agent = try node.startAgent()
    let said = agent.words(until: "cairn key adopt")
    #expect(said.contains("board-one") && said.contains("board-two"), "\(said)")
    let connection = try node.connect()
    try connection.send(.statusRequest)
    #expect(try connection.receiveProblem() == AgentProblem.keyOfOtherHardware.rawValue)
    #expect(try node.checkpoints() == before)
    try connection.send(.subscribe)
    try connection.send(.adopt)
    #expect(try connection.receiveAnswer() == 0)
    // A head of somebody else's gateway, or of another device, is none.
    let foreign = try head(node, epoch: 8, seed: 78)
    try connection.send(.head(bytes: foreign.span))
    #expect(try connection.receiveAnswer() == RefusalCode.unknownKey.rawValue)
    let stranger = try AgentNode.gatewayKey(seed: 3).publicKey
    let another = try head(node, epoch: 8, of: stranger)
    try connection.send(.head(bytes: another.span))
    #expect(try connection.receiveAnswer() == RefusalCode.keyMismatch.rawValue)
    let right = try head(node, epoch: 5)
    try connection.send(.head(bytes: right.span))
    #expect(try connection.receiveAnswer() == 0)
    _ = agent.words()
    #expect(try agent.end().status == 0)

    let first = try #require(try node.checkpoints().dropFirst(before.count).first).checkpoint
    #expect(first.epoch == 6 && first.batch == 0)
    #expect(first.previous == filled(9))
    // It is this board's key now: the next start asks nobody.
    #expect(try node.runAgent().status == 0)
    #expect(try node.checkpoints().last?.checkpoint.epoch == 6)
  }

  @Test func aKeyThatIsNotAdoptedEndsWithoutASignature() throws {
    let node = try AgentNode()
    try node.write("card-one", to: "card-serial")
    #expect(try node.runAgent().status == 0)
    let before = try node.checkpoints()
    // The number is gone: nothing tells that this is the card.
    try FileManager.default.removeItem(atPath: node.path("card-serial"))
    let agent = try node.startAgent()
    let said = agent.words(until: "cairn key adopt")
    #expect(said.contains("without a serial number"), "\(said)")
    #expect(try agent.end().status == 0)
    #expect(try node.checkpoints() == before)
  }

  @Test(arguments: [nil, 41] as [UInt64?])
  func aLostSpoolAsksForTheHeadAndGoesOnBehindIt(headEpoch: UInt64?) throws {
    let node = try AgentNode()
    #expect(try node.runAgent().status == 0)
    try FileManager.default.removeItem(atPath: node.path("agent/spool"))
    let agent = try node.startAgent()
    let connection = try node.connectOnceItListens()
    try connection.send(.subscribe)
    #expect(try connection.receiveType() == .headWanted)
    // No bytes: the gateway has nothing of this key.
    let answer = try headEpoch.map { try head(node, epoch: $0) } ?? []
    try connection.send(.head(bytes: answer.span))
    #expect(try connection.receiveAnswer() == 0)
    _ = agent.words()
    #expect(try agent.end().status == 0)
    #expect(try node.checkpoints().first?.checkpoint.epoch == (headEpoch ?? 0) + 1)
  }

  @Test func aLostSpoolWithoutAnybodyToAskGoesOnByItself() throws {
    let node = try AgentNode()
    #expect(try node.runAgent().status == 0)
    try FileManager.default.removeItem(atPath: node.path("agent/spool"))
    #expect(try node.runAgent().status == 0)
    #expect(try node.checkpoints().first?.checkpoint.epoch == 1)
  }

  private func challenge(
    _ number: UInt64, seed: UInt8 = AgentNode.gatewaySeed, later: Int64 = 0
  ) throws -> [UInt8] {
    var gateway = try AgentNode.gatewayKey(seed: seed)
    var bytes = [UInt8](repeating: 0, count: 512)
    let challenge = Challenge(
      algorithm: .ed25519, keyID: gateway.publicKey.keyID, number: number,
      issuedUTCMilliseconds: 1_800_000_000_000 + later, validSeconds: 1200, region: FixedText(),
      nonce: filled(UInt8(number)))
    let count = try challenge.sign(with: &gateway, into: bytes.mutableSpan).byteCount
    return Array(bytes[..<count])
  }

  @Test func aChallengeIsALeafOnceAndOnlyFromTheConfiguredGateway() throws {
    let node = try AgentNode()
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    let good = try challenge(7)
    let later = try challenge(8)
    // The gateway was restored, and counts anew.
    let restored = try challenge(3, later: 900_000)
    var forged = good
    forged[good.count - 1] ^= 1
    let cases: [([UInt8], UInt16)] = [
      (try challenge(7, seed: 78), RefusalCode.unknownKey.rawValue),
      (forged, RefusalCode.badSignature.rawValue),
      ([0xd2, 0x84, 0x40], RefusalCode.malformed.rawValue),
      (good, 0), (good, RefusalCode.challengeReplayed.rawValue),
      (try challenge(6), RefusalCode.challengeReplayed.rawValue), (later, 0), (restored, 0),
      (restored, RefusalCode.challengeReplayed.rawValue),
      (later, RefusalCode.challengeReplayed.rawValue),
    ]
    for (bytes, code) in cases {
      try connection.send(.challenge(bytes: bytes.span))
      #expect(try connection.receiveAnswer() == code)
    }
    #expect(try agent.end().status == 0)
    let hashes = try node.leaves().compactMap(\.challengeHash)
    let expected = try [good, later, restored].map { try COSESign1.hash(of: $0.span) }
    #expect(hashes == expected)
  }

  @Test func whatTheSiteSaysOfTheNodeIsSignedAndAChangeIsTheNextVersion() throws {
    let node = try AgentNode()
    #expect(try node.runAgent().status == 0)
    let first = try node.bytes(of: "agent/enrolment.cose")
    #expect(try node.runAgent().status == 0)
    #expect(try node.bytes(of: "agent/enrolment.cose") == first)
    try node.writeSite(
      """
      [place]
      latitude = 40.6398
      longitude = -73.7789
      elevation = 4 m
      [radio]
      model = SX1262
      region = EU868
      transmit_power = 14 dBm
      antenna_gain = 2.15 dBi
      """)
    #expect(try node.runAgent().status == 0)
    let second = try node.bytes(of: "agent/enrolment.cose")
    let message = try EnrolmentMessage(decoding: second.span)
    let enrolment = message.enrolment
    let firstHash = try COSESign1.hash(of: first.span)
    #expect(enrolment.version == 2)
    #expect(enrolment.previous == firstHash)
    #expect(try enrolment.deviceKey == node.deviceKey())
    #expect(enrolment.place?.latitudeE7 == 406_398_000)
    #expect(enrolment.place?.altitudeCentimetres == 400)
    #expect(enrolment.radio?.antennaGainHundredthsDBi == 215)
  }

  /// The gateway had the batch after its last leaf and before now: that bounds its time, whatever the way.
  @Test func aReceiptGivesAClockWhenThereIsNoOther() throws {
    let node = try AgentNode()
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    let batch = try #require(try node.checkpoints().last)
    var gateway = try AgentNode.gatewayKey()
    var bytes = [UInt8](repeating: 0, count: 512)
    let receipt = Receipt(
      algorithm: .ed25519, keyID: gateway.publicKey.keyID, deviceKeyHash: try node.deviceKey().hash,
      epoch: batch.checkpoint.epoch, batch: batch.checkpoint.batch, size: batch.checkpoint.size,
      receivedUTCMilliseconds: 1_900_000_000_000, result: Receipt.resultStored,
      checkpointHash: batch.sigStructureHash)
    let count = try receipt.sign(with: &gateway, into: bytes.mutableSpan)
    try connection.send(
      .receipt(sequence: batch.sequence, bytes: bytes.span.extracting(0..<count)))
    #expect(try connection.receiveAnswer() == 0)
    #expect(try agent.end().status == 0)
    let clocks = try node.leaves().compactMap(\.clock)
    // A machine whose own clock is kept by NTP has the better source, and keeps it.
    if clocks.first?.sourceNumber == UInt64(FixSource.networkTime.rawValue) { return }
    let clock = try #require(clocks.first)
    #expect(clock.sourceNumber == UInt64(FixSource.gateway.rawValue))
    let middle = Int64(clock.uncertaintyMilliseconds)
    #expect((1_900_000_000_000...1_900_000_000_000 + 2 * middle).contains(clock.utcMilliseconds))
  }
}
