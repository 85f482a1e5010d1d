import CBOR
import FixedMemory
import Proofs
import Spool

/// One sealed batch, as the log has it.
public struct LogBatch: Equatable, Sendable {
  public var checkpoint: Checkpoint
  /// SHA-256 of what the checkpoint's signature covers.
  public var sigStructureHash: Digest
  /// Sequence of the checkpoint's entry in the spool.
  public var sequence: UInt64
  /// Index of the first leaf whose bytes are there: above `checkpoint.first` when leaves gave way.
  public var itemsStart: UInt64
  public var itemCount: Int

  /// All leaves of the batch are there. One whose first leaves gave way is never delivered: a gateway takes no
  /// hashes that reach across a batch's first leaf.
  public var isWhole: Bool { itemsStart == checkpoint.first }
}

/// Reads sealed batches back from a spool, in order: for the uplink, the operator's tool, tests.
///
/// The bytes of a batch stand in `bytes` after `assemble`:
///
///     ┌ head: array, checkpoint, array ┬ leading subtrees ┬ leaves as items ┐
///     └── written backwards from `itemsOffset` ──────────┘└ read from the spool
///
/// Invariants: `position` is the index of the leaf that comes next; items gathered so far are leaves
/// `itemsStart..<position`.
public struct LogReader<Storage: BlockStorage & ~Copyable>: ~Copyable {
  public enum Failure: Error, Equatable {
    case spool(SpoolFailure)
    /// Intact entries that are no log of this format.
    case foreignContent
    /// No batch has been read yet, or the last one was not whole.
    case noBatch
    /// The hashes of the leaves between are not there.
    case cannotResume
  }

  /// Frame 253 and 126 leading subtrees of 44 bytes.
  static var itemsOffset: Int { 253 + 126 * 44 }

  private var reader: SpoolReader<Storage>
  private var buffer = InlineArray<73_728, UInt8>(repeating: 0)
  private var gatheredByteCount = 0
  private var gatheredItemCount = 0
  private var itemsStart: UInt64 = 0
  private var position: UInt64 = 0
  private var epoch: UInt64 = 0
  private var contextNumber: UInt64?
  /// The tree up to `position`, when every leaf since a segment's context has passed.
  private var frontier = MerkleFrontier()
  /// The tree up to the first leaf of what has been gathered.
  private var frontierAtStart = MerkleFrontier()
  private var message = InlineArray<247, UInt8>(repeating: 0)
  private var messageByteCount = 0
  private var assembled = 0..<0
  /// Leaves for which subtrees stand in what was assembled: then the batch has to be read anew to be whole.
  public private(set) var withheldCount = 0
  /// The last batch that `next` gave.
  public private(set) var batch: LogBatch?

  public init(opening storage: consuming Storage) throws(Failure) {
    do throws(SpoolFailure) {
      reader = try SpoolReader(opening: storage)
    } catch { throw .spool(error) }
  }

  /// Looks for what has been released since.
  public mutating func refresh() throws(Failure) {
    do throws(SpoolFailure) { try reader.refresh() } catch { throw .spool(error) }
  }

  public var releasedThrough: UInt64 { reader.releasedThrough }
  public var deliveredThrough: UInt64 { reader.deliveredThrough }
  public var nextSequence: UInt64 { reader.nextSequence }
  public var geometry: SpoolGeometry { reader.geometry }

  /// Goes to the segment of that entry, or to the first one after it: `next` may give batches that lie
  /// before the entry. Reading begins at the start of a segment, so that the tree's frontier is known.
  public mutating func seek(toSequence sequence: UInt64) throws(Failure) {
    do throws(SpoolFailure) {
      try reader.seek(toSequence: sequence)
      if let segment = reader.currentSegment, segment.firstSequence < sequence,
        reader.nextSequence == sequence || sequence > reader.releasedThrough
      {
        try reader.seek(toSequence: segment.firstSequence)
      }
    } catch { throw .spool(error) }
    contextNumber = nil
    batch = nil
    discardGathered()
  }

  /// The sequence of the oldest entry that the spool still has. Reads all segment headers.
  public mutating func oldestSequence() throws(Failure) -> UInt64 {
    do throws(SpoolFailure) { return try reader.oldestSequence() } catch { throw .spool(error) }
  }

