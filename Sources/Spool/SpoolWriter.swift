import FixedMemory

/// The only writer of a spool.
///
///     init(recovering:) ─ replayNext … nil ─▶ finishRecovery ─▶ open ⟲ append, commit …
///                                                                └─ a write fails ─▶ failed
///
/// Invariants, once recovered:
/// 1. Every entry up to `releasedThrough` is durable, and the mark on the medium never says more.
/// 2. `deliveredThrough` ≤ `releasedThrough` ≤ `lastSequence`; each only rises.
/// 3. A segment's header is durable before its first entry is written, and all of the segments
///    before it are durable before its header is.
/// 4. This incarnation was durable before its first entry was written.
/// 5. At most one of the two mark slots, and at most one of the two note slots, is not durable.
public struct SpoolWriter<Storage: BlockStorage & ~Copyable>: ~Copyable {
  public typealias Failure = SpoolFailure

  enum Phase: Equatable {
    case replaying
    case replayed
    case open
    case failed
  }

  var file: SpoolFile<Storage>
  var phase = Phase.replaying

  /// What was found at the end of the newest segment.
  public let recovery: SpoolRecovery

  /// The segment that is appended to; nil until the first one is begun.
  public internal(set) var currentSegment: SpoolSegment?
  /// Where the next entry goes: bytes from the start of the current segment.
  var endOffset: UInt32 = 0
  /// Nothing more goes into the current segment: its end could not be told from damage.
  var isSealed: Bool
  /// The newest mark. During recovery the one that was found, or an empty one.
  var mark: ReleaseMark
  var noteGeneration: UInt32

  /// The last entry appended or recovered; 0: none.
  public internal(set) var lastSequence: UInt64
  /// The last entry whose delivery the owner has verified; durable with the next commit.
  public internal(set) var deliveredThrough: UInt64

  /// Where `replayNext` stands.
  var replayPosition: SpoolPosition?

  /// The last entry that readers may see.
  public var releasedThrough: UInt64 { mark.releasedThrough }
  public var geometry: SpoolGeometry { file.geometry }
  /// Bytes passed to writes since this writer was made.
  public var bytesWritten: UInt64 { file.bytesWritten }

  /// Bytes of payload that one more entry in the current segment could have.
  public var remainingPayloadByteCount: Int {
    guard currentSegment != nil, !isSealed else { return 0 }
    let room =
      Int(file.geometry.segmentByteCount) - Int(endOffset) - SpoolEntry.headerByteCount
    return max(0, min(room, file.geometry.maximumPayloadByteCount))
  }

  // MARK: writing

  /// Appends an entry to the current segment. It is not durable before `commit`.
  ///
  /// One write of header and payload up to 8 KiB, two beyond. Fails with `segmentFull` or
  /// `entryTooLarge` without having changed anything.
  /// - Parameter type: the owner's, 1 … 255.
  public mutating func append(type: UInt8, itemCount: UInt16, payload: Span<UInt8>)
    throws(Failure)
  {
    try requireOpen()
    guard type != 0 else { stop("a spool entry of type 0") }
    guard payload.count <= file.geometry.maximumPayloadByteCount else { throw .entryTooLarge }
    guard let segment = currentSegment, payload.count <= remainingPayloadByteCount,
      UInt32(SpoolEntry.headerByteCount) <= file.geometry.segmentByteCount - endOffset, !isSealed
    else { throw .segmentFull }
    let entry = SpoolEntry(
      sequence: lastSequence + 1, type: type, itemCount: itemCount,
      payloadByteCount: payload.count, incarnation: mark.incarnation)
    try write(entry, payload, at: file.geometry.offset(ofSegment: segment.number))
    lastSequence = entry.sequence
    endOffset += UInt32(entry.byteCount)
  }

