import FixedMemory

/// Where an entry is expected, and what it has to look like to be believed.
struct SpoolPosition: Equatable {
  /// Number of the segment.
  var segment: UInt64
  /// From the segment's start.
  var offset: UInt32
  /// Sequence of the entry that is expected there.
  var sequence: UInt64
  /// No entry there has a lower incarnation.
  var incarnation: UInt32

  /// The first entry of a segment.
  init(startOf segment: SpoolSegment) {
    self.segment = segment.number
    offset = UInt32(SpoolLayout.segmentHeaderByteCount)
    sequence = segment.firstSequence
    incarnation = segment.incarnation
  }

  /// Where the released entries end.
  init(endOf mark: ReleaseMark) {
    segment = mark.segmentNumber
    offset = mark.endOffset
    sequence = mark.releasedThrough &+ 1
    incarnation = mark.incarnation
  }

  mutating func advance(past entry: SpoolEntry) {
    offset += UInt32(entry.byteCount)
    sequence &+= 1
    incarnation = entry.incarnation
  }
}

/// Storage with a spool on it, and the reading that writer and reader share. What it returns has
/// passed its checksum; what did not is nil, never an error, since a cut write is nothing unusual
/// here.
struct SpoolFile<Storage: BlockStorage & ~Copyable>: ~Copyable {
  var storage: Storage
  let geometry: SpoolGeometry

  /// One note slot: the largest thing that is staged whole. Entries beyond it take a second write.
  static var scratchByteCount: Int { 8192 }
  var scratch = InlineArray<8192, UInt8>(repeating: 0)

  /// Bytes passed to `Storage.write`.
  var bytesWritten: UInt64 = 0

  /// Reads and checks the superblock.
  init(opening storage: consuming Storage) throws(SpoolFailure) {
    var storage = storage
    let geometry = try Self.geometry(of: &storage)
    // What formatting left behind the last segment is less than one segment.
    let byteCount = storage.byteCount
    guard byteCount >= geometry.fileByteCount,
      byteCount - geometry.fileByteCount < UInt64(geometry.segmentByteCount)
    else { throw .wrongByteCount(expected: geometry.fileByteCount, found: byteCount) }
    self.storage = storage
    self.geometry = geometry
  }

  private static func geometry(of storage: inout Storage) throws(SpoolFailure) -> SpoolGeometry {
    guard storage.byteCount >= SpoolLayout.segmentsOffset else { throw .notASpool }
    var bytes = InlineArray<40, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    do { try storage.read(into: &span, at: SpoolLayout.superblockOffset) } catch {
      throw .storage(error)
    }
    return try SpoolGeometry(decoding: span.span)
  }

  /// Fails when the storage no longer holds the spool that was opened.
  mutating func checkIdentity() throws(SpoolFailure) {
    guard try Self.geometry(of: &storage) == geometry else { throw .replaced }
  }

  // MARK: raw bytes

  /// Reads `count` bytes into the scratch.
  mutating func load(_ count: Int, at offset: UInt64) throws(SpoolFailure) {
    var whole = scratch.mutableSpan
    var bytes = whole._mutatingExtracting(first: count)
    do { try storage.read(into: &bytes, at: offset) } catch { throw .storage(error) }
  }

  /// Writes the first `count` bytes of the scratch.
  mutating func store(_ count: Int, at offset: UInt64) throws(SpoolFailure) {
    bytesWritten += UInt64(count)
    do { try storage.write(scratch.span.extracting(0..<count), at: offset) } catch {
      throw .storage(error)
    }
  }

  mutating func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(SpoolFailure) {
    bytesWritten += UInt64(bytes.count)
    do { try storage.write(bytes, at: offset) } catch { throw .storage(error) }
  }

  mutating func synchronize() throws(SpoolFailure) {
    do { try storage.synchronize() } catch { throw .storage(error) }
  }

  // MARK: marks and segment headers

  /// The newest mark, nil when both slots are damaged; and how many are.
  mutating func newestMark() throws(SpoolFailure) -> (mark: ReleaseMark?, damagedCount: Int) {
    var newest: ReleaseMark?
    var damagedCount = 0
    for slot in 0..<SpoolLayout.markSlotCount {
      try load(ReleaseMark.byteCount, at: SpoolLayout.markOffset(slot: slot))
      let bytes = scratch.span.extracting(0..<ReleaseMark.byteCount)
      guard let mark = ReleaseMark.decode(bytes, slot: slot, geometry: geometry) else {
        damagedCount += 1
        continue
      }
      if let other = newest, !mark.follows(other) { continue }
      newest = mark
    }
    return (newest, damagedCount)
  }

  mutating func write(_ mark: ReleaseMark) throws(SpoolFailure) {
    var bytes = InlineArray<48, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    mark.encode(into: &span, geometry: geometry)
    try write(span.span, at: SpoolLayout.markOffset(slot: mark.slot))
  }

