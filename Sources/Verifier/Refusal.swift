import CBOR
import Records

/// Why a document was refused, and where.
public struct Refusal: Error, Equatable {
  public let code: RefusalCode
  /// Index in the tree of the leaf that is at fault, where it is one leaf.
  public let leafIndex: UInt64?

  public init(_ code: RefusalCode, leafIndex: UInt64? = nil) {
    self.code = code
    self.leafIndex = leafIndex
  }

  /// What a decoder found, as a reason code; `otherwise` where it is not about CBOR as such.
  public init(
    _ failure: CBORDecoder.Failure, otherwise: RefusalCode = .malformed, leafIndex: UInt64? = nil
  ) {
    switch failure {
    case .notShortest, .notSupported: code = .notDeterministic
    case .unknownVersion: code = .unsupportedVersion
    case .unknownAlgorithm: code = .unknownAlgorithm
    case .truncated, .unexpectedType, .outOfRange, .notUTF8, .tooDeep, .outsideFormat,
      .trailingBytes:
      code = otherwise
    }
    self.leafIndex = leafIndex
  }
}
