import CoverageVerifier
import FixedMemory
import Identity
import Proofs
import Testing

@testable import CoverageStatistics

/// A small area with numbers that a person can follow: nodes on a line, 1 km apart, 120 dB at 1 km and 30 dB for ten
/// times as far.
struct SmallArea {
  var nodes: [CoveragePeriod.Node] = []
  var observations: [CoveragePeriod.Observation] = []
  var draws: [CoveragePeriod.Draw] = []
  let offsets: [Int32]

  static let powers: [Int32] = [1_400, 1_100, 800, 500]

  init(count: Int = 8, windows: UInt32 = 32) throws {
    offsets = (0..<count).map { Int32($0 * 700 - 2_000) }
    for index in 0..<count {
      nodes.append(
        CoveragePeriod.Node(
          owner: SHA256.hash([UInt8(index)].span),
          place: try #require(
            Place(
              latitudeE7: 473_000_000 + Int32(index) * 90_000, longitudeE7: 85_000_000,
              altitudeCentimetres: nil, heightAboveGroundCentimetres: nil)),
          gainCentidecibels: 165))
    }
    for sender in 0..<count {
      for witness in 0..<count where witness != sender {
        for number in 0..<windows { hear(sender, witness, number) }
      }
    }
  }

  /// By turns, so that powers and factors meet each other.
  func power(_ sender: Int, _ number: UInt32) -> Int32 {
    Self.powers[(Int(number) + sender + Int(number) / 4) % 4]
  }

  /// Hills between two nodes: the same in both directions.
  func hill(_ first: Int, _ second: Int) -> Int32 {
    Int32((min(first, second) * 7 + max(first, second) * 13) % 11) * 200 - 1_000
  }

  /// What a frame gains besides, up to 1.5 dB.
  func fading(_ sender: Int, _ witness: Int, _ number: UInt32) -> Int32 {
    let mixed = UInt64(number) &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(sender * 131 + witness * 17_389)
    return Int32(truncatingIfNeeded: (mixed &* 0xbf58_476d_1ce4_e5b9) >> 40) % 150
  }

  mutating func hear(_ sender: Int, _ witness: Int, _ number: UInt32) {
    let decades = [0, 0, 301, 477, 602, 699, 778, 845, 903, 954, 1000, 1041, 1079, 1114]
    let away = abs(sender - witness)
    let loss = 11_500 + Int32((away < 10 ? decades[away] : 1_000) * 3) + hill(sender, witness)
    let signal = power(sender, number) + 330 - loss + fading(sender, witness, number)
    let snr = signal + 11_700
    let error = Int32((Int64(offsets[sender] - offsets[witness]) * 868_100_000) / 1_000_000_000)
    observations.append(
      CoveragePeriod.Observation(
        sender: sender, witness: witness, number: number,
        powerCentidecibelMilliwatts: power(sender, number), spreadingFactor: 9,
        frequencyHertz: 868_100_000,
        reception: snr < -1_250
          ? nil
          : .init(
            signalCentidecibelMilliwatts: signal, snrCentidecibels: snr,
            frequencyErrorHertz: error)))
  }

  /// Changes what is meant.
  mutating func change(
    where isMeant: (CoveragePeriod.Observation) -> Bool,
    to body: (inout CoveragePeriod.Observation) -> Void
  ) {
    for index in observations.indices where isMeant(observations[index]) {
      body(&observations[index])
    }
  }

  func check(_ node: Int, _ name: String) throws -> VerdictCheck {
    let found = CoverageStatistics.judge(
      CoveragePeriod(nodes: nodes, observations: observations, draws: draws))
    return try #require(found[node].checks.first { $0.name.hasPrefix(name) })
  }
}

@Suite struct CoverageStatisticsTests {
  @Test func nobodyIsLoweredWhereAllIsTrue() throws {
    let area = try SmallArea()
    let found = CoverageStatistics.judge(
      CoveragePeriod(nodes: area.nodes, observations: area.observations, draws: area.draws))

    #expect(found.map(\.weightPermille) == Array(repeating: 1_000, count: 8))
    #expect(found.allSatisfy { $0.checks.count == 13 })
  }

  @Test func theOrderOfObservationsChangesNothing() throws {
    let area = try SmallArea()
    let first = CoveragePeriod(nodes: area.nodes, observations: area.observations, draws: [])
    var second = first
    second.observations.reverse()
    #expect(CoverageStatistics.judge(first) == CoverageStatistics.judge(second))
  }

  @Test func aSenderThatIgnoresItsDrawIsFound() throws {
    var area = try SmallArea()
    area.change(
      where: { $0.sender == 3 },
      to: { observation in
        let power = observation.powerCentidecibelMilliwatts
        observation.reception?.signalCentidecibelMilliwatts? += 1_400 - power
      })
    #expect(try area.check(3, PowerFollowing.name).outcome == .failed)
    // Those who hear it are not held to account.
    for other in [2, 4] {
      let found = CoverageStatistics.judge(
        CoveragePeriod(nodes: area.nodes, observations: area.observations, draws: []))
      #expect(found[other].weightPermille == 1_000)
    }
  }

  @Test func aWitnessThatDoesNotKnowThePowerIsFound() throws {
    var area = try SmallArea()
    area.change(
      where: { $0.witness == 5 && $0.reception != nil },
      to: { observation in
        observation.reception?.signalCentidecibelMilliwatts =
          -11_000 - Int32(observation.number % 7) * 30
      })
    let check = try area.check(5, PowerFollowing.name + ", as witness")
    #expect(check.outcome == .failed, "\(check)")
  }

