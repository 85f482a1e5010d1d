import CBOR
import FixedMemory
import Proofs

/// What stays of leaves that gave way undelivered: subtrees from where the gateway is known to stand. The
/// gateway may have one batch more than it is known to have, so that there is a seam behind that one.
///
///     from ─ near ─ seam ─────── far ─────── to
///
/// It is the note of the spool, durable before the leaves are overwritten.
public struct DroppedLeaves {
  static var formatVersion: Int64 { 1 }

  public var epoch: UInt64
  public var near: SubtreeRange
  public var far: SubtreeRange
  /// The batch behind `from` has ended: what follows goes to `far`.
  var isPastSeam = false

  public init(epoch: UInt64, from: UInt64) {
    self.epoch = epoch
    near = SubtreeRange(at: from)
    far = SubtreeRange(at: from)
  }

  public var from: UInt64 { near.from }
  public var seam: UInt64 { near.to }
  public var to: UInt64 { isPastSeam ? far.to : near.to }

  /// The leaves, when they are of that epoch and there are any.
  func range(in wanted: UInt64) -> Range<UInt64>? {
    epoch == wanted && from < to ? from..<to : nil
  }

  mutating func append(leafHash: Digest) {
    if isPastSeam { far.append(leafHash: leafHash) } else { near.append(leafHash: leafHash) }
  }

  /// Goes on by leaves that are still there, as items one after the other, the first of them leaf `start`.
  /// What is kept of them already is passed over.
  mutating func append(items bytes: Span<UInt8>, from start: UInt64, sealedAt size: UInt64)
    throws(CBORDecoder.Failure)
  {
    var position = start
    var items = CBORDecoder(bytes)
    while !items.isAtEnd {
      let leaf = try items.byteString()
      if position == to { append(leafHash: MerkleTree.leafHash(leaf)) }
      position += 1
    }
    passCheckpoint(size: size)
  }

  /// A checkpoint ends here: the first one after `from` makes the seam.
  mutating func passCheckpoint(size: UInt64) {
    guard !isPastSeam, near.to == size, size > from else { return }
    isPastSeam = true
    far = SubtreeRange(at: near.to)
  }

  /// [1, epoch, from, seam, to, past seam, items of near, items of far].
  func encode(into bytes: consuming MutableSpan<UInt8>) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.arrayHead(count: 8)
    encoder.integer(Self.formatVersion)
    encoder.unsigned(epoch)
    encoder.unsigned(from)
    encoder.unsigned(seam)
    encoder.unsigned(to)
    encoder.boolean(isPastSeam)
    Self.encode(near, into: &encoder)
    Self.encode(far, into: &encoder)
    return encoder.byteCount
  }

  private static func encode(_ range: SubtreeRange, into encoder: inout CBOREncoder) {
    encoder.arrayHead(count: range.subtreeCount)
    for index in 0..<range.subtreeCount {
      let subtree = range.subtree(at: index)
      encoder.arrayHead(count: 2)
      encoder.unsigned(subtree.count)
      encoder.byteString(subtree.hash.span)
    }
  }

  init(decoding bytes: Span<UInt8>) throws(CBORDecoder.Failure) {
    var decoder = CBORDecoder(bytes)
    let count = try decoder.arrayHead()
    guard try decoder.integer() == Self.formatVersion else { throw .unknownVersion }
    guard count == 8 else { throw .outsideFormat }
    epoch = try decoder.unsigned()
    let from = try decoder.unsigned()
    let seam = try decoder.unsigned()
    let to = try decoder.unsigned()
    isPastSeam = try decoder.boolean()
    near = try Self.range(at: from, &decoder)
    far = try Self.range(at: seam, &decoder)
    try decoder.finish()
    guard near.to == seam, self.to == to else { throw .outsideFormat }
  }

  private static func range(at position: UInt64, _ decoder: inout CBORDecoder)
    throws(CBORDecoder.Failure) -> SubtreeRange
  {
    var range = SubtreeRange(at: position)
    let count = try decoder.arrayHead()
    guard count <= Batch.maximumSubtreeItemCount else { throw .outsideFormat }
    for _ in 0..<count {
      try decoder.expectArray(count: 2)
      let leafCount = try decoder.unsigned()
      guard let hash = Digest(try decoder.byteString()),
        range.append(SubtreeRange.Subtree(count: leafCount, hash: hash))
      else { throw .outsideFormat }
    }
    return range
  }

  /// Writes the items that lead from a tree of `size` leaves to `to`. Nil when `size` is neither the
  /// beginning nor the seam.
  func encodeItems(from size: UInt64, into bytes: consuming MutableSpan<UInt8>) -> (
    byteCount: Int, itemCount: Int
  )? {
    guard size == from || (isPastSeam && size == seam) else { return nil }
    var encoder = CBOREncoder(bytes)
    var itemCount = 0
    if size == from, size != seam || !isPastSeam {
      itemCount += Self.encodeItems(near, into: &encoder)
    }
    if isPastSeam { itemCount += Self.encodeItems(far, into: &encoder) }
    return (encoder.byteCount, itemCount)
  }

  private static func encodeItems(_ range: SubtreeRange, into encoder: inout CBOREncoder) -> Int {
    for index in 0..<range.subtreeCount {
      let subtree = range.subtree(at: index)
      encoder.arrayHead(count: 2)
      encoder.unsigned(subtree.count)
      encoder.byteString(subtree.hash.span)
    }
    return range.subtreeCount
  }
}
