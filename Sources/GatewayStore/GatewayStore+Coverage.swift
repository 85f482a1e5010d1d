import Coverage
import CoverageVerifier
import FixedMemory
import Foundation
import GRDB
import Proofs
import Records

/// A verdict with what it rests on, recomputed from what is stored.
public struct JudgedBeacon: Sendable {
  public let name: BeaconName
  public let verdict: BeaconVerdict
  public let evidence: BeaconEvidence
  /// Nil when the log has no challenge of this number.
  public let challenge: CoverageBook.LoggedChallenge?
  /// Nil when the challenge asks for no beacons.
  public let window: CoverageWindow?
}

/// Which beacons to show.
public struct CoverageQuery: Sendable {
  /// Beacons of one answer.
  public static let maximumLimit = 1_000

  /// Of these keys; nil: of all.
  public var keys: [Digest]?
  /// Only of challenges issued from here on, and before there.
  public var fromUTCMilliseconds: Int64?
  public var toUTCMilliseconds: Int64?
  /// Behind this beacon.
  public var after: BeaconName?
  public var limit = 100

  public init() {}
}

extension GatewayStore {
  /// Nil: no leaf speaks of this beacon.
  public func beacon(_ name: BeaconName) throws -> JudgedBeacon? {
    try database.read { database in
      guard try Self.exists(name, database) else { return nil }
      var gatherer = try CoverageGatherer(database)
      try gatherer.gather(name)
      return Self.judge(name, gatherer.book)
    }
  }

  /// By number and key.
  public func beacons(_ query: CoverageQuery) throws -> [JudgedBeacon] {
    try database.read { try Self.beacons(query, $0) }
  }

  static func beacons(_ query: CoverageQuery, _ database: Database) throws -> [JudgedBeacon] {
    let names = try names(query, database)
    var gatherer = try CoverageGatherer(database)
    for name in names { try gatherer.gather(name) }
    return names.map { judge($0, gatherer.book) }
  }

  /// Numbers of challenges for beacons that were issued in this time.
  public func beaconChallengeCount(fromUTCMilliseconds from: Int64?, to: Int64?, region: String)
    throws -> Int
  {
    try database.read { database in
      let rows = try Row.fetchCursor(
        database,
        sql: """
          SELECT challenge.leaf, log.bytes FROM challenge JOIN log ON log.id = challenge.leaf
          WHERE challenge.region = ? AND challenge.issued_utc >= ? AND challenge.issued_utc < ?
          """, arguments: [region, from ?? .min, to ?? .max])
      var count = 0
      while let row = try rows.next() {
        guard let leaf = UInt64(exactly: row[0] as Int64) else { throw StoreDamage() }
        let message = try LogLeaf(index: leaf, bytes: Array(row[1] as Data)).document
        if try Challenge(decoding: message.span).coverage != nil { count += 1 }
      }
      return count
    }
  }

  static func judge(_ name: BeaconName, _ book: CoverageBook) -> JudgedBeacon {
    let evidence = book.evidence(name)
    let challenge = book.challenge(name.number)
    return JudgedBeacon(
      name: name, verdict: CoverageVerdict.judge(evidence), evidence: evidence,
      challenge: challenge, window: challenge.flatMap { BeaconOrder($0.challenge)?.window })
  }

  /// Kinds whose leaves make a beacon known.
  static let beaconKinds = "8, 9, 10"

  private static func exists(_ name: BeaconName, _ database: Database) throws -> Bool {
    guard let device = try Device.find(database, keyHash: name.keyHash) else { return false }
    return try Int.fetchOne(
      database,
      sql: """
        SELECT 1 FROM coverage_leaf WHERE device = ? AND kind IN (\(beaconKinds)) AND name = ?
        LIMIT 1
        """, arguments: [device.id, Int64(name.number)]) != nil
  }

  private static func names(_ query: CoverageQuery, _ database: Database) throws -> [BeaconName] {
    var conditions = ["coverage_leaf.kind IN (\(beaconKinds))"]
    var arguments: [(any DatabaseValueConvertible)?] = []
    if let after = query.after {
      conditions.append("(coverage_leaf.name, device.key_hash) > (?, ?)")
      arguments += [Int64(after.number), after.keyHash.data]
    }
    if query.fromUTCMilliseconds != nil || query.toUTCMilliseconds != nil {
      conditions.append(
        """
        coverage_leaf.name IN
          (SELECT number FROM challenge WHERE issued_utc >= ? AND issued_utc < ?)
        """)
      arguments += [query.fromUTCMilliseconds ?? .min, query.toUTCMilliseconds ?? .max]
    }
    if let keys = query.keys {
      let marks = Array(repeating: "?", count: keys.count).joined(separator: ", ")
      conditions.append("device.key_hash IN (\(marks))")
      arguments += keys.map { $0.data }
    }
    arguments.append(query.limit)
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT DISTINCT coverage_leaf.name, device.key_hash FROM coverage_leaf
        JOIN device ON device.id = coverage_leaf.device
        WHERE \(conditions.joined(separator: " AND "))
        ORDER BY coverage_leaf.name, device.key_hash LIMIT ?
        """, arguments: StatementArguments(arguments))
    return try rows.map { row in
      guard let number = UInt32(exactly: row[0] as Int64), let hash = Digest(row[1] as Data) else {
        throw StoreDamage()
      }
      return BeaconName(keyHash: hash, number: number)
    }
  }
}
