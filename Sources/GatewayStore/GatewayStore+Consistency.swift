import FixedMemory
import Foundation
import GRDB
import Proofs

/// What came of a wish for the proof that a device's log only grew.
public enum ConsistencyAnswer: Equatable, Sendable {
  /// An RFC 9942 receipt: COSE, with the newer checkpoint's signature.
  case receipt([UInt8])
  case noSuchEpoch
  /// No checkpoint of this epoch has this size.
  case noSuchSize(UInt64)
  /// A proof leads from 1 or more leaves to no fewer.
  case sizesOutOfOrder
  /// A hash that is held stands for leaves of which only some are in a part of the proof: ask the device.
  case withheld
}

extension GatewayStore {
  /// The proof that the tree of `newer` leaves begins with that of `older`, both sizes of checkpoints of one
  /// epoch (nil: the newest), under the signature of the newer (nil: the newest).
  public func consistencyReceipt(
    of device: Device, epoch: UInt64?, from older: UInt64, to newer: UInt64?
  ) throws -> ConsistencyAnswer {
    try database.read { database in
      let newest: HeldBatch?
      if let epoch {
        newest = try database.newestBatch(device: device.id, epoch: epoch)
      } else {
        newest = try database.newestBatch(device: device.id)
      }
      guard let newest else { return .noSuchEpoch }
      let tree = ArchivedTree(device: device.id, epoch: newest.summary.epoch, database: database)
      let newer = newer ?? newest.summary.size
      guard older > 0, older <= newer else { return .sizesOutOfOrder }
      guard let from = try tree.batch(ofSize: older) else { return .noSuchSize(older) }
      guard let to = try tree.batch(ofSize: newer) else { return .noSuchSize(newer) }
      return try Self.consistency(from, to, tree)
    }
  }

  private static func consistency(_ from: HeldBatch, _ to: HeldBatch, _ tree: ArchivedTree) throws
    -> ConsistencyAnswer
  {
    let (older, newer) = (from.summary.size, to.summary.size)
    var path = MerklePath()
    for part in ProofParts.consistency(from: older, to: newer) {
      guard let hash = try tree.root(of: part) else { return .withheld }
      path.append(hash)
    }
    let message = try to.message
    let root = try Checkpoint(decoding: message.span).root
    let olderMessage = try from.message
    let olderRoot = try Checkpoint(decoding: olderMessage.span).root
    // Checked as the auditor will: the archive may be damaged, and a false proof is worse than none.
    guard
      MerkleProof.isConsistent(
        size1: older, root1: olderRoot, size2: newer, root2: root, path: path)
    else { throw StoreDamage() }
    return .receipt(
      try Gateway.receipt(of: message, COSESign1.Label.consistency) {
        ConsistencyProof(olderSize: older, newerSize: newer, path: path).encode(into: $0)
      })
  }
}

/// The tree of one epoch of a device, put together from its batches.
///
///     batch ends     …  s₀        s₁      s₂      s₃
///     part                 [from ………………………… to)
///                           └ peaks of s₂ ┘└ items of the batch behind s₂ ┘
struct ArchivedTree {
  let device: Int64
  let epoch: UInt64
  let database: Database

  func batch(ofSize size: UInt64) throws -> HeldBatch? { try batch("size = ?", size) }

  private func batch(_ condition: String, _ size: UInt64) throws -> HeldBatch? {
    guard let size = Int64(exactly: size) else { return nil }
    return try Row.fetchOne(
      database,
      sql: """
        SELECT \(Database.heldColumns) FROM batch
        WHERE device = ? AND epoch = ? AND \(condition) LIMIT 1
        """, arguments: [device, Int64(epoch), size]
    ).map { try HeldBatch($0) }
  }

  /// The root of leaves `part` by themselves, which begins at a multiple of a power of two that is no less
  /// than its length. Looks at three batches at most. Nil when a hash that is held reaches across its border.
  func root(of part: Range<UInt64>) throws -> Digest? {
    var result = MerkleFrontier()
    // Peaks of a batch that ends with the part, unless they have joined what is in front of it; else of the
    // last one that ends before.
    for end in ["size <= ?", "size < ?"] where result.size == 0 {
      if let within = try batch(end + " ORDER BY size DESC", part.upperBound),
        within.summary.size > part.lowerBound
      {
        take(within.frontier, from: part.lowerBound, into: &result)
      }
    }
    let reached = part.lowerBound + result.size
    guard reached < part.upperBound else { return result.root(by: OpenSSLTreeHash.self) }
    guard let behind = try batch("size > ? ORDER BY size", reached) else { throw StoreDamage() }
    let isWhole = try take(behind, reached..<part.upperBound, into: &result)
    return isWhole ? result.root(by: OpenSSLTreeHash.self) : nil
  }

  /// The peaks that lie at `first` and behind it. A part begins where a peak does.
  private func take(
    _ frontier: MerkleFrontier, from first: UInt64, into result: inout MerkleFrontier
  ) {
    var position: UInt64 = 0
    for index in 0..<frontier.peakCount {
      let remaining = frontier.size - position
      let count = UInt64(1) << UInt64(63 - remaining.leadingZeroBitCount)
      if position >= first, result.accepts(subtreeOf: count) {
        result.append(subtree: frontier.peak(at: index), count: count, by: OpenSSLTreeHash.self)
      }
      position += count
    }
  }

  /// The items of a batch that stand for `range`; false when one of them reaches across its border.
  private func take(_ batch: HeldBatch, _ range: Range<UInt64>, into result: inout MerkleFrontier)
    throws -> Bool
  {
    var position = batch.summary.start
    let bytes = batch.bytes
    var reader = try BatchReader(bytes.span)
    while !reader.isAtEnd, position < range.upperBound {
      var (hash, count) = (Digest(), UInt64(1))
      switch try reader.next() {
      case .leaf(let leaf): hash = OpenSSLTreeHash.leafHash(leaf)
      case .subtree(let itemCount, let itemHash): (hash, count) = (itemHash, itemCount)
      }
      let from = position
      position += count
      if position <= range.lowerBound { continue }
      guard from >= range.lowerBound, position <= range.upperBound,
        result.accepts(subtreeOf: count)
      else { return false }
      result.append(subtree: hash, count: count, by: OpenSSLTreeHash.self)
    }
    return position >= range.upperBound
  }
}
