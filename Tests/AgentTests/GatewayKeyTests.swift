import AgentMessages
import CBOR
import FixedMemory
import Foundation
import Identity
import LinuxPlatform
import Proofs
import Records
import Signers
import TestSupport
import Testing

/// A gateway whose key is followed by another, and what a gateway gives back of this node.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct GatewayKeyTests {
  private static let unknownKey = RefusalCode.unknownKey.rawValue

  /// The configured gateway's key has seed 77; later ones 78, 79.
  private func change(from seed: UInt8, to newSeed: UInt8) throws -> [UInt8] {
    var old = try AgentNode.gatewayKey(seed: seed)
    let change = GatewayKeyChange(
      algorithm: .ed25519, keyID: old.publicKey.keyID,
      newKey: try AgentNode.gatewayKey(seed: newSeed).publicKey,
      nowUTCMilliseconds: 1_800_000_000_000)
    var bytes = [UInt8](repeating: 0, count: 512)
    let count = try change.sign(with: &old, into: bytes.mutableSpan).byteCount
    return Array(bytes[..<count])
  }

  private func challenge(_ number: UInt64, seed: UInt8) throws -> [UInt8] {
    var gateway = try AgentNode.gatewayKey(seed: seed)
    var bytes = [UInt8](repeating: 0, count: 512)
    let challenge = Challenge(
      algorithm: .ed25519, keyID: gateway.publicKey.keyID, number: number,
      issuedUTCMilliseconds: 1_800_000_000_000, validSeconds: 1200, region: FixedText(),
      nonce: filled(UInt8(number)))
    let count = try challenge.sign(with: &gateway, into: bytes.mutableSpan).byteCount
    return Array(bytes[..<count])
  }

  /// The receipt for the newest batch, by a gateway's key and for a device's.
  private func handReceipt(
    _ node: AgentNode, _ connection: borrowing UnixConnection, seed: UInt8, of device: PublicKey
  ) throws -> UInt16 {
    let batch = try #require(try node.checkpoints().last)
    var gateway = try AgentNode.gatewayKey(seed: seed)
    var bytes = [UInt8](repeating: 0, count: 512)
    let receipt = Receipt(
      algorithm: .ed25519, keyID: gateway.publicKey.keyID, deviceKeyHash: device.hash,
      epoch: batch.checkpoint.epoch, batch: batch.checkpoint.batch, size: batch.checkpoint.size,
      receivedUTCMilliseconds: 1_900_000_000_000, result: Receipt.resultStored,
      checkpointHash: batch.sigStructureHash)
    let count = try receipt.sign(with: &gateway, into: bytes.mutableSpan)
    try connection.send(
      .receipt(sequence: batch.sequence, bytes: bytes.span.extracting(0..<count)))
    return try connection.receiveAnswer()
  }

  private func hand(_ change: [UInt8], _ connection: borrowing UnixConnection) throws -> UInt16 {
    try connection.send(.keyChange(bytes: change.span))
    return try connection.receiveAnswer()
  }

  private func hand(challenge: [UInt8], _ connection: borrowing UnixConnection) throws -> UInt16 {
    try connection.send(.challenge(bytes: challenge.span))
    return try connection.receiveAnswer()
  }

  @Test func aChangedKeyCountsFromThenOnAndOverARestartAndSoDoOldReceipts() throws {
    let node = try AgentNode()
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    let device = try node.deviceKey()
    #expect(try handReceipt(node, connection, seed: 78, of: device) == Self.unknownKey)
    #expect(try hand(change(from: 77, to: 78), connection) == 0)
    #expect(try handReceipt(node, connection, seed: 78, of: device) == 0)
    // A repeat carries the receipt that was given first.
    #expect(try handReceipt(node, connection, seed: 77, of: device) == 0)
    #expect(
      try handReceipt(node, connection, seed: 78, of: AgentNode.gatewayKey(seed: 3).publicKey)
        == RefusalCode.keyMismatch.rawValue)
    // What is of now is by the key of now.
    #expect(try hand(challenge: challenge(1, seed: 77), connection) == Self.unknownKey)
    #expect(try hand(challenge: challenge(1, seed: 78), connection) == 0)
    #expect(try agent.end().status == 0)

    let again = try node.startAgent()
    _ = again.words()
    let second = try node.connect()
    #expect(try handReceipt(node, second, seed: 78, of: device) == 0)
    #expect(try hand(challenge: challenge(2, seed: 77), second) == Self.unknownKey)
    #expect(try again.end().status == 0)
    let bytes = try node.bytes(of: "agent/gateway-keys.cbor")
    let list = try GatewayKeyList(decoding: bytes.span)
    #expect(list.changeCount == 1)
    let configured = try AgentNode.gatewayKey().publicKey
    #expect(list.index(after: configured) == 0)
  }

  @Test func noStrangersBranchingLoopingOrReplayedChangeIsTakenAndNothingIsLost() throws {
    let node = try AgentNode()
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    let first = try change(from: 77, to: 78)
    #expect(try hand(first, connection) == 0)
    let kept = try node.bytes(of: "agent/gateway-keys.cbor")
    var forged = try change(from: 78, to: 79)
    forged[forged.count - 1] ^= 1
    let cases: [([UInt8], RefusalCode)] = [
      (try change(from: 90, to: 79), .unknownKey), (first, .unknownKey),
      (try change(from: 77, to: 79), .unknownKey), (try change(from: 78, to: 77), .keyMismatch),
      (try change(from: 78, to: 78), .keyMismatch), (forged, .badSignature),
      ([0xd2, 0x84, 0x40], .malformed),
    ]
    for (bytes, code) in cases {
      #expect(try hand(bytes, connection) == code.rawValue)
      #expect(try node.bytes(of: "agent/gateway-keys.cbor") == kept)
    }
    #expect(try handReceipt(node, connection, seed: 78, of: node.deviceKey()) == 0)
    #expect(try hand(change(from: 78, to: 79), connection) == 0)
    #expect(try agent.end().status == 0)
  }

  @Test func moreChangesThanTheBoundAreRefusedAndTheChainStays() throws {
    let node = try AgentNode()
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    for seed in 77..<UInt8(77 + GatewayKeyList.maximumChangeCount) {
      #expect(try hand(change(from: seed, to: seed + 1), connection) == 0)
    }
    let last = UInt8(77 + GatewayKeyList.maximumChangeCount)
    #expect(
      try hand(change(from: last, to: last + 1), connection) == RefusalCode.tooLarge.rawValue)
    #expect(try handReceipt(node, connection, seed: last, of: node.deviceKey()) == 0)
    #expect(try agent.end().status == 0)
    let bytes = try node.bytes(of: "agent/gateway-keys.cbor")
    #expect(bytes.count == GatewayKeyList.maximumByteCount)
  }

  @Test func aLostOrDamagedFileCostsOneFetch() throws {
    let node = try AgentNode()
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    let changes = [try change(from: 77, to: 78), try change(from: 78, to: 79)]
    #expect(try hand(changes[0], connection) == 0)
    #expect(try hand(changes[1], connection) == 0)
    let whole = try node.bytes(of: "agent/gateway-keys.cbor")
    #expect(try agent.end().status == 0)
    try Data(whole.dropLast()).write(to: URL(filePath: node.path("agent/gateway-keys.cbor")))
    let again = try node.startAgent()
    #expect(again.words().contains("gateway-keys.cbor is not used"))
    let second = try node.connect()
    #expect(try hand(challenge: challenge(1, seed: 79), second) == Self.unknownKey)
    for change in changes { #expect(try hand(change, second) == 0) }
    #expect(try hand(challenge: challenge(1, seed: 79), second) == 0)
    #expect(try again.end().status == 0)
    #expect(try node.bytes(of: "agent/gateway-keys.cbor") == whole)
  }

  @Test func theSiteFileMayNameAnyKeyOfTheChainAndAnotherOneBeginsAnew() throws {
    let node = try AgentNode()
    let agent = try node.startAgent()
    _ = agent.words()
    #expect(try hand(change(from: 77, to: 78), node.connect()) == 0)
    #expect(try agent.end().status == 0)
    // The newest one in the site file: the chain stays, and old receipts with it.
    try node.writeSite("", gatewaySeed: 78)
    let newest = try node.startAgent()
    _ = newest.words()
    var connection = try node.connect()
    #expect(try handReceipt(node, connection, seed: 77, of: node.deviceKey()) == 0)
    #expect(try newest.end().status == 0)
    // Another gateway's: nothing of the old one counts.
    try node.writeSite("", gatewaySeed: 90)
    let another = try node.startAgent()
    _ = another.words()
    connection = try node.connect()
    for seed: UInt8 in [77, 78] {
      #expect(
        try handReceipt(node, connection, seed: seed, of: node.deviceKey()) == Self.unknownKey)
    }
    #expect(try handReceipt(node, connection, seed: 90, of: node.deviceKey()) == 0)
    #expect(try hand(change(from: 90, to: 91), connection) == 0)
    #expect(try hand(challenge: challenge(1, seed: 91), connection) == 0)
    #expect(try another.end().status == 0)
  }

  /// It signs nothing, and yet has to know whose head to believe.
  @Test func aWaitingAgentFollowsTheKeyAndSaysWhetherItsHardwareIsReal() throws {
    let node = try AgentNode()
    try node.write("board-one\n", to: "board-serial")
    #expect(try node.runAgent().status == 0)
    try node.write("board-two\n", to: "board-serial")
    let agent = try node.startAgent()
    _ = agent.words(until: "cairn key adopt")
    let connection = try node.connect()
    try connection.send(.statusRequest)
    #expect(try connection.receiveStatus().isSimulated)
    #expect(try hand(change(from: 77, to: 78), connection) == 0)
    let enrolment = try node.bytes(of: "agent/enrolment.cose")
    try connection.send(.enrolment(bytes: enrolment.span))
    #expect(try connection.receiveType() == .denied)
    try connection.send(.subscribe)
    try connection.send(.adopt)
    #expect(try connection.receiveAnswer() == 0)
    var gateway = try AgentNode.gatewayKey(seed: 78)
    var bytes = [UInt8](repeating: 0, count: 512)
    let head = DeviceHead(
      algorithm: .ed25519, keyID: gateway.publicKey.keyID,
      deviceKeyHash: try node.deviceKey().hash, epoch: 5, batch: 40, size: 999,
      nowUTCMilliseconds: 1_800_000_000_000, checkpointHash: filled(9))
    let count = try head.sign(with: &gateway, into: bytes.mutableSpan).byteCount
    try connection.send(.head(bytes: bytes.span.extracting(0..<count)))
    #expect(try connection.receiveAnswer() == 0)
    _ = agent.words()
    #expect(try agent.end().status == 0)
    #expect(try node.checkpoints().last?.checkpoint.epoch == 6)
  }

  // MARK: enrolments

  private static let place = """
    [place]
    latitude = 40.6398
    longitude = -73.7789
    """

  /// An enrolment of some key, with nothing in it.
  private func enrolment(_ version: UInt64, by key: inout FileKey) throws -> [UInt8] {
    let enrolment = Enrolment(
      version: version, previous: version == 1 ? nil : filled(1), deviceKey: key.publicKey,
      storage: .file, anchor: nil, place: nil, radio: nil, validFromUTCMilliseconds: nil)
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = try enrolment.sign(authorization: Span(), with: &key, into: bytes.mutableSpan)
      .byteCount
    return Array(bytes[..<count])
  }

  private func nodeKey(_ node: AgentNode) throws -> FileKey {
    try FileKey(opening: Array(node.path("agent/agent.key").utf8).span)
  }

  private func hand(enrolment: [UInt8], _ node: AgentNode) throws -> UInt16 {
    let connection = try node.connect()
    try connection.send(.enrolment(bytes: enrolment.span))
    return try connection.receiveAnswer()
  }

  @Test func aNodeRestoredFromItsKeyGoesOnFromTheEnrolmentThatTheGatewayHas() throws {
    let node = try AgentNode()
    #expect(try node.runAgent().status == 0)
    var key = try nodeKey(node)
    let seventh = try enrolment(7, by: &key)
    try FileManager.default.removeItem(atPath: node.path("agent/enrolment.cose"))
    let agent = try node.startAgent()
    _ = agent.words()
    // It says what the site file says: kept as it is.
    #expect(try hand(enrolment: seventh, node) == 0)
    #expect(try node.bytes(of: "agent/enrolment.cose") == seventh)
    #expect(try agent.end().status == 0)
    #expect(try node.runAgent().status == 0)
    #expect(try node.bytes(of: "agent/enrolment.cose") == seventh)
  }

  @Test func whatTheSiteFileSaysNowIsTheVersionAfterTheOneLearned() throws {
    let node = try AgentNode(site: Self.place)
    #expect(try node.runAgent().status == 0)
    var key = try nodeKey(node)
    let seventh = try enrolment(7, by: &key)
    let agent = try node.startAgent()
    _ = agent.words()
    #expect(try hand(enrolment: seventh, node) == 0)
    let kept = try node.bytes(of: "agent/enrolment.cose")
    let next = try EnrolmentMessage(decoding: kept.span).enrolment
    let hash = try COSESign1.hash(of: seventh.span)
    #expect(next.version == 8)
    #expect(next.previous == hash)
    #expect(next.place?.latitudeE7 == 406_398_000)
    // Handed over again it is from before.
    #expect(try hand(enrolment: seventh, node) == RefusalCode.enrolmentOutdated.rawValue)
    #expect(try node.bytes(of: "agent/enrolment.cose") == kept)
    #expect(try agent.end().status == 0)
  }

  @Test func noOtherKeysForgedOrEndlessEnrolmentIsTaken() throws {
    let node = try AgentNode()
    #expect(try node.runAgent().status == 0)
    var own = try nodeKey(node)
    var another = try AgentNode.gatewayKey(seed: 3)
    var forged = try enrolment(7, by: &own)
    forged[forged.count - 1] ^= 1
    let kept = try node.bytes(of: "agent/enrolment.cose")
    let agent = try node.startAgent()
    _ = agent.words()
    let cases: [([UInt8], RefusalCode)] = [
      (try enrolment(7, by: &another), .keyMismatch), (forged, .badSignature),
      (try enrolment(UInt64(Int64.max), by: &own), .malformed), ([0xd2, 0x84, 0x40], .malformed),
      ([UInt8](repeating: 0, count: 1000), .tooLarge),
    ]
    for (bytes, code) in cases {
      #expect(try hand(enrolment: bytes, node) == code.rawValue)
      #expect(try node.bytes(of: "agent/enrolment.cose") == kept)
    }
    #expect(try agent.end().status == 0)
  }
}
