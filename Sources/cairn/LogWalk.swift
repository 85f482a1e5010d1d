import DeviceLog
import LinuxPlatform
import NodeFiles
import Proofs
import Spool

/// Walks the sealed batches of a spool. What can't be read is passed over and counted: a torn entry
/// is no reason to hide all others.
///
/// Invariant: every failure that is passed over has moved the reader on, and there are no more of
/// them than `maximumLossCount`.
struct LogWalk: ~Copyable {
  /// A damaged card has other worries than a complete list.
  static var maximumLossCount: Int { 4096 }

  var reader: NodeLogReader
  /// How often something could not be read.
  private(set) var lossCount = 0

  init(_ paths: NodePaths) throws(SpoolProblem) {
    let storage: FileStorage
    do throws(FileStorage.Failure) {
      storage = try FileStorage.open(at: paths.spool, access: .readOnly)
    } catch { throw .file(error) }
    do throws(NodeLogReader.Failure) { reader = try LogReader(opening: storage) } catch {
      throw .log(error)
    }
  }

  /// The next batch; nil at the end of what the agent has released.
  mutating func next() throws(SpoolProblem) -> LogBatch? {
    while true {
      do throws(NodeLogReader.Failure) {
        return try reader.next()
      } catch {
        guard Self.isLoss(error), lossCount < Self.maximumLossCount else { throw .log(error) }
        lossCount += 1
      }
    }
  }

  /// Continues near the entry of that sequence: at most one segment before it.
  mutating func seek(toSequence sequence: UInt64) throws(SpoolProblem) {
    do throws(NodeLogReader.Failure) { try reader.seek(toSequence: sequence) } catch {
      throw .log(error)
    }
  }

  private static func isLoss(_ failure: NodeLogReader.Failure) -> Bool {
    switch failure {
    case .spool(.damaged), .spool(.overtaken), .foreignContent: true
    case .spool, .noBatch, .cannotResume: false
    }
  }

  /// The first batch for which `isBefore` is false; nil when all batches are before. It must be
  /// true for batches up to some place and false from there on: then halving finds the place. The
  /// walk goes on behind the batch found, and has it whole if the spool does.
  mutating func find(_ isBefore: (LogBatch) -> Bool) throws(SpoolProblem) -> LogBatch? {
    // Seeking begins at a segment's start. From `low` on, the first batch is before the place, or
    // is the oldest; from `high` on, it is not.
    var low: UInt64 = 1
    var high = reader.releasedThrough + 1
    while high > low, high - low > Self.entriesReadInOrder {
      let middle = low + (high - low) / 2
      try seek(toSequence: middle)
      if let found = try next(), isBefore(found) { low = middle } else { high = middle }
    }
    try seek(toSequence: low)
    while let found = try next() {
      if !isBefore(found) { return found }
    }
    return nil
  }

  /// Fewer entries than this are not worth another seek.
  private static var entriesReadInOrder: UInt64 { 64 }

  /// The batch at a position; nil when the spool does not have it.
  mutating func find(epoch: UInt64, batch: UInt64) throws(SpoolProblem) -> LogBatch? {
    let found = try find {
      $0.checkpoint.epoch != epoch
        ? $0.checkpoint.epoch < epoch : $0.checkpoint.batch < batch
    }
    guard let found, found.checkpoint.epoch == epoch, found.checkpoint.batch == batch else {
      return nil
    }
    return found
  }

  /// The newest sealed batch; nil when there is none.
  mutating func findLast() throws(SpoolProblem) -> LogBatch? {
    // A batch has at most 512 leaves, hence entries; what is not sealed yet stands behind it.
    for reach: UInt64 in 1...3 {
      let distance = reach == 1 ? 64 : reach == 2 ? 2048 : reader.releasedThrough
      try seek(toSequence: reader.releasedThrough - min(distance, reader.releasedThrough))
      var last: LogBatch?
      while let found = try next() { last = found }
      guard let last else { continue }
      return try find(epoch: last.checkpoint.epoch, batch: last.checkpoint.batch)
    }
    return nil
  }
}