  /// The oldest batch that the spool has comes next.
  public mutating func rewind() throws(Failure) { try seek(toSequence: 1) }

  /// The next sealed batch; nil when all that is released has been read. Its leaves are gathered, and
  /// `assemble` makes bytes of them. After a failure reading goes on behind what was lost.
  public mutating func next() throws(Failure) -> LogBatch? {
    if batch != nil {
      batch = nil
      discardGathered()
    }
    while true {
      guard let entry = try nextEntry() else { return nil }
      do throws(CBORDecoder.Failure) {
        switch entry.type {
        case LogEntryType.leaves: try gather(entry)
        case LogEntryType.checkpoint:
          if let found = try take(checkpoint: entry) {
            batch = found
            return found
          }
        case LogEntryType.epoch:
          epoch = try EpochEntry(decoding: buffer.span.extracting(range(of: entry))).epoch
          position = 0
          frontier = MerkleFrontier()
          discardGathered()
        default: throw .outsideFormat
        }
      } catch { throw .foreignContent }
    }
  }

  /// Where the payload of the entry just read stands in `buffer`.
  private func range(of entry: SpoolEntry) -> Range<Int> {
    let start = Self.itemsOffset + gatheredByteCount
    return start..<start + entry.payloadByteCount
  }

  private mutating func nextEntry() throws(Failure) -> SpoolEntry? {
    var whole = buffer.mutableSpan
    var rest = whole._mutatingExtracting(Self.itemsOffset + gatheredByteCount..<whole.count)
    let entry: SpoolEntry?
    do throws(SpoolFailure) {
      entry = try reader.next(into: &rest)
      guard entry != nil else { return nil }
      if let segment = reader.currentSegment, segment.number != contextNumber {
        try takeContext()
        contextNumber = segment.number
      }
    } catch {
      // What was gathered belongs to a batch whose rest is gone.
      contextNumber = nil
      discardGathered()
      throw .spool(error)
    }
    return entry
  }

  /// A segment has begun: its context says where in the tree it does.
  private mutating func takeContext() throws(SpoolFailure) {
    var context = InlineArray<2332, UInt8>(repeating: 0)
    var span = context.mutableSpan
    let count = try reader.copyContext(into: &span)
    do throws(CBORDecoder.Failure) {
      let state = try LogState(decoding: span.span.extracting(0..<count))
      let isContinuation = state.epoch == epoch && state.size == position
      epoch = state.epoch
      position = state.size
      frontier = state.frontier
      if !isContinuation {
        // What the reader gathered, if anything, was of another place; the entry just read stays.
        moveEntryToFront()
        discardGathered()
      }
    } catch {
      throw .damaged(fromSequence: reader.nextSequence, throughSequence: reader.nextSequence)
    }
  }

  private mutating func moveEntryToFront() {
    guard gatheredByteCount > 0 else { return }
    let start = Self.itemsOffset
    for index in 0..<(buffer.count - start - gatheredByteCount) {
      buffer[start + index] = buffer[start + gatheredByteCount + index]
    }
  }

  private mutating func discardGathered() {
    gatheredByteCount = 0
    gatheredItemCount = 0
    itemsStart = position
    frontierAtStart = frontier
    assembled = 0..<0
    withheldCount = 0
  }

  private mutating func gather(_ entry: SpoolEntry) throws(CBORDecoder.Failure) {
    if gatheredItemCount == 0 {
      itemsStart = position
      frontierAtStart = frontier
    }
    guard gatheredByteCount + entry.payloadByteCount <= Batch.maximumItemsByteCount else {
      throw .outsideFormat
    }
    var grown = frontier
    var items = CBORDecoder(buffer.span.extracting(range(of: entry)))
    for _ in 0..<entry.itemCount {
      grown.append(leafHash: MerkleTree.leafHash(try items.byteString()))
    }
    try items.finish()
    frontier = grown
    gatheredByteCount += entry.payloadByteCount
    gatheredItemCount += Int(entry.itemCount)
    position += UInt64(entry.itemCount)
  }

