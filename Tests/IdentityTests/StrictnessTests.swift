import CBOR
import FixedMemory
import Identity
import Proofs
import Signers
import TestSupport
import Testing

@Test(arguments: IdentityExample.documents.indices)
func aDocumentIsTakenAsWhatItIsAndAsNothingElse(index: Int) throws {
  let (name, type) = IdentityExample.documents[index]
  let message = try IdentityExample().message(name)
  for number in 0..<DocumentType.count {
    let other = try #require(DocumentType(rawValue: number))
    #expect((failure(other, message) == nil) == (other == type), "\(name) as \(other)")
  }
}

@Test(arguments: IdentityExample.documents.indices)
func aCutOrLongerDocumentIsRefused(index: Int) throws {
  let (name, type) = IdentityExample.documents[index]
  let whole = try IdentityExample().message(name)
  for count in whole.indices {
    #expect(failure(type, Array(whole[..<count])) != nil, "\(name) cut to \(count)")
  }
  #expect(failure(type, whole + [0]) == .trailingBytes)
  let (protected, payload) = try content(whole)
  for count in protected.indices {
    let cut = message(protected: Array(protected[..<count]), payload: payload)
    #expect(failure(type, cut) != nil, "\(name), protected cut to \(count)")
  }
  #expect(failure(type, message(protected: protected + [0], payload: payload)) == .trailingBytes)
  #expect(failure(type, message(protected: protected, payload: payload + [0])) != nil)
  #expect(failure(type, message(protected: protected, payload: Array(payload.dropLast()))) != nil)
}

@Test(arguments: IdentityExample.documents.indices)
func aHeaderWithAnotherVersionOrOtherFieldsIsRefused(index: Int) throws {
  let (name, type) = IdentityExample.documents[index]
  let (protected, payload) = try content(IdentityExample().message(name))
  // Map 1, alg 2, kid 10, type 12, with a tree 4, label 5, array 1, version 1.
  let array = type.hasTree ? 34 : 30
  #expect(protected[array] == 0x80 | UInt8(type.fieldCount) && protected[array + 1] == 1)
  func changed(_ change: (inout [UInt8]) -> Void) -> CBORDecoder.Failure? {
    var other = protected
    change(&other)
    return failure(type, message(protected: other, payload: payload))
  }
  #expect(changed { $0[array + 1] = 2 } == .unknownVersion, "\(name)")
  let longer = changed {
    $0[array] += 1
    $0.append(0)
  }
  #expect(longer == .outsideFormat, "\(name)")
  let shorter = changed {
    $0[array] -= 1
    $0.removeLast(max(1, protected.count - (itemStarts(protected).last ?? 0)))
  }
  #expect(shorter != nil, "\(name)")
  let furtherLabel = changed {
    $0[0] += 1
    $0 += [0x3a, 0, 1, 0, 1, 0]
  }
  #expect(furtherLabel == .outsideFormat, "\(name)")
  #expect(changed { $0[2] = 0x25 } == .unknownAlgorithm, "\(name)")
  #expect(changed { $0.swapAt(15, 16) } == .outsideFormat, "\(name)")
}

@Test(arguments: IdentityExample.documents.indices)
func aHeadThatIsNotTheShortestIsRefusedWhereverItStands(index: Int) throws {
  let (name, type) = IdentityExample.documents[index]
  let (protected, payload) = try content(IdentityExample().message(name))
  for start in itemStarts(protected) where protected[start] >> 5 != 7 {
    var longer = protected
    let additional = protected[start] & 31
    switch additional {
    case 0..<24:
      longer[start] = protected[start] & 0xe0 | 24
      longer.insert(additional, at: start + 1)
    case 24, 25, 26:
      longer[start] += 1
      longer.insert(
        contentsOf: [UInt8](repeating: 0, count: 1 << Int(additional - 24)), at: start + 1)
    default: continue
    }
    let found = failure(type, message(protected: longer, payload: payload))
    #expect(found == .notShortest, "\(name) at \(start)")
  }
}

