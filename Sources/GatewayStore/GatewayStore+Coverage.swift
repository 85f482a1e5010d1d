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

/// Who heard a beacon, and how well: one row of statistics.
public struct HeardBeacon: Sendable {
  public let name: BeaconName
  public let windowUTCMilliseconds: Int64?
  public let derived: BeaconVerdict.Derived?
  public let witness: WitnessVerdict
  public let reception: Reception
}

extension JudgedBeacon {
  /// Each witness with what its radio said, in the verdict's order.
  public var heard: [HeardBeacon] {
    let receptions = Dictionary(
      evidence.witnesses.map { entry in
        let key = entry.node.keyHash.hexadecimal
        return ("\(key).\(entry.leaf.epoch).\(entry.leaf.index)", entry.leaf.value.reception)
      }, uniquingKeysWith: { first, _ in first })
    return verdict.witnesses.compactMap { witness in
      receptions["\(witness.key).\(witness.epoch).\(witness.leaf)"].map {
        HeardBeacon(
          name: name, windowUTCMilliseconds: window?.startUTCMilliseconds,
          derived: verdict.derived, witness: witness, reception: $0)
      }
    }
  }
}

/// Which beacons to show.
public struct CoverageQuery: Sendable {
  /// Beacons of one answer.
  public static let maximumLimit = 1_000
  /// Leaves of hearers and listeners in one answer: with the beacon that brings so many it ends.
  public static let maximumHearerCount = 8_192

  /// Of these keys; nil: of all.
  public var keys: [Digest]?
  /// Only of challenges issued from here on, and before there.
  public var fromUTCMilliseconds: Int64?
  public var toUTCMilliseconds: Int64?
  /// Behind this beacon.
  public var after: BeaconName?
  public var limit = 100
  /// Only those whose reveal is due by then.
  public var dueUTCMilliseconds: Int64?
  /// Of the newest numbers first; `after` is then what older ones are behind.
  public var isNewestFirst = false

  public init() {}
}

extension GatewayStore {
  public enum CoverageFailure: Error, Equatable {
    /// No device of this store has this name, or more than one.
    case noSuchDevice
  }

  /// Of the store at `path`, on which a gateway runs or not; nothing is written to it. `name` is one that
  /// `device(named:)` takes; nil: of all devices. Fails as `export` does.
  public static func beacons(_ query: CoverageQuery, ofDevice name: String?, storeAt path: String)
    throws -> [JudgedBeacon]
  {
    try reading(storeAt: path, "cairn-gateway coverage") { database in
      var query = query
      if let name {
        guard case .found(let device) = try device(named: name, database) else {
          throw CoverageFailure.noSuchDevice
        }
        query.keys = [device.keyHash]
      }
      return try judged(names(query, database), database, VerifiedLinks())
    }
  }

  /// Nil: no leaf speaks of this beacon.
  public func beacon(_ name: BeaconName) throws -> JudgedBeacon? {
    try database.read { try Self.judged([name], $0, verifiedLinks).first }
  }

  /// By number and key.
  public func beacons(_ query: CoverageQuery) throws -> [JudgedBeacon] {
    try database.read { try Self.judged(Self.names(query, $0), $0, verifiedLinks) }
  }

  /// The same, as far as their hearers are not too many for one answer; `next` is then the last one looked at.
  public func page(
    _ query: CoverageQuery, maximumHearerCount: Int = CoverageQuery.maximumHearerCount
  ) throws -> (beacons: [JudgedBeacon], next: BeaconName?) {
    try database.read { database in
      let names = try Self.names(query, database)
      var gatherer = CoverageGatherer(database, links: verifiedLinks)
      var looked = 0
      while looked < names.count, gatherer.hearerCount < maximumHearerCount {
        try gatherer.gather(names[looked])
        looked += 1
      }
      let beacons = Self.judged(Array(names.prefix(looked)), in: gatherer.book, verifiedLinks)
      return (beacons, looked < names.count ? names[looked - 1] : nil)
    }
  }

  /// Without those of which no leaf speaks, hidden ones passed over.
  static func judged(
    _ names: [BeaconName], _ database: Database, _ links: VerifiedLinks,
    hidden: HiddenLeaves = HiddenLeaves()
  ) throws -> [JudgedBeacon] {
    var gatherer = CoverageGatherer(database, hidden: hidden, links: links)
    for name in names { try gatherer.gather(name) }
    return judged(names, in: gatherer.book, links)
  }

