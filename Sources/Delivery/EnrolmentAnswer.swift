import CBOR
import FixedMemory

/// What the gateway said of this node's enrolment: `enrolment-answer.cbor` of the uplink
/// (docs/delivery-protocol.md), for who asks while gateway and network are away.
///
///     [1, hash of the enrolment, reason code or 0, node or null, version]
public struct EnrolmentAnswer: Equatable, Sendable {
  /// Array 1, version 1, hash 34, code 3, node 34, version 9.
  public static var maximumByteCount: Int { 82 }

  static var formatVersion: Int64 { 1 }

  /// SHA-256 of the Sig_structure of the enrolment that was posted: its name.
  public let enrolmentHash: FixedBytes<32>
  /// The version of that enrolment.
  public let version: UInt64
  public let verdict: Verdict

  public enum Verdict: Equatable, Sendable {
    /// Taken, as this node.
    case taken(node: FixedBytes<32>)
    /// A `RefusalCode`, or a number of a newer gateway's. Never 0.
    case refused(code: UInt16)
  }

  public init(enrolmentHash: FixedBytes<32>, version: UInt64, verdict: Verdict) {
    self.enrolmentHash = enrolmentHash
    self.version = version
    self.verdict = verdict
  }

  /// Writes the file's content and says how many bytes it takes.
  public func encode(into bytes: consuming MutableSpan<UInt8>) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.arrayHead(count: 5)
    encoder.integer(Self.formatVersion)
    encoder.byteString(enrolmentHash.span)
    switch verdict {
    case .taken(let node):
      encoder.unsigned(0)
      encoder.byteString(node.span)
    case .refused(let code):
      precondition(code > 0, "a refusal without a reason code")
      encoder.unsigned(UInt64(code))
      encoder.null()
    }
    encoder.unsigned(version)
    return encoder.byteCount
  }

  /// Reads the file strictly.
  public init(decoding bytes: Span<UInt8>) throws(CBORDecoder.Failure) {
    var decoder = CBORDecoder(bytes)
    let fieldCount = try decoder.arrayHead()
    guard try decoder.integer() == Self.formatVersion else { throw .unknownVersion }
    guard fieldCount == 5, let hash = FixedBytes<32>(try decoder.byteString()) else {
      throw .outsideFormat
    }
    enrolmentHash = hash
    let code = try decoder.unsigned(as: UInt16.self)
    if code == 0 {
      guard let node = FixedBytes<32>(try decoder.byteString()) else { throw .outsideFormat }
      verdict = .taken(node: node)
    } else {
      guard try decoder.skipNull() else { throw .unexpectedType }
      verdict = .refused(code: code)
    }
    version = try decoder.unsigned()
    try decoder.finish()
    guard (1...UInt64(Int64.max)).contains(version) else { throw .outOfRange }
  }
}
