import FixedMemory
import Foundation
import GRDB
import Identity
import Proofs

/// The tree as the store holds it: single leaves, and complete subtrees of 2^8, 2^16, … leaves. A hash of
/// any part of it reads at most 255 rows of each kind on either side.
extension GatewayLog {
  /// Leaves that the store holds.
  static func storedSize(_ database: Database) throws -> UInt64 {
    let statement = try database.cachedStatement(sql: "SELECT max(id) FROM log")
    let last = try Int64.fetchOne(statement) ?? -1
    guard let size = UInt64(exactly: last + 1) else { throw StoreDamage() }
    return size
  }

  /// The end of the log, put together from what the store holds.
  static func storedEnd(_ database: Database) throws -> End {
    let size = try storedSize(database)
    guard size > 0 else { return End() }
    let utc = try Int64.fetchOne(
      database, sql: "SELECT utc FROM log WHERE id = ?", arguments: [Int64(size - 1)])
    guard let utc else { throw StoreDamage() }
    return End(frontier: try frontier(0..<size, database), utcMilliseconds: utc)
  }

  /// The tree of leaves `range` by itself. `range` begins at a multiple of a power of two that is no less
  /// than its length, as every part of a proof does.
  static func frontier(_ range: Range<UInt64>, _ database: Database) throws -> MerkleFrontier {
    var frontier = MerkleFrontier()
    var next = range.lowerBound
    while next < range.upperBound {
      let level = largestLevel(at: next, before: range.upperBound)
      let end = endOfRun(at: level, from: next, before: range.upperBound)
      if level == 0 {
        try takeLeaves(next..<end, into: &frontier, database)
      } else {
        try takeSubtrees(next..<end, level: level, into: &frontier, database)
      }
      next = end
    }
    return frontier
  }

  /// Level of the largest kept subtree that begins at leaf `next` and ends within the range.
  private static func largestLevel(at next: UInt64, before end: UInt64) -> UInt64 {
    var level: UInt64 = 0
    let step = UInt64(levelStep)
    while level + step < 63, next.isMultiple(of: 1 << (level + step)),
      end - next >= 1 << (level + step)
    {
      level += step
    }
    return level
  }

  /// Where the subtrees of this level end: a larger one begins, or no further one fits.
  private static func endOfRun(at level: UInt64, from next: UInt64, before end: UInt64) -> UInt64 {
    let last = (end >> level) << level
    let above = level + UInt64(levelStep)
    guard above < 63 else { return last }
    return min(last, ((next >> above) + 1) << above)
  }

  private static func takeLeaves(
    _ range: Range<UInt64>, into frontier: inout MerkleFrontier, _ database: Database
  ) throws {
    let statement = try database.cachedStatement(
      sql: "SELECT id, bytes FROM log WHERE id >= ? AND id < ? ORDER BY id")
    let rows = try Row.fetchCursor(
      statement, arguments: [Int64(range.lowerBound), Int64(range.upperBound)])
    var expected = range.lowerBound
    while let row = try rows.next() {
      guard row[0] as Int64 == Int64(expected) else { throw StoreDamage() }
      let leaf = row[1] as Data
      frontier.append(
        subtree: OpenSSLTreeHash.leafHash(leaf.span), count: 1, by: OpenSSLTreeHash.self)
      expected += 1
    }
    guard expected == range.upperBound else { throw StoreDamage() }
  }

  private static func takeSubtrees(
    _ range: Range<UInt64>, level: UInt64, into frontier: inout MerkleFrontier,
    _ database: Database
  ) throws {
    let statement = try database.cachedStatement(
      sql: """
        SELECT position, hash FROM log_subtree
        WHERE level = ? AND position >= ? AND position < ? ORDER BY position
        """)
    let rows = try Row.fetchCursor(
      statement,
      arguments: [
        Int64(level), Int64(range.lowerBound >> level), Int64(range.upperBound >> level),
      ])
    var expected = range.lowerBound >> level
    while let row = try rows.next() {
      guard row[0] as Int64 == Int64(expected), let hash = Digest(row[1] as Data) else {
        throw StoreDamage()
      }
      frontier.append(subtree: hash, count: 1 << level, by: OpenSSLTreeHash.self)
      expected += 1
    }
    guard expected == range.upperBound >> level else { throw StoreDamage() }
  }

  /// The RFC 9162 root of the first `size` leaves.
  static func root(size: UInt64, _ database: Database) throws -> Digest {
    try frontier(0..<size, database).root(by: OpenSSLTreeHash.self)
  }

  static func path(_ parts: [Range<UInt64>], _ database: Database) throws -> MerklePath {
    var path = MerklePath()
    for part in parts {
      path.append(try frontier(part, database).root(by: OpenSSLTreeHash.self))
    }
    return path
  }
}

/// Which parts of a tree a proof is made of (RFC 9162 sections 2.1.3 and 2.1.4), in the order of its path:
/// from the leaf, or the older tree's edge, upwards.
enum ProofParts {
  /// Of the proof that leaf `index` is in the tree of `size` leaves. `index` is below `size`.
  static func inclusion(of index: UInt64, size: UInt64) -> [Range<UInt64>] {
    siblings(of: index, from: 0, size: size)
  }

  /// Of the proof that the tree of `newer` leaves begins with that of `older`, which are 1 to `newer`.
  static func consistency(from older: UInt64, to newer: UInt64) -> [Range<UInt64>] {
    guard older < newer else { return [] }
    // The node at the older tree's edge: its largest complete subtree at the right.
    let edge = UInt64(older.trailingZeroBitCount)
    var parts: [Range<UInt64>] = []
    if older.nonzeroBitCount != 1 { parts.append(older - (1 << edge)..<older) }
    return parts + siblings(of: older - 1, from: edge, size: newer)
  }

  private static func siblings(of index: UInt64, from edge: UInt64, size: UInt64)
    -> [Range<UInt64>]
  {
    var parts: [Range<UInt64>] = []
    var level = edge
    while level < 63, (size - 1) >> level > 0 {
      let node = index >> level
      if node & 1 == 1 {
        parts.append((node - 1) << level..<node << level)
      } else if (node + 1) << level < size {
        let from = (node + 1) << level
        parts.append(from..<from + min(size - from, 1 << level))
      }
      level += 1
    }
    return parts
  }
}
