import CoverageVerifier
import Testing

@testable import CoverageStatistics

/// Each reason to lower a node, at its edge: something is made worse step by step until it fails, and right before that
/// it does not.
@Suite struct EdgeTests {
  /// The last step that does not fail, and the first that does.
  private func edge(
    _ steps: ClosedRange<Int>, _ check: (Int) throws -> VerdictCheck
  ) throws -> (before: VerdictCheck, at: VerdictCheck) {
    var before = try check(steps.lowerBound)
    #expect(before.outcome == .passed, "\(before)")
    for step in steps.dropFirst() {
      let now = try check(step)
      if now.outcome == .failed { return (before, now) }
      before = now
    }
    throw NoEdge(last: "\(before)")
  }

  private struct NoEdge: Error {
    let last: String
  }

  private func figure(_ name: String, of check: VerdictCheck) throws -> Int {
    guard case .number(let number) = check.figures.first(where: { $0.name == name })?.value else {
      throw NoEdge(last: "\(name) of \(check)")
    }
    return Int(number)
  }

  @Test(arguments: ["sender", "witness"])
  func figuresThatLeaveTheDrawnPowerFailAtTheLimitOfTheScore(_ role: String) throws {
    let (before, at) = try edge(0...100) { step in
      var area = try SmallArea()
      area.change(where: { role == "sender" ? $0.sender == 3 : $0.witness == 3 }) {
        let power = $0.powerCentidecibelMilliwatts
        $0.reception?.signalCentidecibelMilliwatts? += (1_400 - power) * Int32(step) / 100
      }
      return try area.check(3, "\(PowerFollowing.name), as \(role)")
    }
    func isBeyond(_ check: VerdictCheck) throws -> Bool {
      try figure("scorePermille", of: check) <= PowerFollowing.limit
        && figure("middleScorePermille", of: check) <= PowerFollowing.middleLimit
    }
    #expect(try isBeyond(at))
    #expect(try !isBeyond(before))
    #expect(before.outcome == .passed)
  }

  @Test func aBiasFailsAtItsLimit() throws {
    let (before, at) = try edge(0...80) { step in
      var area = try SmallArea()
      area.change(where: { $0.sender == 4 || $0.witness == 4 }) {
        $0.reception?.signalCentidecibelMilliwatts? -= Int32(step) * 50
      }
      return try area.check(4, Distances.name)
    }
    func isBeyond(_ check: VerdictCheck) throws -> Bool {
      let chance = Ranks.chance(
        ofAtLeast: try figure("beyond", of: check), of: try figure("links", of: check),
        permille: Distances.beyondPermille)
      return try abs(figure("bias", of: check)) > Distances.largestBias
        || chance <= Distances.leastChance
    }
    #expect(try isBeyond(at))
    #expect(try !isBeyond(before))
  }

  /// Who hears a node at the line's end, and is heard by it: from the three nearest to the one farthest.
  @Test func hearingThatDoesNotGoWithTheDistanceFails() throws {
    let hearers = [[1, 2, 3], [1, 2, 4], [1, 2, 5], [1, 2, 6], [1, 2, 7], [1, 3, 7]]
    let (before, at) = try edge(0...5) { step in
      var area = try SmallArea()
      area.change(where: { $0.sender == 0 || $0.witness == 0 }) { observation in
        let isHeard = hearers[step].contains(Int(max(observation.sender, observation.witness)))
        observation.reception =
          isHeard
          ? .init(
            signalCentidecibelMilliwatts: -10_000, snrCentidecibels: 500,
            frequencyErrorHertz: nil) : nil
      }
      return try area.check(0, Distances.nearName)
    }
    #expect(try figure("nearerPermille", of: before) == 666)
    #expect(try figure("nearerPermille", of: at) == 583)
  }

  /// So many of a node's neighbours never hear it, which they should.
  @Test func threeNeighboursThatDoNotHearANodeFail() throws {
    let order = [3, 5, 2, 6, 1, 7, 0]
    let (before, at) = try edge(0...7) { step in
      var area = try SmallArea()
      let deaf = Set(order.prefix(step))
      area.change(where: { $0.sender == 4 && deaf.contains(Int($0.witness)) }) {
        $0.reception = nil
      }
      return try area.check(4, MissingHearers.name)
    }
    func isBeyond(_ check: VerdictCheck) throws -> Bool {
      let missing = try figure("missing", of: check)
      return try missing >= MissingHearers.leastLinks
        && missing * 2 > figure("links", of: check)
    }
    #expect(try isBeyond(at))
    #expect(try !isBeyond(before))
    #expect(try figure("missing", of: before) >= MissingHearers.leastLinks - 1)
  }

  @Test func oneIndependentHearerIsTooFew() throws {
    let order = [0, 1, 2, 3, 4, 5, 6]
    let (before, at) = try edge(0...7) { step in
      var area = try SmallArea()
      let deaf = Set(order.prefix(step))
      area.change(where: { $0.sender == 7 && deaf.contains(Int($0.witness)) }) {
        $0.reception = nil
      }
      return try area.check(7, Neighbourhoods.name)
    }
    #expect(try figure("hearers", of: before) == Neighbourhoods.leastHearers)
    #expect(try figure("hearers", of: at) == Neighbourhoods.leastHearers - 1)
  }

