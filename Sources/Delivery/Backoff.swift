/// How long to wait before the next attempt. Pure: the random word comes from the caller.
/// docs/delivery-protocol.md, section "Waiting".
public enum Backoff {
  /// The ceiling of the pause after the first failed attempt; it doubles with each further one.
  public static var firstMilliseconds: UInt32 { 1_000 }

  /// No pause is shorter: an answer that comes at once must not become a tight loop.
  public static var minimumMilliseconds: UInt32 { 250 }

  /// 15 minutes. 1.1 million nodes that come back together are 1 200 requests a second then, a third
  /// of what their gateway holds (one batch each in 5 minutes: 3 700), and no node is later than that.
  public static var maximumMilliseconds: UInt32 { 900_000 }

  /// 1 hour. A gateway that asks for more is asked again after that.
  public static var maximumRetryAfterSeconds: UInt32 { 3_600 }

  /// 45 to 75 minutes, so that an operator's repair heals delivery about an hour later, and blocked
  /// nodes cost their gateway next to nothing.
  public static var blockedMilliseconds: ClosedRange<UInt32> { 2_700_000...4_500_000 }

  /// The pause after failed attempt number `attempt`, which counts from 1: drawn evenly between the
  /// minimum and the attempt's ceiling ("full jitter").
  public static func milliseconds(attempt: UInt8, randomWord: UInt64) -> UInt32 {
    drawn(from: minimumMilliseconds...ceilingMilliseconds(attempt: attempt), randomWord)
  }

  /// 1, 2, 4 … seconds, at most `maximumMilliseconds`. An attempt of 0 counts as the first.
  static func ceilingMilliseconds(attempt: UInt8) -> UInt32 {
    // 2^10 seconds is the first power above the maximum.
    let doublings = UInt32(min(max(attempt, 1) - 1, 10))
    return min(firstMilliseconds << doublings, maximumMilliseconds)
  }

  /// The pause that a gateway asked for, held between 1 s and the maximum, and up to a quarter more,
  /// so that those who were told the same do not come back together.
  public static func milliseconds(retryAfterSeconds: UInt32, randomWord: UInt64) -> UInt32 {
    let asked = min(max(retryAfterSeconds, 1), maximumRetryAfterSeconds) * 1_000
    return drawn(from: asked...(asked + asked / 4), randomWord)
  }

  /// The pause of a blocked delivery.
  public static func blockedMilliseconds(randomWord: UInt64) -> UInt32 {
    drawn(from: blockedMilliseconds, randomWord)
  }

  /// A value of the range; every value comes from equally many random words, but for one in 2^32.
  private static func drawn(from range: ClosedRange<UInt32>, _ randomWord: UInt64) -> UInt32 {
    let span = UInt64(range.upperBound - range.lowerBound) + 1
    return range.lowerBound + UInt32(randomWord.multipliedFullWidth(by: span).high)
  }
}
