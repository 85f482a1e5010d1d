import CBOR
import FixedMemory

extension COSESign1 {
  /// The largest Sig_structure of all documents, which is an enrolment's: array and "Signature1" 12,
  /// protected 2 + 248, external data 1, payload 2 + 251.
  public static var maximumSigStructureByteCount: Int { 516 }

  /// Signs a document with an empty unprotected map, and writes the whole message. Returns its byte
  /// count, and the SHA-256 of what was signed: the document's name.
  public static func sign(
    protected: Span<UInt8>, payload: Span<UInt8>, with signer: inout some Signer & ~Copyable,
    into bytes: consuming MutableSpan<UInt8>
  ) throws(SigningFailure) -> (byteCount: Int, hash: Digest) {
    var structure = InlineArray<516, UInt8>(repeating: 0)
    let count = encodeSigStructure(
      protected: protected, externalData: Span(), payload: payload, into: structure.mutableSpan)
    precondition(count <= 516, "a document longer than the largest")
    let signed = structure.span.extracting(0..<count)
    let signature = try signer.sign(signed)
    let byteCount = encodeMessage(
      protected: protected, payload: payload, signature: signature, into: bytes)
    return (byteCount, SHA256.hash(signed))
  }

  /// SHA-256 of what a signature covers. The protected bytes come as they were sent, since −8 and −19
  /// both stand for Ed25519, and give two hashes.
  public static func sigStructureHash(protected: Span<UInt8>, payload: Span<UInt8>) -> Digest {
    var hash = SHA256()
    // Array 1, "Signature1" 11, head of a string at most 9.
    var head = InlineArray<21, UInt8>(repeating: 0)
    var encoder = CBOREncoder(head.mutableSpan)
    encoder.arrayHead(count: 4)
    encoder.text("Signature1")
    encoder.byteStringHead(byteCount: protected.count)
    var count = encoder.byteCount
    hash.update(head.span.extracting(0..<count))
    hash.update(protected)
    encoder = CBOREncoder(head.mutableSpan)
    encoder.byteStringHead(byteCount: 0)
    encoder.byteStringHead(byteCount: payload.count)
    count = encoder.byteCount
    hash.update(head.span.extracting(0..<count))
    hash.update(payload)
    return hash.finish()
  }

  /// Takes apart a message as documents are: nothing in the unprotected map, the payload there.
  /// Returns the ranges of protected header and payload within the message.
  public static func document(_ message: Span<UInt8>) throws(CBORDecoder.Failure) -> (
    protected: Range<Int>, payload: Range<Int>
  ) {
    let parts = try COSESign1(decoding: message)
    guard parts.unprotected == .empty, let payload = parts.payload else { throw .outsideFormat }
    return (parts.protected, payload)
  }

  /// The name of the document that a message holds: SHA-256 of its Sig_structure, whoever signed it.
  public static func hash(of message: Span<UInt8>) throws(CBORDecoder.Failure) -> Digest {
    let (protected, payload) = try document(message)
    return sigStructureHash(
      protected: message.extracting(protected), payload: message.extracting(payload))
  }
}