  private mutating func take(checkpoint entry: SpoolEntry) throws(CBORDecoder.Failure) -> LogBatch?
  {
    let range = range(of: entry)
    guard range.count <= message.count else { throw .outsideFormat }
    messageByteCount = range.count
    for index in 0..<range.count { message[index] = buffer[range.lowerBound + index] }
    let parts = try COSESign1(decoding: checkpointMessage)
    let checkpoint = try Checkpoint(decoding: checkpointMessage)
    let hash = Checkpoint.sigStructureHash(
      protected: checkpointMessage.extracting(parts.protected), root: checkpoint.root)
    guard checkpoint.size == position else {
      // Its leaves lie before what could be read.
      position = checkpoint.size
      discardGathered()
      return nil
    }
    return LogBatch(
      checkpoint: checkpoint, sigStructureHash: hash, sequence: entry.sequence,
      itemsStart: itemsStart, itemCount: gatheredItemCount)
  }

  /// What stands at a place of the spool.
  public enum Place {
    case checkpoint(Checkpoint, sigStructureHash: Digest)
    /// It gave way to newer entries.
    case overwritten
    /// No checkpoint, or nothing yet.
    case other
  }

  /// Looks for the checkpoint whose entry has that sequence.
  public static func place(at sequence: UInt64, in storage: consuming Storage)
    throws(Failure) -> Place
  {
    var buffer = InlineArray<8192, UInt8>(repeating: 0)
    var span = buffer.mutableSpan
    let entry: SpoolEntry?
    do throws(SpoolFailure) {
      var reader = try SpoolReader(opening: storage)
      try reader.seek(toSequence: sequence)
      if try reader.oldestSequence() > sequence { return .overwritten }
      guard reader.nextSequence == sequence else { return .other }
      entry = try reader.next(into: &span)
    } catch { throw .spool(error) }
    guard let entry, entry.type == LogEntryType.checkpoint else { return .other }
    let message = span.span.extracting(0..<entry.payloadByteCount)
    do throws(CBORDecoder.Failure) {
      let parts = try COSESign1(decoding: message)
      let checkpoint = try Checkpoint(decoding: message)
      let hash = Checkpoint.sigStructureHash(
        protected: message.extracting(parts.protected), root: checkpoint.root)
      return .checkpoint(checkpoint, sigStructureHash: hash)
    } catch { throw .foreignContent }
  }

  // MARK: bytes

