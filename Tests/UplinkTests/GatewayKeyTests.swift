import CBOR
import Delivery
import FixedMemory
import Foundation
import Identity
import Proofs
import Records
import Signers
import TestSupport
import Testing

/// A gateway whose key changes, and a node that learns its own enrolment back.
@Suite(.serialized, .ownThreads, .timeLimit(.minutes(30))) struct GatewayKeyTests {
  let gateway: ScriptedGateway
  let paper: PaperGateway
  let successor: PaperGateway
  let node: Node
  let agent: ScriptedAgent

  private static let mediaType = "application/cose; cose-type=\"cose-sign1\""
  private static let document: [UInt8] = [0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40]

  init() throws {
    gateway = try ScriptedGateway()
    paper = try PaperGateway()
    successor = try PaperGateway(seed: 32)
    node = try Node(port: gateway.port, gatewayKey: paper.publicKey)
    agent = try ScriptedAgent(node)
  }

  /// Answers what the uplink asks at its start, so that the next question is about what happened since.
  private func passStart() throws {
    _ = try gateway.nextGet("/v1/challenge")
    try gateway.answer("404 Not Found", "text/plain", [])
  }

  private func answerKeys(_ list: [UInt8]) throws {
    let hash = paper.publicKey.hash
    let digits = (0..<32).map { (hash[$0] < 16 ? "0" : "") + String(hash[$0], radix: 16) }
    #expect(try gateway.nextGet("/v1/keys").path == "/v1/keys?from=" + digits.joined())
    try gateway.answer("200 OK", "application/cbor", list)
  }

  @Test func aReceiptByAKeyThatTheAgentDoesNotKnowBringsItTheKeyChange() throws {
    try node.makeSpool(epoch: 0)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    try passStart()
    try agent.say(.released(sequence: node.seal()))
    #expect(try gateway.takeBatch() == "0/0")
    try agent.answerReceipt(refusal: RefusalCode.unknownKey.rawValue)
    let change = try paper.change(to: successor.publicKey)
    try answerKeys(paper.keyList([change]))
    #expect(try agent.next() == .keyChange(change))
    try agent.say(.answer(type: 13, refusalCode: nil))
    // The same receipt once more.
    try agent.answerReceipt()
    try uplink.awaitWords("delivered batch 0/0")
  }

  @Test func aListThatDoesNotLeadOnHandsNothingOverAndIsSaid() throws {
    try node.makeSpool(epoch: 0)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    // Of another gateway, or of one that has made another history of its keys.
    try answerKeys(successor.keyList([successor.change(to: PaperGateway(seed: 33).publicKey)]))
    try uplink.awaitWords("another history of its keys")
    try agent.say(.released(sequence: node.seal()))
    #expect(try gateway.takeBatch() == "0/0")
    try agent.answerReceipt()
    try uplink.awaitWords("delivered batch 0/0")
  }

  @Test func aChangeThatTheAgentRefusesLeavesDeliveryAsItWas() throws {
    try node.makeSpool(epoch: 0)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    let changes = [
      try paper.change(to: successor.publicKey),
      try successor.change(to: PaperGateway(seed: 33).publicKey),
    ]
    try answerKeys(paper.keyList(changes))
    #expect(try agent.next() == .keyChange(changes[0]))
    try agent.say(.answer(type: 13, refusalCode: RefusalCode.badSignature.rawValue))
    try uplink.awaitWords("goes on with the old one")
    try agent.say(.released(sequence: node.seal()))
    #expect(try gateway.takeBatch() == "0/0")
    // The second change is not handed over: it follows what was refused.
    try agent.answerReceipt()
    try uplink.awaitWords("delivered batch 0/0")
  }

  @Test(arguments: [true, false])
  func anAgentThatDoesNotKnowTheHeadsKeyGetsTheChangeAndTheHeadAgain(hasSpool: Bool) throws {
    if hasSpool { try node.makeSpool(epoch: 0) }
    let uplink = try UplinkProcess(node)
    if hasSpool {
      try agent.accept()
      try passStart()
    } else {
      try agent.acceptWithoutSpool()
    }
    try agent.say(.headWanted)
    _ = try gateway.nextGet("/v1/devices/")
    try gateway.answer("200 OK", Self.mediaType, Self.document)
    #expect(try agent.next() == .head(Self.document), "\(uplink.words)")
    try agent.say(.answer(type: 9, refusalCode: RefusalCode.unknownKey.rawValue))
    let change = try paper.change(to: successor.publicKey)
    try answerKeys(paper.keyList([change]))
    #expect(try agent.next() == .keyChange(change))
    try agent.say(.answer(type: 13, refusalCode: nil))
    _ = try gateway.nextGet("/v1/devices/")
    try gateway.answer("200 OK", Self.mediaType, Self.document)
    #expect(try agent.next() == .head(Self.document), "\(uplink.words)")
  }

  @Test func aHeadByTheNewKeyIsKeptOnceTheAgentHasTakenTheChange() throws {
    try node.makeSpool(epoch: 0)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    try passStart()
    _ = try gateway.nextGet("/v1/log/head")
    let head = try successor.head(4)
    try gateway.answer("200 OK", Self.mediaType, head)
    let change = try paper.change(to: successor.publicKey)
    let list = try paper.keyList([change])
    try answerKeys(list)
    #expect(try agent.next() == .keyChange(change))
    // The agent takes it: durable before it says so.
    try Data(list).write(to: URL(filePath: node.path("agent/gateway-keys.cbor")))
    try agent.say(.answer(type: 13, refusalCode: nil))
    try agent.say(.released(sequence: node.seal()))
    _ = try gateway.takeBatch()
    try agent.answerReceipt()
    try uplink.awaitWords("delivered batch 0/0")
    #expect(try node.bytes(of: "uplink/gateway-head.cose") == head)
  }

  // MARK: enrolments

  /// An enrolment of this node's key.
  private func enrolment(_ version: UInt64) throws -> [UInt8] {
    var key = try node.key()
    let enrolment = Enrolment(
      version: version, previous: version == 1 ? nil : Digest(), deviceKey: key.publicKey,
      storage: .file, anchor: nil, place: nil, radio: nil, validFromUTCMilliseconds: nil)
    return try written {
      try enrolment.sign(authorization: Span(), with: &key, into: $0.mutableSpan).byteCount
    }
  }

  private func write(_ enrolment: [UInt8]) throws {
    try Data(enrolment).write(to: URL(filePath: node.path("agent/enrolment.cose")))
  }

  private func answerEnrolled(version: UInt8) throws {
    try gateway.answer(
      "200 OK", "application/cbor",
      [0x84, 1, 0x58, 32] + node.keyHash() + [0x58, 32] + [UInt8](repeating: 7, count: 32)
        + [version])
  }

  private func keptAnswer() throws -> EnrolmentAnswer {
    let bytes = try node.bytes(of: "uplink/enrolment-answer.cbor")
    return try EnrolmentAnswer(decoding: bytes.span)
  }

  @Test func anOutdatedEnrolmentIsLearnedBackAndPostedAnew() throws {
    try node.makeSpool(epoch: 0)
    let first = try enrolment(1)
    try write(first)
    let uplink = try UplinkProcess(node)
    try agent.accept()
    #expect(try gateway.next().body == first)
    try gateway.refuse(code: RefusalCode.enrolmentOutdated.rawValue)
    let request = try gateway.nextGet("/v1/devices/")
    #expect(request.path == "/v1/devices/" + (try node.keyHashInHexadecimal()) + "/enrolment")
    let firstHash = try COSESign1.hash(of: first.span)
    #expect(
      try keptAnswer()
        == EnrolmentAnswer(
          enrolmentHash: firstHash, version: 1, verdict: .refused(code: 30)))
    let newest = try enrolment(4)
    try gateway.answer("200 OK", Self.mediaType, newest)
    #expect(try agent.next() == .enrolment(newest), "\(uplink.words)")
    let next = try enrolment(5)
    try write(next)
    try agent.say(.answer(type: 14, refusalCode: nil))
    #expect(try gateway.next().body == next)
    try answerEnrolled(version: 5)
    try uplink.awaitWords("has this node's enrolment")
    let nodeID: FixedBytes<32> = try fixed([UInt8](repeating: 7, count: 32))
    let hash = try COSESign1.hash(of: next.span)
    #expect(
      try keptAnswer()
        == EnrolmentAnswer(
          enrolmentHash: hash, version: 5, verdict: .taken(node: nodeID)))
  }

  /// The gateway calls it outdated and has nothing, or what it has is not this node's: said, and nothing loops.
  @Test(arguments: [true, false])
  func whatIsNotLearnedLeavesDeliveryAsItWas(isHanded: Bool) throws {
    try node.makeSpool(epoch: 0)
    try write(enrolment(1))
    let uplink = try UplinkProcess(node)
    try agent.accept()
    _ = try gateway.next()
    try gateway.refuse(code: RefusalCode.enrolmentOutdated.rawValue)
    _ = try gateway.nextGet("/v1/devices/")
    if isHanded {
      try gateway.answer("200 OK", Self.mediaType, Self.document)
      #expect(try agent.next() == .enrolment(Self.document))
      try agent.say(.answer(type: 14, refusalCode: RefusalCode.keyMismatch.rawValue))
      try uplink.awaitWords("\(RefusalCode.keyMismatch.meaning)")
    } else {
      try gateway.answer("404 Not Found", "text/plain", [])
      try uplink.awaitWords("does not give the enrolment")
    }
    try agent.say(.released(sequence: node.seal()))
    #expect(try gateway.takeBatch() == "0/0")
    try agent.answerReceipt()
    try uplink.awaitWords("delivered batch 0/0")
  }
}
