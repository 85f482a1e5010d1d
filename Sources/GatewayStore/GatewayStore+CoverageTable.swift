import Coverage
import CoverageVerifier
import FixedMemory
import Foundation
import GRDB
import Identity
import Proofs
import Records

extension GatewayStore {
  /// What verdicts look for, each by an index. A cache: what is archived decides (docs/archive.md).
  static func registerCoverage(_ migrator: inout DatabaseMigrator) {
    migrator.registerMigration("coverage") { database in
      try database.execute(sql: coverageTables)
      // What came before there were these tables.
      let challenges = try Row.fetchCursor(
        database,
        sql: """
          SELECT challenge.number, log.bytes FROM challenge JOIN log ON log.id = challenge.leaf
          """)
      while let row = try challenges.next() {
        let message = try LogLeaf(index: 0, bytes: Array(row[1] as Data)).document
        try database.execute(
          sql: "UPDATE challenge SET reveal_utc = ? WHERE number = ?",
          arguments: [
            try Challenge(decoding: message.span).revealUTCMilliseconds, row[0] as Int64,
          ])
      }
      let documents = try Row.fetchCursor(
        database, sql: "SELECT id, bytes FROM log WHERE kind <> 1 ORDER BY id")
      while let row = try documents.next() {
        try database.insertLogDevice(Array(row[1] as Data), index: row[0])
      }
      let batches = try Row.fetchCursor(
        database, sql: "SELECT \(BatchSummary.columns), bytes FROM batch")
      while let row = try batches.next() {
        try database.insertCoverage(of: BatchSummary(row), Array(row["bytes"] as Data))
      }
    }
  }

  private static let coverageTables = """
    -- When the reveal of its window is due; null: it asks for no beacons.
    ALTER TABLE challenge ADD COLUMN reveal_utc INTEGER;
    CREATE INDEX challenge_reveal ON challenge (reveal_utc, number) WHERE reveal_utc IS NOT NULL;

    -- Leaves of the log that speak of a device: enrolments, revocations, forks.
    CREATE TABLE log_device (
      device INTEGER NOT NULL REFERENCES device,
      leaf INTEGER NOT NULL,
      PRIMARY KEY (device, leaf)
    ) STRICT, WITHOUT ROWID;

    -- Beacons of which a leaf of kinds 8 to 10 speaks.
    CREATE TABLE beacon (
      number INTEGER NOT NULL,
      key_hash BLOB NOT NULL,
      device INTEGER NOT NULL REFERENCES device,
      PRIMARY KEY (number, key_hash)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX beacon_device ON beacon (device, number);

    -- Copies of leaves of kinds 7 to 12, and of gaps of leaves, by what they are looked for.
    CREATE TABLE coverage_leaf (
      kind INTEGER NOT NULL,
      name INTEGER NOT NULL,              -- number, frame, or beginning of a challenge's hash
      device INTEGER NOT NULL REFERENCES device,
      epoch INTEGER NOT NULL,
      leaf INTEGER NOT NULL,
      batch INTEGER NOT NULL,
      beside INTEGER NOT NULL,            -- 1: behind a hash of leaves, 2: before one
      early INTEGER NOT NULL,             -- of a reveal: it came before one that it leads to was due
      bytes BLOB NOT NULL,
      PRIMARY KEY (kind, name, device, epoch, leaf)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX coverage_leaf_device ON coverage_leaf (device, kind, name);
    CREATE INDEX coverage_leaf_place ON coverage_leaf (device, kind, epoch, leaf);
    CREATE INDEX coverage_leaf_early ON coverage_leaf (device, name) WHERE early = 1;

    -- Clock and position leaves by the boot's time.
    CREATE TABLE coverage_fix (
      device INTEGER NOT NULL REFERENCES device,
      kind INTEGER NOT NULL,
      epoch INTEGER NOT NULL,
      boot INTEGER NOT NULL,
      milliseconds INTEGER NOT NULL,
      leaf INTEGER NOT NULL,
      bytes BLOB NOT NULL,
      PRIMARY KEY (device, kind, epoch, boot, milliseconds, leaf)
    ) STRICT, WITHOUT ROWID;
    """
}

