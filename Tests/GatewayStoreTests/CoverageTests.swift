import Archive
import Coverage
import CoverageVerifier
import FixedMemory
import Foundation
import GRDB
import Identity
import Proofs
import Records
import Testing

@testable import GatewayStore

@Suite struct CoverageTests {
  @Test func aBeaconThatTwoHaveHeardIsSoundFromStoredBatchesAlone() throws {
    let world = try CoverageWorld()
    let judged = try world.judged()
    #expect(judged.verdict.outcome == .sound, "\(String(describing: judged.verdict.reason))")
    #expect(judged.verdict.witnesses.map(\.counts) == [true, true])
    #expect(judged.verdict.witnesses.map(\.distanceMetres) == [5_560, 5_560])
    #expect(judged.verdict.silentListeners == [world.listener.publicKey.hash.hexadecimal])
    #expect(judged.verdict.isSimulated)
    #expect(judged.challenge?.message == world.challenge.message)
    #expect(judged.window == world.order.window)
    #expect(try world.judged().verdict == judged.verdict)
  }

  private func reason(_ change: (inout CoverageWorld.Change) -> Void) throws -> VerdictReason? {
    var changed = CoverageWorld.Change()
    change(&changed)
    return try CoverageWorld(changed).judged().verdict.reason
  }

  private func witness(_ change: (inout CoverageWorld.Change) -> Void) throws -> VerdictReason? {
    var changed = CoverageWorld.Change()
    change(&changed)
    let world = try CoverageWorld(changed)
    let verdict = try world.judged().verdict
    #expect(verdict.outcome == .sound, "\(String(describing: verdict.reason))")
    let key = world.witnesses[0].publicKey.hash.hexadecimal
    return try #require(verdict.witnesses.last { $0.key == key }).reason
  }

  @Test func whatIsWrongWithABeaconIsTold() throws {
    #expect(try reason { $0.enrolsAnchorLate = true } == .chainNotValid)
    #expect(try reason { $0.enrolsPlace = false } == .positionUnknown)
    #expect(try reason { $0.hasChallengeLeaf = false } == .challengeNotLogged)
    #expect(try reason { $0.hasIntent = false } == .noIntent)
    #expect(try reason { $0.intendedHash = Digest() } == .tagMismatch)
    #expect(try reason { $0.hasSent = false } == .noSent)
    #expect(try reason { $0.sentAway = 5_000 } == .outsideSlot)
    #expect(try reason { $0.sentFrequency = 868_950_000 } == .channelMismatch)
    #expect(try reason { $0.sentMicroseconds = 1 } == .dwellExceeded)
    #expect(try reason { $0.hasReveal = false } == .noReveal)
    #expect(try reason { $0.revealLink = Digest() } == .chainMismatch)
    #expect(try reason { $0.revealPower = 300 } == .powerMismatch)
    #expect(try reason { $0.clockUncertainty = 301 } == .clockUnknown)
    #expect(try reason { $0.hashBesideIntent = true } == .gapAround)
    #expect(try reason { $0.positionAway = 100_000 } == .positionMoved)
    #expect(try reason { $0.positionAway = 1_000 } == nil)
  }

  @Test func whatIsWrongWithAWitnessIsTold() throws {
    #expect(try witness { $0.enrolsWitness = false } == .unknownNode)
    #expect(try witness { $0.witnessRSSI = -6_000 } == .aboveFreeSpace)
    #expect(try witness { $0.witnessSNR = -3_000 } == .snrTooLow)
    #expect(try witness { $0.witnessFactor = 12 } == .datarateDiffers)
    #expect(try witness { $0.witnessError = 40_000 } == .frequencyError)
    #expect(try witness { $0.witnessAway = 5_000 } == .outsideSlot)
    #expect(try witness { $0.witnessDelay = 22_500_000 } == .afterReveal)
    #expect(try witness { $0.witnessLatitude = 473_010_000 } == .tooNear)
    #expect(try witness { $0.witnessLatitude = 490_000_000 } == .tooFar)
    #expect(try witness { $0.witnessCopies = 2 } == .duplicate)
  }

