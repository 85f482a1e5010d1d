import FixedMemory
import Testing

@testable import LoRa

@Suite struct RegionPlanTests {
  private static let regions = (UInt8(1)...12).compactMap(RegionPlan.Region.init)

  @Test func everyRegionHasItsNameAndAPlanOfItsOwn() {
    #expect(Self.regions.count == 12)
    for region in Self.regions {
      #expect(RegionPlan(region).region == region)
      let name = (0..<region.name.utf8CodeUnitCount).map { region.name.bytes[$0] }
      #expect(RegionPlan.Region(name: name.span) == region)
    }
    for name in ["", "EU86", "EU8680", "eu868", "EU 868", "AS923"] {
      #expect(RegionPlan.Region(name: Array(name.utf8).span) == nil, "\(name)")
    }
  }

  @Test(arguments: regions) func everyChannelLiesInASubBand(region: RegionPlan.Region) throws {
    let plan = RegionPlan(region)
    var seen = Set<UInt32>()
    for channel in 0..<plan.channelCount {
      let frequency = try #require(plan.frequencyHertz(channel: channel))
      #expect(seen.insert(frequency).inserted)
      #expect(plan.subBand(frequencyHertz: frequency, bandwidth: .khz125) != nil)
    }
    #expect(plan.frequencyHertz(channel: plan.channelCount) == nil)
    #expect(plan.frequencyHertz(channel: -1) == nil)
    for index in plan.subBands.indices {
      #expect(plan.subBands[index].fromHertz < plan.subBands[index].toHertz)
    }
  }

  @Test func channelsAreThoseOfTheRegionalParameters() {
    let expected: [(RegionPlan.Region, Int, UInt32, UInt32)] = [
      (.eu868, 8, 868_100_000, 867_900_000), (.us915, 64, 902_300_000, 914_900_000),
      (.au915, 64, 915_200_000, 927_800_000), (.as923Group1, 2, 923_200_000, 923_400_000),
      (.as923Group2, 2, 921_400_000, 921_600_000), (.as923Group3, 2, 916_600_000, 916_800_000),
      (.as923Group4, 2, 917_300_000, 917_500_000), (.in865, 3, 865_062_500, 865_985_000),
      (.kr920, 3, 922_100_000, 922_500_000), (.eu433, 3, 433_175_000, 433_575_000),
      (.cn470, 96, 470_300_000, 489_300_000),
    ]
    for (region, count, first, last) in expected {
      let plan = RegionPlan(region)
      #expect(plan.channelCount == count)
      #expect(plan.frequencyHertz(channel: 0) == first)
      #expect(plan.frequencyHertz(channel: count - 1) == last)
    }
  }

  private func refusal(
    _ region: RegionPlan.Region, _ frequency: UInt32, factor: UInt8 = 7,
    bandwidth: Modulation.Bandwidth = .khz125, bytes: UInt8 = 24, conducted: Int32 = 0,
    eirp: Int32 = 0
  ) -> RegionPlan.Refusal? {
    guard let modulation = Modulation(spreadingFactor: factor, bandwidth: bandwidth) else {
      return nil
    }
    do throws(RegionPlan.Refusal) {
      _ = try RegionPlan(region).check(
        frequencyHertz: frequency, modulation: modulation, payloadByteCount: bytes,
        conductedCentidecibelMilliwatts: conducted, eirpCentidecibelMilliwatts: eirp)
      return nil
    } catch { return error }
  }

  @Test func whatBreaksARuleIsRefusedWithTheRule() {
    #expect(refusal(.eu868, 868_100_000, eirp: 1_615) == nil)
    #expect(refusal(.eu868, 868_100_000, eirp: 1_616) == .powerTooHigh)
    #expect(refusal(.eu868, 869_525_000, eirp: 2_915) == nil)
    // The edge of a signal counts, not its centre.
    #expect(refusal(.eu868, 868_537_500) == nil)
    #expect(refusal(.eu868, 868_537_501) == .outsideTheBand)
    #expect(refusal(.eu868, 868_650_000) == .outsideTheBand)
    #expect(refusal(.eu868, 0) == .outsideTheBand)
    #expect(refusal(.eu868, .max) == .outsideTheBand)
    #expect(refusal(.eu868, 868_300_000, bandwidth: .khz250) == .datarateNotInThePlan)
    #expect(refusal(.us915, 902_300_000, factor: 11) == .datarateNotInThePlan)
    #expect(refusal(.us915, 902_300_000, factor: 10) == nil)
    #expect(refusal(.us915, 902_300_000, conducted: 3_001, eirp: 3_001) == .powerTooHigh)
    #expect(refusal(.us915, 902_300_000, factor: 10, bytes: 28) == .dwellTooLong)
    #expect(refusal(.au915, 915_200_000, factor: 11) == .dwellTooLong)
    for region in [RegionPlan.Region.kr920, .cn470, .as923Group1Japan] {
      let frequency = RegionPlan(region).frequencyHertz(channel: 0) ?? 0
      #expect(refusal(region, frequency) == .needsListenBeforeTalk)
    }
  }
}

