import CoverageVerifier
import Testing

@testable import CoverageStatistics

/// What a check leaves alone: conditions besides the limit itself.
@Suite struct LimitTests {
  private func figure(_ name: String, of check: VerdictCheck) -> VerdictCheck.Value? {
    check.figures.first { $0.name == name }?.value
  }

  @Test func threeOfManyNeighboursThatDoNotHearANodeAreTooFew() throws {
    var area = try SmallArea(count: 12)
    let deaf: Set<Int32> = [3, 4, 6]
    area.change(where: { $0.sender == 5 && deaf.contains($0.witness) }, to: { $0.reception = nil })
    let check = try area.check(5, MissingHearers.name)
    #expect(check.outcome == .passed, "\(check)")
    #expect(figure("missing", of: check) == .number(3))
  }

  /// What warms and cools for two: over many frames a third more agree than differ, and the score says that this is no
  /// chance.
  @Test func receptionsThatAgreeALittleOverManyFramesAreTheirOwn() throws {
    var area = try SmallArea(count: 8, windows: 160)
    area.change(
      where: { [3, 6].contains($0.witness) },
      to: { one in
        let mixed = (UInt64(one.number) << 8 | UInt64(one.sender)) &* 0x9e37_79b9_7f4a_7c15
        one.reception?.signalCentidecibelMilliwatts? += mixed >> 60 & 1 == 0 ? 45 : -45
      })
    let check = try area.check(6, OneRadio.fadingName)
    #expect(check.outcome == .passed, "\(check)")
    guard case .number(let score) = figure("scorePermille", of: check) else {
      Issue.record("no score: \(check)")
      return
    }
    #expect(score >= OneRadio.fadingLimit, "\(check)")
  }

  /// Twelve of 24 are more than chance, and no more than half: the others have as much to do with it.
  @Test func halfOfAllFrequencyErrorsMayBeOthers() throws {
    var area = try SmallArea(count: 25)
    let offsets = area.offsets
    area.change(
      where: { $0.witness == 2 },
      to: { one in
        let parts = Int64(offsets[Int(one.sender)] - offsets[2])
        one.reception = .init(
          signalCentidecibelMilliwatts: one.powerCentidecibelMilliwatts - 12_000,
          snrCentidecibels: 300,
          frequencyErrorHertz: Int32(parts * 868_100_000 / 1_000_000_000))
      })
    for (place, other) in (Int32(0)..<25).filter({ $0 != 2 }).prefix(12).enumerated() {
      area.change(
        where: { $0.witness == 2 && $0.sender == other },
        to: {
          $0.reception?.frequencyErrorHertz? += place % 2 == 0 ? 9_000 : -9_000
        })
    }
    let check = try area.check(2, Oscillators.name)
    #expect(figure("beyond", of: check) == .number(12), "\(check)")
    #expect(figure("links", of: check) == .number(24), "\(check)")
    #expect(Ranks.chance(ofAtLeast: 12, of: 24, permille: 100) <= Oscillators.leastChance)
    #expect(check.outcome == .passed)
  }

  /// Three keys of different owners at the line's end that hear each other and nobody else.
  @Test func friendsWhomNobodyElseHearsAreNoIndependentHearers() throws {
    var area = try SmallArea(count: 10)
    let island: Set<Int32> = [7, 8, 9]
    area.change(
      where: { island.contains($0.sender) != island.contains($0.witness) },
      to: { $0.reception = nil })
    for friend in [7, 8, 9] {
      let check = try area.check(friend, Neighbourhoods.name)
      #expect(check.outcome == .failed, "\(check)")
      #expect(figure("ownersAround", of: check) == .number(7))
    }
    #expect(try area.check(4, Neighbourhoods.name).outcome == .passed)
  }

  /// Three of seven witnesses make up what they say of one node, and of no other.
  @Test func aFewWhoMakeFiguresUpDoNotLowerASender() throws {
    var area = try SmallArea()
    let liars: Set<Int32> = [1, 4, 6]
    area.change(
      where: { $0.sender == 3 && liars.contains($0.witness) },
      to: {
        $0.reception?.signalCentidecibelMilliwatts = -11_000 - Int32($0.number % 7) * 30
      })
    let check = try area.check(3, PowerFollowing.name + ", as sender")
    guard case .number(let score) = figure("scorePermille", of: check) else {
      Issue.record("no score: \(check)")
      return
    }
    #expect(score <= PowerFollowing.limit, "\(check)")
    #expect(check.outcome == .passed, "\(check)")
  }

  /// Of those who make up all that they say nothing is held against whom they say to have heard.
  @Test func whatFalseWitnessesSayIsLeftOutOfASendersScore() throws {
    var area = try SmallArea()
    let liars: Set<Int32> = [4, 5, 6, 7]
    area.change(
      where: { liars.contains($0.witness) && $0.reception != nil },
      to: {
        $0.reception?.signalCentidecibelMilliwatts = -11_000 - Int32($0.number % 7) * 30
      })
    for node in 0..<4 {
      let check = try area.check(node, PowerFollowing.name + ", as sender")
      #expect(check.outcome == .passed, "\(check)")
      #expect(figure("links", of: check) == .number(3), "\(check)")
    }
    for liar in liars {
      let check = try area.check(Int(liar), PowerFollowing.name + ", as witness")
      #expect(check.outcome == .failed, "\(check)")
    }
  }

  /// Two nodes in one house may have the same ways.
  @Test func neighboursAtOnePlaceMayHaveTheSameWays() throws {
    for isTogether in [true, false] {
      var area = try SmallArea(count: 16)
      if isTogether { area.nodes[9].place = area.nodes[2].place }
      area.change(
        where: { [2, 9].contains($0.sender) && ![2, 9].contains($0.witness) },
        to: { one in
          one.reception = .init(
            signalCentidecibelMilliwatts: one.powerCentidecibelMilliwatts - 11_000
              - Int32((one.witness * 5) % 13) * 200, snrCentidecibels: 300, frequencyErrorHertz: nil
          )
        })
      let check = try area.check(9, OneRadio.waysName)
      #expect((check.outcome == .failed) == !isTogether, "\(check)")
    }
  }

  /// Radios that read high or low read their noise so too.
  @Test func whatRadiosReadTooHighOrLowIsTakenFromTheirNoise() throws {
    var area = try SmallArea(count: 14)
    area.change(
      where: { _ in true },
      to: {
        $0.reception?.signalCentidecibelMilliwatts? += ($0.witness * 5 % 13 - 6) * 100
      })
    for node in [3, 6, 10] {
      let check = try area.check(node, Reciprocity.name)
      #expect(figure("noiseQuarters", of: check) == .number(4), "\(check)")
      guard case .number(let louder) = figure("louder", of: check) else {
        Issue.record("not measured: \(check)")
        continue
      }
      #expect(abs(louder) <= 150, "\(check)")
    }
  }
}
