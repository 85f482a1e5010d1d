import FixedMemory
import Foundation
import GRDB
import Proofs
import Records
import Verifier

/// Joins two batches of one signed checkpoint, of which each may have leaves that the other has only as hashes
/// (docs/gateway.md, "Planted batches").
struct BatchFilling {
  struct Item {
    let from: UInt64
    let count: UInt64
    /// Nil: only the hash is there.
    let leaf: [UInt8]?
    let hash: Digest

    var end: UInt64 { from + count }
  }

  /// The held batch with the leaves of the sent one; the message and what leads to `first` are the held one's.
  /// Nil when the two do not lie side by side. Whether the leaves are right is not looked at.
  static func joined(_ held: HeldBatch, with sent: Gateway.CheckedBatch) throws -> [UInt8]? {
    guard let sentStart = sent.start else { return nil }
    let first = sent.checkpoint.first
    let ours = try items(of: held.bytes, from: held.summary.start)
    let theirs = try items(of: sent.bytes, from: sentStart)
    guard
      let finest = finest(ours.filter { $0.from >= first }, theirs.filter { $0.from >= first })
    else { return nil }
    return encode(try held.message, ours.filter { $0.from < first } + finest)
  }

  /// The checkpoint message of a batch.
  static func message(of batch: [UInt8]) throws -> [UInt8] {
    let reader = try BatchReader(batch.span)
    return Array(batch[reader.checkpoint])
  }

  static func items(of batch: [UInt8], from start: UInt64) throws -> [Item] {
    var reader = try BatchReader(batch.span)
    var result: [Item] = []
    var index = start
    while !reader.isAtEnd {
      switch try reader.next() {
      case .leaf(let bytes):
        result.append(Item(from: index, count: 1, leaf: bytes.array, hash: Digest()))
        index += 1
      case .subtree(let count, let hash):
        result.append(Item(from: index, count: count, leaf: nil, hash: hash))
        index += count
      }
    }
    return result
  }

  /// The smaller subtrees of two lists over the same leaves, and leaves in place of hashes. Aligned subtrees
  /// are nested or apart; lists in which they are not give nil.
  private static func finest(_ left: [Item], _ right: [Item]) -> [Item]? {
    var result: [Item] = []
    var (i, j) = (0, 0)
    while i < left.count, j < right.count {
      guard left[i].from == right[j].from, left[i].count > 0, right[j].count > 0 else {
        return nil
      }
      if left[i].count == right[j].count {
        result.append(left[i].leaf != nil ? left[i] : right[j])
        (i, j) = (i + 1, j + 1)
      } else if left[i].count > right[j].count {
        guard let next = take(right, from: j, to: left[i].end, into: &result) else { return nil }
        (i, j) = (i + 1, next)
      } else {
        guard let next = take(left, from: i, to: right[j].end, into: &result) else { return nil }
        (i, j) = (next, j + 1)
      }
    }
    return i == left.count && j == right.count ? result : nil
  }

  private static func take(
    _ items: [Item], from index: Int, to end: UInt64, into result: inout [Item]
  ) -> Int? {
    var index = index
    while index < items.count, items[index].end <= end {
      result.append(items[index])
      index += 1
      if items[index - 1].end == end { return index }
    }
    return nil
  }

  static func encode(_ message: [UInt8], _ items: [Item]) -> [UInt8]? {
    // Array 1, checkpoint's head 3, items' head 3.
    var head = [UInt8](repeating: 0, count: message.count + 7)
    let headCount = Batch.encodeHead(
      checkpoint: message.span, itemCount: items.count, into: head.mutableSpan)
    var bytes = Array(head.prefix(headCount))
    var buffer = [UInt8](repeating: 0, count: Batch.maximumLeafByteCount + 3)
    for item in items {
      let count: Int
      if let leaf = item.leaf {
        // A longer one is no leaf, and the whole is not joined.
        guard leaf.count <= Batch.maximumLeafByteCount else { return nil }
        count = Batch.encodeItem(leaf: leaf.span, into: buffer.mutableSpan)
      } else {
        count = Batch.encodeItem(subtree: item.hash, count: item.count, into: buffer.mutableSpan)
      }
      bytes.append(contentsOf: buffer.prefix(count))
    }
    return bytes
  }
}

extension Gateway {
  /// What a repeat brings that the held bytes have only as hashes is put in its place; nil when it brings
  /// nothing, or what does not give the signed root.
  func fill(_ held: HeldBatch, from sent: CheckedBatch, _ database: Database) throws
    -> BatchSummary?
  {
    guard held.summary.withheldCount > 0, let bytes = try BatchFilling.joined(held, with: sent),
      bytes.count <= Batch.maximumByteCountWithSubtrees
    else { return nil }
    let known = try database.frontier(before: held.summary)
    let content: BatchVerifier.Content
    do throws(Refusal) {
      content = try BatchVerifier.content(
        of: bytes.span, checkpoint: sent.checkpoint, known: known, hash: OpenSSLTreeHash.self)
    } catch {
      // It is a repeat all the same: the checkpoint is the one that is held.
      return nil
    }
    guard content.withheldCount < held.summary.withheldCount else { return nil }
    return try database.fill(held.summary, bytes, content)
  }
}

extension Database {
  /// The tree that the items of a held batch begin at.
  fileprivate func frontier(before summary: BatchSummary) throws -> MerkleFrontier {
    guard summary.start > 0 else { return MerkleFrontier() }
    let row = try Row.fetchOne(
      self, sql: "SELECT size, frontier FROM batch WHERE device = ? AND epoch = ? AND size = ?",
      arguments: [summary.device, Int64(summary.epoch), Int64(summary.start)])
    guard let row, let frontier = MerkleFrontier(stored: row["frontier"], size: summary.start)
    else { throw StoreDamage() }
    return frontier
  }
}
