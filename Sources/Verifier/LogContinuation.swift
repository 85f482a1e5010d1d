import FixedMemory
import Proofs
import Records

/// Whether a signed checkpoint goes on where a device's log ends (docs/delivery-protocol.md, "Gaps, and what
/// the spool no longer holds"): one set of rules for the gateway that takes a batch and for the auditor who
/// looks at it later. Pure. What is held at the very position is the caller's to look up before.
///
///     a later epoch, or nothing before        number 0 from leaf 0, or a later one whose items begin at 0
///     the expected number                     items from the log's size, prev the newest checkpoint
///     a number above                          subtrees from the log's size: the tree is the proof
///     all else                                gap
public enum LogContinuation {
  /// The newest checkpoint of a device's log.
  public struct End: Equatable, Sendable {
    public var epoch: UInt64
    public var batch: UInt64
    public var size: UInt64
    /// SHA-256 of its Sig_structure.
    public var hash: Digest

    public init(epoch: UInt64, batch: UInt64, size: UInt64, hash: Digest) {
      self.epoch = epoch
      self.batch = batch
      self.size = size
      self.hash = hash
    }
  }

  /// True when the batch begins a tree of its own: nothing is held, or it is of a later epoch.
  public static func beginsTree(_ checkpoint: Checkpoint, after end: End?) -> Bool {
    end.map { checkpoint.epoch > $0.epoch } ?? true
  }

  /// Why a batch can't follow; nil when it does.
  ///
  /// - `start`: index of the first leaf that its items speak of; nil when they stand for more leaves than
  ///   the tree has.
  public static func refusal(of checkpoint: Checkpoint, start: UInt64?, after end: End?)
    -> RefusalCode?
  {
    let isResumed = start.map { $0 < checkpoint.first } ?? false
    guard let end, checkpoint.epoch <= end.epoch else {
      return ofNewEpoch(checkpoint, start: start, isResumed: isResumed)
    }
    guard checkpoint.epoch == end.epoch else { return .closedEpoch }
    let (expected, overflow) = end.batch.addingReportingOverflow(1)
    guard !overflow else { return .gap }
    if checkpoint.batch > expected {
      return isResumed && start == end.size ? nil : .gap
    }
    // Below it and not held: a resumed batch went past this one.
    guard checkpoint.batch == expected else { return .gap }
    guard checkpoint.previous == end.hash else { return .wrongPrev }
    if isResumed, start == 0, end.size > 0 { return .gap }
    guard checkpoint.first == end.size, start == end.size else { return .sizeMismatch }
    return nil
  }

  /// What `prev` says of the epoch before can't be checked: the device may have lost more than the gateway
  /// has, or less.
  private static func ofNewEpoch(_ checkpoint: Checkpoint, start: UInt64?, isResumed: Bool)
    -> RefusalCode?
  {
    if checkpoint.batch > 0 { return isResumed && start == 0 ? nil : .gap }
    if checkpoint.epoch == 0, !checkpoint.previous.isZero { return .wrongPrev }
    return start == 0 && checkpoint.first == 0 ? nil : .sizeMismatch
  }
}
