import FixedMemory
import Foundation
import LinuxPlatform
import Testing

@testable import cairn

/// The count of wrong passphrases, as its file has it.
@Suite struct ConsoleAttemptsTests {
  /// What a session reads at `now` of what another one has left.
  private func reading(
    _ failureCount: UInt64, at milliseconds: Int64, now: Int64
  ) throws -> ConsoleAttempts {
    let path = "/tmp/cairn-attempts-\(UUID().uuidString.prefix(8))"
    defer { unlink(path) }
    guard let fixed = FixedPath(Array(path.utf8).span) else { throw SocketFailure.pathTooLong }
    var attempts = ConsoleAttempts()
    attempts.failureCount = failureCount
    attempts.lastMilliseconds = milliseconds
    try attempts.write(fixed)
    return try ConsoleAttempts(reading: fixed, now: now)
  }

  @Test func eachWrongPassphraseDoublesTheWaitUpToFiveMinutes() {
    let waits = (0..<12 as Range<UInt64>).map { ConsoleAttempts.waitMilliseconds(after: $0) / 1000 }
    #expect(waits == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
    for count in [63, 64, 65, 1 << 32, UInt64.max] as [UInt64] {
      #expect(ConsoleAttempts.waitMilliseconds(after: count) == 300_000)
    }
  }

  @Test func whatWasWaitedIsNotWaitedAgain() throws {
    let left = try reading(5, at: 1000, now: 11_000).leftMilliseconds(now: 11_000)
    #expect(left == 6000)
    let none = try reading(5, at: 1000, now: 17_000).leftMilliseconds(now: 17_000)
    #expect(none == 0)
  }

  /// The boot clock began anew, or somebody wrote what can't be: neither a shorter wait nor a longer one.
  @Test(arguments: [5_000_000, -1, Int64.min, Int64.max])
  func aTimeThatIsNotOfThisBootBeginsTheWaitAnew(milliseconds: Int64) throws {
    let attempts = try reading(5, at: milliseconds, now: 1000)
    let left = attempts.leftMilliseconds(now: 1000)
    #expect(left == 16_000)
    let count = attempts.failureCount
    #expect(count == 5)
  }
}