  @Test func whoFloodsABeaconsNameWithLeavesDisplacesNoHonestOnes() throws {
    var change = CoverageWorld.Change()
    change.floodLeaves = 2_000
    let world = try CoverageWorld(change)
    let verdict = try world.judged().verdict
    #expect(verdict.outcome == .sound, "\(String(describing: verdict.reason))")
    #expect(verdict.witnesses.count(where: \.counts) == 2)
    #expect(verdict.witnesses.count == 2 + CoverageBook.maximumOfKeyCount)
    #expect(verdict.silentListeners == [world.listener.publicKey.hash.hexadecimal])
  }

  @Test func whoFloodsABeaconsNameOnTheAirDisplacesNoFrameOfIt() throws {
    var change = CoverageWorld.Change()
    change.garbageFrames = 100
    let verdict = try CoverageWorld(change).judged().verdict
    #expect(verdict.witnesses.count(where: \.counts) == 2)
    #expect(verdict.witnesses.count == 2 * CoverageBook.maximumOfKeyCount)
    #expect(verdict.witnesses.filter { !$0.counts }.allSatisfy { $0.reason == .tagMismatch })
  }

  @Test func aPageEndsWhereItsHearersAreManyAndTheNextGoesOn() throws {
    let storm = try CoverageStorm(seed: 9)
    for _ in 0..<8 { try storm.round() }
    try storm.deliverAll()
    let store = storm.gateway.store
    var query = CoverageQuery()
    let all = try store.beacons(query).map(\.name)
    var found: [BeaconName] = []
    var pages = 0
    repeat {
      let page = try store.page(query, maximumHearerCount: 5)
      found += page.beacons.map(\.name)
      query.after = page.next
      pages += 1
    } while query.after != nil && pages < 1_000
    #expect(found == all && pages > 3)
    query.after = nil
    let whole = try store.page(query)
    #expect(whole.beacons.map(\.name) == all && whole.next == nil)
  }

  @Test func aForkOrARevocationChangesTheVerdict() throws {
    let world = try CoverageWorld()
    var fork = world.sender.log
    fork.batch -= 1
    world.sender.log = fork
    let other = try world.sender.seal([TestLeaf.fault(.timedOut, at: 30_000_000)])
    let answer = world.gateway.receive(other, utcMilliseconds: CoverageWorld.issued + 40_000_000)
    #expect(answer.code == .fork)
    // The intent stands before it, the reveal in one of the two histories.
    #expect(try world.judged().verdict.reason == .fork)

    let revoked = try CoverageWorld()
    let key = revoked.witnesses[1].publicKey.hash
    _ = try revoked.gateway.revoke(
      keyHash: key, reason: .lostOrStolen, utcMilliseconds: CoverageWorld.issued + 1)
    let verdict = try revoked.judged().verdict
    #expect(verdict.outcome == .sound)
    // After the window: what it heard before is what it was.
    #expect(verdict.witnesses.map(\.counts) == [true, true])
  }

  @Test func beaconsAreListedInPagesAndByTime() throws {
    let world = try CoverageWorld()
    var query = CoverageQuery()
    #expect(try world.gateway.store.beacons(query).map(\.name) == [world.name])
    query.after = world.name
    #expect(try world.gateway.store.beacons(query).isEmpty)
    query.after = nil
    query.keys = [world.listener.publicKey.hash]
    #expect(try world.gateway.store.beacons(query).isEmpty)
    query.keys = [world.sender.publicKey.hash]
    query.fromUTCMilliseconds = CoverageWorld.issued + 1
    #expect(try world.gateway.store.beacons(query).isEmpty)
    query.fromUTCMilliseconds = CoverageWorld.issued
    #expect(try world.gateway.store.beacons(query).count == 1)
    #expect(BeaconName(world.name.text) == world.name)
    #expect(BeaconName("x." + world.name.text) == nil)
  }

  @Test func onlyWhatIsDueIsListedWhenThatIsAskedFor() throws {
    let world = try CoverageWorld()
    var query = CoverageQuery()
    let due = world.order.window.revealUTCMilliseconds
    query.dueUTCMilliseconds = due - 1
    #expect(try world.gateway.store.beacons(query).isEmpty)
    query.dueUTCMilliseconds = due
    #expect(try world.gateway.store.beacons(query).map(\.name) == [world.name])
  }

