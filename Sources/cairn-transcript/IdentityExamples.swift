import CBOR
import FixedMemory
import Identity
import Proofs
import Signers

/// The documents of Tests/Vectors/identity-examples.txt: each one decoded, and what was decoded signed again
/// with the key of its signer. The bytes must be the file's.
struct IdentityExamples: ~Copyable {
  private var vectors: Vectors
  private var device = ExampleKey.device()
  private var owner = ExampleKey.owner()
  private var gateway = ExampleKey.gateway()

  init(_ vectors: consuming Vectors) { self.vectors = vectors }

  mutating func tell() {
    Self.tell("key of device", device.publicKey.bytes.span)
    Self.tell("key of owner", owner.publicKey.bytes.span)
    Self.tell("key of gateway", gateway.publicKey.bytes.span)
    do throws(CBORDecoder.Failure) {
      try tellInvite("invite")
      try tellInvite("move")
      try tellEnrolment("enrolment")
      try tellEnrolment("enrolment after a move")
      try tellSuccession()
      try tellRevocation()
      try tellReceipt()
      try tellDeviceHead()
      try tellChallenge("challenge")
      try tellChallenge("challenge of a beacon")
      try tellKeyChange()
      try tellGatewayHead()
      // Signed by a secure element, whose key is not here.
      let foreign = message("enrolment after a succession")
      let hash = try COSESign1.hash(of: foreign.span)
      Self.tell("enrolment after a succession hash", hash.span)
      try tellLeaves()
    } catch { fail("a document of the examples is not decoded") }
  }

  private func message(_ name: StaticString) -> Message {
    var whole = Name()
    whole.append(name)
    whole.append(" message")
    return vectors.message(whole.span)
  }

  private mutating func tellInvite(_ name: StaticString) throws(CBORDecoder.Failure) {
    let invite = try Invite(decoding: message(name).span)
    Self.tell(name) { (bytes) throws(SigningFailure) in try invite.sign(with: &owner, into: bytes) }
  }

  private mutating func tellEnrolment(_ name: StaticString) throws(CBORDecoder.Failure) {
    let known = message(name)
    let view = try EnrolmentMessage(decoding: known.span)
    let (enrolment, authorization) = (view.enrolment, Message(view.authorizationMessage))
    Self.tell(name) { (bytes) throws(SigningFailure) in
      try enrolment.sign(authorization: authorization.span, with: &device, into: bytes)
    }
  }

  private mutating func tellSuccession() throws(CBORDecoder.Failure) {
    let succession = try Succession(decoding: message("succession").span)
    Self.tell("key of new device", succession.newKey.bytes.span)
    Self.tell("succession") { (bytes) throws(SigningFailure) in
      try succession.sign(with: &owner, into: bytes)
    }
  }

  private mutating func tellRevocation() throws(CBORDecoder.Failure) {
    let revocation = try Revocation(decoding: message("revocation").span)
    Self.tell("revocation") { (bytes) throws(SigningFailure) in
      try revocation.sign(with: &owner, into: bytes)
    }
  }

  private mutating func tellReceipt() throws(CBORDecoder.Failure) {
    let receipt = try Receipt(decoding: message("receipt").span)
    let bytes = Message { bytes in
      do throws(SigningFailure) { return try receipt.sign(with: &gateway, into: bytes) } catch {
        fail("a receipt is not signed")
      }
    }
    Self.tell("receipt message", bytes.span)
    let hash = try COSESign1.hash(of: bytes.span)
    Self.tell("receipt hash", hash.span)
  }

  private mutating func tellDeviceHead() throws(CBORDecoder.Failure) {
    let head = try DeviceHead(decoding: message("head of a device").span)
    Self.tell("head of a device") { (bytes) throws(SigningFailure) in
      try head.sign(with: &gateway, into: bytes)
    }
  }

  private mutating func tellChallenge(_ name: StaticString) throws(CBORDecoder.Failure) {
    let challenge = try Challenge(decoding: message(name).span)
    Self.tell(name) { (bytes) throws(SigningFailure) in
      try challenge.sign(with: &gateway, into: bytes)
    }
  }

  private mutating func tellKeyChange() throws(CBORDecoder.Failure) {
    let change = try GatewayKeyChange(decoding: message("key change").span)
    Self.tell("key of new gateway", change.newKey.bytes.span)
    Self.tell("key change") { (bytes) throws(SigningFailure) in
      try change.sign(with: &gateway, into: bytes)
    }
  }

  private mutating func tellGatewayHead() throws(CBORDecoder.Failure) {
    let head = try GatewayHead(decoding: message("head of the log").span)
    Self.tell("head of the log") { (bytes) throws(SigningFailure) in
      try head.sign(with: &gateway, into: bytes)
    }
  }

  /// What a gateway's log holds: decoded and encoded again.
  private func tellLeaves() throws(CBORDecoder.Failure) {
    for number in 0..<8 as Range<UInt64> {
      let name = named("leaf ", number)
      let known = vectors.message(name.span)
      let leaf = try GatewayLogLeaf(decoding: known.span)
      let (kind, time) = (leaf.kind, leaf.utcMilliseconds)
      let encoded: Message
      switch leaf.document {
      case .firstKey(let key):
        encoded = Message { GatewayLogLeaf.encode(firstKey: key, utcMilliseconds: time, into: $0) }
      case .message(let message):
        encoded = Message {
          GatewayLogLeaf.encode(kind, message: message, utcMilliseconds: time, into: $0)
        }
      case .operatorRevocation(let key, let reason):
        encoded = Message {
          GatewayLogLeaf.encode(
            operatorRevocationOf: key, reason: reason, utcMilliseconds: time, into: $0)
        }
      case .fork(let held, let sent):
        encoded = Message {
          GatewayLogLeaf.encode(forkHeld: held, sent: sent, utcMilliseconds: time, into: $0)
        }
      }
      Self.tell(name, encoded.span)
    }
  }

  private static func tell(
    _ name: StaticString,
    _ sign: (consuming MutableSpan<UInt8>) throws(SigningFailure) -> (byteCount: Int, hash: Digest)
  ) {
    var hash = Digest()
    let bytes = Message { bytes in
      do throws(SigningFailure) {
        let signed = try sign(bytes)
        hash = signed.hash
        return signed.byteCount
      } catch { fail("a document of the examples is not signed") }
    }
    var line = Name()
    line.append(name)
    line.append(" message")
    tell(line, bytes.span)
    line = Name()
    line.append(name)
    line.append(" hash")
    tell(line, hash.span)
  }

  private static func tell(_ name: borrowing Name, _ bytes: Span<UInt8>) {
    var whole = Name()
    whole.append("identity-examples ")
    whole.append(name.span)
    cairn_transcript.tell(whole.span, bytes)
  }

  private static func tell(_ name: StaticString, _ bytes: Span<UInt8>) {
    var plain = Name()
    plain.append(name)
    tell(plain, bytes)
  }
}
