import CBOR
import FixedMemory

/// The state of a gateway's own log, signed (docs/identity.md). As with a device's checkpoint the size
/// stands under the signature, and the same signature serves RFC 9942 receipts of the log.
///
///     protected = { 1: alg, 4: kid, 16: "cairn-gckp", 395: 1, -65537: [1, size, now UTC ms] }
///     payload   = RFC 9162 root of the tree of `size` leaves
public struct GatewayHead: Equatable, Sendable {
  /// Header with 395 36, two numbers of at most 9 bytes.
  public static var maximumProtectedByteCount: Int { 54 }
  /// "Signature1" 12, protected 2 + 54, external data 1, payload 34.
  public static var maximumSigStructureByteCount: Int { 103 }
  /// Tag 1, array 1, protected 2 + 54, map 1, payload 34, signature 66.
  public static var maximumMessageByteCount: Int { 159 }

  public var algorithm: SignatureAlgorithm
  /// Of the gateway's key.
  public var keyID: KeyID
  /// Leaves of the gateway's log, 1 to 2^63 - 1: the first of all is its key.
  public var size: UInt64
  /// When this was said, by the gateway's clock: milliseconds of UTC.
  public var nowUTCMilliseconds: Int64
  /// RFC 9162 root of the tree of `size` leaves.
  public var root: Digest

  public init(
    algorithm: SignatureAlgorithm, keyID: KeyID, size: UInt64, nowUTCMilliseconds: Int64,
    root: Digest
  ) {
    self.algorithm = algorithm
    self.keyID = keyID
    self.size = size
    self.nowUTCMilliseconds = nowUTCMilliseconds
    self.root = root
  }

  /// Writes the protected header's content and says how many bytes it takes.
  public func encodeProtected(into bytes: consuming MutableSpan<UInt8>) -> Int {
    var encoder = CBOREncoder(bytes)
    DocumentHeader(algorithm: algorithm, keyID: keyID).encode(as: .gatewayHead, into: &encoder)
    encoder.unsigned(size)
    encoder.integer(nowUTCMilliseconds)
    return encoder.byteCount
  }

  /// Signs and writes the whole message; returns its byte count and the document's name.
  public func sign(
    with signer: inout some Signer & ~Copyable, into bytes: consuming MutableSpan<UInt8>
  ) throws(SigningFailure) -> (byteCount: Int, hash: Digest) {
    var protected = InlineArray<54, UInt8>(repeating: 0)
    let count = encodeProtected(into: protected.mutableSpan)
    return try COSESign1.sign(
      protected: protected.span.extracting(0..<count), payload: root.span, with: &signer,
      into: bytes)
  }

  /// Reads a head strictly. The signature is the caller's to check.
  public init(decoding message: Span<UInt8>) throws(CBORDecoder.Failure) {
    let (protected, payload) = try COSESign1.document(message)
    guard let root = Digest(message.extracting(payload)) else { throw .outsideFormat }
    try self.init(decodingProtected: message.extracting(protected), root: root)
  }

  /// Reads the protected header's content; `root` comes from the payload, or from a proof.
  public init(decodingProtected bytes: Span<UInt8>, root: Digest) throws(CBORDecoder.Failure) {
    var decoder = CBORDecoder(bytes)
    let header = try DocumentHeader(of: .gatewayHead, from: &decoder)
    algorithm = header.algorithm
    keyID = header.keyID
    size = try decoder.unsigned()
    nowUTCMilliseconds = try decoder.utcMilliseconds()
    self.root = root
    try decoder.finish()
    guard size > 0, size <= UInt64(Int64.max) else { throw .outsideFormat }
  }
}