  /// The bytes that the last `assemble…` made.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { buffer.span.extracting(assembled) }
  }

  /// The checkpoint message of the last batch.
  public var checkpointMessage: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { message.span.extracting(0..<messageByteCount) }
  }

  /// The leaves of the last batch, as items one after the other. After `next` has given nil: the leaves
  /// behind the last batch, which are durable and not sealed.
  public var items: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get {
      buffer.span.extracting(Self.itemsOffset..<Self.itemsOffset + gatheredByteCount)
    }
  }

  /// The tree before the last batch's first leaf that is there.
  public var frontierBeforeItems: MerkleFrontier { frontierAtStart }

  /// The batch as it is delivered: its leaves, from the checkpoint's first on.
  public mutating func assemble() throws(Failure) {
    guard let batch, batch.isWhole, withheldCount == 0 else { throw .noBatch }
    write(leading: Span(), leadingItemCount: 0, batch)
  }

  /// The batch as it is delivered, with the readings in it as subtrees, where these take less room; all other
  /// leaves go whole (docs/delivery-protocol.md, "A budget of bytes"). `withheldCount` says of how many.
  public mutating func assembleWithoutReadings() throws(Failure) {
    guard var batch, batch.isWhole, withheldCount == 0 else { throw .noBatch }
    let start = Self.itemsOffset
    do throws(CBORDecoder.Failure) {
      let plan = try WithholdingPlan(
        items: buffer.span.extracting(start..<start + gatheredByteCount), count: gatheredItemCount,
        first: batch.itemsStart)
      var whole = buffer.mutableSpan
      let rest = whole._mutatingExtracting(start..<whole.count)
      gatheredByteCount = try plan.apply(to: rest)
      batch.itemCount = plan.itemCount
      gatheredItemCount = plan.itemCount
      withheldCount = plan.withheldCount
    } catch { throw .foreignContent }
    write(leading: Span(), leadingItemCount: 0, batch)
  }

  /// How many leaves `assembleWithoutReadings` would withhold of the last batch; nil when there is none, or its
  /// first leaves gave way.
  public var withholdableCount: Int? {
    guard let batch, batch.isWhole, withheldCount == 0 else { return nil }
    do throws(CBORDecoder.Failure) {
      return try WithholdingPlan(items: items, count: gatheredItemCount, first: batch.itemsStart)
        .withheldCount
    } catch { return nil }
  }

  /// The batch with the subtrees of all leaves before it in front, so that it can be checked alone.
  public mutating func assembleAlone() throws(Failure) {
    guard let batch, withheldCount == 0 else { throw .noBatch }
    var leading = InlineArray<2816, UInt8>(repeating: 0)
    var encoder = CBOREncoder(leading.mutableSpan)
    var remaining = frontierAtStart.size
    for index in 0..<frontierAtStart.peakCount {
      let count = UInt64(1) << UInt64(63 - remaining.leadingZeroBitCount)
      encoder.arrayHead(count: 2)
      encoder.unsigned(count)
      encoder.byteString(frontierAtStart.peak(at: index).span)
      remaining -= count
    }
    let byteCount = encoder.byteCount
    write(
      leading: leading.span.extracting(0..<byteCount),
      leadingItemCount: frontierAtStart.peakCount, batch)
  }

  /// The batch for a gateway that has `size` leaves, which are fewer than stand before the batch: the
  /// subtrees that the log kept of the leaves between lead. Where they end within a batch that is cut at its
  /// beginning, the leaves that are left of it are hashed to follow them:
  ///
  ///     kept ──────────────── kept.to │ rest of the cut batch │ this batch
  public mutating func assembleResumed(fromSize size: UInt64) throws(Failure) {
    guard var batch, batch.isWhole, withheldCount == 0 else { throw .noBatch }
    if size == batch.itemsStart { return try assemble() }
    var kept = try keptHashes()
    guard kept.epoch == batch.checkpoint.epoch, kept.to <= batch.itemsStart else {
      throw .cannotResume
    }
    if kept.to < batch.itemsStart { batch = try extend(&kept, to: batch) }
    var leading = InlineArray<5544, UInt8>(repeating: 0)
    guard let made = kept.encodeItems(from: size, into: leading.mutableSpan),
      made.byteCount <= leading.count
    else { throw .cannotResume }
    write(
      leading: leading.span.extracting(0..<made.byteCount), leadingItemCount: made.itemCount, batch)
  }

  private mutating func keptHashes() throws(Failure) -> DroppedLeaves {
    var note = InlineArray<8176, UInt8>(repeating: 0)
    var span = note.mutableSpan
    let found: Int?
    do throws(SpoolFailure) { found = try reader.note(into: &span) } catch { throw .spool(error) }
    guard let noteCount = found else { throw .cannotResume }
    do throws(CBORDecoder.Failure) {
      return try DroppedLeaves(decoding: span.span.extracting(0..<noteCount))
    } catch { throw .foreignContent }
  }

  /// Reads from the oldest leaf up to `wanted`, which then stands in the buffer again, and hashes what lies
  /// between the kept hashes and it.
  private mutating func extend(_ kept: inout DroppedLeaves, to wanted: LogBatch)
    throws(Failure) -> LogBatch
  {
    try rewind()
    while let found = try next() {
      if found == wanted {
        guard kept.to == wanted.itemsStart else { throw .cannotResume }
        return found
      }
      guard found.sequence < wanted.sequence else { throw .cannotResume }
      guard found.checkpoint.epoch == kept.epoch else { continue }
      do throws(CBORDecoder.Failure) {
        try kept.append(items: items, from: found.itemsStart, sealedAt: found.checkpoint.size)
      } catch { throw .foreignContent }
    }
    throw .cannotResume
  }

  private mutating func write(leading: Span<UInt8>, leadingItemCount: Int, _ batch: LogBatch) {
    var head = InlineArray<253, UInt8>(repeating: 0)
    let headCount = Batch.encodeHead(
      checkpoint: message.span.extracting(0..<messageByteCount),
      itemCount: leadingItemCount + batch.itemCount, into: head.mutableSpan)
    precondition(headCount <= head.count, "a batch's frame longer than its limit")
    let start = Self.itemsOffset - leading.count - headCount
    for index in 0..<headCount { buffer[start + index] = head[index] }
    for index in leading.indices { buffer[start + headCount + index] = leading[index] }
    assembled = start..<Self.itemsOffset + gatheredByteCount
  }
}
