import FixedMemory

/// Leaves `from..<to` of a tree as the fewest complete, aligned subtrees: what stays of leaves that are
/// gone, so that whoever knows the tree up to `from` can go on from `to`.
///
///     from 3, to 13:   [3]  [4 … 7]  [8 … 11]  [12]
///
/// Invariant: subtrees lie side by side from `from` to `to`; no two neighbours could be one.
public struct SubtreeRange: Sendable {
  public struct Subtree: Equatable, Sendable {
    /// Leaves in it: a power of two, and its first leaf's index is a multiple of it.
    public var count: UInt64 = 0
    public var hash = Digest()

    init() {}

    public init(count: UInt64, hash: Digest) {
      self.count = count
      self.hash = hash
    }
  }

  public private(set) var from: UInt64
  public private(set) var to: UInt64
  /// From one place of a tree of less than 2^63 leaves to another: up to 63 that get larger, and 63
  /// that get smaller. Two more, while the last ones are being joined.
  private var subtrees = FixedArray<128, Subtree>(filler: Subtree())

  /// No leaves yet, at `position`.
  public init(at position: UInt64) {
    from = position
    to = position
  }

  public var isEmpty: Bool { from == to }
  public var subtreeCount: Int { subtrees.count }

  public func subtree(at index: Int) -> Subtree { subtrees[index] }

  public mutating func append(leafHash: Digest) {
    guard append(Subtree(count: 1, hash: leafHash)) else {
      preconditionFailure("a leaf is always aligned")
    }
  }

  /// Appends a subtree that lies at `to`; false when it is not complete or not aligned there.
  public mutating func append(_ next: Subtree) -> Bool {
    guard next.count.nonzeroBitCount == 1, to & (next.count - 1) == 0,
      to <= UInt64(Int64.max) - next.count
    else { return false }
    subtrees.append(next)
    to += next.count
    while subtrees.count >= 2 {
      let right = subtrees[subtrees.count - 1]
      let left = subtrees[subtrees.count - 2]
      let start = to - right.count - left.count
      guard left.count == right.count, start & (2 * left.count - 1) == 0 else { break }
      _ = subtrees.removeLast()
      subtrees[subtrees.count - 1] = Subtree(
        count: 2 * left.count, hash: MerkleTree.nodeHash(left.hash, right.hash))
    }
    return true
  }
}
