import CBOR
import FixedMemory
import Proofs

/// A device says what it is and where: the first makes a node, each later one is a version of it
/// (docs/identity.md).
///
///     protected = { 1: alg, 4: kid, 16: "cairn-enrl",
///                   -65537: [1, version, previous or null, algorithm, device key, storage, anchor, place,
///                            radio, valid from UTC ms or null] }
///     payload   = invite or succession message, or empty
public struct Enrolment: Equatable, Sendable {
  /// Header 32, version 9, previous 34, algorithm 1, key 35, storage 1, anchor 44, place 21, radio 62,
  /// time 9.
  public static var maximumProtectedByteCount: Int { 248 }
  /// "Signature1" 12, protected 2 + 248, external data 1, payload 2 + 251.
  public static var maximumSigStructureByteCount: Int { 516 }
  /// Tag 1, array 1, protected 2 + 248, map 1, payload 2 + 251, signature 66.
  public static var maximumMessageByteCount: Int { 572 }
  /// An invite has at most 233 bytes, a succession 251.
  public static var maximumAuthorizationByteCount: Int { 251 }

  /// Where the private half of the device's key is, as the device says.
  public enum StorageClass: UInt8, Sendable {
    case file = 0
    /// TPM 2.0.
    case trustedPlatformModule = 1
    case secureElement = 2
  }

  /// Counts from 1, upwards by one.
  public var version: UInt64
  /// Hash of the version before; nil in the first.
  public var previous: Digest?
  /// Signs the enrolment.
  public var deviceKey: PublicKey
  public var storage: StorageClass
  public var anchor: Anchor?
  public var place: Place?
  public var radio: RadioSetup?
  /// Milliseconds of UTC; nil while the device has no clock: from when the gateway received it.
  public var validFromUTCMilliseconds: Int64?

  public init(
    version: UInt64, previous: Digest?, deviceKey: PublicKey, storage: StorageClass,
    anchor: Anchor?, place: Place?, radio: RadioSetup?, validFromUTCMilliseconds: Int64?
  ) {
    self.version = version
    self.previous = previous
    self.deviceKey = deviceKey
    self.storage = storage
    self.anchor = anchor
    self.place = place
    self.radio = radio
    self.validFromUTCMilliseconds = validFromUTCMilliseconds
  }

  /// Signs with the device's key, which has to be the one that is enrolled, and writes the whole message;
  /// returns its byte count and the document's name.
  ///
  /// - `authorization`: an invite or succession message as its owner signed it, or empty.
  public func sign(
    authorization: Span<UInt8>, with signer: inout some Signer & ~Copyable,
    into bytes: consuming MutableSpan<UInt8>
  ) throws(SigningFailure) -> (byteCount: Int, hash: Digest) {
    precondition(
      signer.publicKey == deviceKey, "an enrolment signed with another key than it names")
    precondition(
      authorization.count <= Self.maximumAuthorizationByteCount,
      "an authorization longer than a succession")
    var protected = InlineArray<248, UInt8>(repeating: 0)
    let count = encodeProtected(into: protected.mutableSpan)
    return try COSESign1.sign(
      protected: protected.span.extracting(0..<count), payload: authorization, with: &signer,
      into: bytes)
  }

  private func encodeProtected(into bytes: consuming MutableSpan<UInt8>) -> Int {
    var encoder = CBOREncoder(bytes)
    DocumentHeader(of: deviceKey).encode(as: .enrolment, into: &encoder)
    encoder.unsigned(version)
    encoder.optional(previous)
    encoder.publicKey(deviceKey)
    encoder.unsigned(UInt64(storage.rawValue))
    if let anchor { anchor.encode(into: &encoder) } else { encoder.null() }
    if let place { place.encode(into: &encoder) } else { encoder.null() }
    if let radio { radio.encode(into: &encoder) } else { encoder.null() }
    encoder.optional(validFromUTCMilliseconds)
    return encoder.byteCount
  }

  /// Reads an enrolment message strictly but for the owner's document in it, whose bytes are `authorization` of
  /// the message: for the device itself, which has no use for more.
  public static func decode(_ message: Span<UInt8>) throws(CBORDecoder.Failure) -> (
    enrolment: Enrolment, authorization: Range<Int>
  ) {
    let (protected, payload) = try COSESign1.document(message)
    return (try Enrolment(decodingProtected: message.extracting(protected)), payload)
  }

  init(decodingProtected bytes: Span<UInt8>) throws(CBORDecoder.Failure) {
    var decoder = CBORDecoder(bytes)
    let header = try DocumentHeader(of: .enrolment, from: &decoder)
    version = try decoder.unsigned()
    previous = try decoder.optionalDigest()
    deviceKey = try decoder.publicKey()
    try header.check(isOf: deviceKey)
    guard let storage = StorageClass(rawValue: try decoder.unsigned(as: UInt8.self)) else {
      throw .outsideFormat
    }
    self.storage = storage
    anchor = try decoder.skipNull() ? nil : Anchor(from: &decoder)
    place = try decoder.skipNull() ? nil : Place(from: &decoder)
    radio = try decoder.skipNull() ? nil : RadioSetup(from: &decoder)
    validFromUTCMilliseconds = try decoder.skipNull() ? nil : decoder.utcMilliseconds()
    try decoder.finish()
    // The first has nothing before it, and every other one something.
    guard version > 0, version <= UInt64(Int64.max), (version == 1) == (previous == nil) else {
      throw .outsideFormat
    }
  }
}
