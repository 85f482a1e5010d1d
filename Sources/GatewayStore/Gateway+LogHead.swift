import FixedMemory
import Foundation
import GRDB
import Proofs
import Signers
import Synchronization

/// A signed head of the gateway's log.
public struct LogHead: Equatable, Sendable {
  public let size: UInt64
  public let utcMilliseconds: Int64
  public let root: Digest
  public let message: [UInt8]
  /// Who has signed it.
  public let key: PublicKey
}

/// Why there is no head or proof of what was asked for.
public enum LogFailure: Error, Equatable {
  /// The log has only so many leaves.
  case beyondTheLog(size: UInt64)
  /// A proof leads from 1 or more leaves to no fewer.
  case sizesOutOfOrder
  /// The key that signed heads of this size is gone. Of it stays the last head that each key has signed.
  case ofAFormerKey(heldSizes: [UInt64])
}

/// Heads that were signed within the last seconds, so that many who ask at the same time cost one
/// signature. Invariant: one root for each size.
final class SignedHeads: Sendable {
  /// All go when one more comes.
  static let maximumCount = 64
  static let keptMilliseconds: Int64 = 10_000

  /// The head's own time may be the newest leaf's: the clock can stand before it.
  private struct Kept {
    let head: LogHead
    let signedMilliseconds: Int64
  }

  private let heads = Mutex<[UInt64: Kept]>([:])
  private let signedCount = Mutex(0)

  /// Signed since the process started.
  var count: Int { signedCount.withLock { $0 } }

  func head(ofSize size: UInt64, utcMilliseconds now: Int64) -> LogHead? {
    heads.withLock { heads in
      guard let kept = heads[size] else { return nil }
      let (age, overflow) = now.subtractingReportingOverflow(kept.signedMilliseconds)
      let young = -Self.keptMilliseconds..<Self.keptMilliseconds
      return !overflow && young.contains(age) ? kept.head : nil
    }
  }

  func keep(_ head: LogHead, utcMilliseconds now: Int64) {
    signedCount.withLock { $0 += 1 }
    heads.withLock { heads in
      if heads[head.size] == nil, heads.count >= Self.maximumCount { heads.removeAll() }
      heads[head.size] = Kept(head: head, signedMilliseconds: now)
    }
  }
}

extension Gateway {
  /// Heads of the log that this process has signed.
  public var signedHeadCount: Int { heads.count }

  /// Leaves of the log that are durable.
  public func logSize() throws -> UInt64 { try log.committedEnd(store).frontier.size }

  /// Begins the log, with this gateway's key as its first leaf, where there is none.
  public func beginLog(utcMilliseconds: Int64) throws(Problem) {
    let isBegun: Bool
    do { isBegun = try logSize() > 0 } catch { throw Problem(storageError: error) }
    if isBegun { return }
    // `writing` begins it.
    try writing(utcMilliseconds) { _ in (value: (), closed: nil) }
  }

  /// The signed head of the log when it had `size` leaves; nil: of all leaves that are durable now, among
  /// them each one that was answered before this was called.
  public func logHead(size wanted: UInt64? = nil, utcMilliseconds now: Int64) throws -> LogHead {
    try beginLog(utcMilliseconds: now)
    let end = try log.committedEnd(store)
    let size = wanted ?? end.frontier.size
    guard size > 0 else { throw LogFailure.sizesOutOfOrder }
    guard size <= end.frontier.size else {
      throw LogFailure.beyondTheLog(size: end.frontier.size)
    }
    let key = keyChain.key(ofHeadWithSize: size)
    guard key == publicKey else { return try heldHead(size: size, by: key) }
    if let head = heads.head(ofSize: size, utcMilliseconds: now) { return head }
    let root =
      size == end.frontier.size
      ? end.frontier.root(by: OpenSSLTreeHash.self)
      : try store.database.read { try GatewayLog.root(size: size, $0) }
    let utc = max(now, end.utcMilliseconds)
    let message = try signedHead(size: size, root: root, utcMilliseconds: utc)
    let head = LogHead(
      size: size, utcMilliseconds: utc, root: root, message: message, key: publicKey)
    heads.keep(head, utcMilliseconds: now)
    return head
  }

