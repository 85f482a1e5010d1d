import Identity
import Proofs

/// How a leaf stands in its node's log, as whoever checked the batches has found.
public enum LogStanding: Equatable, Sendable {
  case sound
  case badSignature
  /// No inclusion under a signed root, or no receipt in the gateway's log.
  case notIncluded
  /// The node signed two histories, and the leaf stands in one of them.
  case forked
  /// Leaves right before or behind it are missing without a gap leaf.
  case gapAround
}

/// A decoded leaf with where it stands.
public struct ArchivedLeaf<Value: Sendable>: Sendable {
  public let epoch: UInt64
  public let index: UInt64
  public let boot: UInt64
  public let milliseconds: Int64
  public let value: Value
  public let standing: LogStanding
  /// By the gateway's log: when the receipt of its batch was signed. Nil: there is none.
  public let receiptUTCMilliseconds: Int64?
  /// Its epoch was closed by a later one before the leaf came.
  public let isInClosedEpoch: Bool
  public let isSimulated: Bool

  public init(
    epoch: UInt64, index: UInt64, boot: UInt64, milliseconds: Int64, value: Value,
    standing: LogStanding, receiptUTCMilliseconds: Int64?, isInClosedEpoch: Bool = false,
    isSimulated: Bool = false
  ) {
    self.epoch = epoch
    self.index = index
    self.boot = boot
    self.milliseconds = milliseconds
    self.value = value
    self.standing = standing
    self.receiptUTCMilliseconds = receiptUTCMilliseconds
    self.isInClosedEpoch = isInClosedEpoch
    self.isSimulated = isSimulated
  }

  /// By place in the log.
  func isBefore<Other>(_ other: ArchivedLeaf<Other>) -> Bool {
    (epoch, index) < (other.epoch, other.index)
  }
}

/// A clock leaf (kind 5) of a node's log.
public struct ClockFix: Equatable, Sendable {
  public let epoch: UInt64
  public let boot: UInt64
  public let milliseconds: Int64
  /// 0: none.
  public let sourceNumber: UInt64
  public let utcMilliseconds: Int64
  public let uncertaintyMilliseconds: UInt64

  public init(
    epoch: UInt64, boot: UInt64, milliseconds: Int64, sourceNumber: UInt64,
    utcMilliseconds: Int64, uncertaintyMilliseconds: UInt64
  ) {
    self.epoch = epoch
    self.boot = boot
    self.milliseconds = milliseconds
    self.sourceNumber = sourceNumber
    self.utcMilliseconds = utcMilliseconds
    self.uncertaintyMilliseconds = uncertaintyMilliseconds
  }
}

/// A position leaf (kind 6), with the UTC that the node's clock gives it.
public struct PositionFix: Equatable, Sendable {
  public let utcMilliseconds: Int64
  public let latitudeE7: Int32
  public let longitudeE7: Int32
  /// Nil when it is not known.
  public let accuracyCentimetres: Int64?

  public init(
    utcMilliseconds: Int64, latitudeE7: Int32, longitudeE7: Int32, accuracyCentimetres: Int64?
  ) {
    self.utcMilliseconds = utcMilliseconds
    self.latitudeE7 = latitudeE7
    self.longitudeE7 = longitudeE7
    self.accuracyCentimetres = accuracyCentimetres
  }
}

/// A chain's anchor, and when the gateway's log had the enrolment with it.
public struct EnrolledAnchor: Equatable, Sendable {
  public let anchor: Anchor
  public let loggedUTCMilliseconds: Int64

  public init(anchor: Anchor, loggedUTCMilliseconds: Int64) {
    self.anchor = anchor
    self.loggedUTCMilliseconds = loggedUTCMilliseconds
  }
}

/// What is known of the node behind a key, when the window began.
public struct NodeEvidence: Sendable {
  public var keyHash: Digest
  /// Hash of its first enrolment; nil: nobody has enrolled this key.
  public var node: Digest?
  /// SHA-256 of the owner's key; nil: it has no owner.
  public var owner: Digest?
  public var revokedUTCMilliseconds: Int64?
  /// Of the enrolment in force.
  public var place: Place?
  public var radio: RadioSetup?
  public var anchors: [EnrolledAnchor]
  public var clocks: [ClockFix]
  /// Fixes of a receiver (source GNSS) around the window, in the order of time.
  public var positions: [PositionFix]

  /// The key's hash in lower-case hexadecimal digits, as verdicts name it.
  public var key: String { keyHash.hexadecimal }

  public init(
    keyHash: Digest, node: Digest?, owner: Digest? = nil, revokedUTCMilliseconds: Int64? = nil,
    place: Place?, radio: RadioSetup?, anchors: [EnrolledAnchor] = [], clocks: [ClockFix],
    positions: [PositionFix] = []
  ) {
    self.keyHash = keyHash
    self.node = node
    self.owner = owner
    self.revokedUTCMilliseconds = revokedUTCMilliseconds
    self.place = place
    self.radio = radio
    self.anchors = anchors
    self.clocks = clocks
    self.positions = positions
  }

  /// The newest chain that the log had before the challenge was issued.
  func chain(forChallengeIssuedAt issuedUTCMilliseconds: Int64) -> EnrolledAnchor? {
    anchors.filter { $0.loggedUTCMilliseconds < issuedUTCMilliseconds }
      .max { $0.loggedUTCMilliseconds < $1.loggedUTCMilliseconds }
  }

  /// UTC at a moment of one boot, by the clock leaf before it, or the first behind it.
  func utc(epoch: UInt64, boot: UInt64, milliseconds: Int64) -> (
    milliseconds: Int64, uncertainty: Int64
  )? {
    let own = clocks.filter { $0.epoch == epoch && $0.boot == boot && $0.sourceNumber != 0 }
    let before = own.filter { $0.milliseconds <= milliseconds }
      .max { $0.milliseconds < $1.milliseconds }
    guard let fix = before ?? own.min(by: { $0.milliseconds < $1.milliseconds }) else { return nil }
    let (passed, isFar) = milliseconds.subtractingReportingOverflow(fix.milliseconds)
    let (utc, isOutside) = fix.utcMilliseconds.addingReportingOverflow(passed)
    // 2^53: far beyond any clock, and small enough to be counted with.
    guard !isFar, !isOutside, (0..<1 << 53).contains(utc) else { return nil }
    return (utc, Int64(min(fix.uncertaintyMilliseconds, 1 << 40)))
  }
}
