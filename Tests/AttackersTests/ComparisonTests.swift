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

  @Test func aBoundRestsOnHowMuchSeedsDiffer() {
    var (even, clumped) = (SeedRates(), SeedRates())
    for seed in 0..<100 {
      even.add(10, of: 10_000)
      clumped.add(seed == 0 ? 1_000 : 0, of: 10_000)
    }
    #expect(even.rate == 0.001 && clumped.rate == 0.001)
    // Alike seeds: as if each counted by itself.
    #expect(even.standardError == 0)
    #expect(even.upperBound == AttackTable.upperBound(1_000, of: 1_000_000))
    // All in one seed of a hundred: a mean of 0.001 whose error is 0.001.
    #expect(abs((clumped.standardError ?? 0) - 0.001) < 0.000_01)
    #expect(abs(clumped.upperBound - 0.002_645) < 0.000_01)
    // Seeds of other sizes with the same rate are alike too; one seed has nothing to differ from.
    even.add(20, of: 20_000)
    #expect(even.standardError ?? 1 < 0.000_000_1)
    var single = SeedRates()
    single.add(0, of: 1_000)
    #expect(single.standardError == nil)
    #expect(single.upperBound == AttackTable.upperBound(0, of: 1_000))
    single.add(0, of: 0)
    #expect(single.seeds == 1)
  }

  @Test func theMarkdownHasTheTablesCells() {
    var nobody = AttackTally("nobody")
    (nobody.honestClaims, nobody.honestRefused) = (20_000, 20)
    (nobody.honestNodes, nobody.honestLowered) = (100, 1)
    nobody.reasons = ["honest: snr-too-low": 5, "honest: too-far": 15, "tag-mismatch": 9]
    var attack = AttackTally("clone")
    (attack.claims, attack.refused, attack.missedByBaseline) = (1_234, 1_234, 1_234)
    let table = AttackTable([nobody, attack], HonestRates([nobody, attack]), hasColour: true)
    let lines = table.markdown.split(separator: "\n").map(String.init)
    #expect(lines[2] == "| nobody | 0 | – | – | – | 0 | 0 | 0 | 20 of 20 000 | 1 of 100 |")
    #expect(lines[3] == "| clone | 1 234 | 100 | 0 | 0 | 1 234 | 0 | 0 | – | – |")
    #expect(lines[6].hasPrefix("| words refused, nobody attacking | 20 | 20 000 | 0.100 % | 0.1"))
    #expect(Array(lines.dropLast().suffix(2)) == ["| too-far | 15 |", "| snr-too-low | 5 |"])
    #expect(lines.last?.hasPrefix("At our rate: the older rules with 0.0 dB more") == true)
    #expect(table.bounds.contains("Refused, nobody attacking: 15 too-far, 5 snr-too-low."))
    #expect(lines.dropLast().allSatisfy { $0.hasPrefix("|") && $0.hasSuffix("|") })
  }
}
