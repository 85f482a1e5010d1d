/// What the LED shows. Every pattern changes twice in some seconds at most, so that it costs few wake-ups.
///
///     working      ▁▁▁▁████▁▁▁▁████   4 s on, 4 s off: measures, and what it measured is delivered
///     undelivered  █▁▁▁▁▁▁▁█▁▁▁▁▁▁▁   a flash of a quarter of a second every 8 s: measures, and nobody fetches it
///     fault        ███████▁███████▁   on, with a gap of a quarter of a second every 8 s: look at `cairn status`
public enum LEDPattern: UInt8, Sendable {
  case working, undelivered, fault

  public static var periodMilliseconds: Int64 { 8000 }
  public static var flashMilliseconds: Int64 { 250 }

  /// Whether it is on, and when it changes next, after `now`.
  public func state(now: Int64) -> (isOn: Bool, untilMilliseconds: Int64) {
    let place = now % Self.periodMilliseconds
    let start = now - place
    let first: Int64
    switch self {
    case .working: first = Self.periodMilliseconds / 2
    case .undelivered: first = Self.flashMilliseconds
    case .fault: first = Self.periodMilliseconds - Self.flashMilliseconds
    }
    return place < first
      ? (true, start + first) : (false, start + Self.periodMilliseconds)
  }
}
