import CBOR
import FixedMemory
import Proofs
import Spool

/// Policy drop-oldest: what is kept of a segment before it is overwritten undelivered.
extension DeviceLog where Storage: ~Copyable {
  /// Reads the oldest segment, adds its undelivered leaves' hashes to those kept before, and makes them
  /// durable as the spool's note.
  mutating func keepHashesOfOldestSegment() throws(Failure) {
    let dropping: Dropping?
    do throws(SpoolFailure) { dropping = try readOldestSegment() } catch { throw .spool(error) }
    guard let dropping else { return }
    var note = InlineArray<8176, UInt8>(repeating: 0)
    let count = dropping.kept.encode(into: note.mutableSpan)
    do throws(SpoolFailure) {
      try writer.store(note: note.span.extracting(0..<count))
    } catch { throw .spool(error) }
    dropped = dropping.kept.range(in: state.epoch)
    if let older = dropping.older { untoldOlder = older }
    noteOlder(dropping.kept)
  }

  /// What gave way before this start: the note, unless the segment still stands there that was to be
  /// overwritten next.
  mutating func findDropped() throws(SpoolFailure) {
    var buffer = InlineArray<8192, UInt8>(repeating: 0)
    var span = buffer.mutableSpan
    guard let kept = try readKeptHashes(&span) else { return }
    // Told again after each start until the note moves on: twice is better than never.
    noteOlder(kept)
    if let range = kept.range(in: state.epoch), let first = try writer.firstSegment() {
      let count = try writer.copyContext(of: first, into: &span)
      do throws(CBORDecoder.Failure) {
        let start = try LogState(decoding: span.span.extracting(0..<count))
        if start.epoch == state.epoch, start.size >= range.upperBound { dropped = range }
      } catch {
        throw .damaged(
          fromSequence: first.segment.firstSequence, throughSequence: writer.lastSequence)
      }
    }
    try dropRestOfCutBatch()
  }

  /// The ring may begin in the middle of a batch. What is left of that one stays readable, and no gateway takes
  /// it: hashes may not reach across a batch's first leaf. So it counts as dropped, to its end.
  ///
  ///     gave way │ rest of its last batch │ whole batches
  ///              ▲ the ring begins        ▲ `dropped` ends
  ///
  /// Nothing of this is written: the ring shows it after each start, and the note ends where the ring begins.
  mutating func dropRestOfCutBatch() throws(SpoolFailure) {
    guard dropped != nil || untoldOlder != nil, var place = try writer.firstSegment() else {
      return
    }
    let damaged = SpoolFailure.damaged(
      fromSequence: place.segment.firstSequence, throughSequence: writer.lastSequence)
    var buffer = InlineArray<8192, UInt8>(repeating: 0)
    var span = buffer.mutableSpan
    let count = try writer.copyContext(of: place, into: &span)
    let start: LogState
    do throws(CBORDecoder.Failure) {
      start = try LogState(decoding: span.span.extracting(0..<count))
    } catch { throw damaged }
    guard start.openLeafCount > 0 else { return }
    while let entry = try writer.nextInRing(of: &place, into: &span) {
      if entry.type == LogEntryType.leaves { continue }
      // What a new epoch makes void has a gap leaf of its own.
      guard entry.type == LogEntryType.checkpoint, entry.sequence > writer.deliveredThrough else {
        return
      }
      do throws(CBORDecoder.Failure) {
        let size = try Checkpoint(decoding: span.span.extracting(0..<entry.payloadByteCount)).size
        drop(from: start.size, to: size, epoch: start.epoch)
      } catch { throw damaged }
      return
    }
    isOpenBatchCut =
      start.epoch == state.epoch && start.first == state.first
      && dropped?.upperBound == start.size
  }

  /// What is told goes on from where the ring begins.
  private mutating func drop(from start: UInt64, to end: UInt64, epoch: UInt64) {
    if epoch == state.epoch {
      if let range = dropped, range.upperBound == start { dropped = range.lowerBound..<end }
    } else if let older = untoldOlder, older.epoch == epoch, older.range.upperBound == start {
      untoldOlder = OlderLeaves(epoch: epoch, range: older.range.lowerBound..<end)
    }
  }

  /// The open batch, which lost its first leaves, has been sealed.
  mutating func dropThroughSealedBatch() {
    isOpenBatchCut = false
    if let range = dropped { dropped = range.lowerBound..<state.first }
  }

  private mutating func readOldestSegment() throws(SpoolFailure) -> Dropping? {
    guard var oldest = try writer.oldestSegment() else { return nil }
    var buffer = InlineArray<8192, UInt8>(repeating: 0)
    var span = buffer.mutableSpan
    let kept = try readKeptHashes(&span)
    let contextCount = try writer.copyContext(of: oldest, into: &span)
    // What the log wrote itself, under a checksum, must read back; if not, it is damage.
    let damaged = SpoolFailure.damaged(
      fromSequence: oldest.segment.firstSequence, throughSequence: writer.lastSequence)
    var dropping: Dropping
    do throws(CBORDecoder.Failure) {
      let start = try LogState(decoding: span.span.extracting(0..<contextCount))
      dropping = Dropping(
        kept: kept, epoch: start.epoch, position: start.size,
        deliveredSize: start.epoch == state.epoch ? state.deliveredSize : 0)
    } catch { throw damaged }
    while let entry = try writer.next(of: &oldest, into: &span) {
      do throws(CBORDecoder.Failure) {
        try dropping.take(
          type: entry.type, payload: span.span.extracting(0..<entry.payloadByteCount),
          isDelivered: entry.sequence <= writer.deliveredThrough)
      } catch { throw damaged }
    }
    return dropping
  }

