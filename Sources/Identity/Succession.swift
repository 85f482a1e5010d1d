import CBOR
import FixedMemory
import Proofs

/// An owner names the key with which a node goes on, in place of one that is lost or given up
/// (docs/identity.md).
///
///     protected = { 1: alg, 4: kid, 16: "cairn-succ",
///                   -65537: [1, algorithm, owner's key, SHA-256(old device key),
///                            algorithm, new device key, issued UTC ms] }
///     payload   = node: hash of its first enrolment
public struct Succession: Equatable, Sendable {
  /// Header 32, algorithm 1, owner's key 34, old key's hash 34, algorithm 1, new key 35, time 9.
  public static var maximumProtectedByteCount: Int { 146 }
  /// "Signature1" 12, protected 2 + 146, external data 1, payload 34.
  public static var maximumSigStructureByteCount: Int { 195 }
  /// Tag 1, array 1, protected 2 + 146, map 1, payload 34, signature 66.
  public static var maximumMessageByteCount: Int { 251 }

  /// Ed25519: signs the succession.
  public var ownerKey: PublicKey
  /// SHA-256 of the device key that is succeeded.
  public var oldKeyHash: Digest
  public var newKey: PublicKey
  /// Milliseconds of UTC.
  public var issuedUTCMilliseconds: Int64
  /// Hash of the node's first enrolment.
  public var node: Digest

  public init(
    ownerKey: PublicKey, oldKeyHash: Digest, newKey: PublicKey, issuedUTCMilliseconds: Int64,
    node: Digest
  ) {
    self.ownerKey = ownerKey
    self.oldKeyHash = oldKeyHash
    self.newKey = newKey
    self.issuedUTCMilliseconds = issuedUTCMilliseconds
    self.node = node
  }

  /// Signs with the owner's key, which has to be the one that the succession names, and writes the
  /// whole message; returns its byte count and the document's name.
  public func sign(
    with signer: inout some Signer & ~Copyable, into bytes: consuming MutableSpan<UInt8>
  ) throws(SigningFailure) -> (byteCount: Int, hash: Digest) {
    precondition(signer.publicKey == ownerKey, "a succession signed with another key than it names")
    var protected = InlineArray<146, UInt8>(repeating: 0)
    var encoder = CBOREncoder(protected.mutableSpan)
    DocumentHeader(of: ownerKey).encode(as: .succession, into: &encoder)
    encoder.publicKey(ownerKey)
    encoder.byteString(oldKeyHash.span)
    encoder.publicKey(newKey)
    encoder.integer(issuedUTCMilliseconds)
    let count = encoder.byteCount
    return try COSESign1.sign(
      protected: protected.span.extracting(0..<count), payload: node.span, with: &signer,
      into: bytes)
  }

  /// Reads a succession strictly. The signature is the caller's to check.
  public init(decoding message: Span<UInt8>) throws(CBORDecoder.Failure) {
    let (protected, payload) = try COSESign1.document(message)
    guard let node = Digest(message.extracting(payload)) else { throw .outsideFormat }
    self.node = node
    var decoder = CBORDecoder(message.extracting(protected))
    let header = try DocumentHeader(of: .succession, from: &decoder)
    ownerKey = try decoder.ed25519Key()
    try header.check(isOf: ownerKey)
    oldKeyHash = try decoder.digest()
    newKey = try decoder.publicKey()
    issuedUTCMilliseconds = try decoder.utcMilliseconds()
    try decoder.finish()
  }
}
