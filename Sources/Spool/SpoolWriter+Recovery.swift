import FixedMemory

/// What recovery found. The table in docs/spool-format.md has one row per case.
public enum SpoolRecovery: Equatable, Sendable {
  /// Formatted, and nothing was ever committed.
  case empty
  /// Everything that was ever released is there. What was appended after it may be there too.
  case intact
  /// Released entries are gone: the medium lost what a synchronize had confirmed. Entries up to
  /// `recoveredThrough` are there; numbers up to `releasedThrough` are not used again. What the
  /// owner signed beyond may have left the device.
  case shortOfRelease(releasedThrough: UInt64, recoveredThrough: UInt64)
  /// Neither mark can be read, which no power cut does: how much was released and delivered is not
  /// known. Numbers continue 2^32 above `recoveredThrough`, so that none is used twice.
  case marksLost(recoveredThrough: UInt64)
}

extension SpoolWriter where Storage: ~Copyable {
  /// Without marks, incarnations continue this far above the highest seen: more recoveries than
  /// that, none of which left an entry, are not believed.
  static var incarnationLeap: UInt32 { 1 << 16 }
  static var sequenceLeap: UInt64 { 1 << 32 }

  // MARK: formatting

  /// Makes `storage` an empty spool. What was in it is lost; a power cut leaves the old spool, no
  /// spool or the new one. Fails with `unusableGeometry` before anything is written.
  /// - Parameters:
  ///   - spoolID: random, never used before.
  ///   - segmentByteCount: a multiple of 4 KiB, 8 KiB … 16 MiB. The storage must have room for
  ///     2 … 4096.
  public static func format(
    _ storage: inout Storage, spoolID: FixedBytes<16>,
    segmentByteCount: UInt32 = SpoolLayout.defaultSegmentByteCount
  ) throws(Failure) {
    let geometry = try SpoolGeometry(
      dividing: storage.byteCount, spoolID: spoolID, segmentByteCount: segmentByteCount)
    var bytes = InlineArray<64, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    do {
      // No superblock while the rest is of neither spool.
      try storage.write(
        span.span.extracting(0..<SpoolGeometry.byteCount), at: SpoolLayout.superblockOffset)
      try storage.synchronize()
      for slot in 0..<SpoolLayout.noteSlotCount {
        try storage.write(
          span.span.extracting(0..<SpoolNote.headerByteCount),
          at: SpoolLayout.noteOffset(slot: slot))
      }
      for slot in 0..<SpoolLayout.markSlotCount {
        let mark = ReleaseMark.empty(incarnation: 1, generation: UInt64(slot))
        mark.encode(into: &span, geometry: geometry)
        try storage.write(
          span.span.extracting(0..<ReleaseMark.byteCount), at: SpoolLayout.markOffset(slot: slot))
      }
      try storage.synchronize()
      geometry.encode(into: &span)
      try storage.write(
        span.span.extracting(0..<SpoolGeometry.byteCount), at: SpoolLayout.superblockOffset)
      try storage.synchronize()
    } catch { throw .storage(error) }
  }

  // MARK: recovery

  /// Finds the newest segment and the last entry in it that can be believed. Writes nothing.
  ///
  /// Reads one block per segment, and every entry of the newest one. A failing read is an error and
  /// never taken for the end of the log.
  public init(recovering storage: consuming Storage) throws(Failure) {
    var file = try SpoolFile(opening: storage)
    let found = try file.newestMark()
    let note = try file.newestNote()
    let end = try Self.findEnd(in: &file)
    var mark = found.mark ?? .empty(incarnation: 0, generation: 0)
    // Above whatever may lie behind the end.
    mark.incarnation = max(mark.incarnation, end.incarnation)
    guard mark.incarnation < UInt32.max - Self.incarnationLeap else {
      throw .incarnationsExhausted
    }
    let recovery: SpoolRecovery
    if found.mark == nil {
      recovery = .marksLost(recoveredThrough: end.sequence)
    } else if end.sequence < mark.releasedThrough {
      recovery = .shortOfRelease(
        releasedThrough: mark.releasedThrough, recoveredThrough: end.sequence)
    } else {
      recovery = end.segment == nil ? .empty : .intact
    }
    self.init(
      file: file, recovery: recovery, mark: mark,
      noteGeneration: max(mark.noteGeneration, note?.generation ?? 0), end: end)
  }

