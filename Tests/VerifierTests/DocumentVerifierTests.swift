import CBOR
import FixedMemory
import Identity
import Proofs
import Records
import Signers
import TestSupport
import Testing
import Verifier

/// Takes every ES256 signature, and keeps nothing: what comes before and after the library's answer is ours.
struct PaperES256: ES256Verifying {
  var answer: Bool? = true

  func verifies(_: Signature, of _: Span<UInt8>, by _: PublicKeyBytes) -> Bool? { answer }

  func isPossibleKey(_: PublicKeyBytes) -> Bool { true }
}

/// Why a document is refused; nil when it is taken.
private func refusal(
  _ type: DocumentType, _ message: [UInt8], gatewayKey: PublicKey, es256: Bool? = nil
) -> RefusalCode? {
  do throws(Refusal) {
    switch type {
    case .checkpoint: _ = try VerifiedCheckpoint(verifying: message.span, key: gatewayKey)
    case .receipt: _ = try Receipt(verifying: message.span, gatewayKey: gatewayKey)
    case .invite: _ = try Invite(verifying: message.span)
    case .succession: _ = try Succession(verifying: message.span)
    case .revocation: _ = try Revocation(verifying: message.span)
    case .enrolment:
      _ = try VerifiedEnrolment(verifying: message.span, es256: PaperES256(answer: es256))
    case .deviceHead: _ = try DeviceHead(verifying: message.span, gatewayKey: gatewayKey)
    case .challenge: _ = try Challenge(verifying: message.span, gatewayKey: gatewayKey)
    case .gatewayHead: _ = try GatewayHead(verifying: message.span, gatewayKey: gatewayKey)
    case .gatewayKeyChange:
      _ = try GatewayKeyChange(verifying: message.span, gatewayKey: gatewayKey)
    }
    return nil
  } catch { return error.code }
}

/// All but the one that a library for ES256 has to check.
private let byEd25519 = IdentityExample.documents.indices.filter {
  IdentityExample.documents[$0].name != "enrolment after a succession"
}

@Test(arguments: byEd25519)
func aDocumentIsTakenAndWithAnyBitFlippedIsRefused(index: Int) throws {
  let example = try IdentityExample()
  let (name, type) = IdentityExample.documents[index]
  let (whole, key) = (try example.message(name), try example.gateway().publicKey)
  #expect(refusal(type, whole, gatewayKey: key) == nil)
  for position in whole.indices {
    for bit in 0..<8 {
      var flipped = whole
      flipped[position] ^= 1 << bit
      if refusal(type, flipped, gatewayKey: key) == nil {
        Issue.record("\(name): byte \(position) bit \(bit) is not noticed")
      }
    }
    #expect(refusal(type, Array(whole[..<position]), gatewayKey: key) != nil)
  }
  #expect(refusal(type, whole + [0], gatewayKey: key) != nil)
}

@Test func aGatewaysDocumentIsTakenUnderItsKeyOnly() throws {
  let example = try IdentityExample()
  let foreign = try example.owner().publicKey
  for name in [
    "receipt", "head of a device", "challenge", "challenge of a beacon", "key change",
    "head of the log",
  ] {
    let type = try #require(IdentityExample.documents.first { $0.name == name }?.type)
    #expect(refusal(type, try example.message(name), gatewayKey: foreign) == .unknownKey)
  }
}

@Test func anEnrolmentIsNamedByWhatWasSigned() throws {
  let example = try IdentityExample()
  for (name, carried) in [("enrolment", "invite"), ("enrolment after a move", "move")] {
    let message = try example.message(name)
    let verified = try VerifiedEnrolment(verifying: message.span)
    #expect(try verified.hash == example.hash(name))
    #expect(try verified.authorizationHash == example.hash(carried))
  }
  let move = try example.message("enrolment after a move")
  #expect(try VerifiedEnrolment(verifying: move.span).namedNode == example.hash("enrolment"))
}

@Test func anEnrolmentWithAForgedInviteIsRefused() throws {
  let example = try IdentityExample()
  var invite = try example.message("invite")
  // Signed by somebody, and the device's signature over it is right.
  invite[invite.count - 10] ^= 1
  var device = try example.device()
  let key = device.publicKey
  let enrolment = Enrolment(
    version: 1, previous: nil, deviceKey: key, storage: .file, anchor: nil, place: nil, radio: nil,
    validFromUTCMilliseconds: nil)
  let forged = try written {
    try enrolment.sign(authorization: invite.span, with: &device, into: $0.mutableSpan).byteCount
  }
  #expect(refusal(.enrolment, forged, gatewayKey: key) == .badSignature)
  // The same with the owner's own signature is taken.
  invite[invite.count - 10] ^= 1
  let right = try written {
    try enrolment.sign(authorization: invite.span, with: &device, into: $0.mutableSpan).byteCount
  }
  #expect(refusal(.enrolment, right, gatewayKey: key) == nil)
}

@Test func anEnrolmentLongerThanTheLongestIsTooLarge() throws {
  let key = try IdentityExample().gateway().publicKey
  let long = [UInt8](repeating: 0xd2, count: Enrolment.maximumMessageByteCount + 1)
  #expect(refusal(.enrolment, long, gatewayKey: key) == .tooLarge)
  #expect(refusal(.enrolment, Array(long.dropLast()), gatewayKey: key) == .malformed)
}

