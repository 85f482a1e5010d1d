import CBOR
import FixedMemory

/// A COSE_Sign1 message (RFC 9052 section 4.2), taken apart without copying.
///
///     18([ protected: bstr, unprotected: map, payload: bstr / null, signature: bstr ])
public struct COSESign1: Sendable {
  /// What the unprotected map may hold in our formats.
  public enum Unprotected: Equatable, Sendable {
    case empty
    /// 396: {−1: [<<[size, index, path]>>]} (RFC 9942): the range of the encoded proof.
    case inclusionProof(Range<Int>)
    /// 396: {−2: [<<[size 1, size 2, path]>>]}: the range of the encoded proof.
    case consistencyProof(Range<Int>)
  }

  /// The content of the protected byte string, an offset range of the message.
  public let protected: Range<Int>
  public let unprotected: Unprotected
  /// Nil when the payload is detached (null).
  public let payload: Range<Int>?
  public let signature: Signature

  public static var tag: UInt64 { 18 }

  /// Labels of header parameters (IANA COSE registry; RFC 9942 for 395 and 396).
  public enum Label {
    public static var algorithm: Int64 { 1 }
    public static var keyID: Int64 { 4 }
    public static var type: Int64 { 16 }
    public static var verifiableDataStructure: Int64 { 395 }
    public static var proofs: Int64 { 396 }
    /// Private use, below −65536: the fields of Cairn's documents.
    public static var cairn: Int64 { -65537 }
    /// Keys of the proofs map.
    public static var inclusion: Int64 { -1 }
    public static var consistency: Int64 { -2 }
  }

  /// Takes one message apart; any other structure, and bytes after it, are refused.
  public init(decoding message: Span<UInt8>) throws(CBORDecoder.Failure) {
    var decoder = CBORDecoder(message)
    guard try decoder.tag() == Self.tag else { throw .outsideFormat }
    try decoder.expectArray(count: 4)
    protected = try Self.byteStringRange(&decoder)
    unprotected = try Self.decodeUnprotected(&decoder)
    payload = try decoder.skipNull() ? nil : Self.byteStringRange(&decoder)
    guard let signature = Signature(try decoder.byteString()) else { throw .outsideFormat }
    self.signature = signature
    try decoder.finish()
  }

  private static func byteStringRange(_ decoder: inout CBORDecoder) throws(CBORDecoder.Failure)
    -> Range<Int>
  {
    let count = try decoder.byteString().count
    return (decoder.offset - count)..<decoder.offset
  }

  private static func decodeUnprotected(_ decoder: inout CBORDecoder)
    throws(CBORDecoder.Failure) -> Unprotected
  {
    let count = try decoder.mapHead()
    if count == 0 { return .empty }
    guard count == 1 else { throw .outsideFormat }
    try decoder.expectInteger(Label.proofs)
    try decoder.expectMap(count: 1)
    let kind = try decoder.integer()
    try decoder.expectArray(count: 1)
    let range = try byteStringRange(&decoder)
    switch kind {
    case Label.inclusion: return .inclusionProof(range)
    case Label.consistency: return .consistencyProof(range)
    default: throw .outsideFormat
    }
  }
}

extension COSESign1 {
  /// Writes what a signature covers (RFC 9052 section 4.4) and says how many bytes it takes:
  /// ["Signature1", protected, external data, payload].
  public static func encodeSigStructure(
    protected: Span<UInt8>, externalData: Span<UInt8>, payload: Span<UInt8>,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.arrayHead(count: 4)
    encoder.text("Signature1")
    encoder.byteString(protected)
    encoder.byteString(externalData)
    encoder.byteString(payload)
    return encoder.byteCount
  }

  /// Writes a message with an empty unprotected map and says how many bytes it takes.
  public static func encodeMessage(
    protected: Span<UInt8>, payload: Span<UInt8>, signature: Signature,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.tag(tag)
    encoder.arrayHead(count: 4)
    encoder.byteString(protected)
    encoder.mapHead(count: 0)
    encoder.byteString(payload)
    encoder.byteString(signature.span)
    return encoder.byteCount
  }

  /// Writes an RFC 9942 receipt: the same protected bytes and signature as the checkpoint's, the root
  /// detached, and a proof in the unprotected map. Says how many bytes it takes.
  public static func encodeReceipt(
    protected: Span<UInt8>, signature: Signature, proofLabel: Int64, proof: Span<UInt8>,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.tag(tag)
    encoder.arrayHead(count: 4)
    encoder.byteString(protected)
    encoder.mapHead(count: 1)
    encoder.integer(Label.proofs)
    encoder.mapHead(count: 1)
    encoder.integer(proofLabel)
    encoder.arrayHead(count: 1)
    encoder.byteString(proof)
    encoder.null()
    encoder.byteString(signature.span)
    return encoder.byteCount
  }
}