@Test func aDocumentThatNamesAnotherSignerThanItsKeyIsRefused() throws {
  let example = try IdentityExample()
  for name in ["invite", "succession", "revocation", "enrolment"] {
    let (protected, payload) = try content(example.message(name))
    let type = try #require(IdentityExample.documents.first { $0.name == name }?.type)
    var otherKey = protected
    otherKey[5] ^= 1
    #expect(failure(type, message(protected: otherKey, payload: payload)) == .outsideFormat)
    // −7 in front, −8 in the fields.
    var otherAlgorithm = protected
    otherAlgorithm[2] = 0x26
    #expect(
      failure(type, message(protected: otherAlgorithm, payload: payload)) == .unknownAlgorithm)
    // −19 stands for Ed25519 in front, and is never what a key is bound to.
    otherAlgorithm[2] = 0x32
    #expect(failure(type, message(protected: otherAlgorithm, payload: payload)) == nil)
  }
}

private let text25 = [UInt8](repeating: 0x61, count: 25)

/// A document with fields of the caller's choice after the version, by the key of the type's signer.
private func failure(
  _ type: DocumentType, by key: PublicKey, payload: [UInt8],
  _ fields: (inout CBOREncoder) -> Void
) -> CBORDecoder.Failure? {
  let protected = written { buffer in
    var encoder = CBOREncoder(buffer.mutableSpan)
    DocumentHeader(of: key).encode(as: type, into: &encoder)
    fields(&encoder)
    return encoder.byteCount
  }
  return failure(type, message(protected: protected, payload: payload))
}

@Test func valuesOutsideOfTheirRangeAreRefused() throws {
  let key = try IdentityExample().device().publicKey
  let zero32 = [UInt8](repeating: 0, count: 32)
  func enrolment(
    version: UInt64 = 1, previous: Bool = false, storage: UInt64 = 0, time: Int64? = nil,
    place: [Int64?]? = nil, radio: (model: [UInt8], power: Int64, loss: Int64)? = nil
  ) -> CBORDecoder.Failure? {
    failure(.enrolment, by: key, payload: []) { encoder in
      encoder.unsigned(version)
      if previous { encoder.byteString(zero32.span) } else { encoder.null() }
      encoder.publicKey(key)
      encoder.unsigned(storage)
      encoder.null()
      if let place {
        encoder.arrayHead(count: place.count)
        for value in place { if let value { encoder.integer(value) } else { encoder.null() } }
      } else {
        encoder.null()
      }
      if let radio {
        encoder.arrayHead(count: 5)
        encoder.text(radio.model.span)
        encoder.text("")
        encoder.integer(radio.power)
        encoder.integer(0)
        encoder.integer(radio.loss)
      } else {
        encoder.null()
      }
      if let time { encoder.integer(time) } else { encoder.null() }
    }
  }
  #expect(enrolment() == nil)
  #expect(enrolment(version: 2, previous: true) == nil)
  #expect(enrolment(version: 0) == .outsideFormat)
  #expect(enrolment(version: 1 << 63, previous: true) == .outsideFormat)
  #expect(enrolment(previous: true) == .outsideFormat)
  #expect(enrolment(version: 2) == .outsideFormat)
  #expect(enrolment(storage: 3) == .outsideFormat)
  #expect(enrolment(storage: 256) == .outOfRange)
  #expect(enrolment(time: -1) == .outOfRange)
  #expect(enrolment(place: [900_000_000, -1_800_000_000, nil, nil]) == nil)
  #expect(enrolment(place: [900_000_001, 0, nil, nil]) == .outOfRange)
  #expect(enrolment(place: [0, -1_800_000_001, nil, nil]) == .outOfRange)
  #expect(enrolment(place: [0, 0, 1 << 31, nil]) == .outOfRange)
  #expect(enrolment(place: [0, 0, nil, -1 << 31]) == nil)
  #expect(enrolment(place: [nil, 0, nil, nil]) == .unexpectedType)
  #expect(enrolment(place: [0, 0, nil]) == .outsideFormat)
  #expect(enrolment(radio: (Array(text25.dropLast()), -32768, 32767)) == nil)
  #expect(enrolment(radio: (text25, 0, 0)) == .outOfRange)
  #expect(enrolment(radio: ([0xff], 0, 0)) == .notUTF8)
  #expect(enrolment(radio: ([], 32768, 0)) == .outOfRange)
  #expect(enrolment(radio: ([], 0, -1)) == .outOfRange)
}

