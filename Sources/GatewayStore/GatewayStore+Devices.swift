import Foundation
import GRDB
import Identity
import Proofs
import Records

/// What is shown of a device in lists.
public struct DeviceOverview: Sendable {
  public let device: Device
  /// Nil for a device from before there were enrolments.
  public let node: NodeOverview?
  /// Nothing more is taken under its key, and why; nil while it is good.
  public let closed: ClosedKey?
  public let batchCount: Int
  /// Proofs of two histories.
  public let forkCount: Int
  /// Checkpoints that went on in a closed epoch: no second history.
  public let closedEpochCount: Int
  public let newest: NewestBatch?

  /// The end of a device's log, as far as the gateway has it.
  public struct NewestBatch: Sendable {
    public let summary: BatchSummary
    /// The checkpoint message as it was sent.
    public let message: [UInt8]
    public let checkpoint: Checkpoint
    public let receipt: [UInt8]
  }
}

/// Why nothing more is taken under a key.
public enum ClosedKey: Equatable, Sendable {
  case succeeded
  case revoked(RevocationReason, byOwner: Bool, utcMilliseconds: Int64)
}

/// How a device was asked for, and what was found.
public enum DeviceLookup: Sendable {
  case found(Device)
  case unknown
  /// More than one device begins like this.
  case ambiguous
  /// Not 16 to 64 hexadecimal digits.
  case malformed
}

extension GatewayStore {
  /// The device whose key hash is, or begins with, these hexadecimal digits: 16 at least. A node's id gives
  /// the device whose key the node has now.
  public func device(named name: String) throws -> DeviceLookup {
    try database.read { try Self.device(named: name, $0) }
  }

  static func device(named name: String, _ database: Database) throws -> DeviceLookup {
    let even = name.count.isMultiple(of: 2) ? name : String(name.dropLast())
    guard (16...64).contains(name.count), let low = [UInt8](hexadecimal: even) else {
      return .malformed
    }
    let range = [Data(low), Data(low + [UInt8](repeating: 0xff, count: 33 - low.count))]
    let wanted = name.lowercased()
    // Many more than begin alike by chance.
    var found = try Row.fetchAll(
      database,
      sql: """
        SELECT \(Device.columns), key_hash AS name FROM device
        WHERE key_hash >= ? AND key_hash < ? LIMIT 64
        """, arguments: StatementArguments(range))
    found += try Row.fetchAll(
      database,
      sql: """
        SELECT \(Device.qualifiedColumns), node.hash AS name
        FROM node JOIN device ON device.id = node.device
        WHERE node.hash >= ? AND node.hash < ? LIMIT 64
        """, arguments: StatementArguments(range))
    let matching = found.filter {
      Array($0["name"] as Data).hexadecimal.hasPrefix(wanted)
    }
    guard let first = matching.first else { return .unknown }
    let device = try Device(first)
    let isOne = matching.allSatisfy { ($0["id"] as Int64) == device.id }
    return isOne ? .found(device) : .ambiguous
  }