  @Test func whoHeardABeaconIsListedWithItsFigures() throws {
    let heard = try CoverageWorld().judged().heard
    #expect(heard.count == 2)
    for entry in heard {
      #expect(entry.reception.rssiCentidecibelMilliwatts == -11_450)
      #expect(entry.witness.counts && entry.derived != nil && entry.windowUTCMilliseconds != nil)
    }
  }

  /// The questions that a page of beacons asks the database.
  @Test func noQuestionAboutBeaconsReadsAWholeTable() throws {
    let storm = try CoverageStorm(seed: 9)
    for _ in 0..<8 {
      try storm.round()
      try storm.deliverAll()
    }
    let store = storm.gateway.store
    var query = CoverageQuery()
    query.limit = 5
    query.isNewestFirst = true
    query.dueUTCMilliseconds = storm.now
    let newest = try store.beacons(query)
    #expect(newest.count == 5)
    let keys = newest.map(\.name.keyHash)
    var queries = [query]
    query.keys = [try #require(keys.first)]
    queries.append(query)
    query.fromUTCMilliseconds = TestGateway.now
    query.after = newest.last?.name
    query.dueUTCMilliseconds = nil
    queries.append(query)
    for query in queries {
      let plans = try store.database.read { database in
        let asked = Asked()
        database.trace { event in
          if case .statement(let statement) = event {
            asked.add(statement.sql, statement.expandedSQL)
          }
        }
        _ = try GatewayStore.judged(
          GatewayStore.names(query, database), database, VerifiedLinks())
        database.trace()
        return try asked.all.flatMap { sql, expanded in
          try Row.fetchAll(database, sql: "EXPLAIN QUERY PLAN " + expanded).map {
            ($0["detail"] as String, sql)
          }
        }
      }
      #expect(plans.count > 10)
      for (plan, sql) in plans {
        // A list is read from its beginning, as far as its limit.
        let isList = sql.hasPrefix("SELECT number, key_hash FROM beacon")
        #expect(!plan.hasPrefix("SCAN") || isList || plan.contains("CONSTANT"), "\(plan): \(sql)")
      }
    }
  }

  private final class Asked {
    /// Each question, and once with what it was asked.
    private(set) var all: [String: String] = [:]

    func add(_ sql: String, _ expanded: String) {
      if sql.hasPrefix("SELECT") { all[sql] = expanded }
    }
  }

  @Test func aRegionWithRulesHasAChallengeForEachWindow() throws {
    var policy = CoveragePolicy()
    (policy.windowSeconds, policy.slotMilliseconds) = (20, 1_000)
    (policy.slotCount, policy.reserveSlotCount) = (17, 2)
    policy.revealDelaySeconds = 5
    // However long the interval of other challenges is.
    let gateway = try Gateway(
      store: .inMemory(), key: TestGateway.key(),
      challengeRules: ChallengeRules(intervalSeconds: 900, coverage: ["EU868": policy]))
    let region = try #require(ChallengeRegion("EU868"))
    let start = TestGateway.now / 20_000 * 20_000
    var windows: [Int64] = []
    for second in 0..<200 {
      let now = start + Int64(second) * 1_000
      let issued = try gateway.challenge(for: region, utcMilliseconds: now)
      let order = BeaconOrder(issued.challenge)
      let window = try #require(order).window
      // Whoever asks has time until it begins, and it is in force then.
      #expect(window.startUTCMilliseconds > now)
      #expect(window.startUTCMilliseconds <= now + 20_000)
      #expect(issued.challenge.isInForce(atUTCMilliseconds: window.startUTCMilliseconds))
      if windows.last != window.startUTCMilliseconds {
        windows.append(window.startUTCMilliseconds)
      }
    }
    #expect(windows == (1...10).map { start + Int64($0) * 20_000 })
    #expect(try gateway.store.challengeCount() == 10)
  }

  @Test func challengesOfARegionWithRulesAskForBeacons() throws {
    let world = try CoverageWorld()
    #expect(world.challenge.challenge.coverage == CoverageWorld.policy)
    let plain = try world.gateway.challenge(
      for: .everybody, utcMilliseconds: CoverageWorld.issued + 30_000_000)
    #expect(plain.challenge.coverage == nil)
  }
}

/// What an auditor recomputes of beacons, without the store.
@Suite struct CoverageArchiveTests {
  private func exported(_ world: CoverageWorld, _ folder: ArchiveFolder) throws {
    var key = try TestGateway.key()
    let writer = try ArchiveWriter(to: "\(folder.path)/archive")
    try world.gateway.store.export(to: writer, signingWith: &key)
  }