@Test func aChallengeWhoseNonceIsNotTheBeaconsIsRefused() throws {
  let key = try IdentityExample().gateway().publicKey
  func challenge(region: [UInt8] = [], valueCount: Int?, nonce: [UInt8]? = nil)
    -> CBORDecoder.Failure?
  {
    let value = [UInt8](repeating: 7, count: valueCount ?? 0)
    let beacon = Challenge.Beacon(source: FixedText("b"), round: 1, value: value.span)
    let hash = (beacon?.nonce).map { hash in (0..<32).map { hash[$0] } }
    let payload = nonce ?? hash ?? [UInt8](repeating: 0, count: 32)
    return failure(.challenge, by: key, payload: payload) { encoder in
      encoder.unsigned(1)
      encoder.integer(0)
      encoder.unsigned(600)
      encoder.text(region.span)
      encoder.unsigned(0)
      guard valueCount != nil else { return encoder.null() }
      encoder.arrayHead(count: 3)
      encoder.text("b")
      encoder.unsigned(1)
      encoder.byteString(value.span)
    }
  }
  #expect(challenge(valueCount: nil) == nil)
  #expect(challenge(valueCount: 1) == nil)
  #expect(challenge(valueCount: 64) == nil)
  #expect(challenge(valueCount: 0) == .outOfRange)
  #expect(challenge(valueCount: 65) == .outOfRange)
  #expect(challenge(valueCount: 1, nonce: [UInt8](repeating: 9, count: 32)) == .outsideFormat)
  #expect(challenge(region: Array(text25.dropLast()), valueCount: nil) == nil)
  #expect(challenge(region: text25, valueCount: nil) == .outOfRange)
}

@Test func anOwnersKeyIsEd25519AndAPointOfP256BeginsWith2Or3() throws {
  let example = try IdentityExample()
  let (newKey, owner) = (try example.newDevice(), try example.owner().publicKey)
  let zero32 = [UInt8](repeating: 0, count: 32)
  let invite = failure(.invite, by: newKey, payload: Array(0..<16)) { encoder in
    encoder.publicKey(newKey)
    encoder.byteString(zero32.span)
    encoder.null()
    encoder.integer(0)
    encoder.unsigned(0)
  }
  #expect(invite == .unknownAlgorithm)
  func succession(algorithm: Int64, _ key: [UInt8]) -> CBORDecoder.Failure? {
    failure(.succession, by: owner, payload: zero32) { encoder in
      encoder.publicKey(owner)
      encoder.byteString(zero32.span)
      encoder.integer(algorithm)
      encoder.byteString(key.span)
      encoder.integer(0)
    }
  }
  #expect(succession(algorithm: -8, zero32) == nil)
  #expect(succession(algorithm: -19, zero32) == .unknownAlgorithm)
  #expect(succession(algorithm: -8, [2] + zero32) == .outsideFormat)
  #expect(succession(algorithm: -7, [2] + zero32) == nil)
  #expect(succession(algorithm: -7, [3] + zero32) == nil)
  #expect(succession(algorithm: -9, [2] + zero32) == .unknownAlgorithm)
  for first: UInt8 in [0, 1, 4, 255] {
    #expect(succession(algorithm: -7, [first] + zero32) == .outsideFormat)
  }
  #expect(succession(algorithm: -7, zero32) == .outsideFormat)
}

@Test(arguments: 0..<20)
func randomBytesNeverEndADecoder(seed: Int) throws {
  var draw = Draw(seed: UInt64(seed))
  let example = try IdentityExample()
  for _ in 0..<300 {
    let noise = draw.bytes(draw.integer(0...600))
    for number in 0..<DocumentType.count {
      let type = try #require(DocumentType(rawValue: number))
      #expect(failure(type, noise) != nil)
    }
    #expect(told(noise) == nil)
    // Damage that leaves most of the form: what is still taken is another document, and that is right.
    let (name, type) = IdentityExample.documents[Int(draw.next() % 13)]
    var (protected, payload) = try content(example.message(name))
    for _ in 0..<draw.integer(1...4) {
      protected[Int(draw.next() % UInt64(protected.count))] = UInt8(
        truncatingIfNeeded: draw.next())
    }
    if draw.next() % 4 == 0, !payload.isEmpty { payload.removeLast() }
    _ = failure(type, message(protected: protected, payload: payload))
    var leaf = try example.bytes("leaf \(draw.next() % 8)")
    leaf[Int(draw.next() % UInt64(leaf.count))] = UInt8(truncatingIfNeeded: draw.next())
    _ = told(leaf)
  }
}