@Suite struct AirtimeBudgetTests {
  private func take(
    _ budget: inout AirtimeBudget, _ plan: RegionPlan, _ microseconds: UInt32, _ now: Int64,
    band: Int = 2
  ) -> RegionPlan.Refusal? {
    do throws(RegionPlan.Refusal) {
      try budget.take(plan, band: band, microseconds: microseconds, now: now)
      return nil
    } catch { return error }
  }

  /// Against a list of all that was sent: no hour, wherever it begins, ever has more than its share.
  @Test(arguments: [UInt64(1), 2, 3]) func noHourEverHasMoreThanItsShare(seed: UInt64) {
    let plan = RegionPlan(.eu868)
    var random = seed &* 0x9e37_79b9_7f4a_7c15
    func next(_ bound: UInt64) -> Int64 {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int64((random >> 33) % bound)
    }
    var budget = AirtimeBudget(knownSinceMilliseconds: nil)
    var sent: [(at: Int64, microseconds: UInt64)] = []
    var (now, refused): (Int64, Int) = (0, 0)
    for _ in 0..<20_000 {
      now += next(next(100) == 0 ? 8_000_000 : 20_000)
      let length = UInt32(50_000 + next(2_500_000))
      if let refusal = take(&budget, plan, length, now) {
        #expect(refusal == .dutyCycleSpent)
        refused += 1
      } else {
        sent.append((now, UInt64(length)))
      }
      let hour = sent.reversed().prefix { $0.at > now - 3_600_000 }
      #expect(hour.reduce(0) { $0 + $1.microseconds } <= 36_000_000)
    }
    #expect(refused > 1_000 && sent.count > 1_000)
  }

  @Test func whatWasSentIsForgottenAfterAnHourAndAMinuteAtTheLatest() {
    let plan = RegionPlan(.eu868)
    var budget = AirtimeBudget(knownSinceMilliseconds: nil)
    #expect(take(&budget, plan, 36_000_000, 59_999) == nil)
    #expect(take(&budget, plan, 1, 3_659_999) == .dutyCycleSpent)
    #expect(take(&budget, plan, 36_000_000, 3_660_000) == nil)
  }

  @Test func subBandsHaveBudgetsOfTheirOwn() {
    let plan = RegionPlan(.eu868)
    var budget = AirtimeBudget(knownSinceMilliseconds: nil)
    #expect(take(&budget, plan, 36_000_000, 0) == nil)
    #expect(take(&budget, plan, 1, 0) == .dutyCycleSpent)
    #expect(take(&budget, plan, 36_000_000, 0, band: 1) == nil)
    #expect(budget.leftMicroseconds(plan, band: 4, now: 0) == 360_000_000)
    #expect(budget.leftMicroseconds(RegionPlan(.us915), band: 0, now: 0) == nil)
  }

  @Test func anUnknownHourIsWaitedForWhereHoursAreLimited() {
    var budget = AirtimeBudget(knownSinceMilliseconds: 10_000)
    #expect(take(&budget, RegionPlan(.eu868), 1, 3_609_999) == .airtimeUnknown)
    #expect(take(&budget, RegionPlan(.eu868), 1, 3_610_000) == nil)
    #expect(take(&budget, RegionPlan(.us915), 1, 10_000, band: 0) == nil)
  }

  @Test func aClockThatGoesBackGivesNothingBack() {
    let plan = RegionPlan(.eu868)
    var budget = AirtimeBudget(knownSinceMilliseconds: nil)
    #expect(take(&budget, plan, 36_000_000, 10_000_000) == nil)
    #expect(take(&budget, plan, 1, 0) == .dutyCycleSpent)
    #expect(take(&budget, plan, 1, .min) == .dutyCycleSpent)
    #expect(take(&budget, plan, 1, 10_000_001) == .dutyCycleSpent)
    var unknown = AirtimeBudget(knownSinceMilliseconds: 10_000)
    #expect(take(&unknown, plan, 1, .min) == .airtimeUnknown)
  }
}
