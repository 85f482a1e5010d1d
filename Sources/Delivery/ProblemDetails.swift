import CBOR
import FixedMemory
import Records

/// A gateway's reason for not taking something, as it stands in concise problem details (RFC 9290).
/// docs/delivery-protocol.md, section "Problem details".
public struct ProblemDetails: Equatable, Sendable {
  /// Where the gateway's log of this device ends.
  public struct Expectation: Equatable, Sendable {
    public let position: BatchPosition
    /// Leaves held in the position's epoch.
    public let size: UInt64

    public init(position: BatchPosition, size: UInt64) {
      self.position = position
      self.size = size
    }
  }

  public enum Failure: Error, Equatable {
    /// Not deterministic CBOR of the subset that is passed over, or not this map.
    case malformed(CBORDecoder.Failure)
    /// Keys that are not in ascending order, or one twice, or neither number nor text.
    case keyOrder
    /// No reason, a reason without its code, or half an expectation.
    case incomplete
  }

  /// A `RefusalCode`, or the number of one that this program does not know.
  public let code: UInt16
  public let expectation: Expectation?
  public let retryAfterSeconds: UInt32?

  public init(
    code: UInt16, expectation: Expectation? = nil, retryAfterSeconds: UInt32? = nil
  ) {
    self.code = code
    self.expectation = expectation
    self.retryAfterSeconds = retryAfterSeconds
  }

  /// Longest sentence for the operator: four lines of a terminal and some.
  public static var maximumDetailByteCount: Int { 512 }

  /// The map's longest form: title 1 + 25, detail 1 + 3 + 512, key 14, map 1, five fields of at most
  /// 1 + 9 bytes, and the map's head; rounded up.
  public static var maximumByteCount: Int { 640 }

  // MARK: Encoding

  /// Writes the map. `detail` is UTF-8 of at most `maximumDetailByteCount` bytes, or empty for none.
  public func encode(detail: Span<UInt8>, into encoder: inout CBOREncoder) {
    precondition(detail.count <= Self.maximumDetailByteCount, "a detail of more than 512 bytes")
    let name = RefusalCode(rawValue: code)?.name
    encoder.mapHead(count: 1 + (name == nil ? 0 : 1) + (detail.isEmpty ? 0 : 1))
    if let name {
      encoder.integer(-1)
      encoder.text(name)
    }
    if !detail.isEmpty {
      encoder.integer(-2)
      encoder.text(detail)
    }
    encoder.text(Self.reasonKey)
    encoder.mapHead(
      count: 1 + (expectation == nil ? 0 : 3) + (retryAfterSeconds == nil ? 0 : 1))
    encoder.unsigned(0)
    encoder.unsigned(UInt64(code))
    if let expectation {
      encoder.unsigned(1)
      encoder.unsigned(expectation.position.epoch)
      encoder.unsigned(2)
      encoder.unsigned(expectation.position.batch)
      encoder.unsigned(3)
      encoder.unsigned(expectation.size)
    }
    if let retryAfterSeconds {
      encoder.unsigned(4)
      encoder.unsigned(UInt64(retryAfterSeconds))
    }
  }

  /// A URI as a key, with a map as its value: a custom problem detail entry (RFC 9290 section 3.2).
  static var reasonKey: StaticString { "cairn:refusal" }
}
