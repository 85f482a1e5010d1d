import Testing
import USBBridges

@Suite struct BridgeHealthTests {
  /// Every course of successes, failures and departures, nine long.
  @Test func noCourseOfEventsBreaksTheBounds() {
    for course in 0..<19_683 {
      var health = BridgeHealth()
      var rest = course
      var (row, resets) = (0, 0)
      for _ in 0..<9 {
        switch rest % 3 {
        case 0:
          health.succeeded()
          (row, resets) = (0, 0)
        case 1:
          row += 1
          let expected: BridgeHealth.Action
          if row % 3 != 0 {
            expected = .goOn
          } else if resets < 3 {
            resets += 1
            expected = .reset
          } else {
            expected = .rest
            resets = 0
          }
          #expect(health.failed(hasGone: false) == expected)
        default:
          #expect(health.failed(hasGone: true) == .letGo)
          (row, resets) = (0, 0)
        }
        health.checkInvariants()
        rest /= 3
      }
    }
  }

  @Test func aStickThatHangsForEverIsLeftAloneAfterThreeResets() {
    var health = BridgeHealth()
    let actions = (0..<12).map { _ in health.failed(hasGone: false) }
    #expect(actions.filter { $0 == .reset }.count == 3)
    #expect(actions.last == .rest)
    #expect(health.resetCount == 3)
    #expect(health.failureCount == 12)
  }
}