  private mutating func write(_ entry: SpoolEntry, _ payload: Span<UInt8>, at start: UInt64)
    throws(Failure)
  {
    var staged = file.scratch.mutableSpan
    entry.encode(into: &staged, payload: payload, geometry: file.geometry)
    let headerByteCount = SpoolEntry.headerByteCount
    let stagedPayload = min(
      payload.count, SpoolFile<Storage>.scratchByteCount - headerByteCount)
    staged.copy(payload.extracting(0..<stagedPayload), to: headerByteCount)
    let offset = start + UInt64(endOffset)
    do throws(Failure) {
      try file.store(headerByteCount + stagedPayload, at: offset)
      if stagedPayload < payload.count {
        try file.write(
          payload.extracting(stagedPayload..<payload.count),
          at: offset + UInt64(headerByteCount + stagedPayload))
      }
    } catch { throw fail(error) }
  }

  /// Makes everything durable, then releases it: when this returns, readers see all entries.
  public mutating func commit() throws(Failure) {
    try requireOpen()
    guard
      lastSequence != mark.releasedThrough || currentSegment?.number ?? 0 != mark.segmentNumber
        || deliveredThrough != mark.deliveredThrough
        || noteGeneration != mark.noteGeneration
    else { return }
    do throws(Failure) {
      try file.synchronize()
      try release(incarnation: mark.incarnation, generation: mark.generation + 1)
    } catch { throw fail(error) }
  }

  /// Makes everything durable and releases nothing: for groups whose checkpoint is still to come.
  /// Saves the mark's write.
  public mutating func synchronize() throws(Failure) {
    try requireOpen()
    do throws(Failure) { try file.synchronize() } catch { throw fail(error) }
  }

  /// Writes a mark for the entries so far, which are durable.
  mutating func release(incarnation: UInt32, generation: UInt64) throws(Failure) {
    let next = ReleaseMark(
      incarnation: incarnation, generation: generation, releasedThrough: lastSequence,
      deliveredThrough: deliveredThrough, segmentNumber: currentSegment?.number ?? 0,
      endOffset: currentSegment == nil ? 0 : endOffset, noteGeneration: noteGeneration)
    try file.write(next)
    mark = next
  }

  /// Says that the gateway has everything up to `sequence`, which was released. Never goes back: a
  /// lower number changes nothing. Durable with the next commit.
  public mutating func markDelivered(through sequence: UInt64) throws(Failure) {
    try requireOpen()
    guard sequence <= mark.releasedThrough else { stop("delivered past what was released") }
    deliveredThrough = max(deliveredThrough, sequence)
  }

  // MARK: segments

  /// What the segment holds that `beginSegment` would overwrite.
  public enum NextSegment: Equatable, Sendable {
    /// Nothing that a reader could reach.
    case free
    /// Entries that were delivered: kept until now because there was room.
    case delivered(firstSequence: UInt64, lastSequence: UInt64)
    /// Entries of which at least the last is not delivered.
    case undelivered(firstSequence: UInt64, lastSequence: UInt64)
  }

  /// Looks at the headers of the next segment and the one after it.
  public mutating func nextSegment() throws(Failure) -> NextSegment {
    try requireOpen()
    guard let current = currentSegment,
      let oldest = try file.segment(inSlot: file.geometry.slot(ofSegment: current.number + 1)),
      oldest.number < current.number,
      let follower = try file.firstSegment(from: oldest.number + 1, through: current.number),
      follower.firstSequence > oldest.firstSequence
    else { return .free }
    let last = follower.firstSequence - 1
    return last <= deliveredThrough
      ? .delivered(firstSequence: oldest.firstSequence, lastSequence: last)
      : .undelivered(firstSequence: oldest.firstSequence, lastSequence: last)
  }

  /// Commits, then makes the next segment of the ring current. Fails with `undelivered`, before
  /// anything is changed, when that would lose entries that are not delivered.
  /// - Parameter context: opaque bytes for whoever reads or recovers the segment, at most
  ///   `SpoolLayout.maximumContextByteCount`.
  public mutating func beginSegment(context: Span<UInt8>) throws(Failure) {
    switch try nextSegment() {
    case .free, .delivered: try beginSegment(overwritingUndelivered: context)
    case .undelivered: throw .undelivered
    }
  }

