import Testing

@testable import Sampling

/// One sensor, slot by slot, as the documentation tells it: slow and obvious.
private struct OneSensorOracle {
  let interval: Int64
  var next: Int64

  /// The slot to measure, and the slots that were missed.
  mutating func take(now: Int64) -> (slot: Int64?, missed: [Int64])? {
    guard next <= now else { return nil }
    var begun: [Int64] = []
    while next <= now {
      begun.append(next)
      next += interval
    }
    let latest = begun.removeLast()
    if now - latest > interval / 2 { return (nil, begun + [latest]) }
    return (latest, begun)
  }
}

private func expect(
  _ due: Schedule.Due?, is expected: (slot: Int64?, missed: [Int64])?, sensor: Int
) {
  guard let expected, let due else {
    #expect((due == nil) == (expected == nil))
    return
  }
  #expect(due.sensor == sensor)
  #expect(due.slotMilliseconds == expected.slot)
  #expect(due.gap?.fromMilliseconds == expected.missed.first)
  #expect(due.gap?.toMilliseconds == expected.missed.last)
  #expect(due.gap?.count ?? 0 == Int64(expected.missed.count))
}

@Suite struct ScheduleTests {
  /// Every pair of times that a sensor may be asked at, within the first five slots.
  @Test func everyPairOfTimesAgreesWithCountingSlots() {
    for first in 0...1_000 where first % 10 == 0 {
      for second in first...1_000 where second % 10 == 0 {
        var schedule = Schedule()
        _ = schedule.add(intervalMilliseconds: 200, firstMilliseconds: 50)
        var oracle = OneSensorOracle(interval: 200, next: 50)
        for now in [first, second, second + 1] {
          expect(
            schedule.take(now: Int64(now)), is: oracle.take(now: Int64(now)), sensor: 0)
          schedule.checkInvariants()
        }
      }
    }
  }

  @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
  func sixteenSensorsAgreeWithSixteenOracles(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var schedule = Schedule()
    var oracles: [OneSensorOracle] = []
    for _ in 0..<Schedule.capacity {
      let interval = Int64.random(in: 100...5_000, using: &generator)
      let first = Int64.random(in: 0...10_000, using: &generator)
      _ = schedule.add(intervalMilliseconds: interval, firstMilliseconds: first)
      oracles.append(OneSensorOracle(interval: interval, next: first))
    }
    var now: Int64 = 0
    for _ in 0..<500 {
      // Mostly in time, now and then a suspend.
      let isSuspend = UInt8.random(in: 0..<20, using: &generator) == 0
      now += Int64.random(in: 0...(isSuspend ? 100_000 : 100), using: &generator)
      #expect(schedule.nextDueMilliseconds == oracles.map(\.next).min())
      // The order is that of the slots, and each sensor comes once.
      let waiting = oracles.indices.filter { oracles[$0].next <= now }
        .sorted { (oracles[$0].next, $0) < (oracles[$1].next, $1) }
      for sensor in waiting {
        expect(schedule.take(now: now), is: oracles[sensor].take(now: now), sensor: sensor)
      }
      #expect(schedule.take(now: now) == nil)
      schedule.checkInvariants()
    }
  }

  @Test func everySlotIsMeasuredOrCountedInAGapAndNeverBoth() {
    var generator = SeededGenerator(seed: 77)
    for _ in 0..<200 {
      var schedule = Schedule()
      _ = schedule.add(intervalMilliseconds: 1_000, firstMilliseconds: 0)
      var seen: [Int64] = []
      var now: Int64 = 0
      while now < 60_000 {
        if let due = schedule.take(now: now) {
          if let gap = due.gap {
            for index in 0..<gap.count { seen.append(gap.fromMilliseconds + index * 1_000) }
            #expect(seen.last == gap.toMilliseconds)
          }
          if let slot = due.slotMilliseconds { seen.append(slot) }
        }
        now += Int64.random(in: 1...3_000, using: &generator)
      }
      #expect(seen == (0..<Int64(seen.count)).map { $0 * 1_000 })
    }
  }

  @Test func lateMeasurementsDoNotShiftTheSlotsAfterThem() {
    var schedule = Schedule()
    _ = schedule.add(intervalMilliseconds: 1_000, firstMilliseconds: 0)
    for slot in 0..<1_000 as Range<Int64> {
      let due = schedule.take(now: slot * 1_000 + slot % 500)
      #expect(due == Schedule.Due(sensor: 0, slot: slot * 1_000))
    }
  }

  @Test func exactlyHalfAnIntervalLateIsStillMeasuredAndAMillisecondMoreIsNot() {
    var schedule = Schedule()
    _ = schedule.add(intervalMilliseconds: 1_000, firstMilliseconds: 0)
    #expect(schedule.latenessLimitMilliseconds(of: 0) == 500)
    #expect(schedule.take(now: 500)?.slotMilliseconds == 0)
    let due = schedule.take(now: 1_501)
    #expect(due?.slotMilliseconds == nil)
    #expect(due?.gap?.count == 1)
  }

  @Test func moreThanSixteenSensorsOrAnImpossibleIntervalIsRefused() {
    var schedule = Schedule()
    for interval: Int64 in [.min, -1, 0, 99, 604_800_001, .max] {
      #expect(schedule.add(intervalMilliseconds: interval, firstMilliseconds: 0) == nil)
    }
    for sensor in 0..<16 {
      #expect(schedule.add(intervalMilliseconds: 100, firstMilliseconds: 0) == sensor)
    }
    #expect(schedule.add(intervalMilliseconds: 100, firstMilliseconds: 0) == nil)
  }

  @Test func aPausedSensorHasNoSlotsAndGoesOnInItsRhythm() {
    for pausedAt in stride(from: Int64(0), through: 1_000, by: 50) {
      for resumedAt in stride(from: pausedAt, through: 2_000, by: 50) {
        var schedule = Schedule()
        _ = schedule.add(intervalMilliseconds: 300, firstMilliseconds: 100)
        while schedule.take(now: pausedAt) != nil {}
        schedule.pause(sensor: 0)
        #expect(schedule.isPaused(sensor: 0))
        #expect(schedule.take(now: resumedAt) == nil && schedule.nextDueMilliseconds == nil)
        schedule.checkInvariants()
        schedule.resume(sensor: 0, now: resumedAt)
        var expected: Int64 = 100
        // The next slot after what was taken, and not before the time of return.
        while expected <= pausedAt || expected < resumedAt { expected += 300 }
        #expect(schedule.nextDueMilliseconds == expected)
      }
    }
  }

  @Test func theEndsOfTimeDoNotTrap() {
    for first in [Int64.min, -1, 0, Int64.max - 1, Int64.max] {
      for now in [Int64.min, -1, 0, Int64.max - 1, Int64.max] {
        var schedule = Schedule()
        _ = schedule.add(intervalMilliseconds: 1_000, firstMilliseconds: first)
        for _ in 0..<3 { _ = schedule.take(now: now) }
        schedule.pause(sensor: 0)
        schedule.resume(sensor: 0, now: now)
        schedule.checkInvariants()
      }
    }
  }
}

extension Schedule.Due {
  /// A measurement in time.
  init(sensor: Int, slot: Int64) {
    self.init(sensor: sensor, slotMilliseconds: slot, gap: nil)
  }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
