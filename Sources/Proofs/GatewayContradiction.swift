import CBOR
import FixedMemory

/// Two signed heads of one gateway's log that can't both be true: the evidence that an uplink keeps in
/// `gateway-contradiction.cbor` (docs/delivery-protocol.md).
///
///     [1, kind, head that was held, head that came, proof that failed or empty]
public struct GatewayContradiction: Equatable, Sendable {
  /// Array 1, version 1, kind 1, two heads of 2 + 159, proof 3 + 2332.
  public static var maximumByteCount: Int { 2660 }
  /// Tag 1, array 1, protected 2 + 54, maps, labels and array 7, string head 3, proof 2197, null 1,
  /// signature 66.
  public static var maximumProofByteCount: Int { 2332 }

  static var formatVersion: Int64 { 1 }

  public enum Kind: UInt8, Sendable {
    /// Both have the same size, and other roots: one log had two contents.
    case otherRoot = 1
    /// The one that came was signed later, and is smaller: leaves are gone.
    case smallerSize = 2
    /// The one that came is larger, and the gateway's proof does not show that it begins with the other.
    case failedProof = 3

    /// What it is, as one sentence for the operator.
    public var meaning: StaticString {
      switch self {
      case .otherRoot: "The gateway has signed two different logs of one size."
      case .smallerSize: "The gateway's log has become shorter: leaves that it had signed are gone."
      case .failedProof:
        "The gateway's log does not begin with what it had signed before: its past was changed."
      }
    }
  }

  public let kind: Kind
  public let held: GatewayHead
  public let other: GatewayHead

  /// Reads the evidence strictly, and refuses what is none: two heads that may both be true. Signatures
  /// are the caller's to check, and the proof's path too.
  public init(decoding bytes: Span<UInt8>) throws(CBORDecoder.Failure) {
    var decoder = CBORDecoder(bytes)
    let fieldCount = try decoder.arrayHead()
    guard try decoder.integer() == Self.formatVersion else { throw .unknownVersion }
    guard fieldCount == 5, let kind = Kind(rawValue: try decoder.unsigned(as: UInt8.self)) else {
      throw .outsideFormat
    }
    self.kind = kind
    held = try GatewayHead(decoding: try decoder.byteString())
    other = try GatewayHead(decoding: try decoder.byteString())
    let proof = try decoder.byteString()
    try decoder.finish()
    guard proof.count <= Self.maximumProofByteCount, Self.isOne(kind, held, other),
      proof.isEmpty == (kind != .failedProof)
    else { throw .outsideFormat }
    guard kind == .failedProof else { return }
    let parts = try COSESign1(decoding: proof)
    guard parts.payload == nil, case .consistencyProof = parts.unprotected else {
      throw .outsideFormat
    }
  }

  /// True when two heads stand to each other as a contradiction of this kind says.
  private static func isOne(_ kind: Kind, _ held: GatewayHead, _ other: GatewayHead) -> Bool {
    switch kind {
    case .otherRoot: held.size == other.size && held.root != other.root
    case .smallerSize:
      other.size < held.size && other.nowUTCMilliseconds > held.nowUTCMilliseconds
    case .failedProof: other.size > held.size
    }
  }

  /// Writes the evidence and says how many bytes it takes. Messages as the gateway signed them; `proof` is
  /// empty where none failed.
  public static func encode(
    _ kind: Kind, held: Span<UInt8>, other: Span<UInt8>, proof: Span<UInt8>,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.arrayHead(count: 5)
    encoder.integer(formatVersion)
    encoder.unsigned(UInt64(kind.rawValue))
    encoder.byteString(held)
    encoder.byteString(other)
    encoder.byteString(proof)
    return encoder.byteCount
  }
}
