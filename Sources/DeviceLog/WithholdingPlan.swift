import CBOR
import FixedMemory
import Proofs

/// Which leaves of a batch may stay behind as subtrees for now, so that the rest of it is cheap to send: readings
/// and forwarded frames, in complete aligned subtrees that take less room than their leaves.
///
///     leaves      B S R R R R R R C R R F      B boot, S schema, R reading, C clock, F fault
///     items       B S [2] [4]     C R R F      a subtree takes 36 to 44 bytes; two short readings take less
///
/// Invariants: items stand in the order of the leaves; what they take never exceeds what the leaves took.
struct WithholdingPlan {
  /// Leaf kinds of docs/proof-format.md that wait: what was measured, and what was overheard. All other kinds say
  /// how the node is, when something was, and who heard whom, and are worth more than they cost.
  static func mayWait(kind: UInt64) -> Bool { kind == 1 || kind == 13 }

  private var offsets = InlineArray<513, UInt32>(repeating: 0)
  /// Of the subtree that begins at this leaf: how many leaves it has. 1: the leaf goes as it stands, unless
  /// `isSubtree`.
  private var spans = InlineArray<512, UInt16>(repeating: 1)
  private var isSubtree = InlineArray<512, Bool>(repeating: false)
  private let leafCount: Int
  private(set) var itemCount = 0
  private(set) var withheldCount = 0

  /// `items` are `count` leaves as byte strings; `first` is the index of the first of them.
  init(items: Span<UInt8>, count: Int, first: UInt64) throws(CBORDecoder.Failure) {
    guard count <= Batch.maximumLeafCount else { throw .outsideFormat }
    leafCount = count
    var mayWait = InlineArray<512, Bool>(repeating: false)
    var decoder = CBORDecoder(items)
    for index in 0..<count {
      offsets[index] = UInt32(decoder.offset)
      var leaf = CBORDecoder(try decoder.byteString())
      _ = try leaf.arrayHead()
      mayWait[index] = Self.mayWait(kind: try leaf.unsigned())
    }
    offsets[count] = UInt32(decoder.offset)
    try decoder.finish()
    var (index, subtreeCount) = (0, 0)
    while index < count {
      // A verifier takes no more subtrees.
      let isRoom = subtreeCount < Batch.maximumSubtreeItemCount
      let size = isRoom ? subtreeSize(at: index, first: first, mayWait) : 0
      if size > 0 {
        subtreeCount += 1
        spans[index] = UInt16(size)
        isSubtree[index] = true
        withheldCount += size
      }
      itemCount += 1
      index += max(1, size)
    }
  }

  /// The largest subtree that begins at this leaf and is worth its bytes; 0: none.
  private func subtreeSize(
    at index: Int, first: UInt64, _ mayWait: borrowing InlineArray<512, Bool>
  ) -> Int {
    var best = 0
    var size = 1
    // 2^9 leaves at most.
    while index + size <= leafCount, (first + UInt64(index)) & UInt64(size - 1) == 0 {
      // The second half; the first was looked at before.
      for inner in (size / 2)..<size where !mayWait[index + inner] { return best }
      let byteCount = Int(offsets[index + size] - offsets[index])
      if byteCount > Self.byteCount(ofSubtree: size) { best = size }
      size *= 2
    }
    return best
  }

  /// Array 1, count 1 to 3, hash 34.
  private static func byteCount(ofSubtree size: Int) -> Int {
    size < 24 ? 36 : size < 256 ? 37 : 38
  }

  /// Puts the items in the place of the leaves at the start of `bytes`, and says how many bytes they take.
  func apply(to bytes: consuming MutableSpan<UInt8>) throws(CBORDecoder.Failure) -> Int {
    var bytes = bytes
    var target = 0
    var index = 0
    while index < leafCount {
      let size = Int(spans[index])
      let range = Int(offsets[index])..<Int(offsets[index + size])
      if isSubtree[index] {
        let hash = try hash(of: index..<index + size, in: bytes.span)
        var item = InlineArray<44, UInt8>(repeating: 0)
        let count = Batch.encodeItem(
          subtree: hash, count: UInt64(size), into: item.mutableSpan)
        for offset in 0..<count { bytes[target + offset] = item[offset] }
        target += count
      } else {
        // Never to the right of where it stands: nothing that is still to be read is written over.
        for offset in range {
          bytes[target] = bytes[offset]
          target += 1
        }
      }
      index += size
    }
    return target
  }

  /// The root of a complete subtree: hashes of leaves that are joined in pairs, as their indices tell.
  private func hash(of leaves: Range<Int>, in bytes: Span<UInt8>) throws(CBORDecoder.Failure)
    -> Digest
  {
    // Begun at 0: within an aligned subtree the shape is the same.
    var range = SubtreeRange(at: 0)
    for index in leaves {
      var item = CBORDecoder(bytes.extracting(Int(offsets[index])..<Int(offsets[index + 1])))
      range.append(leafHash: MerkleTree.leafHash(try item.byteString()))
    }
    precondition(range.subtreeCount == 1, "leaves that are no complete subtree")
    return range.subtree(at: 0).hash
  }
}
