import CBOR
import FixedMemory
import Proofs
import Records

/// Where a device's log stands: everything that the next leaf and the next checkpoint need. It is the
/// context of each spool segment, so that recovery reads one segment and not the whole file.
///
/// Invariants:
/// - `first` ≤ `frontier.size`; leaves between them are not sealed yet.
/// - With no open leaves, `openItemsByteCount` is 0.
public struct LogState: Equatable {
  public var epoch: UInt64
  /// Number of the next checkpoint in this epoch.
  public var batch: UInt64 = 0
  /// Boot of the leaves that are open, or of the last ones.
  public var boot: UInt64 = 0
  /// Index of the first leaf that no checkpoint covers.
  public var first: UInt64 = 0
  public var flags: UInt64 = 0
  /// Time of the first open leaf, and of the last leaf, in milliseconds since its boot leaf.
  public var firstLeafMilliseconds: Int64 = 0
  public var lastLeafMilliseconds: Int64 = 0
  /// Bytes of the open leaves as items of a batch.
  public var openItemsByteCount: Int = 0
  /// Leaves that the gateway is known to have in this epoch.
  public var deliveredSize: UInt64 = 0
  /// SHA-256 of the Sig_structure of the last checkpoint, in whatever epoch.
  public var previous = Digest()
  /// Gap leaves of this epoch tell of dropped leaves before this index.
  public var toldDroppedBefore: UInt64 = 0
  /// Leaves that this epoch made void, of which no gap leaf tells yet.
  public var untoldVoid: Range<UInt64>?
  public var frontier = MerkleFrontier()

  public init(epoch: UInt64) { self.epoch = epoch }

  public var size: UInt64 { frontier.size }
  public var openLeafCount: UInt64 { size - first }

  static var formatVersion: Int64 { 1 }
  /// Array heads and version 5, thirteen numbers of at most 9 bytes, prev 34, 64 peaks of 34.
  static var maximumByteCount: Int { 2332 }

  func encode(into bytes: consuming MutableSpan<UInt8>) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.arrayHead(count: 16)
    encoder.integer(Self.formatVersion)
    encoder.unsigned(epoch)
    encoder.unsigned(batch)
    encoder.unsigned(boot)
    encoder.unsigned(first)
    encoder.unsigned(flags)
    encoder.integer(firstLeafMilliseconds)
    encoder.integer(lastLeafMilliseconds)
    encoder.unsigned(UInt64(openItemsByteCount))
    encoder.unsigned(deliveredSize)
    encoder.unsigned(toldDroppedBefore)
    encoder.unsigned(untoldVoid?.lowerBound ?? 0)
    encoder.unsigned(untoldVoid?.upperBound ?? 0)
    encoder.byteString(previous.span)
    encoder.unsigned(frontier.size)
    encoder.arrayHead(count: frontier.peakCount)
    for index in 0..<frontier.peakCount { encoder.byteString(frontier.peak(at: index).span) }
    return encoder.byteCount
  }

  init(decoding bytes: Span<UInt8>) throws(CBORDecoder.Failure) {
    var decoder = CBORDecoder(bytes)
    let count = try decoder.arrayHead()
    guard try decoder.integer() == Self.formatVersion else { throw .unknownVersion }
    guard count == 16 else { throw .outsideFormat }
    epoch = try decoder.unsigned()
    batch = try decoder.unsigned()
    boot = try decoder.unsigned()
    first = try decoder.unsigned()
    flags = try decoder.unsigned()
    firstLeafMilliseconds = try decoder.integer()
    lastLeafMilliseconds = try decoder.integer()
    openItemsByteCount = Int(try decoder.unsigned(as: UInt32.self))
    deliveredSize = try decoder.unsigned()
    toldDroppedBefore = try decoder.unsigned()
    let (voidFrom, voidTo) = (try decoder.unsigned(), try decoder.unsigned())
    guard voidFrom <= voidTo else { throw .outsideFormat }
    untoldVoid = voidFrom < voidTo ? voidFrom..<voidTo : nil
    guard let previous = Digest(try decoder.byteString()) else { throw .outsideFormat }
    self.previous = previous
    let size = try decoder.unsigned()
    let peakCount = try decoder.arrayHead()
    guard peakCount <= 64 else { throw .outsideFormat }
    var peaks = InlineArray<64, Digest>(repeating: Digest())
    for index in 0..<peakCount {
      guard let peak = Digest(try decoder.byteString()) else { throw .outsideFormat }
      peaks[index] = peak
    }
    guard let frontier = MerkleFrontier(size: size, peaks: peaks.span.extracting(0..<peakCount))
    else { throw .outsideFormat }
    self.frontier = frontier
    try decoder.finish()
    guard first <= size, openLeafCount <= UInt64(Batch.maximumLeafCount),
      openItemsByteCount <= Batch.maximumItemsByteCount
    else { throw .outsideFormat }
  }

  /// Takes in a leaf: its hash, its bytes as an item, its time.
  mutating func append(leafHash: Digest, itemByteCount: Int, milliseconds: Int64) {
    if openLeafCount == 0 { firstLeafMilliseconds = milliseconds }
    frontier.append(leafHash: leafHash)
    openItemsByteCount += itemByteCount
    lastLeafMilliseconds = milliseconds
  }

  /// Takes in a checkpoint that covers all open leaves.
  mutating func seal(sigStructureHash: Digest) {
    batch += 1
    first = size
    openItemsByteCount = 0
    previous = sigStructureHash
  }

  /// Takes in a gap leaf that tells of leaves before `to`.
  mutating func takeGapLeaf(before to: UInt64, _ reason: GapReason) {
    if reason == .storageLost, let range = untoldVoid, range.upperBound <= to { untoldVoid = nil }
    if reason == .spoolFull { toldDroppedBefore = max(toldDroppedBefore, to) }
  }

  /// Begins a new tree; the chain of checkpoints goes on. Leaves that no checkpoint covers are void.
  mutating func begin(epoch newEpoch: UInt64, after previous: Digest) {
    let boot = self.boot
    let void = first..<size
    let olderVoid = untoldVoid
    self = LogState(epoch: newEpoch)
    untoldVoid = void.isEmpty ? olderVoid : void
    self.previous = previous
    self.boot = boot
  }

  /// The checkpoint of the open leaves, unsigned.
  func checkpoint(algorithm: SignatureAlgorithm, keyID: KeyID) -> Checkpoint {
    precondition(openLeafCount > 0, "a checkpoint without leaves")
    return Checkpoint(
      algorithm: algorithm, keyID: keyID, epoch: epoch, batch: batch, first: first, size: size,
      boot: boot, firstLeafMilliseconds: firstLeafMilliseconds,
      lastLeafMilliseconds: lastLeafMilliseconds, flags: flags, previous: previous,
      root: frontier.root())
  }
}
