import Air
import CoverageVerifier
import Testing

@testable import Attackers

/// The channel, the older rules, and the table.
@Suite struct ComparisonTests {
  @Test func theFleetsWaysAreTheMediums() {
    var medium = Medium(seed: 11, propagation: ChannelModel.plain.propagation)
    let origin = AirPlace(latitudeDegrees: 47.3, longitudeDegrees: 8.5)
    let places = [
      Point(east: 0, north: 0), Point(east: 0, north: 2_000), Point(east: 0, north: 7_000),
    ]
    for place in places {
      _ = medium.add(AirStation(place: origin.moved(metres: place.north, bearingDegrees: 0)))
    }
    for one in places.indices {
      for other in places.indices where other != one {
        let own = ChannelModel.plain.loss(11, (one, places[one]), (other, places[other]))
        let way = medium.pathLossDecibels(one, other, frequencyHertz: 868_000_000)
        #expect(abs(own - way) < 0.01, "\(one) \(other)")
      }
    }
  }

  @Test func theSeedDecidesAboutTheWaysAndTheChannelsDiffer() {
    let (from, to) = (Point(east: 0, north: 0), Point(east: 3_000, north: 1_000))
    for model in ChannelModel.allCases {
      let first = model.loss(3, (0, from), (1, to))
      #expect(first == model.loss(3, (0, from), (1, to)))
      #expect(first != model.loss(4, (0, from), (1, to)))
    }
    #expect(ChannelModel.plain.propagation != ChannelModel.hilly.propagation)
  }

  @Test func whatIsTooLoudForTheOlderRulesIsToldInHalfDecibels() {
    let beacon = Baseline.Beacon()
    var witness = Baseline.Witness()
    (witness.metres, witness.rssiDBM) = (5_000, -110)
    #expect(Baseline.finding(witness, of: beacon) == .counts)
    // 14 dBm + 4.3 dBi - 105.2 dB: -86.9 dBm in free space.
    witness.rssiDBM = -83
    #expect(Baseline.finding(witness, of: beacon) == .tooLoud(halfDecibels: 8))
    witness.metres = 300
    #expect(Baseline.finding(witness, of: beacon) == .tooNear)
    witness.hasThePayload = false
    #expect(Baseline.finding(witness, of: beacon) == .refused)
  }

  @Test func whoNeverHearsCountsForNothingInTheOlderRules() {
    func outcome(_ sender: Int, _ witness: Int) -> Outcome {
      Outcome(
        sender: sender, witness: witness, isFalse: true, weight: 1_000, reason: nil,
        baseline: .counts)
    }
    // Node 10 is only heard, node 11 hears and is heard; 0 to 9 are honest.
    let all = [outcome(10, 0), outcome(11, 1), outcome(2, 11)]
    let reciprocity = BaselineReciprocity(all, honest: 10)
    #expect(all.map { reciprocity.finding($0) } == [.refused, .counts, .counts])
  }

  @Test func atOurRateTheLimitOfPowerIsTheLeastThatRefusesAsFew() {
    var nobody = AttackTally("nobody")
    (nobody.honestClaims, nobody.honestRefused, nobody.honestRefusedByBaseline) = (1_000, 4, 10)
    nobody.honestLoudInBaseline = [1: 3, 4: 2, 9: 5]
    var attack = AttackTally("liar")
    (attack.claims, attack.missed, attack.missedByBaseline) = (100, 100, 60)
    attack.loudInBaseline = [2: 30, 20: 10]
    let table = AttackTable([nobody, attack], hasColour: false)
    #expect(table.equalHalfDecibels == 9)
    #expect(attack.caughtByBaseline(halfDecibels: 0) == 40)
    #expect(attack.caughtByBaseline(halfDecibels: 9) == 10)
    #expect(nobody.honestRefusedByBaseline(halfDecibels: 4) == 5)
    #expect(!table.text.contains("\u{1b}"))
    // An attack that the older rules catch more of stands out.
    #expect(AttackTable([nobody, attack], hasColour: true).text.contains("\u{1b}[31mliar"))
  }

  @Test func linesOfTheTableAreOfOneWidthAndSharesAreHonest() {
    var attack = AttackTally("clone")
    (attack.claims, attack.refused) = (1_234_567, 1_234_566)
    attack.missed = 1
    let lines = AttackTable([AttackTally("nobody"), attack], hasColour: false).text
      .split(separator: "\n")
    #expect(Set(lines.map(\.count)).count == 1)
    #expect(lines[3].contains("1 234 567"))
    // All but one is not all, and one is not none.
    #expect(lines[3].contains("99.9"))
    #expect(AttackTable.percent(1, 1_000_000) == "<0.01")
    #expect(AttackTable.percent(7, 7) == "100")
    #expect(AttackTable.percent(0, 7) == "0")
    #expect(AttackTable.percent(0, 0) == "-")
  }

  @Test func seedsAddUpWhateverTheirOrder() throws {
    let options = AttackRun.Options(
      seeds: 1..<3, model: .plain, attacks: [.replay], nodes: 50, windows: 8)
    func run(_ seeds: [UInt64]) throws -> AttackRun {
      var sum = AttackRun(options)
      for seed in seeds {
        var own = AttackRun(options)
        try own.run(seed: seed)
        sum.add(own)
      }
      return sum
    }
    var whole = AttackRun(options)
    for seed in UInt64(1)...2 { try whole.run(seed: seed) }
    #expect(try run([2, 1]).tallies == whole.tallies)
    #expect(whole.tallies[0].seeds == 2 && whole.tallies[1].claims > 10)
  }
}
