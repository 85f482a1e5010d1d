import Foundation
import Proofs
import TestSupport
import Testing

/// The gateway's own log, watched. Whatever it shows, delivery goes on.
@Suite(.serialized, .ownThreads, .timeLimit(.minutes(30))) struct GatewayHeadTests {
  let gateway: ScriptedGateway
  let paper: PaperGateway
  let node: Node
  let agent: ScriptedAgent

  private static let mediaType = "application/cose; cose-type=\"cose-sign1\""

  init() throws {
    gateway = try ScriptedGateway()
    paper = try PaperGateway()
    node = try Node(port: gateway.port, gatewayKey: paper.publicKey)
    agent = try ScriptedAgent(node)
    try node.makeSpool(epoch: 0)
  }

  /// One start of the uplink: it is shown a head, perhaps a proof, and delivers a batch after that. Returns what
  /// it said.
  private func look(at head: [UInt8], proof: [UInt8]? = nil, type: String = mediaType) throws
    -> String
  {
    let uplink = try UplinkProcess(node)
    try agent.accept()
    _ = try gateway.nextGet("/v1/log/head")
    try gateway.answer("200 OK", type, head)
    if let proof {
      _ = try gateway.nextGet("/v1/log/proof")
      try gateway.answer("200 OK", Self.mediaType, proof)
    }
    try agent.say(.released(sequence: node.seal()))
    _ = try gateway.takeBatch()
    try agent.answerReceipt()
    try uplink.awaitWords("delivered batch")
    uplink.ask()
    #expect(try uplink.end() == 0)
    agent.hangUp()
    return uplink.words
  }

  private func kept() throws -> [UInt8] { try node.bytes(of: "uplink/gateway-head.cose") }

  @Test func aHeadIsKeptAndALargerOneReplacesItWithAProof() throws {
    let first = try paper.head(5)
    _ = try look(at: first)
    #expect(try kept() == first)
    // The same log later, then one that grew.
    let later = try paper.head(5, after: 1)
    _ = try look(at: later)
    #expect(try kept() == later)
    let grown = try paper.head(9, after: 2)
    let said = try look(at: grown, proof: paper.proof(5, 9))
    #expect(try kept() == grown, "\(said)")
    #expect(!node.has("uplink/gateway-contradiction.cbor"))
  }

  @Test func theProofIsAskedForFromTheHeldSizeToTheNewOne() throws {
    _ = try look(at: paper.head(5))
    let uplink = try UplinkProcess(node)
    _ = try gateway.nextGet("/v1/log/head")
    try gateway.answer("200 OK", Self.mediaType, paper.head(9, after: 1))
    #expect(try gateway.nextGet("/v1/log/proof").path == "/v1/log/proof?first=5&second=9")
    uplink.ask()
  }

  @Test(arguments: [
    GatewayContradiction.Kind.otherRoot, .smallerSize, .failedProof,
  ])
  func aContradictionIsKeptOnceAndSaid(kind: GatewayContradiction.Kind) throws {
    let held = try paper.head(8)
    _ = try look(at: held)
    let other = try PaperGateway(changedAt: 3)
    let head =
      switch kind {
      case .otherRoot: try other.head(8, after: 1)
      case .smallerSize: try paper.head(7, after: 1)
      case .failedProof: try other.head(12, after: 1)
      }
    let said = try look(at: head, proof: kind == .failedProof ? other.proof(8, 12) : nil)
    #expect(said.contains("\(kind.meaning)"), "\(said)")
    #expect(said.contains("gateway-contradiction.cbor"), "\(said)")
    let evidence = try node.bytes(of: "uplink/gateway-contradiction.cbor")
    let found = try GatewayContradiction(decoding: evidence.span)
    #expect(found.kind == kind)
    #expect(found.held == (try GatewayHead(decoding: held.span)))
    #expect(found.other == (try GatewayHead(decoding: head.span)))
    #expect(try kept() == held)
    // Another one leaves the first in its place; and the gateway can come back to what it had signed.
    let again = try look(at: paper.head(6, after: 2))
    #expect(again.contains("stays there"), "\(again)")
    #expect(try node.bytes(of: "uplink/gateway-contradiction.cbor") == evidence)
    let back = try paper.head(9, after: 3)
    _ = try look(at: back, proof: paper.proof(8, 9))
    #expect(try kept() == back)
    #expect(try node.bytes(of: "uplink/gateway-contradiction.cbor") == evidence)
  }

  /// A head, the words about it, and the proof that comes with it.
  private func refused(_ name: String) throws -> (head: [UInt8], proof: [UInt8]?, words: String) {
    let stranger = try PaperGateway(seed: 32)
    switch name {
    case "another gateway's": return (try stranger.head(9, after: 1), nil, "unknown-key")
    case "forged":
      var forged = try paper.head(9, after: 1)
      forged[forged.count - 1] ^= 1
      return (forged, nil, "bad-signature")
    case "no head": return ([0xd2, 0x84, 0x40, 0xa0], nil, "malformed")
    case "older": return (try paper.head(7, after: -1), nil, "an answer from before")
    case "clock back": return (try paper.head(9, after: -1), nil, "gateway's clock")
    case "a stranger's proof":
      return (try paper.head(9, after: 1), try stranger.proof(8, 9), "unknown-key")
    case "a proof of other sizes":
      return (try paper.head(9, after: 1), try paper.proof(7, 9), "size-mismatch")
    default: return (try paper.head(9, after: 1), [0xd2, 0x84, 0x40, 0xa0], "malformed")
    }
  }

  @Test(arguments: [
    "another gateway's", "forged", "no head", "older", "clock back", "a stranger's proof",
    "a proof of other sizes", "no proof",
  ])
  func whatProvesNothingIsSaidAndIsNoContradiction(name: String) throws {
    let held = try paper.head(8)
    _ = try look(at: held)
    let (head, proof, words) = try refused(name)
    let said = try look(at: head, proof: proof)
    #expect(said.contains(words), "\(said)")
    #expect(try kept() == held)
    #expect(!node.has("uplink/gateway-contradiction.cbor"))
  }

  @Test func aLoginPageIsNeitherKeptNorSaid() throws {
    let said = try look(at: Array("<html>".utf8), type: "text/html")
    #expect(!said.contains("log"), "\(said)")
    #expect(!node.has("uplink/gateway-head.cose"))
  }

  @Test func aDamagedHeldHeadIsAsNone() throws {
    try Data([0xd2, 0x84]).write(to: URL(filePath: node.path("uplink/gateway-head.cose")))
    let head = try paper.head(3)
    _ = try look(at: head)
    #expect(try kept() == head)
  }
}
