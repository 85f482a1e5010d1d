import CBOR
import FixedMemory
import Proofs

/// The end of a hash chain whose links a node's beacons reveal, one after the other
/// (docs/coverage-protocol.md, "Chain").
///
///     [number of its first link, 32 bytes]
public struct Anchor: Equatable, Sendable {
  /// Array 1, number 9, value 34.
  public static var maximumByteCount: Int { 44 }

  /// Number of the first challenge that the chain serves: link 1 belongs to it.
  public var firstLink: UInt64
  public var value: Digest

  public init(firstLink: UInt64, value: Digest) {
    self.firstLink = firstLink
    self.value = value
  }

  func encode(into encoder: inout CBOREncoder) {
    encoder.arrayHead(count: 2)
    encoder.unsigned(firstLink)
    encoder.byteString(value.span)
  }

  init(from decoder: inout CBORDecoder) throws(CBORDecoder.Failure) {
    try decoder.expectArray(count: 2)
    firstLink = try decoder.unsigned()
    value = try decoder.digest()
  }
}