  /// Devices by key hash, from the one after `after` (32 bytes).
  public func devices(after: [UInt8]?, limit: Int) throws -> [DeviceOverview] {
    try database.read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT \(Device.columns) FROM device WHERE key_hash > ? ORDER BY key_hash LIMIT ?
          """,
        arguments: [Data(after ?? []), limit]
      ).map { try Self.overview(Device($0), database) }
    }
  }

  /// The devices that were heard last, newest first, and behind them those that came last and have sent
  /// nothing. Looks at no more than the newest 5000 batches.
  public func devicesHeardLast(limit: Int) throws -> [DeviceOverview] {
    try database.read { database in
      var ids: [Int64] = []
      for sql in [
        "SELECT device FROM batch ORDER BY id DESC LIMIT 5000",
        "SELECT id FROM device ORDER BY id DESC LIMIT 5000",
      ] {
        let rows = try Int64.fetchCursor(database, sql: sql)
        while ids.count < limit, let id = try rows.next() {
          if !ids.contains(id) { ids.append(id) }
        }
      }
      return try ids.compactMap { id in
        try Row.fetchOne(
          database, sql: "SELECT \(Device.columns) FROM device WHERE id = ?", arguments: [id]
        ).map { try Self.overview(Device($0), database) }
      }
    }
  }

  public func overview(of device: Device) throws -> DeviceOverview {
    try database.read { try Self.overview(device, $0) }
  }

  private static func overview(_ device: Device, _ database: Database) throws -> DeviceOverview {
    let batchCount =
      try Int.fetchOne(
        database, sql: "SELECT count(*) FROM batch WHERE device = ?", arguments: [device.id]) ?? 0
    let newest = try database.newestBatch(device: device.id).map { held in
      let message = try held.message
      return DeviceOverview.NewestBatch(
        summary: held.summary, message: message,
        checkpoint: try Checkpoint(decoding: message.span), receipt: held.receipt)
    }
    return DeviceOverview(
      device: device,
      node: try StoredNode.find(database, ofDevice: device.id).map {
        try NodeOverview($0, database)
      },
      closed: try closedKey(device, database), batchCount: batchCount,
      forkCount: try SignedPair.count(.fork, ofDevice: device.id, database),
      closedEpochCount: try SignedPair.count(.closedEpoch, ofDevice: device.id, database),
      newest: newest)
  }

  private static func closedKey(_ device: Device, _ database: Database) throws -> ClosedKey? {
    let revocation = try Row.fetchOne(
      database,
      sql: "SELECT reason, received_utc, message FROM revocation WHERE device = ?",
      arguments: [device.id])
    if let revocation {
      guard let number = UInt8(exactly: revocation["reason"] as Int64),
        let reason = RevocationReason(rawValue: number)
      else { throw StoreDamage() }
      return .revoked(
        reason, byOwner: (revocation["message"] as Data?) != nil,
        utcMilliseconds: revocation["received_utc"])
    }
    let holder = try Int64.fetchOne(
      database,
      sql: "SELECT node.device FROM device JOIN node ON node.id = device.node WHERE device.id = ?",
      arguments: [device.id])
    return holder == nil || holder == device.id ? nil : .succeeded
  }

  /// How many devices and batches there are: the highest row number, since no row is ever removed. Forks and
  /// what went on in a closed epoch are few.
  public func counts() throws -> (devices: Int, batches: Int, forks: Int, closedEpoch: Int) {
    try database.read { database in
      func count(_ table: String) throws -> Int {
        try Int.fetchOne(database, sql: "SELECT max(id) FROM \(table)") ?? 0
      }
      return (
        try count("device"), try count("batch"), try SignedPair.count(.fork, database),
        try SignedPair.count(.closedEpoch, database)
      )
    }
  }

  /// What the store holds, for whoever watches it grow.
  public struct Sizes: Equatable, Sendable {
    public let devices: Int
    public let nodes: Int
    public let enrolments: Int
    public let revocations: Int
    public let batches: Int
    public let forks: Int
    public let closedEpoch: Int
    /// Of the database's pages.
    public let byteCount: Int
  }

  public func sizes() throws -> Sizes {
    try database.read { database in
      func number(_ sql: String) throws -> Int { try Int.fetchOne(database, sql: sql) ?? 0 }
      func count(_ table: String) throws -> Int { try number("SELECT max(id) FROM \(table)") }
      return Sizes(
        devices: try count("device"), nodes: try count("node"),
        enrolments: try count("enrolment"), revocations: try count("revocation"),
        batches: try count("batch"), forks: try SignedPair.count(.fork, database),
        closedEpoch: try SignedPair.count(.closedEpoch, database),
        byteCount: try number("PRAGMA page_count") * number("PRAGMA page_size"))
    }
  }

  /// The forks of a device, oldest first: two signed checkpoints for one position each.
  public func forks(of device: Device) throws -> [SignedPair] { try pairs(.fork, of: device) }

  /// What went on in a closed epoch, oldest first: each with the last checkpoint that is held of the epoch.
  public func closedEpochPairs(of device: Device) throws -> [SignedPair] {
    try pairs(.closedEpoch, of: device)
  }

  private func pairs(_ code: RefusalCode, of device: Device) throws -> [SignedPair] {
    try database.read { database in
      try Row.fetchAll(
        database, sql: "SELECT * FROM fork WHERE code = ? AND device = ? ORDER BY id",
        arguments: [Int(code.rawValue), device.id]
      ).map { try SignedPair($0) }
    }
  }
}
