import FixedMemory

/// Reads what the writer has released. Any number of readers, in other processes; none of them
/// writes.
///
///     oldest segment            newest segment
///     │ entries │ entries │ … │ entries ▏not released yet
///          ▲                             ▲
///      nextSequence                 releasedThrough
///
/// Invariants:
/// 1. Nothing is returned whose checksum, sequence and incarnation were not checked.
/// 2. Nothing is returned past `releasedThrough`.
/// 3. `nextSequence` rises with every entry returned and every loss reported; only `seek` lowers
///    it.
/// 4. Each call reads at most every segment's header and one segment's entries.
public struct SpoolReader<Storage: BlockStorage & ~Copyable>: ~Copyable {
  public typealias Failure = SpoolFailure

  private var file: SpoolFile<Storage>
  private var mark: ReleaseMark
  private var position: SpoolPosition
  /// The segment of the entry last returned, or after a seek of the entry to come; nil: not yet
  /// found.
  public private(set) var currentSegment: SpoolSegment?

  /// Mark slots that could not be read at the last `refresh`. One may be in the middle of being
  /// written, or cut; if it stays, what was released last cannot be seen until the writer's next
  /// commit.
  public private(set) var damagedMarkCount = 0

  /// How often `refresh` looks again when neither mark can be read.
  private static var markAttemptCount: Int { 4 }

  public var geometry: SpoolGeometry { file.geometry }
  /// The last entry that may be read; 0: none.
  public var releasedThrough: UInt64 { mark.releasedThrough }
  /// The last entry that the agent knows to be delivered; 0: none.
  public var deliveredThrough: UInt64 { mark.deliveredThrough }
  /// The writer's recovery count.
  public var incarnation: UInt32 { mark.incarnation }
  /// The sequence of the entry that `next` returns, if it is there.
  public var nextSequence: UInt64 { position.sequence }

  /// Opens a spool, reads its mark and stands at the oldest entry.
  public init(opening storage: consuming Storage) throws(Failure) {
    var file = try SpoolFile(opening: storage)
    let found = try Self.newestMark(in: &file)
    let mark = found.mark ?? .empty(incarnation: 0, generation: 0)
    let oldest = try file.firstSegment(from: 1, through: mark.segmentNumber)
    self.init(file: file, mark: mark, damagedMarkCount: found.damagedCount, oldest: oldest)
  }

  private init(
    file: consuming SpoolFile<Storage>, mark: ReleaseMark, damagedMarkCount: Int,
    oldest: SpoolSegment?
  ) {
    self.file = file
    self.mark = mark
    self.damagedMarkCount = damagedMarkCount
    currentSegment = oldest
    position =
      oldest.map { SpoolPosition(startOf: $0) }
      ?? SpoolPosition(endOf: .empty(incarnation: 0, generation: 0))
  }

  /// Reads the mark again. Without a readable one, the last one known stays in force, or nothing is
  /// released. Fails with `replaced` when another spool was formatted in this one's place.
  public mutating func refresh() throws(Failure) {
    let found = try Self.newestMark(in: &file)
    damagedMarkCount = found.damagedCount
    if let newest = found.mark {
      if newest.follows(mark) { mark = newest }
    } else {
      try file.checkIdentity()
    }
  }

  /// Looks again a few times when neither mark can be read: one may be in the middle of being
  /// written.
  private static func newestMark(in file: inout SpoolFile<Storage>) throws(Failure) -> (
    mark: ReleaseMark?, damagedCount: Int
  ) {
    for _ in 1..<markAttemptCount {
      let found = try file.newestMark()
      if found.mark != nil { return found }
    }
    return try file.newestMark()
  }

  // MARK: positions

  /// The sequence of the oldest entry that can be reached; that of the next entry to come when
  /// there is none. Reads all segment headers.
  public mutating func oldestSequence() throws(Failure) -> UInt64 {
    let last = mark.segmentNumber
    return try file.firstSegment(from: 1, through: last)?.firstSequence
      ?? mark.releasedThrough + 1
  }

