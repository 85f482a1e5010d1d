import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Spool

/// The log as its spool has it.
struct SpoolReport {
  var geometry: SpoolGeometry?
  var releasedThrough: UInt64 = 0
  var deliveredThrough: UInt64 = 0
  /// The oldest and the newest sealed batch.
  var oldest: LogBatch?
  var last: LogBatch?
  /// The oldest of the last one's boot.
  var firstOfBoot: LogBatch?
  /// The oldest batch that no verified receipt covers.
  var firstUndelivered: LogBatch?
  /// Leaves that are durable and not sealed yet.
  var openLeafCount: UInt64 = 0
  /// Bytes of the segments that hold what is not delivered.
  var undeliveredByteCount: UInt64 = 0
  /// What the last boot has written so far, and in how long; nil while that is too little to tell a rate.
  var growth: Growth?
  /// How often something could not be read.
  var lossCount = 0
  /// The survey begins after the boot, because the boot is long.
  var isExcerpt = false
  var survey = Survey()

  struct Growth {
    var byteCount: UInt64
    var milliseconds: Int64
  }

  /// Bytes of all segments.
  var byteCount: UInt64 {
    guard let geometry else { return 0 }
    return UInt64(geometry.segmentCount) * UInt64(geometry.segmentByteCount)
  }

  /// Rounded down.
  var undeliveredPercent: UInt64 {
    byteCount == 0 ? 0 : undeliveredByteCount / (byteCount / 100 + 1)
  }

  /// Until the spool is full of what is not delivered, if nothing is delivered and the node goes on as in
  /// this boot; nil when that can't be told.
  var millisecondsUntilFull: Int64? {
    guard let growth, byteCount > undeliveredByteCount else { return nil }
    let room = byteCount - undeliveredByteCount
    // Below 2^36 bytes and 2^50 ms: in thousandths of a segment the product stays within 64 bits.
    let steps = room / 4096
    let (product, overflows) = steps.multipliedReportingOverflow(by: UInt64(growth.milliseconds))
    guard !overflows else { return nil }
    return Int64(clamping: product / max(1, growth.byteCount / 4096))
  }

  /// Batches that no verified receipt covers; nil when they lie in several epochs.
  var undeliveredBatchCount: UInt64? {
    guard let firstUndelivered, let last else { return 0 }
    guard firstUndelivered.checkpoint.epoch == last.checkpoint.epoch else { return nil }
    return last.checkpoint.batch - firstUndelivered.checkpoint.batch + 1
  }
}

extension SpoolReport {
  /// So many entries are read in order; of a longer boot its beginning and its end. A minute of a
  /// node's life is about eight entries, so that this is the last two hours: a second's work for
  /// the smallest board.
  static var maximumEntryCount: UInt64 { 1024 }
  /// Batches at a boot's beginning that are searched for schemas.
  static var maximumFirstBatchCount: Int { 16 }

  /// `limit`: a boot of more entries is shown by its beginning and its end.
  init(
    reading paths: NodePaths, limit: UInt64 = SpoolReport.maximumEntryCount
  ) throws(SpoolProblem) {
    var walk = try LogWalk(paths)
    geometry = walk.reader.geometry
    releasedThrough = walk.reader.releasedThrough
    deliveredThrough = walk.reader.deliveredThrough
    guard releasedThrough > 0 else { return }
    try walk.seek(toSequence: 1)
    oldest = try walk.next()
    guard let last = try walk.findLast() else {
      takeOpenLeaves(walk)
      return
    }
    self.last = last
    try survey(&walk, last, limit)
    let delivered = deliveredThrough
    firstUndelivered = try walk.find { $0.sequence <= delivered }
    lossCount = walk.lossCount
    undeliveredByteCount = Self.byteCount(paths, from: delivered + 1)
    growth = growth(paths, last)
  }

  /// A rate is told of an hour's quarter at least, and of two segments: all is counted in whole ones.
  private func growth(_ paths: NodePaths, _ last: LogBatch) -> Growth? {
    guard let first = firstOfBoot, let geometry else { return nil }
    let milliseconds =
      last.checkpoint.lastLeafMilliseconds - first.checkpoint.firstLeafMilliseconds
    guard (900_000...(1 << 50)).contains(milliseconds) else { return nil }
    let byteCount = Self.byteCount(paths, from: first.sequence)
    let segment = UInt64(geometry.segmentByteCount)
    guard byteCount > 2 * segment else { return nil }
    return Growth(byteCount: byteCount - segment, milliseconds: milliseconds)
  }

  /// What the leaves of the last boot say.
  private mutating func survey(
    _ walk: inout LogWalk, _ last: LogBatch, _ limit: UInt64
  ) throws(SpoolProblem) {
    let boot = last.checkpoint.boot
    guard let first = try walk.find({ $0.checkpoint.boot < boot }) else { return }
    firstOfBoot = first
    survey.take(items: walk.reader.items)
    if last.sequence - first.sequence > limit {
      isExcerpt = true
      for _ in 1..<Self.maximumFirstBatchCount {
        guard try walk.next() != nil else { break }
        survey.take(items: walk.reader.items)
      }
      try walk.seek(toSequence: last.sequence - limit)
    }
    while try walk.next() != nil { survey.take(items: walk.reader.items) }
    takeOpenLeaves(walk)
  }

  /// Behind the last checkpoint the reader has gathered what is durable and not sealed.
  private mutating func takeOpenLeaves(_ walk: borrowing LogWalk) {
    let before = survey.leafCount
    let isNewBoot = survey.boot
    survey.take(items: walk.reader.items)
    openLeafCount =
      survey.boot == isNewBoot && survey.leafCount >= before
      ? survey.leafCount - before : survey.leafCount
  }

  /// From the segment in which an entry stands, to the end. 0 when the segments can't be read.
  private static func byteCount(_ paths: NodePaths, from sequence: UInt64) -> UInt64 {
    do throws(FileStorage.Failure) {
      let storage = try FileStorage.open(at: paths.spool, access: .readOnly)
      do throws(SpoolFailure) {
        var reader = try SpoolReader(opening: storage)
        guard sequence <= reader.releasedThrough else { return 0 }
        try reader.seek(toSequence: sequence)
        guard let first = reader.currentSegment else { return 0 }
        try reader.seek(toSequence: reader.releasedThrough + 1)
        guard let last = reader.currentSegment, last.number >= first.number else { return 0 }
        return (last.number - first.number + 1) * UInt64(reader.geometry.segmentByteCount)
      } catch { return 0 }
    } catch { return 0 }
  }
}
