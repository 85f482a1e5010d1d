import FixedMemory

/// All that an append-only tree needs to go on growing: the roots of its complete subtrees.
///
///     size 13 = 1101b     peak 3            peak 2     peak 0
///                     ┌──────┴──────┐      ┌──┴──┐      │
///                     0 … … … … … … 7      8 … … 11     12
///
/// Invariants:
/// - The peak of level k counts exactly when bit k of `size` is set.
/// - Peaks of clear bits are zero, so that equal frontiers are equal in every byte.
public struct MerkleFrontier: Sendable {
  /// One per bit of a 63-bit size.
  public static var maximumPeakCount: Int { 64 }

  /// Number of leaves.
  public private(set) var size: UInt64 = 0
  private var peaks = InlineArray<64, Digest>(repeating: Digest())

  public init() {}

  /// The frontier of `size` leaves whose peaks are given from the largest subtree to the smallest, as
  /// `peak(at:)` returns them. Nil when their count does not fit the size.
  public init?(size: UInt64, peaks given: Span<Digest>) {
    guard size <= UInt64(Int64.max), given.count == size.nonzeroBitCount else { return nil }
    self.size = size
    var next = 0
    for level in (0..<64).reversed() where size & (1 << UInt64(level)) != 0 {
      peaks[level] = given[next]
      next += 1
    }
  }

  public var peakCount: Int { size.nonzeroBitCount }

  /// The root of a complete subtree: index 0 is the largest and leftmost.
  public func peak(at index: Int) -> Digest {
    precondition(index >= 0 && index < peakCount, "peak index outside the frontier")
    var remaining = size
    for _ in 0..<index { remaining &= ~highestBit(of: remaining) }
    return peaks[highestBit(of: remaining).trailingZeroBitCount]
  }

  /// True when a complete subtree of `count` leaves can be appended here: a power of two, aligned.
  public func accepts(subtreeOf count: UInt64) -> Bool { Self.isAligned(count, at: size) }

  private static func isAligned(_ count: UInt64, at size: UInt64) -> Bool {
    count.nonzeroBitCount == 1 && size & (count - 1) == 0
      && size <= UInt64(Int64.max) - count
  }

  public mutating func append(leafHash: Digest) { append(subtree: leafHash, count: 1) }

  /// Appends the root of a complete subtree. `accepts(subtreeOf:)` is the caller's to check.
  public mutating func append<Hash: TreeHash>(
    subtree: Digest, count: UInt64, by _: Hash.Type = MerkleTree.self
  ) {
    // By values and a span: a condition that captures `self` makes the optimiser copy all 64 peaks.
    let size = size
    precondition(Self.isAligned(count, at: size), "subtree not aligned to the tree's size")
    var span = peaks.mutableSpan
    var hash = subtree
    var level = count.trailingZeroBitCount
    // Like adding to a binary counter: equal subtrees join, the carry goes up.
    while size & (1 << UInt64(level)) != 0 {
      hash = Hash.nodeHash(span[level], hash)
      span[level] = Digest()
      level += 1
    }
    span[level] = hash
    self.size = size + count
  }

  /// The RFC 9162 root of the leaves so far.
  public func root<Hash: TreeHash>(by _: Hash.Type = MerkleTree.self) -> Digest {
    guard size > 0 else { return MerkleTree.emptyRoot }
    var level = size.trailingZeroBitCount
    var hash = peaks[level]
    level += 1
    while level < 64 {
      if size & (1 << UInt64(level)) != 0 { hash = Hash.nodeHash(peaks[level], hash) }
      level += 1
    }
    return hash
  }

  public func checkInvariants() {
    for level in 0..<64 where size & (1 << UInt64(level)) == 0 {
      precondition(peaks[level].isZero, "a peak stands where the size has no bit")
    }
  }
}

extension MerkleFrontier: Equatable {
  public static func == (left: MerkleFrontier, right: MerkleFrontier) -> Bool {
    guard left.size == right.size else { return false }
    for level in 0..<64 where left.peaks[level] != right.peaks[level] { return false }
    return true
  }
}

private func highestBit(of value: UInt64) -> UInt64 {
  value == 0 ? 0 : 1 << UInt64(63 - value.leadingZeroBitCount)
}
