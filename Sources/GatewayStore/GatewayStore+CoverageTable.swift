import CoverageVerifier
import FixedMemory
import Foundation
import GRDB
import Proofs
import Records

extension GatewayStore {
  /// Leaves that verdicts look for. A cache: what is archived decides (docs/archive.md).
  static func registerCoverage(_ migrator: inout DatabaseMigrator) {
    migrator.registerMigration("coverage") { database in
      try database.execute(
        sql: """
          -- Copies of leaves of kinds 7 to 12, and of gaps of leaves, by what they are looked for.
          CREATE TABLE coverage_leaf (
            kind INTEGER NOT NULL,
            name INTEGER NOT NULL,              -- number, frame, or beginning of a challenge's hash
            device INTEGER NOT NULL REFERENCES device,
            epoch INTEGER NOT NULL,
            leaf INTEGER NOT NULL,
            batch INTEGER NOT NULL,
            beside INTEGER NOT NULL,            -- 1: behind a hash of leaves, 2: before one
            bytes BLOB NOT NULL,
            PRIMARY KEY (kind, name, device, epoch, leaf)
          ) STRICT, WITHOUT ROWID;
          CREATE INDEX coverage_leaf_device ON coverage_leaf (device, kind, name);
          """)
      // What came before there was this table.
      let rows = try Row.fetchCursor(
        database, sql: "SELECT \(BatchSummary.columns), bytes FROM batch")
      while let row = try rows.next() {
        try database.insertCoverage(of: BatchSummary(row), Array(row["bytes"] as Data))
      }
    }
  }
}

extension Database {
  /// Of a filled batch some is there already, and a leaf beside a hash may be so no more.
  func insertCoverage(of summary: BatchSummary, _ batch: [UInt8]) throws {
    for leaf in try CoverageLeaf.all(in: batch.span, start: summary.start) {
      // Those have a table of their own, `context`.
      guard leaf.kind != .clock, leaf.kind != .position else { continue }
      let statement = try cachedStatement(
        sql: """
          INSERT OR REPLACE INTO coverage_leaf (kind, name, device, epoch, leaf, batch, beside, bytes)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?)
          """)
      try statement.execute(arguments: [
        Int(leaf.kind.rawValue), Int64(bitPattern: leaf.name), summary.device,
        Int64(summary.epoch), Int64(leaf.index), Int64(summary.batch),
        (leaf.isBehindHash ? 1 : 0) + (leaf.isBeforeHash ? 2 : 0), Data(leaf.bytes),
      ])
    }
  }
}
