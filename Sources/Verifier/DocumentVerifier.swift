import CBOR
import FixedMemory
import Proofs
import Records

/// What checking a signature has in common for all documents.
extension DocumentHeader {
  /// Checks that a document with this header is `key`'s: identifier, algorithm, signature, in this order.
  /// Returns the SHA-256 of what was signed: the document's name.
  func check(
    _ signature: Signature, protected: Span<UInt8>, payload: Span<UInt8>, by key: PublicKey,
    es256: some ES256Verifying
  ) throws(Refusal) -> Digest {
    guard keyID == key.keyID else { throw Refusal(.unknownKey) }
    guard algorithm == key.algorithm else { throw Refusal(.unknownAlgorithm) }
    var structure = InlineArray<516, UInt8>(repeating: 0)
    let count = COSESign1.encodeSigStructure(
      protected: protected, externalData: Span(), payload: payload, into: structure.mutableSpan)
    guard count <= structure.count else { throw Refusal(.malformed) }
    let signed = structure.span.extracting(0..<count)
    try SignatureCheck.check(signature, of: signed, by: key, es256: es256)
    return SHA256.hash(signed)
  }

  /// The same for a whole message, which has been read as a document with this header already.
  func check(_ message: Span<UInt8>, by key: PublicKey, es256: some ES256Verifying = WithoutES256())
    throws(Refusal) -> Digest
  {
    let parts: COSESign1
    do throws(CBORDecoder.Failure) {
      parts = try COSESign1(decoding: message)
    } catch {
      throw Refusal(error)
    }
    guard let payload = parts.payload else { throw Refusal(.malformed) }
    return try check(
      parts.signature, protected: message.extracting(parts.protected),
      payload: message.extracting(payload), by: key, es256: es256)
  }
}
