import CoverageVerifier
import Foundation
import Identity
import Proofs
import Testing

@testable import CoverageStatistics

/// Who sends louder than it says, hears nobody, or stands elsewhere.
@Suite struct PlaceAndPowerTests {
  @Test func whoAlwaysSendsSixDecibelsMoreIsFound() throws {
    var area = try SmallArea(count: 14)
    #expect(try area.check(6, Reciprocity.name).outcome == .passed)
    area.change(
      where: { $0.sender == 6 }, to: { $0.reception?.signalCentidecibelMilliwatts? += 600 })
    let check = try area.check(6, Reciprocity.name)
    #expect(check.outcome == .failed, "\(check)")
    // Those who hear it are not held to account.
    for other in [4, 5, 7, 8] {
      #expect(try area.check(other, Reciprocity.name).outcome == .passed)
    }
  }

  @Test func whoHearsAsMuchMoreIsABetterAntennaAndIsNotFound() throws {
    var area = try SmallArea(count: 14)
    area.change(
      where: { $0.sender == 6 || $0.witness == 6 },
      to: { $0.reception?.signalCentidecibelMilliwatts? += 600 })
    #expect(try area.check(6, Reciprocity.name).outcome == .passed)
  }

  @Test func whoHearsNobodyThoughAllHearItIsFound() throws {
    var area = try SmallArea(windows: 64)
    #expect(try area.check(4, MissingHearers.hearingName).outcome == .passed)
    area.observations.removeAll { $0.witness == 4 }
    #expect(try area.check(4, MissingHearers.hearingName).outcome == .failed)
    #expect(try area.check(3, MissingHearers.hearingName).outcome == .passed)
  }

  @Test func whoTellsNothingAtAllIsFoundWhereLittleShouldComeIn() throws {
    var area = try SmallArea(windows: 64)
    area.change(
      where: { $0.sender == 4 },
      to: { $0.reception?.signalCentidecibelMilliwatts? -= 2_500 })
    let listened = try #require(area.observations.first { $0.witness == 4 })
    area.observations.removeAll { $0.witness == 4 }
    let check = try area.check(4, MissingHearers.hearingName)
    #expect(check.outcome == .failed, "\(check)")
    // Who says at least that it listened may be too far from all of them.
    area.observations.append(listened)
    #expect(try area.check(4, MissingHearers.hearingName).outcome == .notMade)
  }

  @Test func whoTellsNothingOfAFewBeaconsIsNotJudged() throws {
    var area = try SmallArea(windows: 32)
    area.change(
      where: { $0.sender == 4 },
      to: { $0.reception?.signalCentidecibelMilliwatts? -= 2_500 })
    area.observations.removeAll { $0.witness == 4 }
    let check = try area.check(4, MissingHearers.hearingName)
    #expect(check.outcome == .notMade, "\(check)")
    #expect(check.figures.contains { $0.name == "beacons" && $0.value == .number(7 * 32) })
  }

  /// Of a faint way only the loudest frames come in: that many are missing is as it should be.
  @Test func aFaintWayOfWhichLittleComesInIsAWay() throws {
    var area = try SmallArea(windows: 64)
    func loss() -> Int32? {
      Links(CoveragePeriod(nodes: area.nodes, observations: area.observations, draws: []))
        .link(from: 3, to: 5)?.lossCentidecibels
    }
    for (way, isOne) in [(Int32(14_200), true), (12_000, false)] {
      area.change(
        where: { $0.sender == 3 && $0.witness == 5 },
        to: { observation in
          let power = observation.powerCentidecibelMilliwatts
          observation.reception =
            power == 1_400
            ? .init(
              signalCentidecibelMilliwatts: power - way, snrCentidecibels: power - way + 11_700,
              frequencyErrorHertz: nil) : nil
        })
      #expect(loss() == (isOne ? way + 330 : nil))
    }
  }

