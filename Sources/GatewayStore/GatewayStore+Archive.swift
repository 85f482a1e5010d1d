import Archive
import CoverageStatistics
import CoverageVerifier
import FixedMemory
import Foundation
import GRDB
import Identity
import Proofs
import Signers

/// Why an archive can't be made, apart from the disk.
public enum ExportFailure: Error, Equatable {
  /// The store can't be read.
  case notUsable(String)
  /// An earlier or later version of this program made the store.
  case otherVersion
  /// Nothing has been answered for yet.
  case emptyLog
  /// The key given is not the one in force in the log.
  case otherKey
  /// The key did not sign.
  case notSigned
}

extension GatewayStore {
  /// How far an export is: leaves and batches written, and how many there are.
  public typealias ExportProgress = (_ done: UInt64, _ all: UInt64) -> Void

  /// Writes an archive of the store at `path` (docs/archive.md), while a gateway runs on it or not: one
  /// transaction reads it all, and nothing is written to it. `key` signs the head.
  public static func export(
    storeAt path: String, to writer: ArchiveWriter, signingWith key: inout FileKey,
    progress: @escaping ExportProgress = { _, _ in }
  ) throws {
    try reading(storeAt: path, "cairn-gateway export") { database in
      try Exporter(database, writer, progress).write(signingWith: &key)
    }
  }

  /// One transaction that reads the store at `path`, and nothing else.
  static func reading<Value>(
    storeAt path: String, _ label: String, _ read: (Database) throws -> Value
  ) throws -> Value {
    var configuration = Configuration()
    configuration.readonly = true
    configuration.label = label
    configuration.busyMode = .timeout(5)
    do {
      let database = try DatabaseQueue(path: path, configuration: configuration)
      guard try database.read(migrator().hasCompletedMigrations),
        try !database.read(migrator().hasBeenSuperseded)
      else { throw ExportFailure.otherVersion }
      let value = try database.read(read)
      try database.close()
      return value
    } catch let error as DatabaseError {
      throw ExportFailure.notUsable(error.message ?? error.description)
    }
  }

  /// The same of an open store.
  public func export(
    to writer: ArchiveWriter, signingWith key: inout FileKey,
    progress: @escaping ExportProgress = { _, _ in }
  ) throws {
    try database.read { database in
      try Exporter(database, writer, progress).write(signingWith: &key)
    }
  }
}

/// One export, within one transaction.
private struct Exporter {
  let database: Database
  let writer: ArchiveWriter
  let progress: GatewayStore.ExportProgress
  let leafCount: UInt64
  let batchCount: UInt64

  init(
    _ database: Database, _ writer: ArchiveWriter,
    _ progress: @escaping GatewayStore.ExportProgress
  ) throws {
    self.database = database
    self.writer = writer
    self.progress = progress
    leafCount = try GatewayLog.storedSize(database)
    batchCount = UInt64(try Int.fetchOne(database, sql: "SELECT count(*) FROM batch") ?? 0)
    guard leafCount > 0 else { throw ExportFailure.emptyLog }
  }

  func write(signingWith key: inout FileKey) throws {
    guard try keyInForce() == key.publicKey else { throw ExportFailure.otherKey }
    let end = try writeLog()
    try writeKeys()
    let hidden = try writeBatches(end)
    try writeVerdicts(hidden)
    try writeStandings(hidden, end)
    try writer.begin(.head)
    try writer.append(try Self.head(end, signedWith: &key))
    try writer.finish()
    progress(leafCount + batchCount, leafCount + batchCount)
  }

  /// The key that leaf 0 has, or the newest key change.
  private func keyInForce() throws -> PublicKey {
    let bytes = try Data.fetchOne(
      database, sql: "SELECT bytes FROM log WHERE kind IN (0, 6) ORDER BY id DESC LIMIT 1")
    guard let bytes else { throw StoreDamage() }
    let leaf = try GatewayLogLeaf(decoding: bytes.span)
    switch leaf.document {
    case .firstKey(let key): return PublicKey(ed25519: key)
    case .message(let message): return try GatewayKeyChange(decoding: message).newKey
    case .operatorRevocation, .fork: throw StoreDamage()
    }
  }

  private func writeLog() throws -> GatewayLog.End {
    try writer.begin(.log)
    var end = GatewayLog.End()
    let rows = try Row.fetchCursor(database, sql: "SELECT id, utc, bytes FROM log ORDER BY id")
    while let row = try rows.next() {
      guard row[0] as Int64 == Int64(end.frontier.size) else { throw StoreDamage() }
      let leaf = Array(row[2] as Data)
      try writer.append(leaf)
      end.frontier.append(
        subtree: OpenSSLTreeHash.leafHash(leaf.span), count: 1, by: OpenSSLTreeHash.self)
      end.utcMilliseconds = row[1]
      if end.frontier.size.isMultiple(of: 4096) {
        progress(end.frontier.size, leafCount + batchCount)
      }
    }
    // What the store says of its tree, and what its leaves give, were written by different hands.
    guard end.frontier.size == leafCount,
      try GatewayLog.storedEnd(database).frontier == end.frontier
    else { throw StoreDamage() }
    return end
  }

