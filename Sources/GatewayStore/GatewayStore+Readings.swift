import Foundation
import GRDB
import Records

/// What to show of a device's log.
public struct ReadingsQuery: Equatable, Sendable {
  /// Leaves of one answer.
  public static let maximumLimit = 5000
  /// Batches that one answer looks at: 512 leaves each at most.
  public static let maximumBatchCount = 256

  /// Only leaves behind this one.
  public var after: LogCursor?
  public var limit = 1000
  /// Only values of this SenML name. Faults and gaps stay: they say why values are missing.
  public var name: String?
  /// UTC milliseconds, from here on and before there. Leaves without a known time are then left out.
  public var from: Int64?
  public var to: Int64?

  public init() {}
}

/// A part of the answer to a query.
public struct ReadingsPage: Equatable, Sendable {
  /// Readings, faults, gaps and LoRaWAN frames, in the order of the log.
  public var leaves: [DecodedLeaf] = []
  /// Where to go on; nil at the end of the log. A page may be empty and still have more behind it.
  public var next: LogCursor?
  /// Batches that were looked at, and the end of the last of them.
  var batchCount = 0
  var lookedAt: LogCursor?
}

extension GatewayStore {
  public func readings(of device: Device, _ query: ReadingsQuery) throws -> ReadingsPage {
    try readings(of: device, query, maximumBatchCount: ReadingsQuery.maximumBatchCount)
  }

  func readings(of device: Device, _ query: ReadingsQuery, maximumBatchCount: Int) throws
    -> ReadingsPage
  {
    try database.read { database in
      var page = ReadingsPage()
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT \(BatchSummary.columns), bytes FROM batch
          WHERE device = ? AND (epoch > ? OR (epoch = ? AND size > ?))
          ORDER BY epoch, batch LIMIT ?
          """,
        arguments: [
          device.id, query.after.map { Int64($0.epoch) } ?? -1,
          query.after.map { Int64($0.epoch) } ?? -1,
          query.after.map { Int64($0.index) } ?? -1, maximumBatchCount + 1,
        ])
      while let row = try rows.next() {
        let summary = try BatchSummary(row)
        guard page.batchCount < maximumBatchCount else {
          page.next = page.lookedAt
          return page
        }
        page.batchCount += 1
        page.lookedAt = LogCursor(epoch: summary.epoch, index: summary.size - 1)
        let leaves = try LeafDecoder.leaves(of: Array(row["bytes"] as Data), summary, database)
        for leaf in leaves {
          guard Self.isBehind(query.after, leaf), let shown = Self.shown(leaf, query) else {
            continue
          }
          guard page.leaves.count < query.limit else {
            page.next = page.leaves.last.map(Self.cursor)
            return page
          }
          page.leaves.append(shown)
        }
      }
      return page
    }
  }

  private static func cursor(_ leaf: DecodedLeaf) -> LogCursor {
    LogCursor(epoch: leaf.epoch, index: leaf.index)
  }

  private static func isBehind(_ cursor: LogCursor?, _ leaf: DecodedLeaf) -> Bool {
    guard let cursor else { return true }
    return (leaf.epoch, leaf.index) > (cursor.epoch, cursor.index)
  }

  /// The leaf as the query wants it; nil when it is none of its business.
  private static func shown(_ leaf: DecodedLeaf, _ query: ReadingsQuery) -> DecodedLeaf? {
    if query.from != nil || query.to != nil {
      guard case .known(let utc, _, _) = leaf.time, utc >= query.from ?? .min,
        utc < query.to ?? .max
      else { return nil }
    }
    switch leaf.content {
    case .fault, .gap, .unreadable: return leaf
    // Neither says why a value is missing.
    case .frame, .framesRefused: return query.name == nil ? leaf : nil
    case .reading(let sensor, let values):
      guard let name = query.name else { return leaf }
      let wanted = values.filter { $0.name == name }
      guard !wanted.isEmpty else { return nil }
      return DecodedLeaf(
        epoch: leaf.epoch, index: leaf.index, boot: leaf.boot, milliseconds: leaf.milliseconds,
        time: leaf.time, isSimulated: leaf.isSimulated, content: .reading(sensor, wanted))
    case .boot, .schema, .event, .contact, .button, .clock, .position, .other: return nil
    }
  }

  /// The newest position that the device reported.
  public func newestPosition(of device: Device) throws -> DecodedLeaf.Position? {
    try database.read { database in
      let row = try Row.fetchOne(
        database,
        sql: """
          SELECT bytes FROM context WHERE device = ? AND kind = ?
          ORDER BY epoch DESC, leaf DESC LIMIT 1
          """, arguments: [device.id, Int(LeafKind.position.rawValue)])
      guard let row else { return nil }
      let bytes = Array(row["bytes"] as Data)
      return try LeafDecoder.position(Leaf(decoding: bytes.span))
    }
  }
}