  private func verify(_ folder: ArchiveFolder) throws -> ArchiveReport {
    try ArchiveVerifier(folder: folder.path + "/archive").run()
  }

  private func rewrite(_ folder: ArchiveFolder, _ change: (inout Data) -> Void) throws {
    let place = URL(fileURLWithPath: "\(folder.path)/archive/verdicts.cbor-seq")
    var bytes = try Data(contentsOf: place)
    change(&bytes)
    try bytes.write(to: place)
  }

  @Test func anArchiveGivesTheVerdictsOfTheGateway() throws {
    var changes = [CoverageWorld.Change](repeating: .init(), count: 9)
    changes[1].intendedHash = Digest()
    changes[2].hasReveal = false
    changes[3].hashBesideIntent = true
    changes[4].positionAway = 1_000
    changes[5].witnessDelay = 22_500_000
    changes[6].enrolsAnchorLate = true
    changes[7].floodLeaves = 600
    changes[8].garbageFrames = 20
    for (number, change) in changes.enumerated() {
      let folder = try ArchiveFolder()
      try exported(CoverageWorld(change), folder)
      let report = try verify(folder)
      #expect(report.findingCounts[.verdictDiffers] == nil, "world \(number)")
      // Without a reveal the log ends before it is due, and nobody is shown anything yet.
      #expect(report.counts.beacons == (number == 2 ? 0 : 1), "world \(number)")
      #expect((report.counts.undueLeaves > 0) == (number == 2), "world \(number)")
      let isSound = [true, false, false, false, true, true, false, true, true][number]
      #expect(report.counts.soundBeacons == (isSound ? 1 : 0), "world \(number)")
    }
  }

  @Test func aVerdictThatIsNotTheArchivesIsFound() throws {
    let folder = try ArchiveFolder()
    try exported(CoverageWorld(), folder)
    #expect(try verify(folder).isGood)
    #expect(try verify(folder).counts.countedWitnesses == 2)
    let whole = try Data(
      contentsOf: URL(fileURLWithPath: "\(folder.path)/archive/verdicts.cbor-seq"))
    // The last digits of the item are the verdict's.
    try rewrite(folder) { bytes in
      guard let found = bytes.range(of: Data("\"weightPermille\":1000".utf8)) else { return }
      bytes.replaceSubrange(found, with: Data("\"weightPermille\":9000".utf8))
    }
    var report = try verify(folder)
    #expect(report.findingCounts == [.verdictDiffers: 1])
    #expect(report.findings.first?.severity == .damage)
    try rewrite(folder) { $0 = whole + whole }
    report = try verify(folder)
    #expect(report.findingCounts == [.verdictsDamaged: 1])
    try rewrite(folder) { $0 = whole + Data([0x9f]) }
    #expect(try verify(folder).findingCounts == [.verdictsDamaged: 1])
    try FileManager.default.removeItem(atPath: "\(folder.path)/archive/verdicts.cbor-seq")
    report = try verify(folder)
    #expect(report.findingCounts == [.verdictDiffers: 1])
  }

