import CoverageStatistics
import CoverageVerifier
import FixedMemory
import Records
import Testing

@testable import Attackers

@Suite struct AttackTests {
  /// A small fleet: what needs no statistics is refused whatever its size.
  private func tallies(_ attacks: [Attack], nodes: Int = 50, windows: Int = 8) throws
    -> [AttackTally]
  {
    var run = AttackRun(
      AttackRun.Options(
        seeds: 5..<6, model: .hilly, attacks: attacks, nodes: nodes, windows: windows))
    for seed in run.options.seeds { try run.run(seed: seed) }
    return run.tallies
  }

  @Test func whatNeedsNoStatisticsIsRefusedToTheLastWord() throws {
    let attacks: [Attack] = [
      .inventorBefore, .inventorAfter, .grinder, .replay, .clone, .epochJumper, .clock, .flood,
      .backdatingGateway,
    ]
    let found = try tallies(attacks)
    for tally in found.dropFirst() {
      #expect(tally.claims > 5, "\(tally.attack)")
      // Two clocks that are wrong alike agree with each other, and with nobody else.
      let alike = tally.attack == "clock" ? tally.claims / 50 : 0
      #expect(tally.refused + alike >= tally.claims, "\(tally.attack): \(tally.reasons)")
      // No worse than the baseline, attack by attack.
      #expect(tally.missed <= tally.missedByBaseline, "\(tally.attack)")
    }
    // Of honest words hardly one is refused, attacked or not.
    #expect(found[0].honestClaims > 1_000)
    #expect(
      found.allSatisfy { $0.honestRefused * 500 <= $0.honestClaims }, "\(found.map(\.reasons))")
  }

  @Test func reasonsAreThoseOfTheAttack() throws {
    let found = try tallies([.inventorBefore, .inventorAfter, .clock, .flood])
    #expect(found[1].reasons.keys.sorted() == ["tag-mismatch"])
    #expect(found[2].reasons.keys.sorted() == ["after-reveal"])
    #expect(found[3].reasons["clock-unknown"] ?? 0 > 0)
    #expect(found[3].reasons["outside-slot"] ?? 0 > 0)
    #expect(found[4].reasons["tag-mismatch"] ?? 0 > 0)
  }

  @Test func relaysClustersAndAbortersCountAQuarterAtMostInALongerRun() throws {
    let found = try tallies([.shiftedRelay, .cluster, .aborter], nodes: 70, windows: 40)
    for tally in found.dropFirst() {
      #expect(tally.claims > 100, "\(tally.attack)")
      #expect(tally.missed * 3 <= tally.claims, "\(tally.attack): \(tally.failed)")
      #expect(tally.missedByBaseline * 10 >= tally.claims * 9, "\(tally.attack)")
      // One or two of 70 may be lowered.
      #expect(tally.honestLowered <= 4, "\(tally.attack): \(tally.honestFailed)")
    }
  }

  @Test func amplifiersAndLiarsAreCaughtMoreThanByTheOlderRules() throws {
    var run = AttackRun(
      AttackRun.Options(
        seeds: 3..<4, model: .plain, attacks: [.amplifierAlways, .amplifierDeaf, .liar], nodes: 60,
        windows: 40))
    try run.run(seed: 3)
    for tally in run.tallies.dropFirst() {
      #expect(tally.claims > 1_000, "\(tally.attack)")
      #expect(tally.caught * 2 >= tally.claims, "\(tally.attack): \(tally.failed)")
    }
    // The older rules refuse who is never a witness; of the others they see hardly anything.
    for tally in [run.tallies[1], run.tallies[3]] {
      #expect(tally.caughtByBaseline * 10 <= tally.claims, "\(tally.attack)")
    }
    #expect(run.tallies[0].honestLowered <= 3, "\(run.tallies[0].honestFailed)")
  }

  @Test func whatAVerdictSaysIsWhatTheStatisticsGet() throws {
    let world = HonestWorld(
      seed: 9, model: .plain, size: .init(nodes: 30, windows: 2, sideMetres: 12_000))
    var fleet = world.fleet
    var places: [String: Int] = [:]
    for (index, node) in fleet.nodes.enumerated() { places[node.evidence.key] = index }
    var observed = 0
    for transmission in world.transmissions.prefix(20) {
      var trial = fleet.trial(transmission)
      let expected = trial.judge(fleet).observations
      trial.evidence.witnesses = trial.claims.map(\.evidence)
      for node in trial.silent {
        var slots = SlotSet()
        slots.insert(transmission.slot)
        let record = try #require(
          ListenRecord(
            number: FleetCourse.firstNumber + UInt32(transmission.window), mode: .rendezvous,
            slots: slots, noiseCentidecibelMilliwatts: nil))
        trial.evidence.listeners.append(
          ListenEvidence(
            keyHash: fleet.nodes[node].keyHash,
            leaf: Fleet.leaf(7, record, at: transmission.endUTC, receipt: transmission.endUTC)))
      }
      var period = CoveragePeriod(nodes: [], observations: [], draws: [])
      period.add(CoverageVerdict.judge(trial.evidence), of: trial.evidence, places: places)
      func named(_ all: [CoveragePeriod.Observation]) -> [String] {
        all.map { "\($0)" }.sorted()
      }
      #expect(named(period.observations) == named(expected))
      observed += expected.count
    }
    #expect(observed > 100)
  }

  @Test func theSameSeedGivesTheSameNumbers() throws {
    let first = try tallies([.rebroadcaster])
    let second = try tallies([.rebroadcaster])
    #expect(first[1].claims == second[1].claims && first[1].refused == second[1].refused)
    #expect(first[0].honestClaims == second[0].honestClaims)
    #expect(first[1].claims > 0)
  }

  @Test func twoHistoriesUnderOneKeyAreAForkAndADatedBackLeafIsSeen() throws {
    #expect(try SignedHistories.standingOfCopies(seed: 3) == .forked)
    for held in 6...40 {
      #expect(try SignedHistories.isSeen(seed: 3, size: 40, place: 5, heldSize: held))
    }
    // In front of all heads that anybody holds, or where nobody holds one, it is not.
    #expect(try !SignedHistories.isSeen(seed: 3, size: 40, place: 30, heldSize: 12))
    #expect(try !SignedHistories.isSeen(seed: 3, size: 40, place: 5, heldSize: nil))
  }

  @Test func aBoundOfNoHitIsTheRuleOfThree() {
    #expect(abs(AttackTable.upperBound(0, of: 1_000) - 0.002_991) < 0.000_01)
    #expect(AttackTable.upperBound(0, of: 0) == 1)
    #expect(AttackTable.upperBound(5, of: 100) > 0.1)
    #expect(AttackTable.upperBound(5, of: 100) < 0.11)
  }

  @Test func theBaselineTakesWhatItsRulesTake() {
    let beacon = Baseline.Beacon()
    var witness = Baseline.Witness()
    (witness.metres, witness.rssiDBM) = (5_000, -110)
    #expect(Baseline.counts(witness, of: beacon))
    // A fitted figure is no worse than a heard one; one above free space is.
    witness.rssiDBM = -60
    #expect(!Baseline.counts(witness, of: beacon))
    (witness.rssiDBM, witness.metres) = (-110, 399)
    #expect(!Baseline.counts(witness, of: beacon))
    (witness.metres, witness.lateMilliseconds) = (5_000, 4_001)
    #expect(!Baseline.counts(witness, of: beacon))
    (witness.lateMilliseconds, witness.beaconCameFirst) = (1_501, false)
    #expect(!Baseline.counts(witness, of: beacon))
  }
}
