import CBOR
import FixedMemory
import Proofs

/// A leaf of a gateway's own log: [1, kind, UTC ms, document] (docs/identity.md). The view borrows the
/// bytes of its messages. Works on untrusted bytes.
///
/// A message is checked to be a COSE_Sign1 of the kind's type and no longer than such a one may be; what it
/// says, and who signed it, is for whoever reads the document.
public struct GatewayLogLeaf: ~Escapable {
  public static var formatVersion: Int64 { 1 }
  /// Array 1, version 1, kind 1, time 9, and an enrolment 3 + 572: the largest document in a leaf.
  public static var maximumByteCount: Int { 587 }

  /// What stands in a leaf. The number is the leaf's kind.
  public enum Kind: UInt8, Sendable {
    case firstKey = 0
    case receipt = 1
    case challenge = 2
    case enrolment = 3
    case revocation = 4
    case operatorRevocation = 5
    case keyChange = 6
    case fork = 7
  }

  public enum Document: ~Escapable {
    /// The gateway's first public key: Ed25519.
    case firstKey(FixedBytes<32>)
    /// One message of the type that the kind names: receipt, challenge, enrolment, revocation, key
    /// change.
    case message(Span<UInt8>)
    /// The gateway's operator refuses a device's key from here on.
    case operatorRevocation(deviceKeyHash: Digest, reason: RevocationReason)
    /// Two checkpoint messages of one device for one position.
    case fork(held: Span<UInt8>, sent: Span<UInt8>)
  }

  public let kind: Kind
  /// When it came into the log, by the gateway's clock. Never less than in the leaf before.
  public let utcMilliseconds: Int64
  public let document: Document

  /// Reads a leaf strictly.
  @_lifetime(copy bytes)
  public init(decoding bytes: Span<UInt8>) throws(CBORDecoder.Failure) {
    var decoder = CBORDecoder(bytes)
    let count = try decoder.arrayHead()
    guard try decoder.integer() == Self.formatVersion else { throw .unknownVersion }
    guard count == 4 else { throw .outsideFormat }
    guard let kind = Kind(rawValue: try decoder.unsigned(as: UInt8.self)) else {
      throw .outsideFormat
    }
    self.kind = kind
    utcMilliseconds = try decoder.utcMilliseconds()
    switch kind {
    case .firstKey:
      document = .firstKey(try decoder.fixedBytes())
    case .receipt, .challenge, .enrolment, .revocation, .keyChange:
      document = .message(try Self.message(of: kind, &decoder))
    case .operatorRevocation:
      try decoder.expectArray(count: 2)
      let deviceKeyHash = try decoder.digest()
      let number = try decoder.unsigned(as: UInt8.self)
      guard let reason = RevocationReason(rawValue: number) else { throw .outsideFormat }
      document = .operatorRevocation(deviceKeyHash: deviceKeyHash, reason: reason)
    case .fork:
      try decoder.expectArray(count: 2)
      let held = try Self.message(of: kind, &decoder)
      document = .fork(held: held, sent: try Self.message(of: kind, &decoder))
    }
    try decoder.finish()
  }

  @_lifetime(copy decoder)
  private static func message(of kind: Kind, _ decoder: inout CBORDecoder)
    throws(CBORDecoder.Failure) -> Span<UInt8>
  {
    let message = try decoder.byteString()
    guard let (type, maximumByteCount) = kind.message, message.count <= maximumByteCount,
      try DocumentType(of: message) == type
    else { throw .outsideFormat }
    return message
  }
}

extension GatewayLogLeaf.Kind {
  /// Type and largest size of the messages in a leaf of this kind; nil where it holds none.
  var message: (type: DocumentType, maximumByteCount: Int)? {
    switch self {
    case .firstKey, .operatorRevocation: nil
    case .receipt: (.receipt, Receipt.maximumMessageByteCount)
    case .challenge: (.challenge, Challenge.maximumMessageByteCount)
    case .enrolment: (.enrolment, Enrolment.maximumMessageByteCount)
    case .revocation: (.revocation, Revocation.maximumMessageByteCount)
    case .keyChange: (.gatewayKeyChange, GatewayKeyChange.maximumMessageByteCount)
    case .fork: (.checkpoint, Checkpoint.maximumMessageByteCount)
    }
  }
}

/// Writes leaves of a gateway's log into the caller's buffer; each says how many bytes it takes.
extension GatewayLogLeaf {
  private static func encodeHead(
    _ kind: Kind, _ utcMilliseconds: Int64, into encoder: inout CBOREncoder
  ) {
    encoder.arrayHead(count: 4)
    encoder.integer(formatVersion)
    encoder.unsigned(UInt64(kind.rawValue))
    encoder.integer(utcMilliseconds)
  }

  /// The first leaf of all.
  public static func encode(
    firstKey: FixedBytes<32>, utcMilliseconds: Int64, into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encodeHead(.firstKey, utcMilliseconds, into: &encoder)
    encoder.byteString(firstKey.span)
    return encoder.byteCount
  }

  /// A receipt, challenge, enrolment, revocation or key change, as it was signed.
  public static func encode(
    _ kind: Kind, message: Span<UInt8>, utcMilliseconds: Int64,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    precondition(kind.message != nil && kind != .fork, "a kind of leaf without one message")
    var encoder = CBOREncoder(bytes)
    encodeHead(kind, utcMilliseconds, into: &encoder)
    encoder.byteString(message)
    return encoder.byteCount
  }

  /// The operator refuses a device's key from here on.
  public static func encode(
    operatorRevocationOf deviceKeyHash: Digest, reason: RevocationReason, utcMilliseconds: Int64,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encodeHead(.operatorRevocation, utcMilliseconds, into: &encoder)
    encoder.arrayHead(count: 2)
    encoder.byteString(deviceKeyHash.span)
    encoder.unsigned(UInt64(reason.rawValue))
    return encoder.byteCount
  }

  /// Two checkpoints of one device for one position: the one that was held, and the one that came.
  public static func encode(
    forkHeld held: Span<UInt8>, sent: Span<UInt8>, utcMilliseconds: Int64,
    into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encodeHead(.fork, utcMilliseconds, into: &encoder)
    encoder.arrayHead(count: 2)
    encoder.byteString(held)
    encoder.byteString(sent)
    return encoder.byteCount
  }
}
