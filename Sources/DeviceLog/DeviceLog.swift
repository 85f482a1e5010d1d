import CBOR
import FixedMemory
import Proofs
import Records
import Spool

/// A device's log: leaves into a tree, the tree under checkpoints, all of it into the spool. The one place
/// where proofs and storage meet.
///
///     append(leaf) … append(leaf) ── commit: durable, not yet signed
///                  └── seal: checkpoint, durable, then released to readers
///
/// Invariants:
/// 1. A checkpoint is released only after it and all that it covers is durable, and never a second,
///    different one for the same position.
/// 2. The current segment always has room for the pending group and for the checkpoint over it, so that
///    sealing never needs another segment. Leaves that tell why nothing follows have room of their own.
/// 3. Leaves of a batch come from one boot.
/// 4. `state` is what the spool would give back, with the pending group appended.
public struct DeviceLog<Storage: BlockStorage & ~Copyable>: ~Copyable {
  /// What happens when the ring is full of leaves that nobody has fetched.
  public enum FullPolicy: Equatable, Sendable {
    /// Nothing more is measured until something is delivered.
    case stop
    /// The oldest leaves give way; their hashes stay, and a gap leaf says so.
    case dropOldest
  }

  public enum Failure: Error, Equatable {
    /// The open batch has its 512 leaves or 64 KiB: seal it, then append again.
    case batchFull
    /// Policy `stop`: the ring is full of undelivered leaves. Nothing was changed.
    case full
    case spool(SpoolFailure)
    /// What the spool holds is intact, and it is not a log of this format.
    case foreignContent
    /// The signer did not sign; the leaves stay open.
    case signing(SigningFailure)
  }

  /// A group fits one staged write of the spool: 8 KiB less the entry's header.
  static var groupByteCapacity: Int { 8192 - 24 }
  /// What sealing appends: the header of an entry and the largest checkpoint.
  static var checkpointReserve: Int {
    SpoolEntry.headerByteCount + Checkpoint.maximumMessageByteCount
  }

  /// What a leaf is for, which decides how far the ring may be filled with it.
  public enum Purpose: Sendable {
    case record
    /// It tells that the ring is full, or what was missed: at most `SpoolLayout`'s entry head and 64 bytes.
    case lastWord
  }

  /// Two last words, each in an entry of its own and sealed: that the ring is full, and, when the program
  /// ends before there is room, what was missed.
  static var lastWordsReserve: Int {
    2 * (SpoolEntry.headerByteCount + maximumLastWordByteCount + checkpointReserve)
  }
  static var maximumLastWordByteCount: Int { 64 }

  public internal(set) var state: LogState
  public let policy: FullPolicy
  /// What was found at the start; `new` and `epochNeeded` ask for `begin(epoch:)`.
  public internal(set) var recovery: LogRecovery
  /// The newest checkpoint: its entry in the spool, and the size of its tree.
  public internal(set) var lastCheckpointSequence: UInt64 = 0
  /// Who signed the newest checkpoint of the newest segment, as found at the start; nil when it has none.
  public internal(set) var lastKeyID: KeyID?
  /// Leaves of an epoch before this one that gave way undelivered, of which no gap leaf tells yet.
  public internal(set) var untoldOlder: OlderLeaves?
  /// All leaves of this epoch that gave way since the gateway's last receipt, and those that can't be delivered
  /// without them: the rest of a batch that lost its first leaves.
  var dropped: Range<UInt64>?
  /// That batch is the open one: it ends where it is sealed.
  var isOpenBatchCut = false
  /// The same, when no gap leaf tells of some of them: then a new one is to tell of them all, since an older
  /// one may be among them.
  public var untoldDropped: Range<UInt64>? {
    guard let dropped, dropped.upperBound > state.toldDroppedBefore else { return nil }
    return dropped
  }

  var writer: SpoolWriter<Storage>
  private var pending = InlineArray<8168, UInt8>(repeating: 0)
  private var pendingByteCount = 0
  private var pendingItemCount: UInt16 = 0