  private static func judged(_ names: [BeaconName], in book: CoverageBook, _ links: VerifiedLinks)
    -> [JudgedBeacon]
  {
    names.filter { book.has($0) }.map { name in
      let evidence = book.evidence(name, links: links)
      let challenge = book.challenge(name.number)
      return JudgedBeacon(
        name: name, verdict: CoverageVerdict.judge(evidence, links: links), evidence: evidence,
        challenge: challenge, window: challenge.flatMap { BeaconOrder($0.challenge)?.window })
    }
  }

  /// Challenges for beacons of a region that were issued in this time.
  public func beaconChallengeCount(fromUTCMilliseconds from: Int64?, to: Int64?, region: String)
    throws -> Int
  {
    try database.read { database in
      try Int.fetchOne(
        database,
        sql: """
          SELECT count(*) FROM challenge WHERE region = ? AND reveal_utc IS NOT NULL
            AND issued_utc >= ? AND issued_utc < ?
          """, arguments: [region, from ?? .min, to ?? .max]) ?? 0
    }
  }

  static func names(_ query: CoverageQuery, _ database: Database) throws -> [BeaconName] {
    guard let keys = query.keys else { return try names(query, of: nil, database) }
    // Each key by its own index, then as one list.
    let found = try keys.flatMap { try names(query, of: $0, database) }
    return Array(
      found.sorted {
        query.isNewestFirst
          ? BeaconName.precedes($1, $0) : BeaconName.precedes($0, $1)
      }.prefix(query.limit))
  }

  private static func names(_ query: CoverageQuery, of key: Digest?, _ database: Database) throws
    -> [BeaconName]
  {
    var conditions: [String] = []
    var arguments: [(any DatabaseValueConvertible)?] = []
    if let after = query.after {
      conditions.append("(number, key_hash) \(query.isNewestFirst ? "<" : ">") (?, ?)")
      arguments += [Int64(after.number), after.keyHash.data]
    }
    if query.fromUTCMilliseconds != nil || query.toUTCMilliseconds != nil {
      let period: [Int64] = [query.fromUTCMilliseconds ?? .min, query.toUTCMilliseconds ?? .max]
      let row = try Row.fetchOne(
        database,
        sql: """
          SELECT min(number), max(number) FROM challenge WHERE issued_utc >= ? AND issued_utc < ?
          """, arguments: StatementArguments(period))
      guard let row, let first = row[0] as Int64?, let last = row[1] as Int64? else { return [] }
      // Numbers rise with time, but for a clock that went back.
      conditions.append(
        """
        number BETWEEN ? AND ? AND EXISTS (SELECT 1 FROM challenge
          WHERE challenge.number = beacon.number AND issued_utc >= ? AND issued_utc < ?)
        """)
      arguments += [first, last] + period
    }
    if let due = query.dueUTCMilliseconds {
      // The newest one that is due bounds the search: behind it nearly none is.
      conditions.append(
        """
        number <= (SELECT ifnull(max(number), 0) FROM (
          SELECT number FROM challenge INDEXED BY challenge_reveal
          WHERE reveal_utc IS NOT NULL AND reveal_utc <= ? ORDER BY reveal_utc DESC LIMIT 256))
        AND EXISTS (SELECT 1 FROM challenge
          WHERE challenge.number = beacon.number AND reveal_utc <= ?)
        """)
      arguments += [due, due]
    }
    if let key {
      conditions.append("device = (SELECT id FROM device WHERE key_hash = ?)")
      arguments.append(key.data)
    }
    arguments.append(query.limit)
    let order = query.isNewestFirst ? " DESC" : ""
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT number, key_hash FROM beacon \(key == nil ? "" : "INDEXED BY beacon_device")
        \(conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND "))
        ORDER BY number\(order), key_hash\(order) LIMIT ?
        """, arguments: StatementArguments(arguments))
    return try rows.map { row in
      guard let number = UInt32(exactly: row[0] as Int64), let hash = Digest(row[1] as Data) else {
        throw StoreDamage()
      }
      return BeaconName(keyHash: hash, number: number)
    }
  }
}
