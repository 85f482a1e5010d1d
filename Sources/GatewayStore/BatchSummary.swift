import CBOR
import FixedMemory
import Foundation
import GRDB
import Proofs
import Records
import Verifier

/// What a verified batch is, without its leaves.
public struct BatchSummary: Equatable, Sendable {
  let device: Int64
  public let epoch: UInt64
  public let batch: UInt64
  /// Index of the first leaf that the items speak of: below `first` when the batch was resumed.
  public let start: UInt64
  public let first: UInt64
  /// Leaves of the tree after the batch.
  public let size: UInt64
  public let boot: UInt64
  /// The measurements come from chip models, not from hardware.
  public let isSimulated: Bool
  public let receivedUTCMilliseconds: Int64
  public let readingCount: Int
  public let faultCount: Int
  public let gapCount: Int
  /// Leaves of the batch that came only as hashes.
  public let withheldCount: UInt64

  static let columns = """
    device, epoch, batch, start, first, size, boot, simulated, received_utc, reading_count,
    fault_count, gap_count, withheld_count
    """

  init(_ row: Row) throws {
    func unsigned(_ column: String) throws -> UInt64 {
      guard let value = UInt64(exactly: row[column] as Int64) else { throw StoreDamage() }
      return value
    }
    device = row["device"]
    epoch = try unsigned("epoch")
    batch = try unsigned("batch")
    start = try unsigned("start")
    first = try unsigned("first")
    size = try unsigned("size")
    boot = try unsigned("boot")
    isSimulated = row["simulated"]
    receivedUTCMilliseconds = row["received_utc"]
    readingCount = row["reading_count"]
    faultCount = row["fault_count"]
    gapCount = row["gap_count"]
    withheldCount = try unsigned("withheld_count")
  }

  fileprivate init(
    _ batch: Gateway.CheckedBatch, content: BatchVerifier.Content, tally: LeafTally
  ) {
    let checkpoint = batch.checkpoint
    device = batch.device.id
    epoch = checkpoint.epoch
    self.batch = checkpoint.batch
    start = content.start
    first = checkpoint.first
    size = checkpoint.size
    boot = checkpoint.boot
    isSimulated = checkpoint.isSimulated
    receivedUTCMilliseconds = batch.receivedUTCMilliseconds
    readingCount = tally.readingCount
    faultCount = tally.faultCount
    gapCount = tally.gapCount
    withheldCount = content.withheldCount
  }
}

/// What has to be known of a batch's leaves when it is stored.
private struct LeafTally {
  var readingCount = 0
  var faultCount = 0
  var gapCount = 0
  var context: [(kind: LeafKind, schema: UInt16, index: UInt64, bytes: [UInt8])] = []

  init(_ batch: Span<UInt8>, start: UInt64) throws {
    var reader = try BatchReader(batch)
    var index = start
    while !reader.isAtEnd {
      switch try reader.next() {
      case .subtree(let count, _): index += count
      case .leaf(let bytes):
        if try Self.kindNumber(of: bytes) == UInt64(LeafKind.reading.rawValue) {
          readingCount += 1
        } else {
          try add(Leaf(decoding: bytes), bytes, at: index)
        }
        index += 1
      }
    }
  }

  /// The kind of a leaf that was taken apart before. Nearly all are readings, of which no more is needed.
  private static func kindNumber(of leaf: Span<UInt8>) throws -> UInt64 {
    var decoder = CBORDecoder(leaf)
    _ = try decoder.arrayHead()
    return try decoder.unsigned()
  }

  private mutating func add(_ leaf: borrowing Leaf, _ bytes: Span<UInt8>, at index: UInt64) throws {
    guard let kind = leaf.kind else { return }
    switch kind {
    case .reading: readingCount += 1
    case .fault: faultCount += 1
    case .event:
      switch try leaf.event().code {
      case .measurementsMissed, .leavesDropped, .olderLeavesDropped: gapCount += 1
      case .deviceAttached, .deviceDetached, .sensorReplaced, .contactChanged, .buttonPressed, nil:
        break
      case .consoleUnlocked, .consoleRefused: break
      case .beaconNotSent, .framesRefused, .airtimeSpent, .radioDeaf, .radioReset: break
      }
    case .clock:
      // A leaf that says that no clock is known places nothing.
      guard try leaf.clock().sourceNumber != UInt64(FixSource.none.rawValue) else { return }
      context.append((kind, leaf.schema, index, bytes.array))
    case .boot, .schema, .position:
      context.append((kind, leaf.schema, index, bytes.array))
    case .challenge, .intent, .sent, .reveal, .witness, .listen, .frame, .health: break
    }
  }
}