  init(
    writer: consuming SpoolWriter<Storage>, state: LogState, recovery: LogRecovery,
    policy: FullPolicy, lastCheckpointSequence: UInt64
  ) {
    self.writer = writer
    self.state = state
    self.recovery = recovery
    self.policy = policy
    self.lastCheckpointSequence = lastCheckpointSequence
  }

  /// Bytes passed to the storage's writes since start.
  public var bytesWritten: UInt64 { writer.bytesWritten }
  public var releasedThrough: UInt64 { writer.releasedThrough }
  public var deliveredThrough: UInt64 { writer.deliveredThrough }

  /// Bytes of the ring that are not delivered; 0 when its headers can't be read now.
  public mutating func undeliveredByteCount() -> UInt64 {
    do throws(SpoolFailure) { return try writer.undeliveredByteCount() } catch { return 0 }
  }

  // MARK: appending

  /// True when the next leaf, however large, still fits the open batch.
  public var mustSeal: Bool {
    state.openLeafCount >= UInt64(Batch.maximumLeafCount)
      || state.openItemsByteCount + Batch.maximumLeafByteCount + 3 > Batch.maximumItemsByteCount
  }

  /// Appends a leaf. It is durable after the next `commit`, signed after the next `seal`.
  ///
  /// A refused leaf leaves everything as it was. `milliseconds` is the leaf's own time.
  public mutating func append(
    leaf: Span<UInt8>, milliseconds: Int64, purpose: Purpose = .record
  ) throws(Failure) {
    precondition(leaf.count <= Batch.maximumLeafByteCount, "a leaf longer than its limit")
    precondition(
      purpose == .record || leaf.count <= Self.maximumLastWordByteCount - 3, "a long last word")
    precondition(
      milliseconds >= state.lastLeafMilliseconds || state.openLeafCount == 0,
      "a leaf older than the one before it")
    let itemByteCount = leaf.count + (leaf.count < 24 ? 1 : leaf.count < 256 ? 2 : 3)
    guard state.openLeafCount < UInt64(Batch.maximumLeafCount),
      state.openItemsByteCount + itemByteCount <= Batch.maximumItemsByteCount
    else { throw .batchFull }
    if pendingByteCount + itemByteCount > Self.groupByteCapacity { try appendGroup() }
    try makeRoom(itemByteCount, purpose)
    var span = pending.mutableSpan
    let written = Batch.encodeItem(
      leaf: leaf, into: span._mutatingExtracting(pendingByteCount..<Self.groupByteCapacity))
    precondition(written == itemByteCount, "an item of another length than its head says")
    pendingByteCount += itemByteCount
    pendingItemCount += 1
    state.append(
      leafHash: MerkleTree.leafHash(leaf), itemByteCount: itemByteCount, milliseconds: milliseconds)
  }

  /// Keeps invariant 2, by a new segment when the current one is too full.
  mutating func makeRoom(_ itemByteCount: Int, _ purpose: Purpose) throws(Failure) {
    let needed =
      pendingByteCount + itemByteCount + Self.checkpointReserve
      + (purpose == .record ? Self.lastWordsReserve : 0)
    if writer.remainingPayloadByteCount >= needed { return }
    try appendGroup()
    try turnSegment()
  }

  private mutating func turnSegment() throws(Failure) {
    let next: SpoolWriter<Storage>.NextSegment
    do throws(SpoolFailure) { next = try writer.nextSegment() } catch { throw .spool(error) }
    switch next {
    case .free, .delivered: break
    case .undelivered:
      guard policy == .dropOldest else { throw .full }
      try keepHashesOfOldestSegment()
    }
    var context = InlineArray<2332, UInt8>(repeating: 0)
    let count = state.encode(into: context.mutableSpan)
    do throws(SpoolFailure) {
      try writer.beginSegment(overwritingUndelivered: context.span.extracting(0..<count))
      if case .undelivered = next { try dropRestOfCutBatch() }
    } catch { throw .spool(error) }
  }