@Test func aKeyThatNobodyCanHoldIsRefusedInDocuments() throws {
  // The point of order 1: with it R = B, s = 1 verifies for a verifier that is not strict.
  let key = PublicKey(ed25519: try fixed([1] + [UInt8](repeating: 0, count: 31)))
  var header = [UInt8](repeating: 0, count: 100)
  let zero32 = [UInt8](repeating: 0, count: 32)
  let count = invite(by: key, gateway: zero32, into: &header)
  let message = written {
    COSESign1.encodeMessage(
      protected: header.span.extracting(0..<count), payload: Array(0..<16).span,
      signature: Signature(), into: $0.mutableSpan)
  }
  #expect(refusal(.invite, message, gatewayKey: key) == .malformed)
}

private func invite(by key: PublicKey, gateway: [UInt8], into buffer: inout [UInt8]) -> Int {
  buffer = [UInt8](repeating: 0, count: 200)
  var encoder = CBOREncoder(buffer.mutableSpan)
  DocumentHeader(of: key).encode(as: .invite, into: &encoder)
  encoder.publicKey(key)
  encoder.byteString(gateway.span)
  encoder.null()
  encoder.integer(0)
  encoder.unsigned(0)
  return encoder.byteCount
}

// MARK: ES256

@Test func aProgramWithoutES256RefusesItsKeysAsUnknown() throws {
  let example = try IdentityExample()
  let message = try example.message("enrolment after a succession")
  #expect(throws: Refusal(.unknownAlgorithm)) {
    _ = try VerifiedEnrolment(verifying: message.span)
  }
  let (key, newDevice) = (try example.gateway().publicKey, try example.newDevice())
  #expect(refusal(.enrolment, message, gatewayKey: key, es256: true) == nil)
  #expect(refusal(.enrolment, message, gatewayKey: key, es256: false) == .badSignature)
  let isTaken = SignatureCheck.verifies(Signature(), of: message.span, by: newDevice)
  #expect(!isTaken)
  #expect(!SignatureCheck.isPossibleKey(newDevice))
}

@Test func onlyTheLowerHalfOfSIsTakenWhateverTheLibrarySays() throws {
  let example = try IdentityExample()
  var message = try example.message("enrolment after a succession")
  let low: Signature = try fixed(Array(message.suffix(64)))
  #expect(low.hasLowS)
  let high = twin(low)
  #expect(!high.hasLowS)
  #expect(high.withLowS == low && low.withLowS == low)
  for index in 0..<64 { message[message.count - 64 + index] = high[index] }
  let key = try example.gateway().publicKey
  #expect(refusal(.enrolment, message, gatewayKey: key, es256: true) == .badSignature)
}

/// (r, n − s), by the definition of subtraction.
private func twin(_ signature: Signature) -> Signature {
  let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
  var result = signature
  var borrow = 0
  for index in (0..<32).reversed() {
    let difference = Int(order[index]) - Int(signature[32 + index]) - borrow
    borrow = difference < 0 ? 1 : 0
    result[32 + index] = UInt8(difference & 255)
  }
  return result
}

@Test func theBorderOfTheLowerHalfIsHalfTheOrder() throws {
  let half = "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8"
  let above = "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a9"
  let r = String(repeating: "11", count: 32)
  let (low, high): (Signature, Signature) = (try fixed(hex(r + half)), try fixed(hex(r + above)))
  #expect(low.hasLowS && !high.hasLowS)
  // n is odd: half and the number above it are each other's twins.
  #expect(high.withLowS == low && twin(low) == high)
}

@Test func aDeviceWithAnES256KeySignsCheckpointsToo() throws {
  let key = try IdentityExample().newDevice()
  let checkpoint = Checkpoint(
    algorithm: .es256, keyID: key.keyID, epoch: 0, batch: 0, first: 0, size: 1, boot: 1,
    firstLeafMilliseconds: 0, lastLeafMilliseconds: 0, flags: 0, previous: Digest(), root: Digest())
  let protected = written { checkpoint.encodeProtected(into: $0.mutableSpan) }
  let message = written {
    COSESign1.encodeMessage(
      protected: protected.span, payload: checkpoint.root.span, signature: Signature(),
      into: $0.mutableSpan)
  }
  #expect(throws: Refusal(.unknownAlgorithm)) {
    _ = try VerifiedCheckpoint(verifying: message.span, key: key)
  }
  let verified = try VerifiedCheckpoint(verifying: message.span, key: key, es256: PaperES256())
  #expect(verified.checkpoint == checkpoint)
  // −9 (ESP256) stands for the same, −8 does not.
  for (number, isTaken) in [(UInt8(0x28), true), (0x27, false), (0x32, false)] {
    var other = protected
    other[2] = number
    let otherMessage = written {
      COSESign1.encodeMessage(
        protected: other.span, payload: checkpoint.root.span, signature: Signature(),
        into: $0.mutableSpan)
    }
    var found: RefusalCode?
    do throws(Refusal) {
      _ = try VerifiedCheckpoint(verifying: otherMessage.span, key: key, es256: PaperES256())
    } catch { found = error.code }
    #expect(found == (isTaken ? nil : .unknownAlgorithm))
  }
}
