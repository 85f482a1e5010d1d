import FixedMemory

/// Makes an inclusion or consistency proof in one pass over leaf hashes, from whatever the log still
/// has: the frontier at some `start`, and every leaf from there to the end of the tree.
///
/// A proof is a list of subtrees that lie side by side. Each is hashed with a frontier of its own while
/// the leaves pass; what lies before `start` comes out of the frontier given, whose peaks are aligned to
/// the same borders.
///
///     leaf 5 of 7:   [0 ……… 4) [4] 5 [6 ……… 7)
///                      level 2   0      clipped at the tree's end
///
/// Invariants: ranges are in ascending order and do not overlap; `next` never passes the tree's end.
public struct PathBuilder {
  /// A subtree of the proof: leaves `from..<to`, to be written at `place` of the path.
  private struct Part {
    var from: UInt64 = 0
    var to: UInt64 = 0
    var place = 0
  }

  private var parts = FixedArray<64, Part>(filler: Part())
  private var current = 0
  private var frontier = MerkleFrontier()
  private var path = InlineArray<64, Digest>(repeating: Digest())
  private var next: UInt64
  private let start: MerkleFrontier

  public enum Failure: Error, Equatable {
    /// No such leaf in the tree, or a size of 0.
    case outsideTree
    /// The leaf, or a border of the proof, lies before what the log still has.
    case notKept
  }

  /// The proof that leaf `index` is in the tree of `size` leaves.
  /// `start` is the frontier before the first leaf that will be offered.
  public init(inclusionOf index: UInt64, size: UInt64, start: MerkleFrontier) throws(Failure) {
    guard index < size, start.size <= size else { throw .outsideTree }
    guard start.size <= index else { throw .notKept }
    self.start = start
    self.next = start.size
    var level: UInt64 = 0
    var place = 0
    var left = FixedArray<64, Part>(filler: Part())
    var right = FixedArray<64, Part>(filler: Part())
    while (size - 1) >> level > 0 {
      let node = index >> level
      if node & 1 == 1 {
        left.append(Part(from: (node - 1) << level, to: node << level, place: place))
        place += 1
      } else if (node + 1) << level < size {
        let from = (node + 1) << level
        let width = UInt64(1) << level
        right.append(Part(from: from, to: size - from < width ? size : from + width, place: place))
        place += 1
      }
      level += 1
    }
    for part in left.indices.reversed() { parts.append(left[part]) }
    for part in right.indices { parts.append(right[part]) }
    begin()
  }

  /// The proof that the tree of `size2` leaves begins with that of `size1`.
  public init(consistencyFrom size1: UInt64, to size2: UInt64, start: MerkleFrontier)
    throws(Failure)
  {
    guard size1 > 0, size1 <= size2, start.size <= size2 else { throw .outsideTree }
    guard start.size <= size1 else { throw .notKept }
    self.start = start
    self.next = start.size
    // The node at the old tree's edge: its largest complete subtree at the right.
    let edge = UInt64(size1.trailingZeroBitCount)
    var place = 0
    var left = FixedArray<64, Part>(filler: Part())
    var right = FixedArray<64, Part>(filler: Part())
    if size1 < size2 {
      if size1.nonzeroBitCount != 1 {
        left.append(Part(from: size1 - (1 << edge), to: size1, place: place))
        place += 1
      }
      var level = edge
      let last = size1 - 1
      while (size2 - 1) >> level > 0 {
        let node = last >> level
        if node & 1 == 1 {
          left.append(Part(from: (node - 1) << level, to: node << level, place: place))
          place += 1
        } else if (node + 1) << level < size2 {
          let from = (node + 1) << level
          let width = UInt64(1) << level
          right.append(
            Part(from: from, to: size2 - from < width ? size2 : from + width, place: place))
          place += 1
        }
        level += 1
      }
    }
    for part in left.indices.reversed() { parts.append(left[part]) }
    for part in right.indices { parts.append(right[part]) }
    begin()
  }

  /// Index of the leaf that `offer` expects now.
  public var nextLeafIndex: UInt64 { next }

  /// Takes in the peaks of `start`, which stand for all leaves before it.
  private mutating func begin() {
    var position: UInt64 = 0
    for index in 0..<start.peakCount {
      let remaining = start.size - position
      let count = UInt64(1) << UInt64(63 - remaining.leadingZeroBitCount)
      take(start.peak(at: index), from: position, count: count)
      position += count
    }
  }

  /// Takes the hash of the next leaf. Leaves beyond the proof's needs are passed over.
  public mutating func offer(leafHash: Digest) {
    take(leafHash, from: next, count: 1)
    next += 1
  }

  private mutating func take(_ hash: Digest, from: UInt64, count: UInt64) {
    while current < parts.count, parts[current].to <= from { finishPart() }
    guard current < parts.count, from >= parts[current].from else { return }
    // A subtree of `start` lies inside a part as a whole: both are aligned, and the part is no smaller.
    frontier.append(subtree: hash, count: count)
    if from + count == parts[current].to { finishPart() }
  }

  private mutating func finishPart() {
    path[parts[current].place] = frontier.root()
    frontier = MerkleFrontier()
    current += 1
  }

  /// The finished path; nil while leaves are missing.
  public func finished() -> MerklePath? {
    guard current == parts.count else { return nil }
    var result = MerklePath()
    for index in 0..<parts.count { result.append(path[index]) }
    return result
  }
}
