import Buses
import Records
import Sensors
import Testing

private func edge(_ number: UInt32, isRising: Bool = true) -> GPIOEdge {
  GPIOEdge(isRising: isRising, nanoseconds: UInt64(number) * 1_000_000, number: number)
}

@Suite struct PulseCounterTests {
  private func values(_ counter: inout PulseCounter, _ milliseconds: Int64) -> [Int64?] {
    let values = counter.read(elapsedMilliseconds: milliseconds)
    return values.indices.map { values[$0] }
  }

  @Test func everyPulseIsInOneReadingAndTheTotalStays() {
    var counter = PulseCounter(.rain, perPulseE4: 2794)
    counter.begin()
    for number in 1...3 as ClosedRange<UInt32> { counter.take(edge(number)) }
    #expect(values(&counter, 60_000) == [3, 8382, 3])
    #expect(values(&counter, 60_000) == [0, 0, 3])
    counter.take(edge(4))
    #expect(values(&counter, 60_000) == [1, 2794, 4])
    #expect(counter.takeLost() == 0)
  }

  /// 0.6667 m/s a hertz: 20 pulses in 10 s are 1.3334 m/s, 1 in 3 s 0.222 m/s.
  @Test(arguments: [
    (20, 10_000, 1333), (1, 3000, 222), (0, 3000, 0), (4, 3000, 889), (1_000, 1000, 666_700),
  ])
  func windIsPulsesBySeconds(count: UInt32, milliseconds: Int64, expected: Int64) {
    var counter = PulseCounter(.wind, perPulseE4: 6667)
    counter.begin()
    if count > 0 { counter.take(edge(count)) }
    #expect(values(&counter, milliseconds) == [Int64(count), expected, Int64(count)])
  }

  @Test func windWithoutTimeIsNoWind() {
    var counter = PulseCounter(.wind, perPulseE4: 6667)
    #expect(values(&counter, 0) == [0, nil, 0])
  }

  @Test func aJumpOfNumbersIsCountedAndSaidToBeLostAcrossTheEndOfNumbersToo() {
    var counter = PulseCounter(.energy, perPulseE4: 12_500)
    counter.take(edge(.max - 1))
    counter.take(edge(4))
    #expect(counter.total == 7)
    #expect(counter.takeLost() == 5)
    // No room for its leaf: it is told later, with what was lost since.
    counter.putBack(lost: 5)
    counter.take(edge(7))
    #expect(counter.takeLost() == 7 && counter.takeLost() == 0)
    counter.take(edge(8))
    #expect(counter.total == 11)
    #expect(values(&counter, 1000) == [11, 137_500, 11])
  }

  @Test func numbersThatGoBackAreOnePulseEach() {
    var counter = PulseCounter(.count, perPulseE4: 0)
    counter.begin()
    for number in [9, 3, 3, 2] as [UInt32] { counter.take(edge(number)) }
    #expect(counter.total == 12)
    counter.begin()
    counter.take(edge(2))
    #expect(counter.total == 14)
  }

  @Test func quantitiesAreAsManyAsValues() {
    for meaning in [PulseMeaning.count, .rain, .wind, .energy] {
      var counter = PulseCounter(meaning, perPulseE4: 1)
      #expect(counter.read(elapsedMilliseconds: 1).count == meaning.quantities.count)
    }
  }
}

@Suite struct ContactWatchTests {
  @Test func theStateThatWasFoundIsToldFirst() {
    var watch = ContactWatch()
    watch.begin(isOn: true, now: 5)
    #expect(watch.takeDue(now: 5) == .init(isOn: true, milliseconds: 5, count: 0))
    #expect(watch.takeDue(now: 5) == nil && watch.nextDueMilliseconds == nil)
  }