  private func writeKeys() throws {
    try writer.begin(.keys)
    let rows = try Row.fetchCursor(
      database, sql: "SELECT \(Device.columns) FROM device ORDER BY key_hash")
    while let row = try rows.next() {
      try writer.append(ArchiveFormat.item(of: try Device(row).key))
    }
  }

  /// Batches in the order of their receipts in the log, which is that in which they were stored; of what is not to be
  /// shown at the time of the newest leaf the hashes. Gives those leaves.
  private func writeBatches(_ end: GatewayLog.End) throws -> HiddenLeaves {
    try writer.begin(.batches)
    var withholding = Withholding(database, atUTCMilliseconds: end.utcMilliseconds)
    var hidden = HiddenLeaves()
    let leaves = try Row.fetchCursor(
      database, sql: "SELECT id, bytes FROM log WHERE kind = 1 ORDER BY id")
    let batches = try Row.fetchCursor(
      database, sql: "SELECT id, receipt, bytes, \(BatchSummary.columns) FROM batch ORDER BY id")
    var leaf = try leaves.next()
    var done = leafCount
    while let batch = try batches.next() {
      let receipt = batch[1] as Data
      var index: UInt64?
      while let candidate = leaf {
        if (candidate[1] as Data).suffix(receipt.count) == receipt {
          index = UInt64(exactly: candidate[0] as Int64)
          leaf = try leaves.next()
          break
        }
        // Of a batch further on: this one has no receipt in the log. Otherwise the leaf has no batch.
        if try isReceiptOfLaterBatch(candidate[1], than: batch[0]) { break }
        leaf = try leaves.next()
      }
      let summary = try BatchSummary(batch)
      let shown = try withholding.shown(Array(batch[2] as Data), summary)
      hidden.add(shown.withheld, device: summary.device, epoch: summary.epoch)
      try writer.append(
        ArchiveFormat.item(ofBatch: shown.bytes, leaf: index, withheld: shown.withheld))
      done += 1
      if done.isMultiple(of: 1024) { progress(done, leafCount + batchCount) }
    }
    return hidden
  }

  /// What the gateway says of every beacon, by number and key: what is recomputed can be compared with it.
  private func writeVerdicts(_ hidden: HiddenLeaves) throws {
    var query = CoverageQuery()
    query.limit = 256
    var hasBegun = false
    let links = VerifiedLinks()
    while true {
      let names = try GatewayStore.names(query, database)
      for beacon in try GatewayStore.judged(names, database, links, hidden: hidden) {
        let json = try beacon.verdict.json
        guard let item = ArchiveFormat.item(ofVerdict: json, of: beacon.name) else { continue }
        if !hasBegun { try writer.begin(.verdicts) }
        hasBegun = true
        try writer.append(item)
      }
      guard names.count == query.limit, let last = names.last else { return }
      query.after = last
    }
  }

  /// What the gateway says of every node, by period and node, as of the newest leaf.
  private func writeStandings(_ hidden: HiddenLeaves, _ end: GatewayLog.End) throws {
    let asOf = end.utcMilliseconds
    let reader = SurveyReader(
      database, asOfUTCMilliseconds: asOf, VerifiedLinks(), hidden: hidden)
    var hasBegun = false
    for period in try SurveyReader.periods(asOfUTCMilliseconds: asOf, database) {
      for standing in try reader.survey(period).judged().nodes {
        let json = try standing.json
        guard let item = ArchiveFormat.item(ofStanding: json, of: standing) else { continue }
        if !hasBegun { try writer.begin(.standings) }
        hasBegun = true
        try writer.append(item)
      }
    }
  }

  private func isReceiptOfLaterBatch(_ leaf: Data, than id: Int64) throws -> Bool {
    let decoded = try GatewayLogLeaf(decoding: leaf.span)
    guard case .message(let message) = decoded.document else { return false }
    let receipt = try Receipt(decoding: message)
    guard let device = try Device.find(database, keyHash: receipt.deviceKeyHash) else {
      return false
    }
    let row = try Int64.fetchOne(
      database, sql: "SELECT id FROM batch WHERE device = ? AND epoch = ? AND batch = ?",
      arguments: [device.id, Int64(receipt.epoch), Int64(receipt.batch)])
    return row.map { $0 > id } ?? false
  }

  /// The head of exactly these leaves. Its time is the newest leaf's, so that two archives of one state are
  /// the same in every byte.
  private static func head(_ end: GatewayLog.End, signedWith key: inout FileKey) throws -> [UInt8] {
    let head = GatewayHead(
      algorithm: key.publicKey.algorithm, keyID: key.publicKey.keyID, size: end.frontier.size,
      nowUTCMilliseconds: end.utcMilliseconds, root: end.frontier.root(by: OpenSSLTreeHash.self))
    var bytes = [UInt8](repeating: 0, count: GatewayHead.maximumMessageByteCount)
    do throws(SigningFailure) {
      let count = try head.sign(with: &key, into: bytes.mutableSpan).byteCount
      bytes.removeLast(bytes.count - count)
      return bytes
    } catch {
      throw ExportFailure.notSigned
    }
  }
}
