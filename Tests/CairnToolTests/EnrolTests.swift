import Delivery
import FixedMemory
import Foundation
import Identity
import Proofs
import Records
import Signers
import TestSupport
import Testing

@testable import cairn

extension TestNode {
  /// The owner's key, and the gateway's.
  static func owner() throws -> FileKey {
    try FileKey(seed: fixed([UInt8](repeating: 6, count: 32)))
  }
  static func gateway() throws -> FileKey {
    try FileKey(seed: fixed([UInt8](repeating: 7, count: 32)))
  }

  /// Writes an enrolment with an invite, as the agent does; returns its hash.
  @discardableResult
  func enrol(withInvite: Bool = true) throws -> Digest {
    var invite: [UInt8] = []
    if withInvite {
      var owner = try Self.owner()
      invite = try written { buffer in
        try Invite(
          ownerKey: owner.publicKey, gatewayKeyHash: Self.gateway().publicKey.hash, node: nil,
          expiresUTCMilliseconds: 4_102_444_800_000, uses: .once, nonce: FixedBytes()
        ).sign(with: &owner, into: buffer.mutableSpan).byteCount
      }
    }
    var key = try Self.key()
    let place = try #require(
      Place(
        latitudeE7: 406_398_000, longitudeE7: -737_789_000, altitudeCentimetres: 400,
        heightAboveGroundCentimetres: 250))
    let radio = try #require(
      RadioSetup(
        model: FixedText("SX1262"), region: FixedText("EU868"), transmitPowerHundredthsDBm: 1400,
        antennaGainHundredthsDBi: 215, cableLossHundredthsDB: 50))
    var hash = Digest()
    let message = try written { buffer in
      let signed = try Enrolment(
        version: 1, previous: nil, deviceKey: key.publicKey, storage: .file, anchor: nil,
        place: place, radio: radio, validFromUTCMilliseconds: 1_735_689_600_000
      ).sign(authorization: invite.span, with: &key, into: buffer.mutableSpan)
      hash = signed.hash
      return signed.byteCount
    }
    try write(message, "agent/enrolment.cose")
    return hash
  }

  func answer(_ hash: Digest, _ verdict: EnrolmentAnswer.Verdict) throws {
    let bytes = written { buffer in
      EnrolmentAnswer(enrolmentHash: hash, version: 1, verdict: verdict).encode(
        into: buffer.mutableSpan)
    }
    try write(bytes, "uplink/enrolment-answer.cbor")
  }

  func write(_ bytes: [UInt8], _ name: String) throws {
    try Data(bytes).write(to: folder.appending(path: name))
  }
}

@Test func anEnrolmentIsShownInWords() throws {
  let node = try TestNode()
  let hash = try node.enrol()
  let ending = try node.run("enrol")
  #expect(ending.status == 0, "\(ending.words)")
  let words = ending.words
  #expect(words.contains(hexadecimal(hash.span)))
  #expect(words.contains("40.6398000 N 73.7789000 W, 4.00 m high, 2.50 m above ground"))
  #expect(words.contains("SX1262, EU868, 14.00 dBm, antenna 2.15 dBi, cable 0.50 dB"))
  #expect(words.contains("for a new node, once, until 2100-01-01 00:00:00 UTC"))
  #expect(words.contains("not yet taken: the uplink has no answer"))
  for line in ending.lines { #expect(line.count <= 80, "\(line)") }
  let json = try node.run("enrol", "--json").json()
  let enrolment = try #require(json["enrolment"] as? [String: Any])
  #expect(enrolment["hash"] as? String == hexadecimal(hash.span))
  #expect((enrolment["place"] as? [String: Any])?["latitude"] as? Double == 40.6398)
  #expect((json["answer"] as? [String: Any])?["taken"] as? Bool == false)
}

@Test func whatTheGatewaySaidOfTheEnrolmentIsTold() throws {
  let node = try TestNode()
  let hash = try node.enrol()
  let id: Digest = try fixed([UInt8](repeating: 0xab, count: 32))
  try node.answer(hash, .taken(node: id))
  for command in ["enrol", "status"] {
    let words = try node.run(command).words
    #expect(words.contains("taken as node \(String(repeating: "ab", count: 32))"), "\(words)")
  }
  let answer = try #require(
    try node.run("status", "--json").json()["answer"] as? [String: Any])
  #expect(answer["node"] as? String == String(repeating: "ab", count: 32))
  // An answer about another enrolment is none about this one.
  try node.answer(id, .taken(node: id))
  #expect(try node.run("enrol").words.contains("not yet taken; version 1 is as node"))
}