  @Test func aRadioThatKeepsToOneChannelAndFactorHearsEnough() throws {
    var area = try SmallArea(windows: 64)
    // One slot in forty is on its channel and factor.
    area.observations.removeAll {
      $0.witness == 4 && ($0.number &+ UInt32($0.sender) &* 5) % 40 != 0
    }
    let check = try area.check(4, MissingHearers.hearingName)
    #expect(check.outcome == .passed, "\(check)")
  }

  /// Five rows of five, 1.5 km apart; the middle one stands `eastMetres` away from where it says.
  private func rows(eastMetres: Double, from longitudeE7: Int32 = 0) throws -> CoveragePeriod {
    var period = CoveragePeriod(nodes: [], observations: [], draws: [])
    var truth: [(east: Double, north: Double)] = []
    for index in 0..<25 {
      let (east, north) = (Double(index % 5) * 1_500, Double(index / 5) * 1_500)
      truth.append((index == 12 ? east + eastMetres : east, north))
      var longitude = Int64(longitudeE7) + Int64(east / 0.011_119_5)
      if longitude > 1_800_000_000 { longitude -= 3_600_000_000 }
      let place = try #require(
        Place(
          latitudeE7: Int32(north / 0.011_119_5), longitudeE7: Int32(longitude),
          altitudeCentimetres: nil, heightAboveGroundCentimetres: nil))
      period.nodes.append(
        CoveragePeriod.Node(
          owner: SHA256.hash([UInt8(index)].span), place: place, gainCentidecibels: 0))
    }
    for sender in 0..<25 {
      for witness in 0..<25 where witness != sender {
        let (from, to) = (truth[sender], truth[witness])
        let square =
          (from.east - to.east) * (from.east - to.east)
          + (from.north - to.north) * (from.north - to.north)
        let low = min(sender, witness)
        let hill = Double((low * 7 + (sender + witness - low) * 13) % 11) - 5
        let loss = 120 + 16 * log10(max(10_000, square) / 1_000_000) + hill
        for number in UInt32(0)..<4 {
          let signal = Int32(1_400 - loss * 100)
          period.observations.append(
            CoveragePeriod.Observation(
              sender: sender, witness: witness, number: number,
              powerCentidecibelMilliwatts: 1_400, spreadingFactor: 11,
              frequencyHertz: 868_100_000,
              reception: .init(
                signalCentidecibelMilliwatts: signal, snrCentidecibels: signal + 11_700,
                frequencyErrorHertz: nil)))
        }
      }
    }
    return period
  }

  @Test func whoStandsElsewhereIsFoundByTheWaysToIt() throws {
    func check(_ node: Int, _ period: CoveragePeriod) throws -> VerdictCheck {
      let found = CoverageStatistics.judge(period)
      return try #require(found[node].checks.first { $0.name == OtherPlaces.name })
    }
    let honest = try rows(eastMetres: 0)
    for node in [0, 7, 12, 24] {
      #expect(try check(node, honest).outcome == .passed)
    }
    let moved = try rows(eastMetres: 2_000)
    let found = try check(12, moved)
    #expect(found.outcome == .failed, "\(found)")
    let away = found.figures.first { $0.name == "betterMetresAway" }?.value
    #expect(away == .number(2_000) || away == .number(1_500) || away == .number(2_500), "\(found)")
    for node in [7, 11, 13, 17] {
      #expect(try check(node, moved).outcome == .passed)
    }
    // Where longitudes turn from 180 to -180 it is the same, whichever columns it divides.
    for before: Int32 in [100_000, 200_000, 300_000, 450_000] {
      let turned = try rows(eastMetres: 2_000, from: 1_800_000_000 - before)
      #expect(turned.nodes.contains { $0.place?.longitudeE7 ?? 0 < 0 })
      for node in [7, 11, 12, 13, 17] {
        #expect(try check(node, turned) == check(node, moved), "\(node), \(before)")
      }
    }
    // What it says itself is not asked: figures that fit the false place help nobody.
    var edited = moved
    edited.observations.removeAll { $0.witness == 12 }
    edited.observations += honest.observations.filter { $0.witness == 12 }
    #expect(try check(12, edited).outcome == .failed)
  }

  /// Keys east of the middle that all tell what the first of them hears; between it and the middle node the air is
  /// clear. One lucky way, told five times, puts nobody somewhere else.
  @Test func keysOfOneRadioPullNobodysPlace() throws {
    let keys: [Int32] = [13, 8, 18, 14, 9, 19]
    var period = try rows(eastMetres: 0)
    func fading(_ sender: Int32, _ witness: Int32, _ number: UInt32) -> Int32 {
      let mixed =
        UInt64(number + 1) &* 0x9e37_79b9_7f4a_7c15
        ^ UInt64(sender + 1) &* 0xbf58_476d_1ce4_e5b9 ^ UInt64(witness + 1) &* 0x94d0_49bb_1331_11eb
      return Int32((mixed &* 0x9e37_79b9_7f4a_7c15) >> 56) - 128
    }
    for index in period.observations.indices {
      let one = period.observations[index]
      let clear: Int32 = one.sender == 12 && keys.contains(one.witness) ? 1_200 : 0
      period.observations[index].reception?.signalCentidecibelMilliwatts? +=
        clear + fading(one.sender, one.witness, one.number)
    }
    func failing(_ period: CoveragePeriod, _ name: String) throws -> Set<Int32> {
      let found = CoverageStatistics.judge(period)
      return Set(
        period.nodes.indices.filter { node in
          found[node].checks.contains { $0.name == name && $0.outcome == .failed }
        }.map(Int32.init))
    }
    // Six receivers of their own that all have it nearer: then it is nearer.
    #expect(try failing(period, OtherPlaces.name) == [12])
    #expect(try failing(period, OneRadio.fadingName).isEmpty)
    // One transmitter's ways in all that hear the six: that is one radio, which hears the middle node once.
    var sending = period
    for index in sending.observations.indices
    where keys.contains(sending.observations[index].sender) {
      let one = sending.observations[index]
      guard !keys.contains(one.witness),
        let first = period.observations.first(where: {
          ($0.sender, $0.witness, $0.number) == (13, one.witness, one.number)
        })
      else { continue }
      sending.observations[index].reception = first.reception
    }
    #expect(try failing(sending, OneRadio.waysName) == Set(keys))
    #expect(try failing(sending, OneRadio.fadingName).isEmpty)
    #expect(try !failing(sending, OtherPlaces.name).contains(12))
    // One receiver's fading in the figures of all: one receiver too.
    for index in period.observations.indices where keys.contains(period.observations[index].witness)
    {
      let one = period.observations[index]
      period.observations[index].reception?.signalCentidecibelMilliwatts? +=
        fading(one.sender, 13, one.number) - fading(one.sender, one.witness, one.number)
    }
    #expect(try failing(period, OneRadio.fadingName) == Set(keys))
    #expect(try failing(period, OtherPlaces.name).isEmpty)
  }

  /// Somebody repeats, loudly, a few of the beacons of four nodes that are too far away, and that don't hear it.
  @Test(arguments: [4, 16])
  func aFewLoudFramesAmongManyThatAreMissingAreNoWay(_ heard: UInt32) throws {
    var area = try SmallArea()
    let far: Set<Int32> = [0, 1, 2, 7]
    area.change(where: { $0.sender == 4 && far.contains($0.witness) }, to: { $0.reception = nil })
    area.change(
      where: { $0.witness == 4 && far.contains($0.sender) },
      to: { observation in
        observation.reception =
          observation.number % (32 / heard) == 0
          ? .init(
            signalCentidecibelMilliwatts: observation.powerCentidecibelMilliwatts - 10_500,
            snrCentidecibels: 900, frequencyErrorHertz: nil) : nil
      })
    let check = try area.check(4, MissingHearers.name)
    // Who says to hear every other frame as well as that has to be heard.
    #expect(check.outcome == (heard == 4 ? .passed : .failed), "\(check)")
    let links = check.figures.first { $0.name == "links" }?.value
    #expect(links == .number(heard == 4 ? 3 : 7), "\(check)")
  }
}
