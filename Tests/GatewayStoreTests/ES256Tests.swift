import Crypto
import FixedMemory
import Foundation
import GatewayStore
import Identity
import Proofs
import Records
import TestSupport
import Testing
import Verifier

/// RFC 8152 appendix C.2.1 and its neighbours, as the working group for COSE publishes them.
private struct Vector {
  let key: PublicKey
  let signed: [UInt8]
  let signature: Signature

  struct NotOne: Error {}

  init(_ name: String) throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Vectors/cose/\(name).json")
    let root = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
    let input = root?["input"] as? [String: Any]
    let sign = input?["sign0"] as? [String: Any]
    guard let words = sign?["key"] as? [String: String], let x = words["x"].map(Self.decoded),
      let y = words["y"].map(Self.decoded), let last = y.last,
      let key = PublicKey(algorithm: .es256, bytes: ([2 | last & 1] + x).span),
      let intermediates = root?["intermediates"] as? [String: Any],
      let signed = intermediates["ToBeSign_hex"] as? String,
      let output = root?["output"] as? [String: Any], let cbor = output["cbor"] as? String
    else { throw NotOne() }
    self.key = key
    self.signed = hex(signed)
    signature = try fixed(Array(hex(cbor).suffix(64)))
  }

  /// Base64url without padding.
  private static func decoded(_ text: String) -> [UInt8] {
    let padded = text.replacing("-", with: "+").replacing("_", with: "/")
    let missing = String(repeating: "=", count: (4 - padded.count % 4) % 4)
    return Data(base64Encoded: padded + missing).map { Array($0) } ?? []
  }
}

private func refusal(_ signature: Signature, _ signed: [UInt8], _ key: PublicKey) -> RefusalCode? {
  do throws(Refusal) {
    try SignatureCheck.check(signature, of: signed.span, by: key, es256: ES256())
    return nil
  } catch { return error.code }
}

@Test func theExampleOfCOSEVerifiesInItsLowForm() throws {
  let vector = try Vector("Appendix_C_2_1")
  #expect(
    vector.signature.withLowS
      == (vector.signature.hasLowS ? vector.signature : twin(vector.signature)))
  #expect(
    refusal(vector.signature, vector.signed, vector.key)
      == (vector.signature.hasLowS ? nil : .badSignature))
  #expect(refusal(vector.signature.withLowS, vector.signed, vector.key) == nil)
  // swift-crypto takes both, as cwt and pycose do.
  for one in [vector.signature, twin(vector.signature)] {
    let answer = ES256().verifies(one, of: vector.signed.span, by: vector.key.bytes)
    #expect(answer == true)
    #expect((refusal(one, vector.signed, vector.key) == nil) == one.hasLowS)
  }
}

/// (r, n − s).
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

@Test func everyFlippedBitOfSignatureKeyAndMessageIsRefused() throws {
  let vector = try Vector("Appendix_C_2_1")
  let good = vector.signature.withLowS
  for bit in 0..<(64 * 8) {
    var flipped = good
    flipped[bit / 8] ^= 1 << (bit % 8)
    #expect(refusal(flipped, vector.signed, vector.key) == .badSignature, "signature bit \(bit)")
  }
  for bit in 0..<(vector.signed.count * 8) {
    var flipped = vector.signed
    flipped[bit / 8] ^= 1 << (bit % 8)
    #expect(refusal(good, flipped, vector.key) == .badSignature, "message bit \(bit)")
  }
  var bytes = vector.key.bytes.array
  for bit in 0..<(33 * 8) {
    bytes[bit / 8] ^= 1 << (bit % 8)
    if let other = PublicKey(algorithm: .es256, bytes: bytes.span) {
      #expect(refusal(good, vector.signed, other) == .badSignature, "key bit \(bit)")
    }
    bytes[bit / 8] ^= 1 << (bit % 8)
  }
}

@Test func signaturesWithNumbersOutsideOfTheOrderAreRefused() throws {
  let vector = try Vector("Appendix_C_2_1")
  let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
  let zero = [UInt8](repeating: 0, count: 32)
  let (r, s) = (Array(vector.signature.array.prefix(32)), Array(vector.signature.array.suffix(32)))
  for (first, second) in [(zero, zero), (zero, s), (r, zero), (order, s), (r, order)] {
    let signature: Signature = try fixed(first + second)
    #expect(refusal(signature, vector.signed, vector.key) == .badSignature)
  }
}

@Test func bytesThatAreNoPointOfP256AreNobodysKey() throws {
  let vector = try Vector("Appendix_C_2_1")
  #expect(SignatureCheck.isPossibleKey(vector.key, es256: ES256()))
  // 2^256 - 1 is not below the field's prime.
  let beyond = [2] + [UInt8](repeating: 0xff, count: 32)
  let key = PublicKey(algorithm: .es256, bytes: beyond.span)
  #expect(key.map { SignatureCheck.isPossibleKey($0, es256: ES256()) } == false)
  let gateway = try TestGateway.make()
  #expect(throws: Problem.self) {
    try gateway.enrol([0x83, 0x01, 0x26, 0x58, 0x21] + beyond, utcMilliseconds: 0)
  }
}

@Test func theEnrolmentOfAnES256KeyVerifiesAndWithAnyBitFlippedDoesNot() throws {
  let example = try IdentityExample()
  let whole = try example.message("enrolment after a succession")
  let verified = try VerifiedEnrolment(verifying: whole.span, es256: ES256())
  #expect(try verified.hash == example.hash("enrolment after a succession"))
  #expect(try verified.enrolment.deviceKey == example.newDevice())
  for bit in 0..<(whole.count * 8) {
    var flipped = whole
    flipped[bit / 8] ^= 1 << (bit % 8)
    var isTaken = true
    do throws(Refusal) {
      _ = try VerifiedEnrolment(verifying: flipped.span, es256: ES256())
    } catch { isTaken = false }
    #expect(!isTaken, "bit \(bit)")
  }
}

@Test func whatSwiftCryptoSignsVerifiesOnceItsSIsLow() throws {
  let private256 = P256.Signing.PrivateKey()
  let point = Array(private256.publicKey.compressedRepresentation)
  let made = PublicKey(algorithm: .es256, bytes: point.span)
  let key = try #require(made)
  var highCount = 0
  for number in UInt8(0)..<64 {
    let signature: Signature = try fixed(
      Array(private256.signature(for: [number]).rawRepresentation))
    if !signature.hasLowS { highCount += 1 }
    #expect(refusal(signature.withLowS, [number], key) == nil)
    #expect(refusal(signature.withLowS, [number, 0], key) == .badSignature)
  }
  // The chance that none is high, or that all are, is 2^-63.
  #expect((1..<64).contains(highCount))
}