  private init(
    file: consuming SpoolFile<Storage>, recovery: SpoolRecovery, mark: ReleaseMark,
    noteGeneration: UInt32, end: End
  ) {
    self.file = file
    self.recovery = recovery
    self.mark = mark
    self.noteGeneration = noteGeneration
    deliveredThrough = mark.deliveredThrough
    currentSegment = end.segment
    endOffset = end.offset
    replayPosition = end.segment.map { SpoolPosition(startOf: $0) }
    phase = end.segment == nil ? .replayed : .replaying
    switch recovery {
    case .empty, .intact:
      lastSequence = end.sequence
      isSealed = false
    case .shortOfRelease:
      lastSequence = mark.releasedThrough
      isSealed = true
    case .marksLost:
      lastSequence = end.sequence + Self.sequenceLeap
      isSealed = true
    }
  }

  private struct End {
    var segment: SpoolSegment?
    /// Behind the last entry.
    var offset: UInt32 = 0
    /// Of the last entry.
    var sequence: UInt64 = 0
    /// The highest in the newest segment.
    var incarnation: UInt32 = 0
  }

  private static func findEnd(in file: inout SpoolFile<Storage>) throws(Failure) -> End {
    var end = End()
    for slot in 0..<file.geometry.segmentCount {
      guard let segment = try file.segment(inSlot: slot) else { continue }
      if let newest = end.segment, newest.number > segment.number { continue }
      end.segment = segment
    }
    guard let segment = end.segment else { return end }
    var position = SpoolPosition(startOf: segment)
    // An entry takes at least its header, so that a segment bounds the loop.
    while let entry = try file.entry(at: position, limit: file.geometry.segmentByteCount) {
      position.advance(past: entry)
    }
    end.offset = position.offset
    end.sequence = position.sequence - 1
    end.incarnation = position.incarnation
    return end
  }

  // MARK: replay

  /// The next entry of the newest segment, its payload at the start of `buffer`; nil after the
  /// last. Fails with `bufferTooSmall`, and can then be repeated with a larger one.
  public mutating func replayNext(into buffer: inout MutableSpan<UInt8>) throws(Failure)
    -> SpoolEntry?
  {
    guard phase == .replaying, let position = replayPosition else { return nil }
    guard position.offset < endOffset else {
      phase = .replayed
      return nil
    }
    guard let entry = try file.entry(at: position, limit: endOffset, into: &buffer) else {
      // It was whole a moment ago.
      throw .damaged(fromSequence: position.sequence, throughSequence: lastSequence)
    }
    replayPosition?.advance(past: entry)
    return entry
  }

  /// Makes what was recovered durable, then releases it, and opens the spool for writing. The whole
  /// newest segment must have been replayed.
  ///
  /// Both mark slots carry the new incarnation when this returns, so that losing one does not lose
  /// it.
  public mutating func finishRecovery() throws(Failure) {
    guard phase == .replayed else { stop("recovery is finished before the replay") }
    let step: UInt32
    switch recovery {
    case .empty, .intact, .shortOfRelease: step = 1
    case .marksLost: step = Self.incarnationLeap
    }
    let incarnation = mark.incarnation + step
    do throws(Failure) {
      // What was read may be in the page cache only, if the process ended and not the board.
      try writeAgain()
      try file.synchronize()
      for _ in 0..<SpoolLayout.markSlotCount {
        try release(incarnation: incarnation, generation: mark.generation + 1)
        try file.synchronize()
      }
    } catch { throw fail(error) }
    phase = .open
  }

  /// Writes what was recovered beyond the mark once more, as it stands. After a synchronize that
  /// failed the page cache may show bytes as clean that are not on the medium; only writing makes
  /// them dirty again.
  private mutating func writeAgain() throws(Failure) {
    if let note = try file.newestNote(), note.generation > mark.noteGeneration {
      try writeAgain(
        SpoolNote.headerByteCount + note.byteCount, at: SpoolLayout.noteOffset(slot: note.slot))
    }
    guard let segment = currentSegment else { return }
    let start = file.geometry.offset(ofSegment: segment.number)
    var offset = mark.endOffset
    if mark.segmentNumber != segment.number {
      try writeAgain(SpoolSegment.headerByteCount + segment.contextByteCount, at: start)
      offset = UInt32(SpoolLayout.segmentHeaderByteCount)
    }
    while offset < endOffset {
      let count = min(endOffset - offset, UInt32(SpoolFile<Storage>.scratchByteCount))
      try writeAgain(Int(count), at: start + UInt64(offset))
      offset += count
    }
  }

  private mutating func writeAgain(_ count: Int, at offset: UInt64) throws(Failure) {
    try file.load(count, at: offset)
    try file.store(count, at: offset)
  }
}
