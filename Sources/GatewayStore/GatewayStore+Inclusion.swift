import FixedMemory
import Foundation
import GRDB
import Proofs

/// What came of a wish for the proof that a leaf is in a device's log.
public enum InclusionAnswer: Equatable, Sendable {
  /// An RFC 9942 receipt: COSE, with the checkpoint's signature.
  case receipt([UInt8])
  case noSuchEpoch
  /// The log ends before this leaf.
  case noSuchLeaf
  /// No checkpoint of this size is held, or it ends before the leaf.
  case noSuchSize
  /// Of this leaf only a hash that it shares with others is held: ask the device.
  case withheld
}

extension GatewayStore {
  /// The proof that leaf `index` is in the tree of `size` leaves; of the newest checkpoint, and of the
  /// newest epoch, where none is named.
  public func inclusionReceipt(
    of device: Device, epoch: UInt64?, index: UInt64, size: UInt64?
  ) throws -> InclusionAnswer {
    try database.read { database in
      let newest: HeldBatch?
      if let epoch {
        newest = try database.newestBatch(device: device.id, epoch: epoch)
      } else {
        newest = try database.newestBatch(device: device.id)
      }
      guard let newest else { return .noSuchEpoch }
      guard index < newest.summary.size else { return .noSuchLeaf }
      let size = size ?? newest.summary.size
      guard index < size, size <= newest.summary.size,
        let signed = try Self.batch(device.id, newest.summary.epoch, "size = ?", size, database)
      else { return .noSuchSize }
      return try Self.receipt(index: index, signed, database)
    }
  }

  private static func batch(
    _ device: Int64, _ epoch: UInt64, _ condition: String, _ value: UInt64, _ database: Database
  ) throws -> HeldBatch? {
    guard let value = Int64(exactly: value) else { return nil }
    return try Row.fetchOne(
      database,
      sql: """
        SELECT \(Database.heldColumns) FROM batch
        WHERE device = ? AND epoch = ? AND \(condition) ORDER BY size LIMIT 1
        """, arguments: [device, Int64(epoch), value]
    ).map { try HeldBatch($0) }
  }

  private static func receipt(index: UInt64, _ signed: HeldBatch, _ database: Database) throws
    -> InclusionAnswer
  {
    let (device, epoch) = (signed.summary.device, signed.summary.epoch)
    guard let home = try batch(device, epoch, "size > ?", index, database) else {
      return .noSuchLeaf
    }
    var path = InclusionPath(index: index, size: signed.summary.size)
    // The peaks of the tree before the leaf's batch stand for everything in front of it.
    if home.summary.start > 0 {
      guard let before = try batch(device, epoch, "size = ?", home.summary.start, database) else {
        throw StoreDamage()
      }
      path.take(before.frontier)
    }
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT bytes FROM batch WHERE device = ? AND epoch = ? AND size > ? AND size <= ?
        ORDER BY batch
        """,
      arguments: [device, Int64(epoch), Int64(index), Int64(signed.summary.size)])
    while let row = try rows.next() {
      let bytes = Array(row["bytes"] as Data)
      var reader = try BatchReader(bytes.span)
      while !reader.isAtEnd {
        switch try reader.next() {
        case .leaf(let leaf): path.take(MerkleTree.leafHash(leaf), count: 1)
        case .subtree(let count, let hash): path.take(hash, count: count)
        }
      }
    }
    guard !path.isCovered else { return .withheld }
    let message = try signed.message
    let root = try Checkpoint(decoding: message.span).root
    // Checked as the auditor will: the archive may be damaged, and a false proof is worse than none.
    guard let steps = path.finished(), let leafHash = path.leafHash,
      MerkleProof.includes(
        leafHash: leafHash, index: index, size: signed.summary.size, path: steps, root: root)
    else { throw StoreDamage() }
    return .receipt(try encode(signed, index: index, path: steps))
  }

  private static func encode(_ signed: HeldBatch, index: UInt64, path: MerklePath) throws
    -> [UInt8]
  {
    let message = try signed.message
    let parts = try COSESign1(decoding: message.span)
    var proof = [UInt8](repeating: 0, count: InclusionProof.maximumByteCount)
    let proofCount = InclusionProof(size: signed.summary.size, index: index, path: path)
      .encode(into: proof.mutableSpan)
    var receipt = [UInt8](repeating: 0, count: InclusionProof.maximumReceiptByteCount)
    let count = COSESign1.encodeReceipt(
      protected: message.span.extracting(parts.protected), signature: parts.signature,
      proofLabel: COSESign1.Label.inclusion, proof: proof.span.extracting(0..<proofCount),
      into: receipt.mutableSpan)
    receipt.removeLast(receipt.count - count)
    return receipt
  }
}

/// Puts an inclusion path together from whatever aligned subtrees the archive has: single leaves, peaks,
/// and subtrees that devices sent instead of leaves.
///
/// A path is a list of siblings; each is hashed with a frontier of its own while the subtrees pass, left
/// to right. A subtree without the leaf lies inside one sibling: aligned subtrees are nested or apart.
struct InclusionPath {
  private struct Sibling {
    let from: UInt64
    let to: UInt64
    /// Place in the path, counted from the leaf.
    let place: Int
    var hashes = MerkleFrontier()
  }

  private let index: UInt64
  private var siblings: [Sibling] = []
  private var current = 0
  private var next: UInt64 = 0
  /// A subtree covers the leaf: the leaf itself is not here.
  private(set) var isCovered = false
  /// Of the leaf itself, once it has passed.
  private(set) var leafHash: Digest?

  /// `index` is below `size`.
  init(index: UInt64, size: UInt64) {
    self.index = index
    var level: UInt64 = 0
    while (size - 1) >> level > 0 {
      let node = index >> level
      let from = (node ^ 1) << level
      if from < size {
        let to = min(size, from + (1 << level))
        siblings.append(Sibling(from: from, to: to, place: siblings.count))
      }
      level += 1
    }
    siblings.sort { $0.from < $1.from }
  }

  /// Takes what stands for all leaves before a place.
  mutating func take(_ frontier: MerkleFrontier) {
    var remaining = frontier.size
    for peak in 0..<frontier.peakCount {
      let count = UInt64(1) << UInt64(63 - remaining.leadingZeroBitCount)
      take(frontier.peak(at: peak), count: count)
      remaining -= count
    }
  }

  /// Takes the next subtree of `count` leaves.
  mutating func take(_ hash: Digest, count: UInt64) {
    let from = next
    next += count
    if from <= index, index < next {
      if count == 1 { leafHash = hash } else { isCovered = true }
      return
    }
    while current < siblings.count, siblings[current].to <= from { current += 1 }
    guard current < siblings.count, siblings[current].from <= from, next <= siblings[current].to
    else { return }
    let offset = from - siblings[current].from
    guard siblings[current].hashes.size == offset,
      siblings[current].hashes.accepts(subtreeOf: count)
    else { return }
    siblings[current].hashes.append(subtree: hash, count: count)
  }

  /// The path from the leaf upwards; nil when something is missing.
  func finished() -> MerklePath? {
    var path = MerklePath()
    for sibling in siblings.sorted(by: { $0.place < $1.place }) {
      guard sibling.hashes.size == sibling.to - sibling.from else { return nil }
      path.append(sibling.hashes.root())
    }
    return path
  }
}
