import FixedMemory
import Foundation
import GRDB
import Identity
import Proofs
import Records
import Synchronization

/// The gateway's own log: one RFC 9162 tree of everything that it answered for (docs/identity.md, "The
/// gateway's own log").
///
///     transaction ─┬─ what the leaf is about (a batch, an enrolment, …)
///                  └─ append: the leaf, and each 256th time the hash of a complete subtree
///     commit ──────── only now the end of the log moves, and heads speak of the leaf
///
/// Invariants:
/// - Row n of `log` is leaf n; none is missing, changed or removed.
/// - `utc` never goes back from leaf to leaf.
/// - `log_subtree` has the root of each complete subtree of 2^8, 2^16, … leaves.
/// - `committed` is the end of what is on the disk; `pending` of what the open transaction adds.
public final class GatewayLog: Sendable {
  /// Complete subtrees whose hashes are kept have 2^8, 2^16, … leaves: a row for each 256 leaves, and at
  /// most 255 rows of a level for one hash of a proof.
  static let levelStep = 8

  /// A clock that goes back by less is held without a word: batches that are checked at the same time reach
  /// the log in any order.
  public static let toldStepMilliseconds: Int64 = 10_000

  /// What a leaf is made of.
  public enum Entry: Sendable {
    /// A receipt, challenge, enrolment, revocation or key change, as it was signed.
    case message(GatewayLogLeaf.Kind, [UInt8])
    case operatorRevocation(deviceKeyHash: Digest, reason: RevocationReason)
    /// Two checkpoint messages.
    case fork(held: [UInt8], sent: [UInt8])
  }

  /// Where a leaf came to stand.
  public struct Place: Equatable, Sendable {
    public let index: UInt64
    /// Milliseconds of UTC: the time given, or that of the leaf before when the clock went back.
    public let utcMilliseconds: Int64
  }

  /// The end of the log, from which it grows.
  struct End: Sendable {
    var frontier = MerkleFrontier()
    var utcMilliseconds: Int64 = 0
  }

  private struct State {
    var committed: End?
    var pending: End?
    var isHeld = false
    var tellClock: (@Sendable (_ milliseconds: Int64) -> Void)?
  }

  /// Leaf 0 of a log that begins with this process.
  private let firstKey: PublicKey
  private let state = Mutex(State())

  /// `firstKey` is what a log that is empty begins with.
  init(firstKey: PublicKey) { self.firstKey = firstKey }

  /// `tell` hears, once each time, that the clock stands before the newest leaf, and by how much.
  public func whenClockGoesBack(tell: @escaping @Sendable (_ milliseconds: Int64) -> Void) {
    state.withLock { $0.tellClock = tell }
  }

  /// Appends a leaf in the open transaction of `database`, the one that writes what the leaf is about. It
  /// is in the log when that transaction commits, and never was when it rolls back. Not to be called
  /// within a savepoint that may be undone by itself.
  ///
  /// - `utcMilliseconds`: now, by the gateway's clock.
  @discardableResult
  public func append(_ entry: Entry, utcMilliseconds now: Int64, in database: Database) throws
    -> Place
  {
    precondition(database.isInsideTransaction, "a leaf without a transaction")
    var end = try pendingEnd(database)
    if end.frontier.size == 0 { try begin(&end, now, database) }
    tellHeld(now, end)
    let place = try write(entry, now, &end, database)
    setPending(end)
    return place
  }

  /// Begins a log that is empty: the gateway's key, then the receipts and forks that a store of an
  /// earlier version holds, in the order in which they came. Does nothing when there is a log. Comes
  /// before a transaction's own receipts and forks, which are leaves by themselves.
  func beginIfEmpty(utcMilliseconds now: Int64, in database: Database) throws {
    var end = try pendingEnd(database)
    guard end.frontier.size == 0 else { return }
    try begin(&end, now, database)
    setPending(end)
  }

  /// The end of what is durable.
  func committedEnd(_ store: GatewayStore) throws -> End {
    if let end = state.withLock({ $0.committed }) { return end }
    let end = try store.database.read { try Self.storedEnd($0) }
    return state.withLock { state in
      if let committed = state.committed { return committed }
      state.committed = end
      return end
    }
  }

  /// The end as the open transaction of `database` has it.
  func end(in database: Database) throws -> End { try pendingEnd(database) }

  private func setPending(_ end: End) { state.withLock { $0.pending = end } }

  /// Where this transaction's next leaf goes: the first one of a transaction asks the store, so that what
  /// another process wrote, or a transaction that failed, leaves no hole.
  private func pendingEnd(_ database: Database) throws -> End {
    if let end = state.withLock({ $0.pending }) { return end }
    let known = state.withLock { $0.committed }
    let size = try Self.storedSize(database)
    let end: End
    if let known, known.frontier.size == size {
      end = known
    } else {
      end = try Self.storedEnd(database)
    }
    setPending(end)
    database.afterNextTransaction(
      onCommit: { _ in self.finish(isCommitted: true) },
      onRollback: { _ in self.finish(isCommitted: false) })
    return end
  }