  func signedHead(size: UInt64, root: Digest, utcMilliseconds: Int64) throws(Problem) -> [UInt8] {
    let head = GatewayHead(
      algorithm: publicKey.algorithm, keyID: publicKey.keyID, size: size,
      nowUTCMilliseconds: utcMilliseconds, root: root)
    let message = signed(maximumByteCount: GatewayHead.maximumMessageByteCount) {
      (signer: inout FileKey, bytes) throws(SigningFailure) in
      try head.sign(with: &signer, into: bytes).byteCount
    }
    guard let message else { throw Problem(signingFailed: ()) }
    return message
  }

  /// The last head that a key has signed before it was changed.
  private func heldHead(size: UInt64, by key: PublicKey) throws -> LogHead {
    let held = try store.database.read { database in
      try Data.fetchOne(
        database, sql: "SELECT message FROM log_head WHERE size = ?", arguments: [Int64(size)])
    }
    guard let held else { throw LogFailure.ofAFormerKey(heldSizes: keyChain.changes.map(\.index)) }
    let message = Array(held)
    let head = try GatewayHead(decoding: message.span)
    return LogHead(
      size: head.size, utcMilliseconds: head.nowUTCMilliseconds, root: head.root,
      message: message, key: key)
  }

  /// The RFC 9942 receipt that the log of `newer` leaves begins with that of `older`, under the signature
  /// of the head of `newer` leaves (nil: the newest).
  public func logConsistency(from older: UInt64, to newer: UInt64?, utcMilliseconds: Int64) throws
    -> [UInt8]
  {
    let head = try logHead(size: newer, utcMilliseconds: utcMilliseconds)
    guard older > 0, older <= head.size else { throw LogFailure.sizesOutOfOrder }
    let path = try store.database.read { database in
      let path = try GatewayLog.path(
        ProofParts.consistency(from: older, to: head.size), database)
      // Checked as the auditor will: the store may be damaged, and a false proof is worse than none.
      guard
        MerkleProof.isConsistent(
          size1: older, root1: try GatewayLog.root(size: older, database), size2: head.size,
          root2: head.root, path: path)
      else { throw StoreDamage() }
      return path
    }
    return try Self.receipt(of: head.message, COSESign1.Label.consistency) {
      ConsistencyProof(olderSize: older, newerSize: head.size, path: path).encode(into: $0)
    }
  }

  /// The RFC 9942 receipt that leaf `index` is in the log of `size` leaves (nil: of all there are).
  public func logInclusion(of index: UInt64, size: UInt64?, utcMilliseconds: Int64) throws
    -> [UInt8]
  {
    let head = try logHead(size: size, utcMilliseconds: utcMilliseconds)
    guard index < head.size else { throw LogFailure.beyondTheLog(size: head.size) }
    let path = try store.database.read { database in
      let path = try GatewayLog.path(
        ProofParts.inclusion(of: index, size: head.size), database)
      let leaf = try Data.fetchOne(
        database, sql: "SELECT bytes FROM log WHERE id = ?", arguments: [Int64(index)])
      guard let leaf,
        MerkleProof.includes(
          leafHash: OpenSSLTreeHash.leafHash(leaf.span), index: index, size: head.size,
          path: path, root: head.root)
      else { throw StoreDamage() }
      return path
    }
    return try Self.receipt(of: head.message, COSESign1.Label.inclusion) {
      InclusionProof(size: head.size, index: index, path: path).encode(into: $0)
    }
  }

  /// The message's signature over what `encode` writes as its proof, the root detached.
  static func receipt(
    of message: [UInt8], _ label: Int64, _ encode: (consuming MutableSpan<UInt8>) -> Int
  ) throws -> [UInt8] {
    let parts = try COSESign1(decoding: message.span)
    var proof = [UInt8](repeating: 0, count: InclusionProof.maximumByteCount)
    let proofCount = encode(proof.mutableSpan)
    var receipt = [UInt8](repeating: 0, count: InclusionProof.maximumReceiptByteCount)
    let count = COSESign1.encodeReceipt(
      protected: message.span.extracting(parts.protected), signature: parts.signature,
      proofLabel: label, proof: proof.span.extracting(0..<proofCount), into: receipt.mutableSpan)
    receipt.removeLast(receipt.count - count)
    return receipt
  }
}
