import CBOR
import FixedMemory
import Proofs

/// An owner gives a device's key up: from when a gateway has received this, it takes nothing more under the
/// key (docs/identity.md).
///
///     protected = { 1: alg, 4: kid, 16: "cairn-revk",
///                   -65537: [1, algorithm, owner's key, SHA-256(device key), reason, issued UTC ms] }
///     payload   = node: hash of its first enrolment
public struct Revocation: Equatable, Sendable {
  /// Header 32, algorithm 1, owner's key 34, device key's hash 34, reason 1, time 9.
  public static var maximumProtectedByteCount: Int { 111 }
  /// "Signature1" 12, protected 2 + 111, external data 1, payload 34.
  public static var maximumSigStructureByteCount: Int { 160 }
  /// Tag 1, array 1, protected 2 + 111, map 1, payload 34, signature 66.
  public static var maximumMessageByteCount: Int { 216 }

  /// Ed25519: signs the revocation.
  public var ownerKey: PublicKey
  /// SHA-256 of the device key that is refused from here on.
  public var deviceKeyHash: Digest
  public var reason: RevocationReason
  /// Milliseconds of UTC.
  public var issuedUTCMilliseconds: Int64
  /// Hash of the node's first enrolment.
  public var node: Digest

  public init(
    ownerKey: PublicKey, deviceKeyHash: Digest, reason: RevocationReason,
    issuedUTCMilliseconds: Int64, node: Digest
  ) {
    self.ownerKey = ownerKey
    self.deviceKeyHash = deviceKeyHash
    self.reason = reason
    self.issuedUTCMilliseconds = issuedUTCMilliseconds
    self.node = node
  }

  /// Signs with the owner's key, which has to be the one that the revocation names, and writes the
  /// whole message; returns its byte count and the document's name.
  public func sign(
    with signer: inout some Signer & ~Copyable, into bytes: consuming MutableSpan<UInt8>
  ) throws(SigningFailure) -> (byteCount: Int, hash: Digest) {
    precondition(signer.publicKey == ownerKey, "a revocation signed with another key than it names")
    var protected = InlineArray<111, UInt8>(repeating: 0)
    var encoder = CBOREncoder(protected.mutableSpan)
    DocumentHeader(of: ownerKey).encode(as: .revocation, into: &encoder)
    encoder.publicKey(ownerKey)
    encoder.byteString(deviceKeyHash.span)
    encoder.unsigned(UInt64(reason.rawValue))
    encoder.integer(issuedUTCMilliseconds)
    let count = encoder.byteCount
    return try COSESign1.sign(
      protected: protected.span.extracting(0..<count), payload: node.span, with: &signer,
      into: bytes)
  }

  /// Reads a revocation strictly. The signature is the caller's to check.
  public init(decoding message: Span<UInt8>) throws(CBORDecoder.Failure) {
    let (protected, payload) = try COSESign1.document(message)
    guard let node = Digest(message.extracting(payload)) else { throw .outsideFormat }
    self.node = node
    var decoder = CBORDecoder(message.extracting(protected))
    let header = try DocumentHeader(of: .revocation, from: &decoder)
    ownerKey = try decoder.ed25519Key()
    try header.check(isOf: ownerKey)
    deviceKeyHash = try decoder.digest()
    let number = try decoder.unsigned(as: UInt8.self)
    guard let reason = RevocationReason(rawValue: number) else { throw .outsideFormat }
    self.reason = reason
    issuedUTCMilliseconds = try decoder.utcMilliseconds()
    try decoder.finish()
  }
}
