import FixedMemory
import Foundation
import Proofs
import Records
import TestSupport
import Testing

/// Before a batch is sent the gateway is asked where the log stands: a restored card must not send a second
/// history.
@Suite(.serialized, .ownThreads, .timeLimit(.minutes(30))) struct PlaceTests {
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
  }

  private func head(
    _ epoch: UInt64, _ batch: UInt64, _ hash: Digest? = nil, by gateway: PaperGateway? = nil
  ) throws -> [UInt8] {
    let other: Digest = try fixed([UInt8](repeating: 0xaa, count: 32))
    return try (gateway ?? paper).deviceHead(
      of: node.key().publicKey, epoch: epoch, batch: batch, hash: hash ?? other)
  }

  /// Waits for the question and answers it.
  private func answerPlace(_ head: [UInt8]) throws {
    let path = try gateway.nextGet("/v1/devices/").path
    #expect(path == "/v1/devices/\(try node.keyHashInHexadecimal())/head")
    try gateway.answer("200 OK", Self.mediaType, head)
  }

  /// The next word of the uplink that is about a head.
  private func nextHead() throws -> [UInt8] {
    let said = try agent.nextButChallenges()
    guard case .head(let bytes) = said else {
      throw ScriptedGateway.Problem(what: "the uplink said \(said)")
    }
    return bytes
  }

  @Test func aHeadThatTheSpoolHasCostsOneQuestionAndNothingElse() throws {
    try node.makeSpool(epoch: 0)
    try node.seal(4)
    let hash = try #require(try node.checkpointHashes()["0/1"])
    let uplink = try UplinkProcess(node)
    try agent.accept()
    try answerPlace(head(0, 1, hash))
    // From the gateway's own end on, whatever the cursor says.
    for batch in 1..<4 {
      #expect(try gateway.takeBatch() == "0/\(batch)", "\(uplink.words)")
      try agent.answerReceipt()
    }
    try uplink.awaitWords("delivered batch 0/3")
    try agent.say(.released(sequence: node.seal()))
    #expect(try gateway.takeBatch() == "0/4")
    try agent.answerReceipt()
    try uplink.awaitWords("delivered batch 0/4")
    #expect(gateway.count(ofGet: "\(try node.keyHashInHexadecimal())/head") == 1)
    #expect(!uplink.words.contains("restored"))
  }

  @Test func anAgentThatHasGoneIsAReasonToAskAnew() throws {
    try node.makeSpool(epoch: 0)
    try node.seal()
    let uplink = try UplinkProcess(node)
    try agent.accept()
    #expect(try gateway.takeBatch() == "0/0")
    try agent.answerReceipt()
    try uplink.awaitWords("delivered batch 0/0")
    // What it sealed before it went, and whatever comes after it, has to be the same log.
    try node.seal()
    agent.hangUp()
    let hash = try #require(try node.checkpointHashes()["0/0"])
    try answerPlace(head(0, 0, hash))
    #expect(try gateway.takeBatch() == "0/1", "\(uplink.words)")
  }

  @Test func aHeadFromBeforeTheSpoolChangesNothing() throws {
    try node.makeSpool(epoch: 5)
    try node.seal(2)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    try answerPlace(head(3, 7))
    #expect(try gateway.takeBatch() == "5/0", "\(uplink.words)")
  }

  /// Beyond what is sealed, another checkpoint at a position that is, or a later epoch.
  @Test(arguments: [(2, 9), (2, 1), (4, 0)] as [(UInt64, UInt64)])
  func nothingIsSentOfALogThatDoesNotLeadToTheHead(epoch: UInt64, batch: UInt64) throws {
    try node.makeSpool(epoch: 2)
    try node.seal(3)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    let head = try head(epoch, batch)
    try answerPlace(head)
    #expect(try nextHead() == head)
    try node.begin(epoch: epoch + 1)
    try node.seal(2)
    try agent.say(.answer(type: 9, refusalCode: nil))
    for batch in 0..<2 {
      #expect(try gateway.takeBatch() == "\(epoch + 1)/\(batch)", "\(uplink.words)")
      try agent.answerReceipt()
    }
    try uplink.awaitWords("delivered batch \(epoch + 1)/1")
    #expect(uplink.words.contains("restored from an older copy: the gateway has batch"))
    uplink.ask()
    #expect(try uplink.end() == 0)
    agent.hangUp()

    // Also without a cursor, which only saves questions.
    try FileManager.default.removeItem(atPath: node.path("uplink/cursor"))
    let hash = try #require(try node.checkpointHashes()["\(epoch + 1)/0"])
    let second = try UplinkProcess(node)
    try agent.accept()
    try answerPlace(self.head(epoch + 1, 0, hash))
    #expect(try gateway.takeBatch() == "\(epoch + 1)/0", "\(second.words)")
  }

  /// It ends between the agent's new epoch and the first batch of it.
  @Test func anEpochThatBeganBeforeTheUplinksStartIsFoundBehindTheHead() throws {
    try node.makeSpool(epoch: 0)
    try node.seal(3)
    try node.begin(epoch: 1)
    try node.seal()
    let uplink = try UplinkProcess(node)
    try agent.accept()
    let head = try head(0, 7)
    try answerPlace(head)
    // The agent is behind it already, and says so.
    #expect(try nextHead() == head)
    try agent.say(.answer(type: 9, refusalCode: nil))
    #expect(try gateway.takeBatch() == "1/0", "\(uplink.words)")
  }

  @Test func anAgentThatDoesNotTakeTheHeadGoesOnInItsEpoch() throws {
    try node.makeSpool(epoch: 0)
    try node.seal()
    let uplink = try UplinkProcess(node)
    try agent.accept()
    try answerPlace(head(0, 7))
    _ = try nextHead()
    try agent.say(.answer(type: 9, refusalCode: RefusalCode.rateLimited.rawValue))
    #expect(try gateway.takeBatch() == "0/0", "\(uplink.words)")
    try uplink.awaitWords("does not take the gateway's head")
  }

  /// A page, somebody else's signature, one that is broken: nothing of it reaches the agent.
  @Test(arguments: ["another gateway's", "forged", "another device's"])
  func aHeadThatIsNotTheGatewaysIsNotBelieved(_ name: String) throws {
    try node.makeSpool(epoch: 0)
    try node.seal()
    let uplink = try UplinkProcess(node)
    try agent.accept()
    var bytes = try head(0, 7, by: name == "another gateway's" ? PaperGateway(seed: 32) : paper)
    if name == "forged" { bytes[bytes.count - 1] ^= 1 }
    if name == "another device's" {
      bytes = try paper.deviceHead(
        of: paper.publicKey, epoch: 0, batch: 7, hash: fixed([UInt8](repeating: 1, count: 32)))
    }
    try answerPlace(bytes)
    #expect(try gateway.takeBatch() == "0/0", "\(uplink.words)")
    try uplink.awaitWords("the gateway's head of this log is not taken")
  }

  @Test func withoutTheAgentNothingIsSentAndWithItTheLogGoesOn() throws {
    try node.makeSpool(epoch: 0)
    try node.seal(2)
    agent.close()
    let uplink = try UplinkProcess(node)
    try answerPlace(head(0, 7))
    try uplink.awaitWords("restart the agent: it begins a new epoch")
    let later = try ScriptedAgent(node)
    try later.accept()
    let head = try head(0, 7)
    try answerPlace(head)
    #expect(try later.nextButChallenges() == .head(head))
    try node.begin(epoch: 1)
    try node.seal()
    try later.say(.answer(type: 9, refusalCode: nil))
    #expect(try gateway.takeBatch() == "1/0", "\(uplink.words)")
  }

  @Test(arguments: ["503 Service Unavailable", "200 OK"])
  func whoGivesNoAnswerIsAskedAgainBeforeAnythingIsSent(_ status: String) throws {
    try node.makeSpool(epoch: 0)
    try node.seal()
    let uplink = try UplinkProcess(node)
    try agent.accept()
    _ = try gateway.nextGet("/v1/devices/")
    try gateway.answer(status, "text/html", Array("<html>".utf8))
    let hash = try #require(try node.checkpointHashes()["0/0"])
    try answerPlace(head(0, 0, hash))
    #expect(try gateway.takeBatch() == "0/0", "\(uplink.words)")
  }
}