extension Challenge {
  /// When the reveal of its window is due; nil when it asks for no beacons.
  var revealUTCMilliseconds: Int64? { BeaconOrder(self)?.window.revealUTCMilliseconds }
}

extension Database {
  /// Of a filled batch some is there already, and a leaf beside a hash may be so no more.
  func insertCoverage(of summary: BatchSummary, _ batch: [UInt8]) throws {
    for leaf in try CoverageLeaf.all(in: batch.span, start: summary.start) {
      switch leaf.kind {
      case .clock, .position: try insertFix(leaf, of: summary)
      default: try insert(leaf, of: summary)
      }
    }
  }

  private func insertFix(_ leaf: CoverageLeaf, of summary: BatchSummary) throws {
    let statement = try cachedStatement(
      sql: """
        INSERT OR REPLACE INTO coverage_fix (device, kind, epoch, boot, milliseconds, leaf, bytes)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """)
    try statement.execute(arguments: [
      summary.device, Int(leaf.kind.rawValue), Int64(summary.epoch), Int64(summary.boot),
      try Leaf(decoding: leaf.bytes.span).milliseconds, Int64(leaf.index), Data(leaf.bytes),
    ])
  }

  private func insert(_ leaf: CoverageLeaf, of summary: BatchSummary) throws {
    let isBeacon = leaf.kind == .intent || leaf.kind == .sent || leaf.kind == .reveal
    if isBeacon {
      let statement = try cachedStatement(
        sql: """
          INSERT OR IGNORE INTO beacon (number, key_hash, device)
          SELECT ?, key_hash, id FROM device WHERE id = ?
          """)
      try statement.execute(arguments: [Int64(leaf.name), summary.device])
    }
    let isEarly = leaf.kind == .reveal ? try isEarly(leaf.name, summary) : false
    let statement = try cachedStatement(
      sql: """
        INSERT OR REPLACE INTO coverage_leaf
          (kind, name, device, epoch, leaf, batch, beside, early, bytes)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    try statement.execute(arguments: [
      Int(leaf.kind.rawValue), Int64(bitPattern: leaf.name), summary.device,
      Int64(summary.epoch), Int64(leaf.index), Int64(summary.batch),
      (leaf.isBehindHash ? 1 : 0) + (leaf.isBeforeHash ? 2 : 0), isEarly, Data(leaf.bytes),
    ])
  }

  /// A reveal shows the links of all numbers before its own: whether one of those was not due yet when it came.
  private func isEarly(_ number: UInt64, _ summary: BatchSummary) throws -> Bool {
    let statement = try cachedStatement(
      sql: """
        SELECT ? > (SELECT ifnull(max(number), 0) FROM challenge) OR EXISTS (
          SELECT 1 FROM challenge INDEXED BY challenge_reveal
          WHERE reveal_utc IS NOT NULL AND reveal_utc > ? AND number <= ? AND number > ?)
        """)
    let last = Int64(number)
    return try Bool.fetchOne(
      statement,
      arguments: [
        last, summary.receivedUTCMilliseconds, last, last - Int64(CoverageBook.linkCount),
      ]) ?? true
  }

  /// Whom a leaf of the gateway's log is about, if it is about a device and no receipt.
  func insertLogDevice(_ leaf: [UInt8], index: Int64) throws {
    guard let keyHash = try deviceKeyHash(of: GatewayLogLeaf(decoding: leaf.span)) else { return }
    let statement = try cachedStatement(
      sql: """
        INSERT OR IGNORE INTO log_device (device, leaf) SELECT id, ? FROM device WHERE key_hash = ?
        """)
    try statement.execute(arguments: [index, keyHash.data])
  }

  private func deviceKeyHash(of leaf: borrowing GatewayLogLeaf) throws -> Digest? {
    switch leaf.document {
    case .firstKey: return nil
    case .message(let message):
      switch leaf.kind {
      case .enrolment: return try EnrolmentMessage(decoding: message).enrolment.deviceKey.hash
      case .revocation: return try Revocation(decoding: message).deviceKeyHash
      default: return nil
      }
    case .operatorRevocation(let hash, _): return hash
    case .fork(let held, _):
      let checkpoint = try Checkpoint(decoding: held)
      return try Device.find(self, keyID: checkpoint.keyID)?.keyHash
    }
  }
}
