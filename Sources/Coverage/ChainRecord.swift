import CBOR
import FixedMemory
import Proofs

/// What a node keeps of its chain beside its key (docs/coverage-protocol.md, "Chain file").
///
///     [1, link 65 536, first, version, check]
public struct ChainRecord: Sendable {
  /// Array 1, version 1, link 34, two numbers of 9, check 9.
  public static var maximumByteCount: Int { 63 }

  /// The last link: 32 random bytes.
  public let secret: Digest
  /// Number of the first challenge that the chain serves: 2 to 2^32.
  public let firstNumber: UInt64
  /// Of the enrolment that was the first to have its anchor.
  public let enrolmentVersion: UInt64

  public init(secret: Digest, firstNumber: UInt64, enrolmentVersion: UInt64) {
    self.secret = secret
    self.firstNumber = firstNumber
    self.enrolmentVersion = enrolmentVersion
  }

  public func encode(into bytes: consuming MutableSpan<UInt8>) -> Int {
    var buffer = InlineArray<64, UInt8>(repeating: 0)
    var encoder = CBOREncoder(buffer.mutableSpan)
    encoder.arrayHead(count: 5)
    encoder.unsigned(1)
    encoder.byteString(secret.span)
    encoder.unsigned(firstNumber)
    encoder.unsigned(enrolmentVersion)
    let count = encoder.byteCount
    return RecordCheck.append("cairn-chain-file-v1", to: buffer.span.extracting(0..<count), bytes)
  }

  public init(decoding bytes: Span<UInt8>) throws(RecordCheck.Failure) {
    do throws(CBORDecoder.Failure) {
      var decoder = try RecordCheck.begin(bytes, count: 5)
      guard let secret = Digest(try decoder.byteString()) else { throw .outsideFormat }
      self.secret = secret
      firstNumber = try decoder.unsigned()
      enrolmentVersion = try decoder.unsigned()
      guard (2...1 << 32).contains(firstNumber), enrolmentVersion > 0 else {
        throw .outsideFormat
      }
      try RecordCheck.finish("cairn-chain-file-v1", bytes, &decoder)
    } catch { throw RecordCheck.Failure(error) }
  }
}

/// The end of a small file of the agent's that must be whole: 8 bytes of a hash over what is before them.
public enum RecordCheck {
  public enum Failure: Error, Equatable {
    case malformed
    case unsupportedVersion

    init(_ failure: CBORDecoder.Failure) {
      self = failure == .outOfRange ? .unsupportedVersion : .malformed
    }
  }

  private static func check(_ label: StaticString, _ bytes: Span<UInt8>) -> Digest {
    var hash = SHA256()
    hash.update(label.bytes)
    hash.update(bytes)
    return hash.finish()
  }

  static func append(
    _ label: StaticString, to bytes: Span<UInt8>, _ target: consuming MutableSpan<UInt8>
  ) -> Int {
    let digest = check(label, bytes)
    var encoder = CBOREncoder(target)
    encoder.raw(bytes)
    encoder.byteString(digest.span.extracting(0..<8))
    precondition(!encoder.overflowed, "a buffer shorter than its record")
    return encoder.byteCount
  }

  /// Behind the version, which is 1. Another one is out of range.
  @_lifetime(copy bytes)
  static func begin(_ bytes: Span<UInt8>, count: Int) throws(CBORDecoder.Failure) -> CBORDecoder {
    var decoder = CBORDecoder(bytes)
    let found = try decoder.arrayHead()
    guard try decoder.unsigned() == 1 else { throw .outOfRange }
    guard found == count else { throw .outsideFormat }
    return decoder
  }

  static func finish(
    _ label: StaticString, _ bytes: Span<UInt8>, _ decoder: inout CBORDecoder
  ) throws(CBORDecoder.Failure) {
    let digest = check(label, bytes.extracting(0..<decoder.offset))
    guard try decoder.byteString().equals(digest.span.extracting(0..<8)) else {
      throw .outsideFormat
    }
    try decoder.finish()
  }
}