@Test(arguments: [UInt16(26), 29, 25, 999])
func aRefusedEnrolmentHasItsReasonAndItsRemedy(code: UInt16) throws {
  let node = try TestNode()
  try node.answer(node.enrol(), .refused(code: code))
  let words = try node.run("enrol").words
  #expect(words.contains("refused: "))
  let remedy = RefusalCode(rawValue: code).map { "\($0.remedy)" } ?? "Bring this node's programs"
  #expect(words.contains(remedy), "\(words)")
  let todo = try #require(try node.run("status", "--json").json()["toDo"] as? [[String: Any]])
  #expect(todo.contains { $0["name"] as? String == "enrolment-refused" })
}

@Test func anEnrolmentWithoutAnOwnerSaysSo() throws {
  let node = try TestNode()
  try node.enrol(withInvite: false)
  #expect(try node.run("enrol").words.contains("a gateway that takes nodes without an owner"))
}

@Test func theEnrolmentIsWrittenAsItWasSignedWithTheWayToHandItOver() throws {
  let node = try TestNode()
  try node.enrol()
  let ending = try node.run("enrol", "--to", node.path("e.cose"))
  #expect(ending.status == 0)
  #expect(ending.output.contains("curl --data-binary @\(node.path("e.cose"))"))
  #expect(ending.output.contains("https://GATEWAY/v1/devices"))
  #expect(
    try Data(contentsOf: URL(filePath: node.path("e.cose")))
      == Data(contentsOf: URL(filePath: node.path("agent/enrolment.cose"))))
  #expect(
    try node.run("enrol", "--to", "/no-such-folder/e").error.contains("the folder is not there"))
  #expect(try Tool.run(["verify", node.path("e.cose")]).status == 0)
}

@Test func aMissingOrDamagedEnrolmentSaysWhatToDo() throws {
  let node = try TestNode()
  let missing = try node.run("enrol")
  #expect(missing.status == 69 && missing.error.contains("the agent writes it when it starts"))
  try node.enrol()
  let whole = [UInt8](try Data(contentsOf: URL(filePath: node.path("agent/enrolment.cose"))))
  var flipped = whole
  flipped[200] ^= 1
  for bytes in [[], Array(whole.dropLast()), flipped, whole + [0], Array("hello".utf8)]
    + [[UInt8](repeating: 0, count: 4096)]
  {
    try node.write(bytes, "agent/enrolment.cose")
    let ending = try node.run("enrol")
    #expect(ending.status == 1 && ending.error.contains("the agent makes it anew"))
    #expect(try node.run("status").words.contains("enrolment not valid"))
  }
}

@Test func anEnrolmentOfAnotherKeyIsNotThisNodes() throws {
  let node = try TestNode()
  try node.enrol()
  try node.write([UInt8](try Data(contentsOf: URL(filePath: node.path("agent/device.pub")))), "old")
  let other = try TestNode.owner().publicKey
  try node.write((0..<32).map { other.bytes[$0] }, "agent/device.pub")
  let ending = try node.run("enrol")
  #expect(ending.status == 1 && ending.words.contains("of another key than agent/device.pub"))
  #expect(try node.run("status").words.contains("enrolment of another key"))
}

@Test func aDamagedAnswerIsNoAnswerAndNoTrap() throws {
  let node = try TestNode()
  try node.answer(node.enrol(), .refused(code: 26))
  let whole = [UInt8](
    try Data(contentsOf: URL(filePath: node.path("uplink/enrolment-answer.cbor"))))
  for count in 0..<whole.count {
    try node.write(Array(whole.prefix(count)), "uplink/enrolment-answer.cbor")
    let ending = try node.run("enrol")
    #expect(ending.status == 0 && ending.words.contains("what the uplink kept is damaged"))
  }
}
