import CoverageStatistics
import CoverageVerifier
import FixedMemory
import Foundation
import GRDB
import Proofs

/// A period of which something is due, and until when it gets more.
public struct DuePeriod: Sendable {
  public let name: CoveragePeriodName
  /// When the reveal of its last window is due.
  public let completeUTCMilliseconds: Int64
}

/// What a period says of its nodes, from what the store has of windows whose reveal is due.
public struct PeriodStandings: Sendable {
  public let due: DuePeriod
  /// Windows after this moment, and whatever else came later, are not in it.
  public let asOfUTCMilliseconds: Int64
  /// Leaves of the gateway's own log then: who has the same ones computes the same.
  public let logSize: UInt64
  public let judged: JudgedPeriod

  /// All its windows are due: only what comes late changes it.
  public var isComplete: Bool { due.completeUTCMilliseconds <= asOfUTCMilliseconds }
}

extension GatewayStore {
  /// Challenges that are looked at to find the newest period of each region: 64 regions may be in force.
  private static let maximumNewestCount = 1_024

  /// Of each region: the newest period that is complete, or, where none is, the newest of which something is due; with
  /// `at`: those in which this moment lies. With `region`: only this one's.
  public func duePeriods(
    atUTCMilliseconds now: Int64, containing at: Int64? = nil, region: String? = nil
  ) throws -> [DuePeriod] {
    try database.read { try Self.duePeriods(now, containing: at, region: region, $0) }
  }

  /// Leaves of the gateway's own log.
  public func logSize() throws -> UInt64 { try database.read { try GatewayLog.storedSize($0) } }

  /// What a period says of its nodes, as of a moment.
  public func standings(
    of due: DuePeriod, atUTCMilliseconds now: Int64,
    limits: CoverageSurvey.Limits = CoverageSurvey.Limits()
  ) throws -> PeriodStandings {
    try database.read { try Self.standings(of: due, now, $0, verifiedLinks, limits) }
  }

  /// The same of the store at `path`, of every region, as `beacons(_:ofDevice:storeAt:)`.
  public static func standings(
    storeAt path: String, atUTCMilliseconds now: Int64, containing at: Int64? = nil
  ) throws -> [PeriodStandings] {
    try reading(storeAt: path, "cairn-gateway coverage") { database in
      let links = VerifiedLinks()
      return try duePeriods(now, containing: at, database).map {
        try standings(of: $0, now, database, links)
      }
    }
  }

  /// The id of the node of a device, which `device(named:)` takes, in hexadecimal digits; nil: nobody has enrolled it.
  public static func nodeID(ofDevice name: String, storeAt path: String) throws -> String? {
    try reading(storeAt: path, "cairn-gateway coverage") { database in
      guard case .found(let device) = try device(named: name, database) else {
        throw CoverageFailure.noSuchDevice
      }
      return try StoredNode.find(database, ofDevice: device.id)?.rules.id.hexadecimal
    }
  }

  private static func standings(
    of due: DuePeriod, _ now: Int64, _ database: Database, _ links: VerifiedLinks,
    _ limits: CoverageSurvey.Limits = CoverageSurvey.Limits()
  ) throws -> PeriodStandings {
    let reader = SurveyReader(database, asOfUTCMilliseconds: now, links, limits: limits)
    return PeriodStandings(
      due: due, asOfUTCMilliseconds: now, logSize: try GatewayLog.storedSize(database),
      judged: try reader.survey(due.name).judged())
  }