  @Test func aStoreThatSaysAnotherThingThanItsBatchesIsFound() throws {
    let world = try CoverageWorld()
    // Somebody takes a witness out of the store's tables, and leaves the batch.
    try world.gateway.store.database.write { database in
      try database.execute(
        sql: "DELETE FROM coverage_leaf WHERE kind = 11 AND device = (SELECT min(device) "
          + "FROM coverage_leaf WHERE kind = 11)")
    }
    #expect(try world.judged().verdict.witnesses.count == 1)
    let folder = try ArchiveFolder()
    try exported(world, folder)
    // The sender has a hearer less, and of the witness nothing is said.
    #expect(
      try verify(folder).findingCounts == [.verdictDiffers: 1, .standingDiffers: 2])
  }
}

/// A store reads what a beacon needs by indexes, and an auditor everything: they come to the same.
@Suite struct CoverageStormTests {
  private func verify(_ storm: CoverageStorm) throws -> ArchiveReport {
    let folder = try ArchiveFolder()
    var key = try TestGateway.key()
    try storm.gateway.store.export(
      to: ArchiveWriter(to: "\(folder.path)/archive"), signingWith: &key)
    return try ArchiveVerifier(folder: folder.path + "/archive").run()
  }

  @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
  func whatAStoreSaysOfAStormIsWhatItsArchiveSays(_ seed: UInt64) throws {
    let storm = try CoverageStorm(seed: seed)
    var undue: UInt64 = 0
    for round in 1...24 {
      try storm.round()
      guard round.isMultiple(of: 8) else { continue }
      let report = try verify(storm)
      let told = report.findings.filter { $0.severity != .warning }.map { "\($0.name) \($0.what)" }
      #expect(told.isEmpty, "seed \(seed), round \(round): \(told)")
      undue += report.counts.undueLeaves
      #expect(report.counts.standings > 0)
    }
    #expect(undue > 0)
    for _ in 0..<4 {
      try storm.round()
      try storm.deliverAll()
    }
    let report = try verify(storm)
    #expect(report.findings.allSatisfy { $0.severity == .warning }, "seed \(seed)")
    // It is about something: sound and refused ones, and witnesses that count.
    #expect(report.counts.beacons > 60, "seed \(seed)")
    #expect(report.counts.soundBeacons > 10, "seed \(seed)")
    #expect(report.counts.soundBeacons < report.counts.beacons, "seed \(seed)")
    #expect(report.counts.countedWitnesses > 10, "seed \(seed)")

    // Pages are one list, each way, and a beacon by itself is what it is in the list.
    var query = CoverageQuery()
    query.limit = 7
    var all: [JudgedBeacon] = []
    while true {
      let page = try storm.gateway.store.beacons(query)
      all += page
      guard page.count == query.limit, let last = page.last else { break }
      query.after = last.name
    }
    let names = all.map(\.name)
    #expect(names == names.sorted(by: BeaconName.precedes))
    for beacon in all {
      #expect(try storm.gateway.store.beacon(beacon.name)?.verdict == beacon.verdict)
    }
    var newest = CoverageQuery()
    newest.limit = 1_000
    newest.isNewestFirst = true
    #expect(try storm.gateway.store.beacons(newest).map(\.name) == names.reversed())
  }
}

/// An archive that is kept with these tests: verdicts of later versions are those of earlier ones, or this says so.
/// `CAIRN_WRITE_VECTORS=1` writes another one, for when the checks of a verdict have changed with a new version.
@Suite struct KeptArchiveTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Outside/beacons").path

  @Test func theKeptArchiveGivesItsVerdicts() throws {
    if ProcessInfo.processInfo.environment["CAIRN_WRITE_VECTORS"] != nil {
      if FileManager.default.fileExists(atPath: Self.folder) {
        try FileManager.default.removeItem(atPath: Self.folder)
      }
      var key = try TestGateway.key()
      try CoverageWorld().gateway.store.export(
        to: ArchiveWriter(to: Self.folder), signingWith: &key)
    }
    let report = try ArchiveVerifier(folder: Self.folder).run()
    #expect(report.isGood, "\(report.findings.map { "\($0.name): \($0.what)" })")
    #expect(report.counts.beacons == 1)
    #expect(report.counts.soundBeacons == 1)
    #expect(report.counts.countedWitnesses == 2)
    #expect(report.counts.periods == 1)
    #expect(report.counts.standings == 3)
    #expect(report.counts.loweredStandings == 0)
  }
}