  @Test func aLineThatIsRequestedAnewCountsFromOneAgain() {
    var watch = ContactWatch()
    watch.begin(isOn: false, now: 0)
    watch.take(edge(9), at: 0, now: 0)
    #expect(watch.takeDue(now: 0)?.count == 9)
    watch.begin(isOn: false, now: 10)
    // The first one had no room: two changes.
    watch.take(edge(2), at: 10, now: 10)
    #expect(watch.takeDue(now: 100_000)?.count == 2)
  }

  /// A change a millisecond for ten minutes: leaves 1, 2, 4 … 32, 60, 60 … seconds apart, and every change in one.
  @Test func aBouncingContactDoesNotFillTheLog() {
    var watch = ContactWatch()
    watch.begin(isOn: false, now: 0)
    _ = watch.takeDue(now: 0)
    var leaves = 0
    var changes: UInt64 = 0
    for now in 1...600_000 as ClosedRange<Int64> {
      watch.take(edge(UInt32(now), isRising: now % 2 == 1), at: now, now: now)
      if let report = watch.takeDue(now: now) {
        leaves += 1
        changes += report.count
        #expect(report.milliseconds == now)
      }
    }
    changes += watch.drain()?.count ?? 0
    #expect(changes == 600_000)
    #expect(leaves == 15)
  }

  @Test func afterAMinuteOfQuietASecondIsEnoughAgain() {
    var watch = ContactWatch()
    watch.begin(isOn: false, now: 0)
    _ = watch.takeDue(now: 0)
    var number: UInt32 = 0
    func change(_ now: Int64) -> ContactWatch.Report? {
      number += 1
      watch.take(edge(number), at: now, now: now)
      return watch.takeDue(now: now)
    }
    #expect(change(10)?.count == 1)
    #expect(change(20) == nil)
    #expect(watch.takeDue(now: 1010)?.count == 1)
    #expect(change(1500) == nil)
    #expect(watch.takeDue(now: 3010)?.count == 1)
    #expect(change(100_000)?.count == 1)
    #expect(watch.quietUntil(now: 100_000) == 101_000)
  }

  @Test func aClockThatGoesBackOrAheadDoesNotTakeTheLogWithIt() {
    var watch = ContactWatch()
    watch.begin(isOn: false, now: 1000)
    _ = watch.takeDue(now: 1000)
    watch.take(edge(1), at: 2000, now: 2000)
    #expect(watch.takeDue(now: 2000)?.milliseconds == 2000)
    watch.take(edge(2, isRising: false), at: -5, now: 5000)
    #expect(watch.takeDue(now: 5000) == .init(isOn: false, milliseconds: 2000, count: 1))
    watch.take(edge(3), at: .max, now: 9000)
    #expect(watch.takeDue(now: 9000)?.milliseconds == 9000)
  }

  @Test func aReportWithoutRoomIsToldLater() {
    var watch = ContactWatch()
    watch.begin(isOn: false, now: 0)
    let found = watch.takeDue(now: 0)
    if let found { watch.putBack(found) }
    #expect(watch.takeDue(now: 1) != nil)
    watch.take(edge(7), at: 2, now: 2)
    let report = watch.takeDue(now: 2)
    #expect(report?.count == 7)
    if let report { watch.putBack(report) }
    #expect(watch.takeDue(now: 1_000_000)?.count == 7)
  }
}

@Suite struct LEDPatternTests {
  @Test(arguments: [(LEDPattern.working, 4000), (.undelivered, 250), (.fault, 7750)])
  func aPatternIsOnForItsShareAndChangesTwiceInAPeriod(pattern: LEDPattern, onMilliseconds: Int) {
    var now: Int64 = 0
    var changes = 0
    var on: Int64 = 0
    while now < 80_000 {
      let state = pattern.state(now: now)
      #expect(state.untilMilliseconds > now)
      if state.isOn { on += state.untilMilliseconds - now }
      now = state.untilMilliseconds
      changes += 1
    }
    #expect(changes == 20 && on == Int64(onMilliseconds) * 10)
  }
}