  private static func duePeriods(
    _ now: Int64, containing at: Int64?, region: String? = nil, _ database: Database
  ) throws -> [DuePeriod] {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT \(at == nil ? "max" : "min")(reveal_utc), leaf FROM (
          SELECT region, reveal_utc, leaf FROM challenge INDEXED BY challenge_reveal
          WHERE reveal_utc IS NOT NULL AND reveal_utc <= ? \(at == nil ? "" : "AND reveal_utc > ?")
          ORDER BY reveal_utc \(at == nil ? "DESC" : "") LIMIT ?)
        GROUP BY region ORDER BY region
        """,
      arguments: StatementArguments([now] + (at.map { [$0] } ?? []) + [Int64(maximumNewestCount)]))
    return try rows.compactMap { row in
      guard let (name, delay) = try Self.period(leaf: row["leaf"], database),
        region == nil || name.region == region
      else { return nil }
      func due(_ name: CoveragePeriodName) -> DuePeriod {
        DuePeriod(name: name, completeUTCMilliseconds: name.toUTCMilliseconds + delay)
      }
      if let at { return name.containing(at).map(due) }
      guard due(name).completeUTCMilliseconds > now, let before = name.previous,
        try !SurveyReader.numbers(of: before, asOfUTCMilliseconds: now, database).isEmpty
      else { return due(name) }
      return due(before)
    }
  }

  /// The period of a challenge, and how long after a window's end its reveal is due.
  private static func period(leaf: Int64, _ database: Database) throws -> (
    CoveragePeriodName, delayMilliseconds: Int64
  )? {
    let bytes = try Data.fetchOne(
      database, sql: "SELECT bytes FROM log WHERE id = ?", arguments: [leaf])
    guard let bytes else { throw StoreDamage() }
    let message = try LogLeaf(index: 0, bytes: Array(bytes)).document
    let challenge = try Challenge(decoding: message.span)
    guard let policy = challenge.coverage else { return nil }
    return CoveragePeriodName(challenge).map { ($0, Int64(policy.revealDelaySeconds) * 1_000) }
  }
}

/// Gathers periods from a store within one transaction, a window at a time: memory holds one window's leaves and the
/// period's observations.
struct SurveyReader {
  private let database: Database
  private let asOf: Int64
  private let links: VerifiedLinks
  private let hidden: HiddenLeaves
  private let limits: CoverageSurvey.Limits

  init(
    _ database: Database, asOfUTCMilliseconds: Int64, _ links: VerifiedLinks,
    hidden: HiddenLeaves = HiddenLeaves(), limits: CoverageSurvey.Limits = CoverageSurvey.Limits()
  ) {
    self.database = database
    asOf = asOfUTCMilliseconds
    self.links = links
    self.hidden = hidden
    self.limits = limits
  }

  func survey(_ period: CoveragePeriodName) throws -> CoverageSurvey {
    var survey = CoverageSurvey(period, limits: limits)
    let numbers = try Self.numbers(of: period, asOfUTCMilliseconds: asOf, database)
    for number in numbers where !survey.isTooLarge { try add(number, to: &survey) }
    for number in numbers where !survey.isTooLarge { try addDraws(number, to: &survey) }
    return survey
  }

  /// Every beacon of a window of which a leaf speaks. Whoever has keys has such leaves: they are judged some at a time,
  /// and only sound ones count.
  private func add(_ number: UInt32, to survey: inout CoverageSurvey) throws {
    var last = Data()
    while !survey.isTooLarge {
      let keys = try Data.fetchAll(
        database,
        sql: """
          SELECT key_hash FROM beacon WHERE number = ? AND key_hash > ? ORDER BY key_hash LIMIT ?
          """, arguments: [Int64(number), last, limits.beacons])
      let names = try keys.map { bytes in
        guard let hash = Digest(bytes) else { throw StoreDamage() }
        return BeaconName(keyHash: hash, number: number)
      }
      try add(names, to: &survey)
      guard keys.count == limits.beacons, let end = keys.last else { return }
      last = end
    }
  }

  private func add(_ names: [BeaconName], to survey: inout CoverageSurvey) throws {
    var gatherer = CoverageGatherer(database, hidden: hidden, links: links)
    for name in names { try gatherer.gather(name) }
    let book = gatherer.book
    for name in names where book.has(name) {
      let evidence = book.evidence(name, links: links)
      let verdict = CoverageVerdict.judge(evidence, links: links)
      survey.add(verdict, of: name, evidence, in: book, links: links)
    }
  }

  /// What those drew for a window of whom no leaf speaks in it.
  private func addDraws(_ number: UInt32, to survey: inout CoverageSurvey) throws {
    let names = survey.silentNames(number)
    guard !names.isEmpty else { return }
    var gatherer = CoverageGatherer(database, hidden: hidden, links: links)
    for name in names { try gatherer.gatherDraw(name) }
    let book = gatherer.book
    for name in names {
      let evidence = book.evidence(name, hearers: false, links: links)
      survey.addDraw(of: name, evidence, in: book, links: links)
    }
  }

  /// Challenges of the period whose reveal is due, ascending.
  static func numbers(
    of period: CoveragePeriodName, asOfUTCMilliseconds asOf: Int64, _ database: Database
  ) throws -> [UInt32] {
    // A window begins within its own length after its challenge was issued.
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT challenge.number, log.bytes FROM challenge INDEXED BY challenge_issued
        JOIN log ON log.id = challenge.leaf
        WHERE issued_utc >= ? AND issued_utc < ? AND region = ?
          AND reveal_utc IS NOT NULL AND reveal_utc <= ? ORDER BY challenge.number
        """,
      arguments: [
        period.fromUTCMilliseconds - Int64(period.windowSeconds) * 1_000,
        period.toUTCMilliseconds, period.region, asOf,
      ])
    return try rows.compactMap { row in
      let message = try LogLeaf(index: 0, bytes: Array(row[1] as Data)).document
      let challenge = try Challenge(decoding: message.span)
      return CoveragePeriodName(challenge) == period ? UInt32(exactly: row[0] as Int64) : nil
    }
  }

  /// Every period of which something is due, in order.
  static func periods(asOfUTCMilliseconds asOf: Int64, _ database: Database) throws
    -> [CoveragePeriodName]
  {
    var found: Set<CoveragePeriodName> = []
    let rows = try Row.fetchCursor(
      database,
      sql: """
        SELECT log.bytes FROM challenge JOIN log ON log.id = challenge.leaf
        WHERE reveal_utc IS NOT NULL AND reveal_utc <= ?
        """, arguments: [asOf])
    while let row = try rows.next() {
      let message = try LogLeaf(index: 0, bytes: Array(row[0] as Data)).document
      if let period = CoveragePeriodName(try Challenge(decoding: message.span)) {
        found.insert(period)
      }
    }
    return found.sorted(by: CoveragePeriodName.precedes)
  }
}