  @Test func falseFrequenciesFailWhereChanceDoesNotExplainThem() throws {
    let others: [Int32] = [0, 1, 3, 4, 5, 6, 7]
    let (before, at) = try edge(0...7) { step in
      var area = try SmallArea()
      // By turns up and down, so that no offset fits them.
      for (place, other) in others.prefix(step).enumerated() {
        area.change(where: { $0.witness == 2 && $0.sender == other }) {
          $0.reception?.frequencyErrorHertz? += place % 2 == 0 ? 9_000 : -9_000
        }
      }
      return try area.check(2, Oscillators.name)
    }
    func chance(_ check: VerdictCheck) throws -> Double {
      Ranks.chance(
        ofAtLeast: try figure("beyond", of: check), of: try figure("links", of: check),
        permille: Oscillators.beyondPermille)
    }
    #expect(try chance(at) <= Oscillators.leastChance)
    #expect(try chance(before) > Oscillators.leastChance)
  }

  /// So many of a hundred receptions are another's, 4 dB up.
  @Test func copiedReceptionsFailAtTheLimitOfTheirScore() throws {
    let (before, at) = try edge(0...100) { step in
      var area = try SmallArea(count: 8, windows: 40)
      var copied: [UInt64: Int32] = [:]
      for observation in area.observations where observation.witness == 3 {
        let name = UInt64(observation.sender) << 32 | UInt64(observation.number)
        copied[name] = observation.reception?.signalCentidecibelMilliwatts
      }
      area.change(where: { $0.witness == 6 && $0.sender != 3 }) { observation in
        let name = UInt64(observation.sender) << 32 | UInt64(observation.number)
        guard Int(observation.number * 37 + UInt32(observation.sender) * 11) % 100 < step,
          let signal = copied[name]
        else { return }
        observation.reception?.signalCentidecibelMilliwatts = signal + 400
      }
      return try area.check(6, OneRadio.fadingName)
    }
    func isBeyond(_ check: VerdictCheck) throws -> Bool {
      try figure("scorePermille", of: check) >= OneRadio.fadingLimit
        && figure("agreePermille", of: check) >= OneRadio.fadingPermille
    }
    #expect(try isBeyond(at))
    #expect(try !isBeyond(before))
  }

  /// Two nodes whose ways to so many of their hearers differ by one constant.
  @Test func waysThatAreAnothersFailWhereChanceDoesNotExplainThem() throws {
    let (before, at) = try edge(0...14) { step in
      var area = try SmallArea(count: 16, windows: 12)
      for observation in area.observations.indices {
        let one = area.observations[observation]
        guard one.sender == 2 || one.sender == 9, one.witness != 2, one.witness != 9 else {
          continue
        }
        // Far from alike, and alike for the first of them.
        let rank = Int(one.witness) - (one.witness > 9 ? 2 : one.witness > 2 ? 1 : 0)
        let own: Int32 =
          one.sender == 9 && rank >= step ? Int32((rank * 5) % 13) * 400 - 2_400 : 700
        area.observations[observation].reception = .init(
          signalCentidecibelMilliwatts: one.powerCentidecibelMilliwatts - 11_000 - own
            - Int32(rank) * 300, snrCentidecibels: 300, frequencyErrorHertz: nil)
      }
      return try area.check(9, OneRadio.waysName)
    }
    func chance(_ check: VerdictCheck) throws -> Double {
      Ranks.chance(
        ofAtLeast: try figure("alike", of: check) - 1, of: try figure("ways", of: check) - 1,
        permille: OneRadio.alikePermille)
    }
    #expect(try chance(at) <= OneRadio.leastChance)
    #expect(try chance(before) > OneRadio.leastChance)
  }

  /// So many of a hundred windows of little power are skipped.
  @Test func skippingByTheDrawFailsAtTheLimitOfTheScore() throws {
    let (before, at) = try edge(12...100) { step in
      var area = try SmallArea(count: 2, windows: 1)
      for number in UInt32(0)..<200 {
        let isWeak = number % 4 >= 2
        let isSkipped = isWeak ? Int(number / 4 * 7) % 100 < step : Int(number / 4 * 7) % 100 < 12
        area.draws.append(
          CoveragePeriod.Draw(
            node: 0, number: number, powerStep: Int(number % 4), spreadingFactor: 7,
            wasSent: !isSkipped))
      }
      return try area.check(0, SkippedDraws.name)
    }
    #expect(try figure("powerStepScorePermille", of: at).magnitude >= SkippedDraws.limit)
    #expect(try figure("powerStepScorePermille", of: before).magnitude < SkippedDraws.limit)
  }

  @Test func everyOutcomeHasASentenceOfItsOwn() throws {
    let area = try SmallArea()
    let period = CoveragePeriod(
      nodes: area.nodes, observations: area.observations, draws: area.draws)
    let checks = try #require(CoverageStatistics.judge(period).first).checks
    for check in checks {
      let sentences = [VerdictCheck.Outcome.passed, .failed, .notMade].map {
        StatisticWords.sentence(VerdictCheck(check.name, $0, check.figures))
      }
      #expect(Set(sentences).count == 3)
      // The words that stand for a name that nobody has words for.
      #expect(
        !sentences.contains { $0.contains("It does not hold") || $0.contains("too little is") })
    }
  }
}
