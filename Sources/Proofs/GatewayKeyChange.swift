import CBOR
import FixedMemory

/// A gateway's old key names the new one: from here on the new key signs (docs/identity.md).
///
///     protected = { 1: alg, 4: kid, 16: "cairn-gkey", -65537: [1, algorithm, new key, now UTC ms] }
///     payload   = SHA-256 of the new key
public struct GatewayKeyChange: Equatable, Sendable {
  /// Header 32, algorithm 1, key 34, time 9.
  public static var maximumProtectedByteCount: Int { 76 }
  /// "Signature1" 12, protected 2 + 76, external data 1, payload 34.
  public static var maximumSigStructureByteCount: Int { 125 }
  /// Tag 1, array 1, protected 2 + 76, map 1, payload 34, signature 66.
  public static var maximumMessageByteCount: Int { 181 }

  public var algorithm: SignatureAlgorithm
  /// Of the gateway's old key.
  public var keyID: KeyID
  /// Ed25519.
  public var newKey: PublicKey
  /// When this was said, by the gateway's clock: milliseconds of UTC.
  public var nowUTCMilliseconds: Int64

  public init(
    algorithm: SignatureAlgorithm, keyID: KeyID, newKey: PublicKey, nowUTCMilliseconds: Int64
  ) {
    self.algorithm = algorithm
    self.keyID = keyID
    self.newKey = newKey
    self.nowUTCMilliseconds = nowUTCMilliseconds
  }

  /// Signs with the old key and writes the whole message; returns its byte count and the document's name.
  public func sign(
    with signer: inout some Signer & ~Copyable, into bytes: consuming MutableSpan<UInt8>
  ) throws(SigningFailure) -> (byteCount: Int, hash: Digest) {
    var protected = InlineArray<76, UInt8>(repeating: 0)
    var encoder = CBOREncoder(protected.mutableSpan)
    DocumentHeader(algorithm: algorithm, keyID: keyID).encode(as: .gatewayKeyChange, into: &encoder)
    encoder.publicKey(newKey)
    encoder.integer(nowUTCMilliseconds)
    let count = encoder.byteCount
    return try COSESign1.sign(
      protected: protected.span.extracting(0..<count), payload: newKey.hash.span, with: &signer,
      into: bytes)
  }

  /// Reads a key change strictly. The signature is the caller's to check.
  public init(decoding message: Span<UInt8>) throws(CBORDecoder.Failure) {
    let (protected, payload) = try COSESign1.document(message)
    var decoder = CBORDecoder(message.extracting(protected))
    let header = try DocumentHeader(of: .gatewayKeyChange, from: &decoder)
    algorithm = header.algorithm
    keyID = header.keyID
    newKey = try decoder.ed25519Key()
    nowUTCMilliseconds = try decoder.utcMilliseconds()
    try decoder.finish()
    let hash = newKey.hash
    guard message.extracting(payload).equals(hash.span) else { throw .outsideFormat }
  }
}
