import CBOR
import Proofs

/// Which leaves of a tree the items of a batch speak of, without a look into them.
public struct BatchExtent: Equatable, Sendable {
  /// Index of the first leaf; nil when the items stand for more leaves than the tree has.
  public let start: UInt64?
  /// A subtree stands for leaves on both sides of the batch's first.
  public let reachesAcross: Bool

  /// Reads a batch from its first item to its last byte.
  public init(of batch: Span<UInt8>, checkpoint: Checkpoint) throws(CBORDecoder.Failure) {
    var total: UInt64? = 0
    var reader = try BatchReader(batch)
    while !reader.isAtEnd {
      let count = try Self.leafCount(of: &reader).count
      guard let sum = total else { continue }
      let (next, overflow) = sum.addingReportingOverflow(count)
      total = overflow ? nil : next
    }
    try reader.finish()
    guard let total, total <= checkpoint.size else {
      start = nil
      reachesAcross = false
      return
    }
    let start = checkpoint.size - total
    self.start = start
    reachesAcross =
      start < checkpoint.first
      ? try Self.hasSubtree(across: checkpoint.first - start, batch) : false
  }

  /// True when a subtree begins before the `boundary`th leaf of the items and ends behind it.
  private static func hasSubtree(across boundary: UInt64, _ batch: Span<UInt8>)
    throws(CBORDecoder.Failure) -> Bool
  {
    var from: UInt64 = 0
    var reader = try BatchReader(batch)
    while !reader.isAtEnd, from < boundary {
      let (count, isSubtree) = try leafCount(of: &reader)
      // The sum over all items is at most the tree's size.
      if isSubtree, from + count > boundary { return true }
      from += count
    }
    return false
  }

  private static func leafCount(of reader: inout BatchReader) throws(CBORDecoder.Failure) -> (
    count: UInt64, isSubtree: Bool
  ) {
    switch try reader.next() {
    case .leaf: (1, false)
    case .subtree(let count, _): (count, true)
    }
  }
}
