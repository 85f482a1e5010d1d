import CBOR
import FixedMemory
import Proofs
import Records
import Spool

/// How a log comes back after a stop, a crash or a power cut.
public enum LogRecovery: Equatable, Sendable {
  /// The tree goes on in its epoch. Leaves that were durable but not signed are open: seal them first,
  /// in a batch of their old boot.
  case resumed
  /// The spool has never held a leaf.
  case new
  /// The medium lost what had been released, so that positions behind its end may be signed and out:
  /// only a new epoch is lawful. Leaves at the end that no checkpoint covers are void.
  case epochNeeded(voidLeafCount: UInt64)
}

extension DeviceLog where Storage: ~Copyable {
  /// Opens the log on a formatted spool, its newest segment replayed and released.
  ///
  ///     segment's context ─▶ leaves: hashed into the tree ─▶ checkpoint: root must be the tree's ─▶ …
  public static func recover(_ storage: consuming Storage, policy: FullPolicy)
    throws(Failure) -> DeviceLog
  {
    var writer: SpoolWriter<Storage>
    do throws(SpoolFailure) {
      writer = try SpoolWriter(recovering: storage)
    } catch { throw .spool(error) }
    let replay = try replay(&writer)
    do throws(SpoolFailure) { try writer.finishRecovery() } catch { throw .spool(error) }
    let recovery: LogRecovery
    switch writer.recovery {
    case .empty: recovery = .new
    case .intact: recovery = replay.isNew ? .new : .resumed
    case .shortOfRelease, .marksLost:
      recovery = .epochNeeded(voidLeafCount: replay.state.openLeafCount)
    }
    var log = DeviceLog(writer: writer, replay: replay, recovery: recovery, policy: policy)
    do throws(SpoolFailure) { try log.findDropped() } catch { throw .spool(error) }
    return log
  }

  private static func replay(_ writer: inout SpoolWriter<Storage>) throws(Failure) -> Replay {
    var replay = Replay()
    var buffer = InlineArray<8192, UInt8>(repeating: 0)
    var span = buffer.mutableSpan
    let contextCount: Int
    do throws(SpoolFailure) {
      contextCount = try writer.copyContext(into: &span)
    } catch { throw .spool(error) }
    if contextCount > 0 {
      do throws(CBORDecoder.Failure) {
        try replay.begin(context: span.span.extracting(0..<contextCount))
      } catch { throw .foreignContent }
    }
    while true {
      let entry: SpoolEntry?
      do throws(SpoolFailure) {
        entry = try writer.replayNext(into: &span)
      } catch { throw .spool(error) }
      guard let entry else { return replay }
      do throws(CBORDecoder.Failure) {
        try replay.take(entry, payload: span.span.extracting(0..<entry.payloadByteCount))
      } catch { throw .foreignContent }
    }
  }

  private init(
    writer: consuming SpoolWriter<Storage>, replay: Replay, recovery: LogRecovery,
    policy: FullPolicy
  ) {
    self.init(
      writer: writer, state: replay.state, recovery: recovery, policy: policy,
      lastCheckpointSequence: replay.lastCheckpointSequence)
    lastKeyID = replay.lastKeyID
  }

  /// Begins a tree of its own: the first one, or a new one when the old one can't be continued. The
  /// caller has made the epoch durable with the key, before anything is signed in it.
  /// - `previous`: the last checkpoint known, when somebody else knows a later one than this log.
  ///
  /// Fails with `full`, and nothing is changed, when the ring is full of undelivered leaves.
  public mutating func begin(epoch: UInt64, after previous: Digest? = nil) throws(Failure) {
    precondition(
      recovery == .new || epoch > state.epoch, "a log would run twice through one epoch")
    // What is still to be written is of the tree that ends here.
    try appendGroup()
    let before = state
    state.begin(epoch: epoch, after: previous ?? state.previous)
    var payload = InlineArray<45, UInt8>(repeating: 0)
    let count = EpochEntry(epoch: epoch, previous: state.previous).encode(
      into: payload.mutableSpan)
    do throws(Failure) {
      // What has to be told before anything else has the room of last words.
      try makeRoom(count, .lastWord)
    } catch {
      state = before
      throw error
    }
    do throws(SpoolFailure) {
      try writer.append(
        type: LogEntryType.epoch, itemCount: 1, payload: payload.span.extracting(0..<count))
      try writer.commit()
    } catch { throw .spool(error) }
    recovery = .resumed
    // What gave way is of the tree that ended; the note tells of it again after each start.
    if let range = dropped, range.upperBound > before.toldDroppedBefore {
      untoldOlder = OlderLeaves(epoch: before.epoch, range: range)
    }
    dropped = nil
    isOpenBatchCut = false
  }
}

/// Rebuilds the state from a segment's context and entries.
struct Replay {
  var state = LogState(epoch: 0)
  /// No epoch was ever begun.
  var isNew = true
  var lastCheckpointSequence: UInt64 = 0
  var lastKeyID: KeyID?

  mutating func begin(context: Span<UInt8>) throws(CBORDecoder.Failure) {
    state = try LogState(decoding: context)
    isNew = state.size == 0 && state.epoch == 0 && state.boot == 0
  }

  mutating func take(_ entry: SpoolEntry, payload: Span<UInt8>) throws(CBORDecoder.Failure) {
    switch entry.type {
    case LogEntryType.leaves:
      var items = CBORDecoder(payload)
      for _ in 0..<entry.itemCount {
        let start = items.offset
        let bytes = try items.byteString()
        let leaf = try Leaf(decoding: bytes)
        if leaf.kind == .boot {
          let boot = try leaf.boot()
          state.boot = boot.bootCount
          state.flags = boot.flags
        }
        if leaf.kind == .event {
          let event = try leaf.event()
          if event.code == .leavesDropped {
            let gap = try event.gap()
            if let reason = gap.reason { state.takeGapLeaf(before: gap.to, reason) }
          }
          if event.code == .olderLeavesDropped {
            let gap = try event.gap()
            if gap.reason == .restoredCopy { state.untoldVoid = nil }
          }
        }
        guard state.openLeafCount < UInt64(Batch.maximumLeafCount) else { throw .outsideFormat }
        state.append(
          leafHash: MerkleTree.leafHash(bytes), itemByteCount: items.offset - start,
          milliseconds: leaf.milliseconds)
      }
      try items.finish()
    case LogEntryType.checkpoint:
      let parts = try COSESign1(decoding: payload)
      let checkpoint = try Checkpoint(decoding: payload)
      guard checkpoint.epoch == state.epoch, checkpoint.batch == state.batch,
        checkpoint.size == state.size, checkpoint.root == state.frontier.root()
      else { throw .outsideFormat }
      state.seal(
        sigStructureHash: Checkpoint.sigStructureHash(
          protected: payload.extracting(parts.protected), root: checkpoint.root))
      lastCheckpointSequence = entry.sequence
      lastKeyID = checkpoint.keyID
    case LogEntryType.epoch:
      let begun = try EpochEntry(decoding: payload)
      state.begin(epoch: begun.epoch, after: begun.previous)
    default: throw .outsideFormat
    }
    isNew = false
  }
}
