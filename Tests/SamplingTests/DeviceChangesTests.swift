import Sampling
import Testing

@Suite struct DeviceChangesTests {
  /// What changes has no place in an expectation.
  private func take(_ changes: inout DeviceChanges, _ isPresent: Bool) -> Bool {
    changes.take(isPresent: isPresent)
  }

  /// Tells what is due at a time, and returns the count of that leaf.
  private func tell(_ changes: inout DeviceChanges, now: Int64) -> UInt64? {
    guard changes.isDue(now: now) else { return nil }
    let count = changes.untoldCount
    changes.told(now: now)
    return count
  }

  @Test func whatWasThereFromTheBeginningIsNoChange() {
    var changes = DeviceChanges(isPresent: true)
    let isAgain = take(&changes, true)
    #expect(!isAgain && changes.nextDueMilliseconds == nil)
    let first = tell(&changes, now: 0)
    #expect(first == nil)
    let isGone = take(&changes, false)
    #expect(isGone)
    let second = tell(&changes, now: 0)
    #expect(second == 1)
  }

  @Test func aThousandChangesAreEightLeavesAndThenOneWithTheirCount() {
    var changes = DeviceChanges()
    var counts: [UInt64] = []
    for change in 0..<1000 as Range<Int64> {
      let isChange = take(&changes, change % 2 == 0)
      #expect(isChange)
      if let count = tell(&changes, now: change) { counts.append(count) }
    }
    #expect(counts == [UInt64](repeating: 1, count: 8))
    #expect(changes.nextDueMilliseconds == DeviceChanges.spacingMilliseconds)
    let early = tell(&changes, now: DeviceChanges.spacingMilliseconds - 1)
    let due = tell(&changes, now: DeviceChanges.spacingMilliseconds)
    #expect(early == nil && due == 992)
    #expect(changes.nextDueMilliseconds == nil)
  }

  /// A change a second for a day: the leaves are bounded, and their counts add up.
  @Test func aDayOfFlappingCostsAtMostALeafInTenMinutes() {
    var changes = DeviceChanges()
    var leafCount = 0
    var sum: UInt64 = 0
    for second in 0..<86_400 as Range<Int64> {
      _ = take(&changes, second % 2 == 0)
      if let count = tell(&changes, now: second * 1000) {
        leafCount += 1
        sum += count
      }
    }
    #expect(leafCount <= 8 + 144)
    #expect(sum + changes.untoldCount == 86_400)
  }

  @Test func quietTimesGiveTheAllowanceBackAndNoMoreThanThat() {
    var changes = DeviceChanges()
    var now: Int64 = 0
    for _ in 0..<3 {
      for change in 0..<20 {
        _ = take(&changes, change % 2 == 0)
        let isTold = tell(&changes, now: now) != nil
        #expect(isTold == (change < 8))
      }
      now += 100 * DeviceChanges.spacingMilliseconds
      _ = tell(&changes, now: now)
      now += 100 * DeviceChanges.spacingMilliseconds
    }
  }
}
