import CBOR
import FixedMemory
import Proofs
import Spool

/// Where a position of the log stands in a spool.
public enum PositionPlace: Equatable, Sendable {
  case held(sigStructureHash: Digest)
  /// It gave way to newer entries, or lies in an epoch before this spool.
  case before
  /// The log was never there: beyond what is sealed of that epoch, or in a later one.
  case absent
  /// What could tell is damaged.
  case unreadable
}

/// How a gateway's head of a log stands to the log itself.
///
///     the log    ──●──●──●──●            shared: the head is one of these
///     the gateway ──●──●──●──◆──◆  ◀ head   apart: the log does not lead there
public enum HeadStanding: Equatable, Sendable {
  /// The log has that very checkpoint: what it has behind it is new to the gateway.
  case shared
  /// The spool can't tell any more, and nothing speaks against it.
  case before
  /// The log has another checkpoint there, or none: it is a copy from before, or another one signs.
  case apart

  /// - `place`: where the head's position stands in the log.
  public init(ofHead checkpointHash: Digest, at place: PositionPlace) {
    switch place {
    case .held(let hash): self = hash == checkpointHash ? .shared : .apart
    case .absent: self = .apart
    case .before, .unreadable: self = .before
    }
  }
}

extension LogReader where Storage: ~Copyable {
  /// How a head stands to the log of this spool. The head's signature is the caller's to check.
  public static func standing(of head: DeviceHead, in storage: consuming Storage)
    throws(Failure) -> HeadStanding
  {
    HeadStanding(
      ofHead: head.checkpointHash,
      at: try place(ofEpoch: head.epoch, batch: head.batch, in: storage))
  }

  /// Looks a position up: reads every segment's context, and the entries of one segment.
  ///
  ///     context  0/0 ┃ 0/5 ┃ 0/9 ┃ 1/3      the checkpoint 0/7 can only stand in the second
  public static func place(ofEpoch epoch: UInt64, batch: UInt64, in storage: consuming Storage)
    throws(Failure) -> PositionPlace
  {
    var buffer = InlineArray<8192, UInt8>(repeating: 0)
    var span = buffer.mutableSpan
    do throws(SpoolFailure) {
      var reader = try SpoolReader(opening: storage)
      guard let found = try segment(before: epoch, batch, &reader, &span) else { return .before }
      try reader.seek(toSequence: found.firstSequence)
      return try look(for: epoch, batch, in: found, &reader, &span)
    } catch {
      switch error {
      case .overtaken, .damaged: return .unreadable
      default: throw .spool(error)
      }
    }
  }

  /// A segment, and what its context says.
  private struct Start {
    var number: UInt64
    var firstSequence: UInt64
    /// Something was sealed in that epoch before the segment, or in one before.
    var isBehindBatches: Bool
  }

  /// The last segment that begins at or before the position. Nil when all begin behind it.
  private static func segment(
    before epoch: UInt64, _ batch: UInt64, _ reader: inout SpoolReader<Storage>,
    _ span: inout MutableSpan<UInt8>
  ) throws(SpoolFailure) -> Start? {
    var found: Start?
    // A segment at a time; there are no more than the ring has.
    for _ in 0...reader.geometry.segmentCount {
      guard let segment = reader.currentSegment else { return found }
      let count = try reader.copyContext(into: &span)
      do throws(CBORDecoder.Failure) {
        let state = try LogState(decoding: span.span.extracting(0..<count))
        guard state.epoch < epoch || (state.epoch == epoch && state.batch <= batch) else {
          return found
        }
        found = Start(
          number: segment.number, firstSequence: segment.firstSequence,
          isBehindBatches: state.batch > 0 || !state.previous.isZero)
      } catch {
        throw .damaged(
          fromSequence: segment.firstSequence, throughSequence: reader.releasedThrough)
      }
      guard try reader.seekToNextSegment() else { return found }
    }
    return found
  }

  private static func look(
    for epoch: UInt64, _ batch: UInt64, in start: Start, _ reader: inout SpoolReader<Storage>,
    _ span: inout MutableSpan<UInt8>
  ) throws(SpoolFailure) -> PositionPlace {
    var isBehindBatches = start.isBehindBatches
    // An entry at a time, until the segment ends.
    while let entry = try reader.next(into: &span), reader.currentSegment?.number == start.number {
      guard entry.type == LogEntryType.checkpoint else { continue }
      let message = span.span.extracting(0..<entry.payloadByteCount)
      do throws(CBORDecoder.Failure) {
        let parts = try COSESign1(decoding: message)
        let checkpoint = try Checkpoint(decoding: message)
        if checkpoint.epoch == epoch, checkpoint.batch == batch {
          return .held(
            sigStructureHash: Checkpoint.sigStructureHash(
              protected: message.extracting(parts.protected), root: checkpoint.root))
        }
        if checkpoint.epoch > epoch || (checkpoint.epoch == epoch && checkpoint.batch > batch) {
          break
        }
        isBehindBatches = true
      } catch { return .unreadable }
    }
    // A spool that was made in a later epoch knows nothing of those before.
    return isBehindBatches ? .absent : .before
  }
}
