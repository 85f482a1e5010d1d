import Foundation
import GRDB
import Proofs
import Records

/// Two checkpoint messages of one key, each with its signature, that are kept because they say something of
/// the key: at one position a fork (two histories), behind the end of a closed epoch no more than that
/// another card or board with the key still signs.
public struct SignedPair: Equatable, Sendable {
  /// Of the checkpoint that came second.
  public let epoch: UInt64
  public let batch: UInt64
  /// `fork`: both stand at one position. `closedEpoch`: one goes on behind the end of an epoch.
  public let code: RefusalCode
  public let held: [UInt8]
  public let sent: [UInt8]
  public let seenUTCMilliseconds: Int64

  /// One pair is proof enough. More are kept so that a pattern can be seen, but no device fills the
  /// disk by signing nonsense: 64 pairs of at most 494 bytes of either kind. Each kind has its own, so that
  /// who goes on in a closed epoch keeps no fork out.
  public static var maximumKeptPerDevice: Int { 64 }

  init(_ row: Row) throws {
    guard let epoch = UInt64(exactly: row["epoch"] as Int64),
      let batch = UInt64(exactly: row["batch"] as Int64),
      let code = RefusalCode(rawValue: row["code"])
    else { throw StoreDamage() }
    self.epoch = epoch
    self.batch = batch
    self.code = code
    held = Array(row["held"] as Data)
    sent = Array(row["sent"] as Data)
    seenUTCMilliseconds = row["seen_utc"]
  }

  /// The checkpoint that came names the held one as the one before it: one history, which goes on where it
  /// was closed. False says only that the batches between them did not come, or that `prev` is another.
  public var isOneHistory: Bool {
    get throws {
      let first = try Checkpoint(decoding: held.span)
      let second = try Checkpoint(decoding: sent.span)
      let heldHash = try COSESign1.hash(of: held.span)
      return second.epoch == first.epoch && second.batch == first.batch + 1
        && second.first == first.size && second.previous == heldHash
    }
  }

  /// Keeps the pair; false when it was kept before, or when enough of this device's are.
  static func keep(
    code: RefusalCode, held: [UInt8], _ batch: Gateway.CheckedBatch, _ database: Database
  ) throws -> Bool {
    guard
      try count(code, ofDevice: batch.device.id, database) < maximumKeptPerDevice
    else { return false }
    try database.execute(
      sql: """
        INSERT OR IGNORE INTO fork (device, epoch, batch, code, held, sent, sent_hash, seen_utc)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        batch.device.id, Int64(batch.checkpoint.epoch), Int64(batch.checkpoint.batch),
        Int(code.rawValue), Data(held), Data(batch.message), batch.verified.sigStructureHash.data,
        batch.receivedUTCMilliseconds,
      ])
    return database.changesCount > 0
  }

  static func count(_ code: RefusalCode, ofDevice device: Int64, _ database: Database) throws -> Int
  {
    try Int.fetchOne(
      database.cachedStatement(sql: "SELECT count(*) FROM fork WHERE code = ? AND device = ?"),
      arguments: [Int(code.rawValue), device]) ?? 0
  }

  static func count(_ code: RefusalCode, _ database: Database) throws -> Int {
    try Int.fetchOne(
      database.cachedStatement(sql: "SELECT count(*) FROM fork WHERE code = ?"),
      arguments: [Int(code.rawValue)]) ?? 0
  }
}
