import FixedMemory
import Foundation
import Proofs
import TestSupport
import Testing

/// What the uplink carries beside batches.
@Suite(.serialized, .ownThreads, .timeLimit(.minutes(30))) struct ErrandTests {
  let gateway: ScriptedGateway
  let node: Node
  let agent: ScriptedAgent

  private static let document: [UInt8] = [0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40]
  private static let mediaType = "application/cose; cose-type=\"cose-sign1\""

  init() throws {
    gateway = try ScriptedGateway()
    node = try Node(port: gateway.port)
    agent = try ScriptedAgent(node)
  }

  /// The agent's next word that is not a challenge: those come when they come.
  private func next() throws -> ScriptedAgent.Said { try agent.nextButChallenges() }

  @Test(arguments: [true, false])
  func anAgentThatHasLostItsPlaceGetsTheGatewaysHead(hasSpool: Bool) throws {
    if hasSpool { try node.makeSpool(epoch: 0) }
    let uplink = try UplinkProcess(node)
    if hasSpool { try agent.accept() } else { try agent.acceptWithoutSpool() }
    try agent.say(.headWanted)
    let request = try gateway.nextGet("/v1/devices/")
    #expect(request.path.hasSuffix("/head"))
    #expect(request.path.contains(try node.keyHashInHexadecimal()))
    try gateway.answer("200 OK", Self.mediaType, Self.document)
    #expect(try next() == .head(Self.document), "\(uplink.words)")
  }

  @Test func aGatewayThatHasNothingSaysSoWithoutBytes() throws {
    try node.makeSpool(epoch: 0)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    try agent.say(.headWanted)
    _ = try gateway.nextGet("/v1/devices/")
    try gateway.answer("404 Not Found", "text/plain", [])
    #expect(try next() == .head([]), "\(uplink.words)")
  }

  /// A captive portal's page is no head: the agent waits out its ten seconds, and is told nothing false.
  @Test func aPageIsHandedOverAsNothing() throws {
    try node.makeSpool(epoch: 0)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    try agent.say(.headWanted)
    _ = try gateway.nextGet("/v1/devices/")
    try gateway.answer("200 OK", "text/html", Array("<html>".utf8))
    try uplink.awaitWords("gives no head")
  }

  @Test func aChallengeIsCarriedToTheAgentAsItCame() throws {
    try node.makeSpool(epoch: 0)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    #expect(try gateway.nextGet("/v1/challenge").path == "/v1/challenge?region=")
    try gateway.answer("200 OK", Self.mediaType, Self.document)
    #expect(try agent.next() == .challenge(Self.document), "\(uplink.words)")
  }

  /// One that lasts 6 s is asked for a second later; the uplink would wait five minutes otherwise.
  @Test func aShortChallengeIsSoonFollowedByTheNext() throws {
    try node.makeSpool(epoch: 0)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    var key = try IdentityExample().gateway()
    let challenge = Challenge(
      algorithm: .ed25519, keyID: key.publicKey.keyID, number: 1, issuedUTCMilliseconds: 0,
      validSeconds: 6, region: FixedText(), nonce: Digest())
    var bytes = [UInt8](repeating: 0, count: Challenge.maximumMessageByteCount)
    let count = try challenge.sign(with: &key, into: bytes.mutableSpan).byteCount
    let message = Array(bytes.prefix(count))
    for _ in 0..<3 {
      _ = try gateway.nextGet("/v1/challenge")
      try gateway.answer("200 OK", Self.mediaType, message)
      #expect(try agent.next() == .challenge(message), "\(uplink.words)")
    }
  }

  @Test func theEnrolmentThatTheAgentKeepsIsPosted() throws {
    try node.makeSpool(epoch: 0)
    try Data(Self.document).write(to: URL(filePath: node.path("agent/enrolment.cose")))
    let uplink = try UplinkProcess(node)
    try agent.accept()
    let request = try gateway.next()
    #expect(request.path == "/v1/devices")
    #expect(request.body == Self.document)
    try gateway.answer(
      "201 Created", "application/cbor",
      [0x84, 1, 0x58, 32] + node.keyHash() + [0x58, 32] + [UInt8](repeating: 7, count: 32) + [1])
    try uplink.awaitWords("has this node's enrolment")
  }
}