  /// Hands the pending leaves to the spool as one entry.
  mutating func appendGroup() throws(Failure) {
    guard pendingItemCount > 0 else { return }
    do throws(SpoolFailure) {
      try writer.append(
        type: LogEntryType.leaves, itemCount: pendingItemCount,
        payload: pending.span.extracting(0..<pendingByteCount))
    } catch { throw .spool(error) }
    pendingByteCount = 0
    pendingItemCount = 0
  }

  /// Makes all leaves so far durable. Returns when they are.
  public mutating func commit() throws(Failure) {
    try appendGroup()
    do throws(SpoolFailure) { try writer.commit() } catch { throw .spool(error) }
  }

  /// Signs the open leaves as one batch, makes it durable and releases it. Without open leaves nothing
  /// happens. Returns the checkpoint's number within its epoch.
  public mutating func seal(with signer: inout some Signer & ~Copyable) throws(Failure) -> UInt64? {
    guard state.openLeafCount > 0 else { return nil }
    try appendGroup()
    let checkpoint = state.checkpoint(
      algorithm: signer.publicKey.algorithm, keyID: signer.publicKey.keyID)
    var message = InlineArray<247, UInt8>(repeating: 0)
    let signed: (byteCount: Int, sigStructureHash: Digest)
    do throws(SigningFailure) {
      signed = try checkpoint.sign(with: &signer, into: message.mutableSpan)
    } catch { throw .signing(error) }
    do throws(SpoolFailure) {
      try writer.append(
        type: LogEntryType.checkpoint, itemCount: 1,
        payload: message.span.extracting(0..<signed.byteCount))
      state.seal(sigStructureHash: signed.sigStructureHash)
      lastCheckpointSequence = writer.lastSequence
      if isOpenBatchCut { dropThroughSealedBatch() }
      try writer.commit()
    } catch { throw .spool(error) }
    return checkpoint.batch
  }

  /// Begins a boot: its leaves are in batches of their own. What is still open must have been sealed.
  public mutating func begin(boot: UInt64, flags: UInt64) {
    precondition(state.openLeafCount == 0, "a batch would span two boots")
    precondition(boot > state.boot, "boots are counted upwards")
    state.boot = boot
    state.flags = flags
    state.lastLeafMilliseconds = 0
  }

  /// Some leaves have given way that the gateway is not known to have.
  public var isDropping: Bool { (dropped?.upperBound ?? 0) > state.deliveredSize }

  /// The gap leaf of `untoldOlder` has been appended.
  public mutating func toldOlder() { untoldOlder = nil }

  /// A gap leaf of the epoch before has been appended that tells of all that it left undelivered.
  public mutating func toldLeft() { state.untoldVoid = nil }

  /// A gap leaf with `reason` for the leaves `range` has been appended: it is told.
  public mutating func told(_ range: Range<UInt64>, _ reason: GapReason) {
    state.takeGapLeaf(before: range.upperBound, reason)
  }

  /// Takes a receipt that the caller has verified: the gateway has the leaves up to `size` of `epoch`, the
  /// checkpoint `hash` at the end. True when that is this log's own checkpoint and says something new.
  public mutating func markDelivered(epoch: UInt64, size: UInt64, throughSequence sequence: UInt64)
    throws(Failure)
  {
    do throws(SpoolFailure) {
      guard sequence <= writer.releasedThrough else { return }
      try writer.markDelivered(through: sequence)
    } catch { throw .spool(error) }
    if epoch == state.epoch, size <= state.size {
      state.deliveredSize = max(state.deliveredSize, size)
    }
  }

  public func checkInvariants() {
    precondition(state.first <= state.size, "sealed past the end of the tree")
    precondition(state.openLeafCount > 0 || state.openItemsByteCount == 0, "bytes without leaves")
    precondition(UInt64(pendingItemCount) <= state.openLeafCount, "pending leaves are sealed")
    if pendingItemCount > 0 {
      precondition(
        writer.remainingPayloadByteCount >= pendingByteCount + Self.checkpointReserve,
        "no room to seal")
    }
    writer.checkInvariants()
  }
}
