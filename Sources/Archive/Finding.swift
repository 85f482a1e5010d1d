import FixedMemory
import Proofs
import Records

/// Something that an archive does not bear out.
public struct Finding: Equatable, Sendable {
  public enum Severity: String, CaseIterable, Sendable {
    /// Statements that the gateway signed can't all be true, or it took what it must refuse.
    case gateway
    /// The same of a device.
    case device
    /// The archive is not whole, or not what was exported. Whose doing that is, nothing here tells.
    case damage
    /// Nothing is proved; somebody should look.
    case warning
  }

  /// What something found is called. Names never change their meaning (docs/archive.md).
  public enum Name: String, CaseIterable, Sendable {
    // The files.
    case logDamaged = "log-damaged"
    case keysDamaged = "keys-damaged"
    case batchesDamaged = "batches-damaged"
    case headDamaged = "head-damaged"
    case headMismatch = "head-mismatch"
    case headUnsigned = "head-unsigned"
    case gatewayForeign = "gateway-foreign"
    case keyMissing = "key-missing"
    case keyUnused = "key-unused"
    case batchMissing = "batch-missing"
    case batchMisplaced = "batch-misplaced"
    case batchDamaged = "batch-damaged"
    case batchUnchecked = "batch-unchecked"
    case receiptMissing = "receipt-missing"
    // The gateway's log.
    case firstLeaf = "first-leaf"
    case keyChangeRefused = "key-change-refused"
    case timeBackwards = "time-backwards"
    case receiptUnsigned = "receipt-unsigned"
    case receiptDevice = "receipt-device"
    case receiptPosition = "receipt-position"
    case receiptRepeated = "receipt-repeated"
    case receiptAhead = "receipt-ahead"
    case receiptEarly = "receipt-early"
    case receiptsBeforeLog = "receipts-before-log"
    case receiptBeforeClock = "receipt-before-clock"
    case receiptResult = "receipt-result"
    case batchRefused = "batch-refused"
    case keyClosed = "key-closed"
    case notEnrolled = "not-enrolled"
    case enrolmentRefused = "enrolment-refused"
    case enrolmentRepeated = "enrolment-repeated"
    case revocationRefused = "revocation-refused"
    case revocationRepeated = "revocation-repeated"
    case forkUnproved = "fork-unproved"
    case forkUnlogged = "fork-unlogged"
    case challengeUnsigned = "challenge-unsigned"
    case challengeNumber = "challenge-number"
    case challengeAhead = "challenge-ahead"
    case challengeStale = "challenge-stale"
    case challengeUnknown = "challenge-unknown"
    case backdated = "backdated"
    case verdictsDamaged = "verdicts-damaged"
    case verdictDiffers = "verdict-differs"
    case standingsDamaged = "standings-damaged"
    case standingDiffers = "standing-differs"
    case withheldLong = "withheld-long"
    // Heads that somebody kept.
    case twoHistories = "two-histories"
    case headBeyond = "head-beyond"
    case headForeign = "head-foreign"
    case headOldKey = "head-old-key"
  }

  /// Where something stands.
  public struct Place: Equatable, Sendable {
    /// File of the archive, or a head's.
    public var file: String
    /// Byte from the file's beginning, where an item begins.
    public var offset: UInt64?
    /// Index in the gateway's log.
    public var leaf: UInt64?

    public init(file: String, offset: UInt64? = nil, leaf: UInt64? = nil) {
      self.file = file
      self.offset = offset
      self.leaf = leaf
    }
  }

  /// A signed message or hash that shows it.
  public struct Evidence: Equatable, Sendable {
    public let what: String
    public let bytes: [UInt8]
  }

  public internal(set) var severity: Severity
  public let name: Name
  /// What was found, of what.
  public let what: String
  public let place: Place
  public let evidence: [Evidence]
}

extension Finding.Name {
  /// What something of this name is worth while the log is what the gateway signed.
  var severity: Finding.Severity {
    switch self {
    case .logDamaged, .keysDamaged, .batchesDamaged, .headDamaged, .headMismatch, .headUnsigned,
      .gatewayForeign, .keyMissing, .batchMissing, .batchMisplaced, .batchDamaged, .receiptMissing,
      .verdictsDamaged, .verdictDiffers, .standingsDamaged, .standingDiffers:
      .damage
    case .firstLeaf, .keyChangeRefused, .timeBackwards, .receiptUnsigned, .receiptDevice,
      .receiptPosition, .receiptRepeated, .receiptAhead, .batchRefused, .keyClosed,
      .enrolmentRefused, .revocationRefused, .forkUnproved, .challengeUnsigned, .challengeNumber,
      .challengeAhead, .backdated, .twoHistories:
      .gateway
    case .forkUnlogged: .device
    case .keyUnused, .batchUnchecked, .receiptEarly, .receiptsBeforeLog, .receiptBeforeClock,
      .receiptResult, .notEnrolled, .enrolmentRepeated, .revocationRepeated, .challengeStale,
      .challengeUnknown, .headBeyond, .headForeign, .headOldKey, .withheldLong:
      .warning
    }
  }

