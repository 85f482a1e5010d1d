import CLinux
import LinuxPlatform
import Testing

@Test func whatIsStillToBeCorrectedIsAPartOfTheError() throws {
  // adjtimex(2): microseconds, and nanoseconds with STA_NANO.
  #expect(cairn_clock_remaining(0, 1) == 0)
  #expect(cairn_clock_remaining(49_999_001, 1) == 50_000)
  #expect(cairn_clock_remaining(-49_999_000, 1) == 49_999)
  #expect(cairn_clock_remaining(-250, 0) == 250)
}
