import CBOR
import FixedMemory
import Identity
import Proofs
import Signers
import TestSupport
import Testing

/// A signed message and its name.
private func signed(
  _ sign: (inout [UInt8]) throws -> (byteCount: Int, hash: Digest)
) rethrows -> (message: [UInt8], hash: Digest) {
  var buffer = [UInt8](repeating: 0, count: 800)
  let result = try sign(&buffer)
  return (Array(buffer.prefix(result.byteCount)), result.hash)
}

private func signed(
  _ enrolment: Enrolment, carrying authorization: [UInt8], by device: inout some Signer & ~Copyable
) throws -> (message: [UInt8], hash: Digest) {
  var buffer = [UInt8](repeating: 0, count: 800)
  let result = try enrolment.sign(
    authorization: authorization.span, with: &device, into: buffer.mutableSpan)
  return (Array(buffer.prefix(result.byteCount)), result.hash)
}

/// What every document has in common: its name is found in the message, and it says what it is.
private func check(_ one: (message: [UInt8], hash: Digest), _ type: DocumentType, _ maximum: Int)
  throws
{
  #expect(try COSESign1.hash(of: one.message.span) == one.hash)
  #expect(try DocumentType(of: one.message.span) == type)
  #expect(one.message.count <= maximum)
}

@Test(arguments: 0..<UInt64(200))
func everyDocumentOfAnOwnerComesBack(seed: UInt64) throws {
  var draw = Draw(seed: seed)
  var owner = try draw.key()
  let newKey = try draw.maybe { PaperSigner(&$0).publicKey } ?? draw.key().publicKey
  let invite = draw.invite(by: owner.publicKey)
  let invited = try signed { try invite.sign(with: &owner, into: $0.mutableSpan) }
  try check(invited, .invite, Invite.maximumMessageByteCount)
  #expect(try Invite(decoding: invited.message.span) == invite)
  let succession = draw.succession(by: owner.publicKey, to: newKey)
  let succeeded = try signed { try succession.sign(with: &owner, into: $0.mutableSpan) }
  try check(succeeded, .succession, Succession.maximumMessageByteCount)
  #expect(try Succession(decoding: succeeded.message.span) == succession)
  let revocation = draw.revocation(by: owner.publicKey)
  let revoked = try signed { try revocation.sign(with: &owner, into: $0.mutableSpan) }
  try check(revoked, .revocation, Revocation.maximumMessageByteCount)
  #expect(try Revocation(decoding: revoked.message.span) == revocation)
}

@Test(arguments: 0..<UInt64(200))
func everyEnrolmentComesBackWithWhatItCarries(seed: UInt64) throws {
  var draw = Draw(seed: seed)
  var owner = try draw.key()
  var device = PaperSigner(&draw)
  let enrolment = draw.enrolment(of: device.publicKey)
  let authorization: EnrolmentMessage.Authorization
  let carried: [UInt8]
  switch seed % 3 {
  case 0:
    let invite = draw.invite(by: owner.publicKey)
    carried = try signed { try invite.sign(with: &owner, into: $0.mutableSpan) }.message
    authorization = .invite(invite)
  case 1:
    let succession = draw.succession(by: owner.publicKey, to: device.publicKey)
    carried = try signed { try succession.sign(with: &owner, into: $0.mutableSpan) }.message
    authorization = .succession(succession)
  default:
    carried = []
    authorization = .none
  }
  let enrolled = try signed(enrolment, carrying: carried, by: &device)
  try check(enrolled, .enrolment, Enrolment.maximumMessageByteCount)
  let message = enrolled.message
  let view = try EnrolmentMessage(decoding: message.span)
  let (found, foundAuthorization) = (view.enrolment, view.authorization)
  var foundMessage: [UInt8] = []
  for index in 0..<view.authorizationMessage.count {
    foundMessage.append(view.authorizationMessage[index])
  }
  #expect(found == enrolment)
  #expect(foundAuthorization == authorization)
  #expect(foundMessage == carried)
}

@Test(arguments: 0..<UInt64(200))
func everyDocumentOfAGatewayComesBack(seed: UInt64) throws {
  var draw = Draw(seed: seed)
  var gateway = try draw.key()
  let key = gateway.publicKey
  let head = draw.deviceHead(by: key)
  let headSigned = try signed { try head.sign(with: &gateway, into: $0.mutableSpan) }
  try check(headSigned, .deviceHead, DeviceHead.maximumMessageByteCount)
  #expect(try DeviceHead(decoding: headSigned.message.span) == head)
  let challenge = draw.challenge(by: key)
  let challengeSigned = try signed { try challenge.sign(with: &gateway, into: $0.mutableSpan) }
  try check(challengeSigned, .challenge, Challenge.maximumMessageByteCount)
  #expect(try Challenge(decoding: challengeSigned.message.span) == challenge)
  let gatewayHead = draw.gatewayHead(by: key)
  let gatewayHeadSigned = try signed { try gatewayHead.sign(with: &gateway, into: $0.mutableSpan) }
  try check(gatewayHeadSigned, .gatewayHead, GatewayHead.maximumMessageByteCount)
  #expect(try GatewayHead(decoding: gatewayHeadSigned.message.span) == gatewayHead)
  let change = try draw.keyChange(by: key)
  let changeSigned = try signed { try change.sign(with: &gateway, into: $0.mutableSpan) }
  try check(changeSigned, .gatewayKeyChange, GatewayKeyChange.maximumMessageByteCount)
  #expect(try GatewayKeyChange(decoding: changeSigned.message.span) == change)
}
