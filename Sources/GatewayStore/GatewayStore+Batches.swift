import Foundation
import GRDB
import Proofs

/// A place between two leaves of a device's log, where a list goes on.
public struct LogCursor: Equatable, Sendable, CustomStringConvertible {
  public let epoch: UInt64
  /// What comes next is behind this leaf, or behind this batch.
  public let index: UInt64
  /// Which of a node's keys, counted from 0 for its first; nil in the log of one key.
  public let key: Int?

  public init(epoch: UInt64, index: UInt64, key: Int? = nil) {
    self.epoch = epoch
    self.index = index
    self.key = key
  }

  /// "epoch.index", or of a node "key.epoch.index", as it stands in `after=`.
  public init?(_ text: String) {
    var parts = text.split(separator: ".", omittingEmptySubsequences: false)
    var key: Int?
    if parts.count == 3 {
      guard let number = UInt32(parts.removeFirst()) else { return nil }
      key = Int(number)
    }
    guard parts.count == 2, let epoch = UInt64(parts[0]), let index = UInt64(parts[1]),
      epoch <= UInt64(Int64.max), index <= UInt64(Int64.max)
    else { return nil }
    self.init(epoch: epoch, index: index, key: key)
  }

  public var description: String {
    key.map { "\($0).\(epoch).\(index)" } ?? "\(epoch).\(index)"
  }

  func under(key: Int) -> LogCursor { LogCursor(epoch: epoch, index: index, key: key) }
}

/// A batch as the archive holds it.
public struct ArchivedBatch: Sendable {
  public let summary: BatchSummary
  /// As it came: to others goes `GatewayStore.shown`.
  let bytes: [UInt8]
  public let receipt: [UInt8]
  /// The checkpoint message as it was sent.
  public let message: [UInt8]
  public let checkpoint: Checkpoint

  init(_ row: Row) throws {
    let held = try HeldBatch(row)
    summary = held.summary
    bytes = held.bytes
    receipt = held.receipt
    let message = try held.message
    self.message = message
    checkpoint = try Checkpoint(decoding: message.span)
  }
}

extension GatewayStore {
  public func batch(of device: Device, epoch: UInt64, batch: UInt64) throws -> ArchivedBatch? {
    try database.read { database in
      try database.batchRow(device: device.id, epoch: epoch, batch: batch).map {
        try ArchivedBatch($0)
      }
    }
  }

  /// Batches in the order of the log, from the one behind `after` (epoch.batch).
  public func batches(of device: Device, after: LogCursor?, limit: Int) throws -> [ArchivedBatch] {
    try database.read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT \(Database.heldColumns) FROM batch
          WHERE device = ? AND (epoch, batch) > (?, ?) ORDER BY epoch, batch LIMIT ?
          """,
        arguments: [
          device.id, after.map { Int64($0.epoch) } ?? -1, after.map { Int64($0.index) } ?? -1,
          limit,
        ]
      ).map { try ArchivedBatch($0) }
    }
  }

  /// The leaves of one batch, decoded.
  public func leaves(of summary: BatchSummary) throws -> [DecodedLeaf] {
    try database.read { database in
      guard
        let row = try database.batchRow(
          device: summary.device, epoch: summary.epoch, batch: summary.batch)
      else { return [] }
      return try LeafDecoder.leaves(of: Array(row["bytes"] as Data), summary, database)
    }
  }
}
