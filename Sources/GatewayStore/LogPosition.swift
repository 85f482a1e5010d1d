import Foundation
import GRDB
import Proofs
import Records
import Verifier

/// Where a signed batch stands in what the gateway has of its device's log
/// (docs/delivery-protocol.md, "Gaps, and what the spool no longer holds").
///
///     held at this position, same signed bytes                    repeated
///     held at this position, others                               conflict (fork)
///     behind the end of an epoch before the newest                conflict (closed-epoch)
///     expected number, items from its first leaf                  continues, when prev fits
///     number above, subtrees from the gateway's size              continues: the tree is the proof
///     all else                                                    gap
enum LogPosition {
  enum Verdict {
    case repeated(HeldBatch)
    /// The items go on where this tree ends.
    case continues(MerkleFrontier)
    /// `held` can't belong to one log with what was sent.
    case conflict(RefusalCode, held: [UInt8], expected: Problem.Expected?)
    case refused(Problem)
  }

  static func verdict(on batch: Gateway.CheckedBatch, _ database: Database) throws -> Verdict {
    let checkpoint = batch.checkpoint
    guard let newest = try database.logEnd(device: batch.device.id) else {
      return inNewEpoch(batch)
    }
    if checkpoint.epoch > newest.epoch { return inNewEpoch(batch) }
    let isBehindNewest = checkpoint.epoch == newest.epoch && checkpoint.batch > newest.batch
    if !isBehindNewest, let verdict = try atHeldPosition(batch, database) { return verdict }
    if checkpoint.epoch < newest.epoch {
      let last = try database.newestBatch(device: batch.device.id, epoch: checkpoint.epoch)
      return try inClosedEpoch(batch, last: last, expected: newest.expected)
    }
    return inOpenEpoch(batch, newest)
  }

  /// What is held at this very position: the same, or another history. Nil when nothing is.
  private static func atHeldPosition(_ batch: Gateway.CheckedBatch, _ database: Database) throws
    -> Verdict?
  {
    guard
      let row = try database.batchRow(
        device: batch.device.id, epoch: batch.checkpoint.epoch, batch: batch.checkpoint.batch)
    else { return nil }
    let held = try HeldBatch(row)
    guard held.hash == batch.verified.sigStructureHash else {
      return .conflict(.fork, held: try held.message, expected: nil)
    }
    return .repeated(held)
  }

  /// The first batch of an epoch.
  private static func inNewEpoch(_ batch: Gateway.CheckedBatch) -> Verdict {
    let checkpoint = batch.checkpoint
    switch LogContinuation.refusal(of: checkpoint, start: batch.start, after: nil) {
    case nil: return .continues(MerkleFrontier())
    case .gap: return .refused(gap(epoch: checkpoint.epoch, batch: 0, size: 0))
    case .wrongPrev:
      return .refused(
        Problem(.wrongPrev, detail: "The first checkpoint of all names one before it."))
    case let code?: return .refused(Problem(code))
    }
  }

  /// What goes on behind the end of a closed epoch is kept: another card or board with this key signs, or did.
  /// It is no second history, and where it follows the held end it is the same one. What the gateway never had
  /// of that epoch says nothing.
  private static func inClosedEpoch(
    _ batch: Gateway.CheckedBatch, last: HeldBatch?, expected: Problem.Expected
  ) throws -> Verdict {
    guard let last, batch.checkpoint.batch > last.summary.batch else {
      return .refused(Problem(.closedEpoch, expected: expected))
    }
    return .conflict(.closedEpoch, held: try last.message, expected: expected)
  }

  private static func inOpenEpoch(_ batch: Gateway.CheckedBatch, _ newest: LogEnd) -> Verdict {
    let end = LogContinuation.End(
      epoch: newest.epoch, batch: newest.batch, size: newest.frontier.size, hash: newest.hash)
    switch LogContinuation.refusal(of: batch.checkpoint, start: batch.start, after: end) {
    case nil: return .continues(newest.frontier)
    case .gap: return .refused(gap(newest.expected))
    case let code?: return .refused(Problem(code))
    }
  }

  private static func gap(_ expected: Problem.Expected) -> Problem {
    Problem(
      .gap,
      detail: "Expected is batch \(expected.batch) of epoch \(expected.epoch), from leaf "
        + "\(expected.size).",
      expected: expected)
  }

  private static func gap(epoch: UInt64, batch: UInt64, size: UInt64) -> Problem {
    gap(Problem.Expected(epoch: epoch, batch: batch, size: size))
  }
}

/// The end of a device's log: what the next batch is compared with, and no more, since this is read for
/// every batch that comes.
struct LogEnd {
  let epoch: UInt64
  let batch: UInt64
  let hash: Digest
  let frontier: MerkleFrontier

  static let columns = "epoch, batch, size, hash, frontier"

  /// By place, not by name: a name is looked for anew in every row.
  init(_ row: Row) throws {
    guard let epoch = UInt64(exactly: row[0] as Int64),
      let batch = UInt64(exactly: row[1] as Int64), let size = UInt64(exactly: row[2] as Int64),
      let hash = Digest(row[3] as Data),
      let frontier = MerkleFrontier(stored: row[4], size: size)
    else { throw StoreDamage() }
    self.epoch = epoch
    self.batch = batch
    self.hash = hash
    self.frontier = frontier
  }

  var expected: Problem.Expected {
    Problem.Expected(epoch: epoch, batch: batch + 1, size: frontier.size)
  }
}

/// A batch of the store, with all that came of it.
struct HeldBatch {
  let summary: BatchSummary
  let hash: Digest
  let frontier: MerkleFrontier
  let receipt: [UInt8]
  let bytes: [UInt8]

  init(_ row: Row) throws {
    summary = try BatchSummary(row)
    guard let hash = Digest(row["hash"] as Data),
      let frontier = MerkleFrontier(stored: row["frontier"], size: summary.size)
    else { throw StoreDamage() }
    self.hash = hash
    self.frontier = frontier
    receipt = Array(row["receipt"] as Data)
    bytes = Array(row["bytes"] as Data)
  }

  /// The checkpoint as it was sent.
  var message: [UInt8] {
    get throws {
      let reader = try BatchReader(bytes.span)
      return Array(bytes[reader.checkpoint])
    }
  }
}

/// The database holds what this program never writes.
public struct StoreDamage: Error {}

extension MerkleFrontier {
  /// The peaks one after another, largest first.
  var stored: Data {
    var bytes = Data()
    for index in 0..<peakCount { bytes.append(contentsOf: peak(at: index).array) }
    return bytes
  }

  init?(stored bytes: Data, size: UInt64) {
    guard bytes.count.isMultiple(of: 32) else { return nil }
    let all = bytes.span
    var peaks: [Digest] = []
    peaks.reserveCapacity(all.count / 32)
    for start in stride(from: 0, to: all.count, by: 32) {
      guard let peak = Digest(all.extracting(start..<start + 32)) else { return nil }
      peaks.append(peak)
    }
    self.init(size: size, peaks: peaks.span)
  }
}