  /// Why it matters, as one sentence.
  public var meaning: String {
    switch self {
    case .logDamaged: "a leaf can't be read, and the root can't be what was signed"
    case .keysDamaged: "without its key nothing of a device can be checked"
    case .batchesDamaged: "a batch can't be read"
    case .headDamaged: "without a signed head nobody answers for the log"
    case .headMismatch:
      "the leaves are not those that the head was signed for: changed, cut, or put in another order"
    case .headUnsigned: "the head is not by the key in force, so that nobody answers for the log"
    case .gatewayForeign: "this is not the gateway whose key was given"
    case .keyMissing: "without its key nothing of a device can be checked"
    case .keyUnused: "nothing in the log is about this key"
    case .batchMissing: "the gateway signed that it keeps this batch, and it is not in the archive"
    case .batchMisplaced: "batches stand in the order of their receipts, each with its leaf"
    case .batchDamaged: "what is here is not what the device signed"
    case .batchUnchecked:
      "the batch before it is missing or damaged, so its root can't be recomputed"
    case .receiptMissing: "the gateway took a batch and has no receipt for it in its log"
    case .firstLeaf: "a log begins with the gateway's first key, and has it once"
    case .keyChangeRefused: "a new key counts only by the word of the one before"
    case .timeBackwards: "time in a log never goes back"
    case .receiptUnsigned: "the log has a receipt that is not by the key in force"
    case .receiptDevice: "the receipt names another device than the one that signed the batch"
    case .receiptPosition:
      "the receipt says another position or size than the checkpoint that it names"
    case .receiptRepeated: "a batch gets one receipt, the same for ever"
    case .receiptAhead: "a receipt can't be of a later time than its place in the log"
    case .receiptEarly:
      "the clock went back, or the receipt was backdated: the log had passed that time already"
    case .receiptsBeforeLog:
      "given before there was a log: their order and times are the gateway's word alone"
    case .receiptBeforeClock:
      "the device's receiver or time server said that it was later: the device's clock is wrong, or the receipt's time"
    case .receiptResult: "a later version of the gateway knows what it means"
    case .batchRefused: "the gateway gave a receipt for what it must refuse"
    case .keyClosed: "the gateway took a batch under a key that was revoked or succeeded"
    case .notEnrolled: "the log has no enrolment of this key: known from before there were any"
    case .enrolmentRefused: "the gateway took an enrolment that it must refuse"
    case .enrolmentRepeated: "nothing new was enrolled"
    case .revocationRefused: "the gateway took a revocation that it must refuse"
    case .revocationRepeated: "the key was revoked before"
    case .forkUnproved: "the gateway says that a device signed two histories, and does not show it"
    case .forkUnlogged: "the device signed two histories, and the log has no fork of it"
    case .challengeUnsigned: "the log has a challenge that is not by the key in force"
    case .challengeNumber: "numbers of challenges rise: each is there once"
    case .challengeAhead: "a challenge can't be of a later time than its place in the log"
    case .challengeStale:
      "it was over before it stood in the log: the clock went back, or it came late"
    case .challengeUnknown:
      "the log has no such challenge: it was another gateway's, or is not shown"
    case .backdated:
      "the batch holds a challenge that did not exist yet at the time or place of its receipt"
    case .verdictsDamaged: "what the gateway says of a beacon can't be read"
    case .verdictDiffers: "what the archive shows of a beacon is not what the gateway says of it"
    case .standingsDamaged: "what the gateway says of a node can't be read"
    case .standingDiffers:
      "what the archive shows of a node over time is not what the gateway says of it"
    case .withheldLong: "leaves that it had to show by then are only hashes: verdicts may be others"
    case .twoHistories: "the gateway signed two logs that can't be one"
    case .headBeyond: "it was signed for a later state of the log: a newer archive tells"
    case .headForeign: "it is no head by a key of this gateway, and proves nothing"
    case .headOldKey:
      "two histories, or somebody has a key that the gateway gave up: nobody can tell which"
    }
  }
}

/// Findings as they come: of each name the first hundred are kept, and all are counted.
struct FindingList {
  static let maximumKeptOfName = 100

  private(set) var kept: [Finding] = []
  private(set) var counts: [Finding.Name: Int] = [:]

  mutating func add(
    _ name: Finding.Name, _ what: @autoclosure () -> String, at place: Finding.Place,
    _ evidence: @autoclosure () -> [Finding.Evidence] = []
  ) {
    let count = counts[name, default: 0] + 1
    counts[name] = count
    guard count <= Self.maximumKeptOfName else { return }
    kept.append(
      Finding(
        severity: name.severity, name: name, what: what(), place: place, evidence: evidence()))
  }

  func has(_ name: Finding.Name) -> Bool { counts[name] != nil }

  /// The log is not what the gateway signed: what only follows from its leaves is damage.
  mutating func takeFromGateway() {
    for index in kept.indices where kept[index].severity == .gateway {
      if kept[index].name != .twoHistories { kept[index].severity = .damage }
    }
  }
}