  /// The same, whatever the next segment holds. The owner has kept what it needs of it, in a note.
  public mutating func beginSegment(overwritingUndelivered context: Span<UInt8>)
    throws(Failure)
  {
    try requireOpen()
    guard context.count <= SpoolLayout.maximumContextByteCount else { throw .contextTooLarge }
    // The entries before must be durable when the new header may be: recovery believes the newest.
    try commit()
    let number = (currentSegment?.number ?? mark.segmentNumber) + 1
    var block = file.scratch.mutableSpan
    block.copy(context, to: SpoolSegment.Offset.context)
    let segment = SpoolSegment.encode(
      number: number, firstSequence: lastSequence + 1, incarnation: mark.incarnation,
      contextByteCount: context.count, into: &block, geometry: file.geometry)
    do throws(Failure) {
      try file.store(
        SpoolSegment.headerByteCount + context.count,
        at: file.geometry.offset(ofSegment: number))
      // Durable before its first entry: or else the old header could survive over new entries.
      try file.synchronize()
    } catch { throw fail(error) }
    currentSegment = segment
    endOffset = UInt32(SpoolLayout.segmentHeaderByteCount)
    isSealed = false
  }

  /// Copies the context of the current segment and answers its length; 0 when there is no segment.
  public mutating func copyContext(into buffer: inout MutableSpan<UInt8>) throws(Failure) -> Int {
    guard phase != .failed else { throw .storageFailed }
    guard let segment = currentSegment else { return 0 }
    guard let count = try file.copyContext(of: segment, into: &buffer) else {
      throw .damaged(fromSequence: segment.firstSequence, throughSequence: lastSequence)
    }
    return count
  }

  // MARK: notes

  /// Replaces the note; it is durable when this returns. A power cut leaves the old or the new one.
  /// - Parameter note: at most `SpoolLayout.maximumNoteByteCount` bytes.
  public mutating func store(note: Span<UInt8>) throws(Failure) {
    try requireOpen()
    guard note.count <= SpoolLayout.maximumNoteByteCount else { throw .noteTooLarge }
    let next = SpoolNote(generation: try nextNoteGeneration(), byteCount: note.count)
    do throws(Failure) {
      try file.write(next, note)
      try file.synchronize()
    } catch { throw fail(error) }
    noteGeneration = next.generation
  }

  /// One more; or two, to overwrite a damaged slot rather than the last whole note.
  private mutating func nextNoteGeneration() throws(Failure) -> UInt32 {
    let found = try file.newestNote()?.generation ?? 0
    let next = noteGeneration + (found < noteGeneration ? 2 : 1)
    guard next <= SpoolLayout.maximumNoteGeneration else { throw .notesExhausted }
    return next
  }

  /// Copies the newest note and answers its length; nil when none was ever stored. Fails with
  /// `noteDamaged` when the medium lost it.
  public mutating func note(into buffer: inout MutableSpan<UInt8>) throws(Failure) -> Int? {
    guard phase != .failed else { throw .storageFailed }
    return try file.copyNote(into: &buffer, notBefore: mark.noteGeneration)
  }

  // MARK: private parts

  private func requireOpen() throws(Failure) {
    switch phase {
    case .open: return
    case .failed: throw .storageFailed
    case .replaying, .replayed: stop("a spool is written before its recovery is finished")
    }
  }

  /// After a failed write or synchronize nobody knows what is on the medium: the kernel may have
  /// dropped the dirty pages, so that a second synchronize would succeed for nothing.
  mutating func fail(_ failure: Failure) -> Failure {
    phase = .failed
    return failure
  }

  /// The invariants above, as far as memory shows them. For tests, after each step.
  public func checkInvariants() {
    if phase == .failed { return }
    guard mark.deliveredThrough <= deliveredThrough, deliveredThrough <= mark.releasedThrough,
      mark.releasedThrough <= lastSequence || phase != .open
    else { stop("spool: delivered, released and last are out of order") }
    guard mark.slot == Int(mark.generation & 1) else { stop("spool: a mark outside its slot") }
    guard let segment = currentSegment else {
      if lastSequence != 0, phase == .open, !isSealed { stop("spool: entries without a segment") }
      return
    }
    guard segment.incarnation <= mark.incarnation || phase != .open,
      endOffset >= UInt32(SpoolLayout.segmentHeaderByteCount),
      endOffset <= file.geometry.segmentByteCount,
      segment.firstSequence <= lastSequence + 1
    else { stop("spool: the end lies outside the current segment") }
  }
}