  /// Stands at the entry of that sequence or, when it is not there, at the first one after it;
  /// behind the last released entry when there is none. `nextSequence` tells which it is.
  public mutating func seek(toSequence sequence: UInt64) throws(Failure) {
    guard sequence <= mark.releasedThrough else { return try standAtEnd() }
    guard let start = try segmentForSeek(sequence) else { return try standAtEnd() }
    currentSegment = start
    position = SpoolPosition(startOf: start)
    while position.sequence < sequence,
      let entry = try file.entry(at: position, limit: limit(ofSegment: start.number))
    {
      position.advance(past: entry)
    }
    if position.sequence < sequence {
      // The segment breaks off before it: damaged, or reused just now.
      try standAtSegment(after: start.number)
    }
  }

  /// The last segment that begins at or before `sequence`, else the oldest.
  private mutating func segmentForSeek(_ sequence: UInt64) throws(Failure) -> SpoolSegment? {
    guard let oldest = try file.firstSegment(from: 1, through: mark.segmentNumber) else {
      return nil
    }
    var best = oldest
    var number = oldest.number + 1
    while number <= mark.segmentNumber {
      if let segment = try file.segment(number) {
        guard segment.firstSequence <= sequence else { break }
        best = segment
      }
      number += 1
    }
    return best
  }

  private mutating func standAtSegment(after number: UInt64) throws(Failure) {
    guard let next = try file.firstSegment(from: number + 1, through: mark.segmentNumber) else {
      return try standAtEnd()
    }
    currentSegment = next
    position = SpoolPosition(startOf: next)
  }

  private mutating func standAtEnd() throws(Failure) {
    currentSegment = try file.segment(mark.segmentNumber)
    position = SpoolPosition(endOf: mark)
  }

  /// Stands at the first entry of the next segment, and says whether there is one.
  public mutating func seekToNextSegment() throws(Failure) -> Bool {
    guard
      let next = try file.firstSegment(
        from: (currentSegment?.number ?? 0) + 1, through: mark.segmentNumber)
    else { return false }
    currentSegment = next
    position = SpoolPosition(startOf: next)
    return true
  }

  /// Entries of a segment end here at the latest.
  private func limit(ofSegment number: UInt64) -> UInt32 {
    number == mark.segmentNumber ? mark.endOffset : file.geometry.segmentByteCount
  }

  // MARK: reading

  /// The next entry, its payload at the start of `buffer`; nil when all that is released has been
  /// read.
  ///
  /// Fails with `bufferTooSmall` (the position is unchanged), `overtaken` (it is at the oldest
  /// entry left) or `damaged` (it is behind what can't be read); reading goes on after each of
  /// them.
  public mutating func next(into buffer: inout MutableSpan<UInt8>) throws(Failure) -> SpoolEntry? {
    guard position.sequence <= mark.releasedThrough else { return nil }
    // Segments without entries are stepped over, and there are no more than segments.
    for _ in 0...file.geometry.segmentCount {
      if let segment = currentSegment,
        let entry = try file.entry(
          at: position, limit: limit(ofSegment: segment.number), into: &buffer)
      {
        position.advance(past: entry)
        return entry
      }
      try stepToFollower()
    }
    throw .overtaken
  }

  /// No entry stands at the position: moves on to where its sequence continues, or behind what is
  /// missing, and says so by throwing.
  private mutating func stepToFollower() throws(Failure) {
    let wanted = position.sequence
    let segment = currentSegment
    if let segment, try file.segment(segment.number) == segment {
      // The segment stands as it was, so it ends here, or is damaged from here on.
      try standAtSegment(after: segment.number)
      guard position.sequence <= wanted else {
        throw .damaged(fromSequence: wanted, throughSequence: position.sequence - 1)
      }
    } else {
      // Never found, or reused. What was wanted may still be there, further on.
      try refresh()
      try seek(toSequence: wanted)
      guard position.sequence > wanted else { return }
      guard currentSegment != nil else {
        throw .damaged(fromSequence: wanted, throughSequence: position.sequence - 1)
      }
      throw .overtaken
    }
  }

  /// Copies the context of `currentSegment` and answers its length; 0 when there is no segment.
  /// Fails with `overtaken` when the segment has been reused.
  public mutating func copyContext(into buffer: inout MutableSpan<UInt8>) throws(Failure) -> Int {
    guard let segment = currentSegment else { return 0 }
    guard let count = try file.copyContext(of: segment, into: &buffer) else { throw .overtaken }
    return count
  }

  /// Copies the newest note, as `SpoolWriter.note(into:)` does.
  public mutating func note(into buffer: inout MutableSpan<UInt8>) throws(Failure) -> Int? {
    try file.copyNote(into: &buffer, notBefore: mark.noteGeneration)
  }
}
