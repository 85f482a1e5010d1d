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
    var changes = [CoverageWorld.Change](repeating: .init(), count: 7)
    changes[1].intendedHash = Digest()
    changes[2].hasReveal = false
    changes[3].hashBesideIntent = true
    changes[4].positionAway = 1_000
    changes[5].witnessDelay = 22_500_000
    changes[6].enrolsAnchorLate = true
    for (number, change) in changes.enumerated() {
      let folder = try ArchiveFolder()
      try exported(CoverageWorld(change), folder)
      let report = try verify(folder)
      #expect(report.findingCounts[.verdictDiffers] == nil, "world \(number)")
      #expect(report.counts.beacons == 1, "world \(number)")
      let isSound = [true, false, false, false, true, true, false][number]
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
    #expect(try verify(folder).findingCounts == [.verdictDiffers: 1])
  }
}