  private mutating func readKeptHashes(_ span: inout MutableSpan<UInt8>) throws(SpoolFailure)
    -> DroppedLeaves?
  {
    let count: Int
    do throws(SpoolFailure) {
      guard let found = try writer.note(into: &span) else { return nil }
      count = found
    } catch {
      // Only hashes to resume from are lost: the gateway is sent what is left, from nothing.
      guard error == .noteDamaged else { throw error }
      return nil
    }
    do throws(CBORDecoder.Failure) {
      return try DroppedLeaves(decoding: span.span.extracting(0..<count))
    } catch { return nil }
  }

  private mutating func noteOlder(_ kept: DroppedLeaves) {
    guard kept.epoch < state.epoch, let range = kept.range(in: kept.epoch) else { return }
    untoldOlder = OlderLeaves(epoch: kept.epoch, range: range)
  }
}

/// Leaves of one epoch that are not to be had.
public struct OlderLeaves: Equatable, Sendable {
  public let epoch: UInt64
  public let range: Range<UInt64>

  public init(epoch: UInt64, range: Range<UInt64>) {
    self.epoch = epoch
    self.range = range
  }
}

/// Walks the entries of a segment that will be overwritten.
struct Dropping {
  var kept: DroppedLeaves
  /// What gave way of an epoch that ends in this segment.
  var older: OlderLeaves?
  private var position: UInt64

  /// `kept` goes on when it ends where the segment's undelivered leaves begin, or has them already, because
  /// the program ended before it could overwrite the segment; else it begins anew.
  init(kept: DroppedLeaves?, epoch: UInt64, position: UInt64, deliveredSize: UInt64) {
    self.position = position
    let start = max(position, deliveredSize)
    if let kept, kept.epoch == epoch,
      kept.to == start || (start == position && (kept.from...kept.to).contains(position))
    {
      self.kept = kept
    } else {
      self.kept = DroppedLeaves(epoch: epoch, from: start)
    }
  }

  /// `isDelivered`: the gateway is known to have everything up to this entry. The spool remembers that over
  /// a restart; the log's own figure is only as new as the last segment's context.
  mutating func take(type: UInt8, payload: Span<UInt8>, isDelivered: Bool)
    throws(CBORDecoder.Failure)
  {
    switch type {
    case LogEntryType.leaves:
      var items = CBORDecoder(payload)
      while !items.isAtEnd {
        let leaf = try items.byteString()
        if position == kept.to { kept.append(leafHash: MerkleTree.leafHash(leaf)) }
        position += 1
      }
    case LogEntryType.checkpoint:
      let size = try Checkpoint(decoding: payload).size
      if isDelivered, size > kept.from {
        kept = DroppedLeaves(epoch: kept.epoch, from: size)
      } else {
        kept.passCheckpoint(size: size)
      }
    case LogEntryType.epoch:
      let epoch = try EpochEntry(decoding: payload).epoch
      // The first entry of the segment whose context is this epoch's already says nothing new.
      guard epoch != kept.epoch else { return }
      if let range = kept.range(in: kept.epoch) {
        older = OlderLeaves(epoch: kept.epoch, range: range)
      }
      kept = DroppedLeaves(epoch: epoch, from: 0)
      position = 0
    default: throw .outsideFormat
    }
  }
}

/// The payload of an entry that begins a tree: [1, epoch, prev].
struct EpochEntry {
  static var formatVersion: Int64 { 1 }
  /// Array head 1, version 1, epoch 9, prev 34.
  static var maximumByteCount: Int { 45 }

  var epoch: UInt64
  var previous: Digest

  func encode(into bytes: consuming MutableSpan<UInt8>) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.arrayHead(count: 3)
    encoder.integer(Self.formatVersion)
    encoder.unsigned(epoch)
    encoder.byteString(previous.span)
    return encoder.byteCount
  }

  init(epoch: UInt64, previous: Digest) {
    self.epoch = epoch
    self.previous = previous
  }

  init(decoding bytes: Span<UInt8>) throws(CBORDecoder.Failure) {
    var decoder = CBORDecoder(bytes)
    let count = try decoder.arrayHead()
    guard try decoder.integer() == Self.formatVersion else { throw .unknownVersion }
    guard count == 3 else { throw .outsideFormat }
    epoch = try decoder.unsigned()
    guard let previous = Digest(try decoder.byteString()) else { throw .outsideFormat }
    self.previous = previous
    try decoder.finish()
  }
}