  private func finish(isCommitted: Bool) {
    state.withLock { state in
      if isCommitted, let pending = state.pending { state.committed = pending }
      state.pending = nil
    }
  }

  private func tellHeld(_ now: Int64, _ end: End) {
    let back = end.utcMilliseconds - max(now, 0)
    let tell = state.withLock { state in
      let wasHeld = state.isHeld
      state.isHeld = back > Self.toldStepMilliseconds
      return state.isHeld && !wasHeld ? state.tellClock : nil
    }
    tell?(back)
  }

  private func begin(_ end: inout End, _ now: Int64, _ database: Database) throws {
    guard let key = FixedBytes<32>(firstKey.bytes.span) else {
      preconditionFailure("a gateway's key is Ed25519")
    }
    var bytes = [UInt8](repeating: 0, count: GatewayLogLeaf.maximumByteCount)
    let utc = max(now, 0)
    let count = GatewayLogLeaf.encode(
      firstKey: key, utcMilliseconds: utc, into: bytes.mutableSpan)
    bytes.removeLast(bytes.count - count)
    try write(bytes, .firstKey, utc, &end, database)
    let receipts = try Row.fetchCursor(database, sql: "SELECT receipt FROM batch ORDER BY id")
    while let row = try receipts.next() {
      _ = try write(.message(.receipt, Array(row[0] as Data)), now, &end, database)
    }
    let forks = try Row.fetchCursor(
      database, sql: "SELECT held, sent FROM fork WHERE code = ? ORDER BY id",
      arguments: [Int(RefusalCode.fork.rawValue)])
    while let row = try forks.next() {
      let fork = Entry.fork(held: Array(row[0] as Data), sent: Array(row[1] as Data))
      _ = try write(fork, now, &end, database)
    }
  }

  private func write(_ entry: Entry, _ now: Int64, _ end: inout End, _ database: Database) throws
    -> Place
  {
    let utc = max(now, end.utcMilliseconds)
    let place = Place(index: end.frontier.size, utcMilliseconds: utc)
    try write(entry.leaf(utcMilliseconds: utc), entry.kind, utc, &end, database)
    return place
  }

  private func write(
    _ leaf: [UInt8], _ kind: GatewayLogLeaf.Kind, _ utc: Int64, _ end: inout End,
    _ database: Database
  ) throws {
    let index = end.frontier.size
    let statement = try database.cachedStatement(
      sql: "INSERT INTO log (id, kind, utc, bytes) VALUES (?, ?, ?, ?)")
    try statement.execute(arguments: [Int64(index), Int64(kind.rawValue), utc, Data(leaf)])
    if kind != .receipt { try database.insertLogDevice(leaf, index: Int64(index)) }
    let hash = OpenSSLTreeHash.leafHash(leaf.span)
    if (index + 1).isMultiple(of: 1 << UInt64(Self.levelStep)) {
      try writeSubtrees(completedBy: hash, at: index, end.frontier, database)
    }
    end.frontier.append(subtree: hash, count: 1, by: OpenSSLTreeHash.self)
    end.utcMilliseconds = utc
  }

  /// The subtrees that end with leaf `index`: its hash joined with each peak at its left.
  private func writeSubtrees(
    completedBy leafHash: Digest, at index: UInt64, _ before: MerkleFrontier, _ database: Database
  ) throws {
    var hash = leafHash
    var level = 0
    while index & (1 << UInt64(level)) != 0 {
      hash = OpenSSLTreeHash.nodeHash(before.peak(at: before.peakCount - 1 - level), hash)
      level += 1
      guard level.isMultiple(of: Self.levelStep) else { continue }
      let statement = try database.cachedStatement(
        sql: "INSERT INTO log_subtree (level, position, hash) VALUES (?, ?, ?)")
      try statement.execute(arguments: [level, Int64(index >> UInt64(level)), hash.data])
    }
  }
}

extension GatewayLog.Entry {
  var kind: GatewayLogLeaf.Kind {
    switch self {
    case .message(let kind, _): kind
    case .operatorRevocation: .operatorRevocation
    case .fork: .fork
    }
  }

  fileprivate func leaf(utcMilliseconds: Int64) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: GatewayLogLeaf.maximumByteCount)
    let count: Int
    switch self {
    case .message(let kind, let message):
      count = GatewayLogLeaf.encode(
        kind, message: message.span, utcMilliseconds: utcMilliseconds, into: bytes.mutableSpan)
    case .operatorRevocation(let deviceKeyHash, let reason):
      count = GatewayLogLeaf.encode(
        operatorRevocationOf: deviceKeyHash, reason: reason, utcMilliseconds: utcMilliseconds,
        into: bytes.mutableSpan)
    case .fork(let held, let sent):
      count = GatewayLogLeaf.encode(
        forkHeld: held.span, sent: sent.span, utcMilliseconds: utcMilliseconds,
        into: bytes.mutableSpan)
    }
    precondition(count <= bytes.count, "a leaf longer than the largest")
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}
