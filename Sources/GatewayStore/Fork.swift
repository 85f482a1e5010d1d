import Foundation
import GRDB
import Proofs
import Records

/// Proof that a key signed two histories: two checkpoint messages, each with its signature.
public struct Fork: Equatable, Sendable {
  /// Of the checkpoint that came second.
  public let epoch: UInt64
  public let batch: UInt64
  /// `fork`: both stand at one position. `closedEpoch`: one goes on behind the end of an epoch.
  public let code: RefusalCode
  public let held: [UInt8]
  public let sent: [UInt8]
  public let seenUTCMilliseconds: Int64

  /// One pair is proof enough. More are kept so that a pattern can be seen, but no device fills the
  /// disk by signing nonsense: 64 pairs of at most 494 bytes.
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

  /// Keeps the pair; false when it was kept before, or when enough of this device's are.
  static func keep(
    code: RefusalCode, held: [UInt8], _ batch: Gateway.CheckedBatch, _ database: Database
  ) throws -> Bool {
    let kept =
      try Int.fetchOne(
        database.cachedStatement(sql: "SELECT count(*) FROM fork WHERE device = ?"),
        arguments: [batch.device.id]) ?? 0
    guard kept < maximumKeptPerDevice else { return false }
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
}
