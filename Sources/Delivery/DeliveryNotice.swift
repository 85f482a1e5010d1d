import CBOR

/// How delivery stands, as the uplink last told: `delivery.cbor` in the run folder (docs/delivery-protocol.md),
/// for who asks while the network is away. It lies in memory, so that waiting writes nothing to the card, and
/// is gone with the kernel whose clock it speaks of.
///
///     [1, kind, code, epoch, batch, due]
public struct DeliveryNotice: Equatable, Sendable {
  /// Array 1, version 1, kind 1, code 3, three numbers of 9.
  public static var maximumByteCount: Int { 33 }

  static var formatVersion: Int64 { 1 }

  public enum Standing: Equatable, Sendable {
    /// Nothing is in the way.
    case free
    case waiting(DeliveryStateMachine.Hindrance)
    case blocked(DeliveryStateMachine.BlockReason)
  }

  public let standing: Standing
  /// The next attempt: milliseconds of CLOCK_BOOTTIME. 0 when nothing is in the way.
  public let dueMilliseconds: Int64

  public init(_ standing: Standing, dueMilliseconds: Int64) {
    self.standing = standing
    self.dueMilliseconds = dueMilliseconds
  }

  /// Writes the file's content and says how many bytes it takes.
  public func encode(into bytes: consuming MutableSpan<UInt8>) -> Int {
    var encoder = CBOREncoder(bytes)
    let fields = standing.fields
    encoder.arrayHead(count: 6)
    encoder.integer(Self.formatVersion)
    encoder.unsigned(UInt64(fields.kind))
    encoder.unsigned(UInt64(fields.code))
    encoder.unsigned(fields.expected.epoch)
    encoder.unsigned(fields.expected.batch)
    encoder.integer(dueMilliseconds)
    return encoder.byteCount
  }

  /// Reads the file strictly.
  public init(decoding bytes: Span<UInt8>) throws(CBORDecoder.Failure) {
    var decoder = CBORDecoder(bytes)
    let fieldCount = try decoder.arrayHead()
    guard try decoder.integer() == Self.formatVersion else { throw .unknownVersion }
    guard fieldCount == 6 else { throw .outsideFormat }
    let kind = try decoder.unsigned(as: UInt8.self)
    let code = try decoder.unsigned(as: UInt16.self)
    let expected = BatchPosition(epoch: try decoder.unsigned(), batch: try decoder.unsigned())
    dueMilliseconds = try decoder.integer()
    try decoder.finish()
    guard let standing = Standing(kind: kind, code: code, expected: expected) else {
      throw .outsideFormat
    }
    self.standing = standing
    guard dueMilliseconds >= 0 else { throw .outOfRange }
  }
}

extension DeliveryNotice.Standing {
  /// `code` and `expected` are zero where the kind has none.
  fileprivate var fields: (kind: UInt8, code: UInt16, expected: BatchPosition) {
    let none = BatchPosition(epoch: 0, batch: 0)
    return switch self {
    case .free: (0, 0, none)
    case .waiting(.unreachable): (1, 0, none)
    case .waiting(.notAGateway(let status)): (2, status, none)
    case .waiting(.gatewayError(let status)): (3, status, none)
    case .waiting(.askedToWait): (4, 0, none)
    case .waiting(.contradiction): (5, 0, none)
    case .waiting(.spoolUnreadable): (6, 0, none)
    case .waiting(.budgetSpent): (7, 0, none)
    case .blocked(.refused(let code)): (16, code, none)
    case .blocked(.forked): (17, 0, none)
    case .blocked(.receiptRefused(let code)): (18, code, none)
    case .blocked(.gatewayAhead(let expected)): (19, 0, expected)
    case .blocked(.notResumable): (20, 0, none)
    }
  }

  /// Nil unless the fields are exactly what `fields` gives.
  fileprivate init?(kind: UInt8, code: UInt16, expected: BatchPosition) {
    switch kind {
    case 0: self = .free
    case 1: self = .waiting(.unreachable)
    case 2: self = .waiting(.notAGateway(status: code))
    case 3: self = .waiting(.gatewayError(status: code))
    case 4: self = .waiting(.askedToWait)
    case 5: self = .waiting(.contradiction)
    case 6: self = .waiting(.spoolUnreadable)
    case 7: self = .waiting(.budgetSpent)
    case 16: self = .blocked(.refused(code: code))
    case 17: self = .blocked(.forked)
    case 18: self = .blocked(.receiptRefused(code: code))
    case 19: self = .blocked(.gatewayAhead(expected: expected))
    case 20: self = .blocked(.notResumable)
    default: return nil
    }
    let own = fields
    guard own.code == code, own.expected == expected else { return nil }
  }
}
