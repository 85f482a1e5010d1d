import CBOR
import FixedMemory

/// What begins the protected header of every document: who signs, and what it is.
///
///     { 1: alg, 4: kid, 16: type, -65537: [1, …] }
///     { 1: alg, 4: kid, 16: type, 395: 1, -65537: [1, …] }       over a tree
///
/// The fields after the version are each document's own.
public struct DocumentHeader: Equatable, Sendable {
  public static var formatVersion: Int64 { 1 }
  /// Number of the verifiable data structure RFC9162_SHA256 (RFC 9942 section 5).
  public static var rfc9162SHA256: Int64 { 1 }

  /// Map head 1, alg 2, kid 10, type 12, label 5, array head 1, version 1.
  public static var byteCount: Int { 32 }
  /// The same with 395: 1, which takes 4.
  public static var byteCountOverTree: Int { 36 }

  public let algorithm: SignatureAlgorithm
  public let keyID: KeyID

  public init(algorithm: SignatureAlgorithm, keyID: KeyID) {
    self.algorithm = algorithm
    self.keyID = keyID
  }

  /// The header of what `key` signs.
  public init(of key: PublicKey) {
    self.init(algorithm: key.algorithm, keyID: key.keyID)
  }

  /// Writes everything up to the version. The type's other fields follow.
  public func encode(as type: DocumentType, into encoder: inout CBOREncoder) {
    // Bytewise order of the encoded keys: 01, 04, 10, 19018b, 3a00010000.
    encoder.mapHead(count: type.hasTree ? 5 : 4)
    encoder.integer(COSESign1.Label.algorithm)
    encoder.integer(algorithm.coseNumber)
    encoder.integer(COSESign1.Label.keyID)
    encoder.byteString(keyID.span)
    encoder.integer(COSESign1.Label.type)
    encoder.text(type.name)
    if type.hasTree {
      encoder.integer(COSESign1.Label.verifiableDataStructure)
      encoder.integer(Self.rfc9162SHA256)
    }
    encoder.integer(COSESign1.Label.cairn)
    encoder.arrayHead(count: type.fieldCount)
    encoder.integer(Self.formatVersion)
  }

  /// Reads everything up to the version. The type's other fields follow.
  public init(of type: DocumentType, from decoder: inout CBORDecoder) throws(CBORDecoder.Failure) {
    try decoder.expectMap(count: type.hasTree ? 5 : 4)
    try decoder.expectInteger(COSESign1.Label.algorithm)
    guard let algorithm = SignatureAlgorithm(coseNumber: try decoder.integer()) else {
      throw .unknownAlgorithm
    }
    try decoder.expectInteger(COSESign1.Label.keyID)
    guard let keyID = KeyID(try decoder.byteString()) else { throw .outsideFormat }
    try decoder.expectInteger(COSESign1.Label.type)
    try decoder.expectText(type.name)
    if type.hasTree {
      try decoder.expectInteger(COSESign1.Label.verifiableDataStructure)
      try decoder.expectInteger(Self.rfc9162SHA256)
    }
    try decoder.expectInteger(COSESign1.Label.cairn)
    let fieldCount = try decoder.arrayHead()
    guard try decoder.integer() == Self.formatVersion else { throw .unknownVersion }
    guard fieldCount == type.fieldCount else { throw .outsideFormat }
    self.init(algorithm: algorithm, keyID: keyID)
  }

  /// Refuses a header that is not `key`'s: a document that holds its signer's key can't name another,
  /// nor another algorithm.
  public func check(isOf key: PublicKey) throws(CBORDecoder.Failure) {
    guard algorithm == key.algorithm else { throw .unknownAlgorithm }
    guard keyID == key.keyID else { throw .outsideFormat }
  }
}