  /// The segment in a slot of the ring, nil when no whole header of this spool stands there. Its
  /// context is in the scratch until the next read.
  mutating func segment(inSlot slot: UInt32) throws(SpoolFailure) -> SpoolSegment? {
    try load(SpoolLayout.segmentHeaderByteCount, at: geometry.offset(ofSlot: slot))
    let block = scratch.span.extracting(0..<SpoolLayout.segmentHeaderByteCount)
    return SpoolSegment.decode(block, slot: slot, geometry: geometry)
  }

  /// The segment of that number, nil when it is not, or no longer, in the ring.
  mutating func segment(_ number: UInt64) throws(SpoolFailure) -> SpoolSegment? {
    guard number > 0, let found = try segment(inSlot: geometry.slot(ofSegment: number)),
      found.number == number
    else { return nil }
    return found
  }

  /// The first segment of `numbers` that the ring still has, by at most one look at each slot.
  mutating func firstSegment(from number: UInt64, through last: UInt64) throws(SpoolFailure)
    -> SpoolSegment?
  {
    guard number <= last else { return nil }
    let count = UInt64(geometry.segmentCount)
    // Of numbers further back than the ring is long, none is left.
    var candidate = last - number < count ? number : last - count + 1
    while candidate <= last {
      if let found = try segment(candidate) { return found }
      candidate += 1
    }
    return nil
  }

  /// Copies the context of `segment`; nil when the segment no longer stands there as it was.
  mutating func copyContext(of segment: SpoolSegment, into buffer: inout MutableSpan<UInt8>)
    throws(SpoolFailure) -> Int?
  {
    guard try self.segment(segment.number) == segment else { return nil }
    let count = segment.contextByteCount
    guard buffer.count >= count else { throw .bufferTooSmall(needed: count) }
    let start = SpoolSegment.Offset.context
    buffer.copy(scratch.span.extracting(start..<start + count))
    return count
  }

  // MARK: entries

  /// The entry at `position`, which ends at or before `limit`; nil when none that can be believed
  /// stands there. Its payload is read piece by piece and not kept.
  mutating func entry(at position: SpoolPosition, limit: UInt32) throws(SpoolFailure)
    -> SpoolEntry?
  {
    guard let header = try unverifiedEntry(at: position, limit: limit) else { return nil }
    let start = geometry.offset(ofSegment: position.segment) + UInt64(position.offset)
    var checksum = header.checksum
    var done = 0
    while done < header.entry.payloadByteCount {
      let count = min(header.entry.payloadByteCount - done, Self.scratchByteCount)
      try load(count, at: start + UInt64(SpoolEntry.headerByteCount + done))
      checksum.update(scratch.span.extracting(0..<count))
      done += count
    }
    return checksum.value == header.stored ? header.entry : nil
  }

  /// The same, with the payload at the start of `buffer`.
  mutating func entry(
    at position: SpoolPosition, limit: UInt32, into buffer: inout MutableSpan<UInt8>
  ) throws(SpoolFailure) -> SpoolEntry? {
    guard let header = try unverifiedEntry(at: position, limit: limit) else { return nil }
    let count = header.entry.payloadByteCount
    guard count <= buffer.count else {
      // Only a length that the checksum covers is worth complaining about.
      guard try entry(at: position, limit: limit) != nil else { return nil }
      throw .bufferTooSmall(needed: count)
    }
    let start = geometry.offset(ofSegment: position.segment) + UInt64(position.offset)
    var checksum = header.checksum
    if count > 0 {
      var payload = buffer._mutatingExtracting(first: count)
      do {
        try storage.read(into: &payload, at: start + UInt64(SpoolEntry.headerByteCount))
      } catch { throw .storage(error) }
      checksum.update(payload.span)
    }
    return checksum.value == header.stored ? header.entry : nil
  }

  private struct UnverifiedEntry {
    let entry: SpoolEntry
    let stored: UInt32
    /// Over the header; the payload is to be added.
    let checksum: CRC32C
  }

  private mutating func unverifiedEntry(at position: SpoolPosition, limit: UInt32)
    throws(SpoolFailure) -> UnverifiedEntry?
  {
    let headerByteCount = SpoolEntry.headerByteCount
    guard limit <= geometry.segmentByteCount, position.offset <= limit,
      limit - position.offset >= UInt32(headerByteCount)
    else { return nil }
    let start = geometry.offset(ofSegment: position.segment) + UInt64(position.offset)
    try load(headerByteCount, at: start)
    let bytes = scratch.span.extracting(0..<headerByteCount)
    guard
      let entry = SpoolEntry.decodeUnverified(
        bytes, expecting: position.sequence, fromIncarnation: position.incarnation,
        room: limit - position.offset - UInt32(headerByteCount))
    else { return nil }
    var checksum = geometry.checksumSeed
    checksum.update(bytes.extracting(4..<headerByteCount))
    return UnverifiedEntry(
      entry: entry, stored: bytes.loadLittleEndian(UInt32.self, at: SpoolEntry.Offset.checksum),
      checksum: checksum)
  }
}