extension Database {
  /// Writes a verified batch and what later ones need of it.
  func insert(
    _ batch: Gateway.CheckedBatch, content: BatchVerifier.Content, receipt: [UInt8]
  ) throws -> BatchSummary {
    let tally = try LeafTally(batch.bytes.span, start: content.start)
    let summary = BatchSummary(batch, content: content, tally: tally)
    let statement = try cachedStatement(
      sql: """
        INSERT INTO batch (\(BatchSummary.columns), hash, frontier, receipt, bytes)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    try statement.execute(arguments: [
      summary.device, Int64(summary.epoch), Int64(summary.batch), Int64(summary.start),
      Int64(summary.first), Int64(summary.size), Int64(summary.boot), summary.isSimulated,
      summary.receivedUTCMilliseconds, summary.readingCount, summary.faultCount, summary.gapCount,
      Int64(summary.withheldCount), batch.verified.sigStructureHash.data, content.frontier.stored,
      Data(receipt), Data(batch.bytes),
    ])
    try insert(tally, of: summary)
    try insertCoverage(of: summary, batch.bytes)
    return summary
  }

  /// Some of it may be there: of a batch that has got more leaves since.
  private func insert(_ tally: LeafTally, of summary: BatchSummary) throws {
    let context = try cachedStatement(
      sql: """
        INSERT OR IGNORE INTO context (device, epoch, boot, kind, schema, leaf, bytes)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """)
    for leaf in tally.context {
      try context.execute(arguments: [
        summary.device, Int64(summary.epoch), Int64(summary.boot), Int(leaf.kind.rawValue),
        Int(leaf.schema), Int64(leaf.index), Data(leaf.bytes),
      ])
    }
  }

  /// Gives a held batch bytes with more leaves, which have been verified against the same checkpoint.
  func fill(_ summary: BatchSummary, _ bytes: [UInt8], _ content: BatchVerifier.Content) throws
    -> BatchSummary
  {
    let tally = try LeafTally(bytes.span, start: content.start)
    try execute(
      sql: """
        UPDATE batch SET bytes = ?, reading_count = ?, fault_count = ?, gap_count = ?,
          withheld_count = ? WHERE device = ? AND epoch = ? AND batch = ?
        """,
      arguments: [
        Data(bytes), tally.readingCount, tally.faultCount, tally.gapCount,
        Int64(content.withheldCount), summary.device, Int64(summary.epoch), Int64(summary.batch),
      ])
    try insert(tally, of: summary)
    try insertCoverage(of: summary, bytes)
    guard
      let row = try batchRow(
        device: summary.device, epoch: summary.epoch, batch: summary.batch)
    else { throw StoreDamage() }
    return try BatchSummary(row)
  }

  static let heldColumns = BatchSummary.columns + ", hash, frontier, receipt, bytes"

  func batchRow(device: Int64, epoch: UInt64, batch: UInt64) throws -> Row? {
    guard let epoch = Int64(exactly: epoch), let batch = Int64(exactly: batch) else { return nil }
    let statement = try cachedStatement(
      sql: """
        SELECT \(Self.heldColumns) FROM batch WHERE device = ? AND epoch = ? AND batch = ?
        """)
    return try Row.fetchOne(statement, arguments: [device, epoch, batch])
  }

  func logEnd(device: Int64) throws -> LogEnd? {
    let statement = try cachedStatement(
      sql: """
        SELECT \(LogEnd.columns) FROM batch WHERE device = ?
        ORDER BY epoch DESC, batch DESC LIMIT 1
        """)
    // Within `map` the row is still where SQLite has it; `fetchOne` would copy it first.
    return try Row.fetchCursor(statement, arguments: [device]).map { try LogEnd($0) }.next()
  }

  func newestBatch(device: Int64) throws -> HeldBatch? {
    let statement = try cachedStatement(
      sql: """
        SELECT \(Self.heldColumns) FROM batch WHERE device = ?
        ORDER BY epoch DESC, batch DESC LIMIT 1
        """)
    return try Row.fetchOne(statement, arguments: [device]).map { try HeldBatch($0) }
  }

  func newestBatch(device: Int64, epoch: UInt64) throws -> HeldBatch? {
    guard let epoch = Int64(exactly: epoch) else { return nil }
    let statement = try cachedStatement(
      sql: """
        SELECT \(Self.heldColumns) FROM batch WHERE device = ? AND epoch = ?
        ORDER BY batch DESC LIMIT 1
        """)
    return try Row.fetchOne(statement, arguments: [device, epoch]).map { try HeldBatch($0) }
  }
}