  @Test func withLessThanNineDecibelsOfRangeNothingIsSaid() throws {
    var area = try SmallArea()
    area.change(
      where: { _ in true },
      to: {
        $0.powerCentidecibelMilliwatts = min(1_100, $0.powerCentidecibelMilliwatts)
      })
    #expect(try area.check(3, PowerFollowing.name).outcome == .notMade)
  }

  @Test func whoHearsThoseThatDoNotHearItIsFound() throws {
    var area = try SmallArea()
    area.change(
      where: { $0.sender == 4 },
      to: { $0.reception = nil })
    #expect(try area.check(4, MissingHearers.name).outcome == .failed)
    #expect(try area.check(4, Neighbourhoods.name).outcome == .failed)
    #expect(try area.check(3, MissingHearers.name).outcome == .passed)
  }

  @Test func friendsOfOneOwnerAreNoIndependentHearers() throws {
    var area = try SmallArea()
    area.change(
      where: { $0.sender == 7 && $0.witness != 6 && $0.witness != 5 },
      to: { $0.reception = nil })
    #expect(try area.check(7, Neighbourhoods.name).outcome == .passed)
    for friend in [5, 6] { area.nodes[friend].owner = area.nodes[7].owner }
    #expect(try area.check(7, Neighbourhoods.name).outcome == .failed)
  }

  @Test func aFalseFrequencyIsFoundAndARepeaterSpoilsNobodysFigures() throws {
    var area = try SmallArea()
    area.change(
      where: { $0.witness == 2 && $0.sender % 2 == 0 },
      to: {
        $0.reception?.frequencyErrorHertz? += 9_000
      })
    area.change(
      where: { $0.witness == 2 && $0.sender % 2 == 1 },
      to: {
        $0.reception?.frequencyErrorHertz? -= 9_000
      })
    #expect(try area.check(2, Oscillators.name).outcome == .failed)
    var repeated = try SmallArea()
    repeated.change(
      where: { $0.sender == 0 && $0.number % 3 == 0 },
      to: {
        $0.reception?.frequencyErrorHertz? += 5_000
        $0.reception?.signalCentidecibelMilliwatts? += 900
      })
    #expect(try repeated.check(0, PowerFollowing.name).outcome == .passed)
  }

  @Test func copiedReceptionsAreFoundWhateverIsAdded() throws {
    var area = try SmallArea(count: 8, windows: 40)
    let own = area.observations.filter { $0.witness == 3 && $0.reception != nil }
    area.observations.removeAll { $0.witness == 6 }
    area.observations += own.filter { $0.sender != 6 }.map { observation in
      var copy = observation
      copy.witness = 6
      copy.reception?.signalCentidecibelMilliwatts? += 400
      return copy
    }
    #expect(try area.check(6, OneRadio.fadingName).outcome == .failed)
    #expect(try area.check(1, OneRadio.fadingName).outcome != .failed)
  }

  @Test func skippingWhatIsWeakIsFoundAndSkippingByChanceIsNot() throws {
    var area = try SmallArea(count: 3, windows: 4)
    func draw(_ node: Int, _ number: UInt32, _ wasSent: Bool) -> CoveragePeriod.Draw {
      CoveragePeriod.Draw(
        node: node, number: number, powerStep: Int(number % 4), spreadingFactor: 7,
        wasSent: wasSent)
    }
    for number in UInt32(0)..<60 {
      area.draws.append(draw(0, number, number % 4 < 2))
      area.draws.append(draw(1, number, number / 4 % 3 != 0))
      area.draws.append(draw(2, number, true))
    }
    #expect(try area.check(0, SkippedDraws.name).outcome == .failed)
    #expect(try area.check(1, SkippedDraws.name).outcome == .passed)
    #expect(try area.check(2, SkippedDraws.name).outcome == .notMade)
  }

  @Test func eachFailureLeavesAQuarter() {
    let failed = VerdictCheck("a", .failed, [])
    #expect(NodeStatistics(checks: [failed]).weightPermille == 250)
    #expect(NodeStatistics(checks: [failed, failed]).weightPermille == 62)
    #expect(NodeStatistics(checks: [VerdictCheck("a", .notMade, [])]).weightPermille == 1_000)
  }
}

@Suite struct RanksTests {
  /// Kendall's S of all orders of five: its mean is 0 and its variance that of the formula.
  @Test func theVarianceIsThatOfAllOrders() {
    var orders: [[Int32]] = [[]]
    for next in Int32(0)..<5 {
      orders = orders.flatMap { order in
        (0...order.count).map { place in
          var longer = order
          longer.insert(next, at: place)
          return longer
        }
      }
    }
    for left: [Int32] in [[0, 1, 2, 3, 4], [0, 0, 1, 1, 1], [0, 1, 1, 2, 2]] {
      let sums = orders.map { order in Ranks.agreement(left, order.map { $0 / 2 }).sum }
      #expect(sums.reduce(0, +) == 0)
      let variance = Double(sums.map { $0 * $0 }.reduce(0, +)) / Double(sums.count)
      let formula = Ranks.agreement(left, [0, 0, 1, 1, 2]).variance
      #expect(abs(variance - formula) < 0.000_001)
    }
  }

  @Test func chancesAreThoseOfCountingAllCases() {
    for count in 1...8 {
      for hits in 0...count {
        let all = (0..<(1 << count)).count { $0.nonzeroBitCount >= hits }
        let found = Ranks.chance(ofAtLeast: hits, of: count, permille: 500)
        #expect(abs(found - Double(all) / Double(1 << count)) < 0.000_001)
      }
    }
    #expect(Ranks.chance(ofAtLeast: 3, of: 2, permille: 500) == 0)
    #expect(Ranks.median([5, 1, 4, 2]) == 2)
    #expect(Ranks.median([]) == nil)
  }
}
