import Coverage
import Proofs

/// The windows of one region and length over which statistics are made: so many as the attacks were measured with, from
/// a whole multiple of their time on, in UTC.
public struct CoveragePeriodName: Hashable, Encodable, Sendable {
  /// Twelve hours of windows of a quarter of an hour.
  public static let windowCount: Int64 = 48

  public let region: String
  public let windowSeconds: UInt32
  public let fromUTCMilliseconds: Int64

  private var lengthMilliseconds: Int64 { Self.windowCount * Int64(windowSeconds) * 1_000 }
  /// The first moment behind it.
  public var toUTCMilliseconds: Int64 { fromUTCMilliseconds + lengthMilliseconds }

  /// Nil for what can't be: no window is longer than a day, and no time before 1970 or beyond 2^53 ms.
  public init?(region: String, windowSeconds: UInt32, fromUTCMilliseconds: Int64) {
    guard (1...86_400).contains(windowSeconds), (0..<1 << 53).contains(fromUTCMilliseconds)
    else { return nil }
    self.region = region
    self.windowSeconds = windowSeconds
    self.fromUTCMilliseconds = fromUTCMilliseconds
    guard fromUTCMilliseconds % lengthMilliseconds == 0 else { return nil }
  }

  /// In which the window of this challenge begins; nil when it asks for no beacons.
  public init?(_ challenge: Challenge) {
    guard let window = BeaconOrder(challenge)?.window else { return nil }
    let length = Self.windowCount * Int64(window.policy.windowSeconds) * 1_000
    self.init(
      region: String(
        decoding: (0..<challenge.region.span.count).map { challenge.region.span[$0] },
        as: UTF8.self), windowSeconds: window.policy.windowSeconds,
      fromUTCMilliseconds: window.startUTCMilliseconds / length * length)
  }

  /// Of the same region and window, the one in which this moment lies.
  public func containing(_ utcMilliseconds: Int64) -> CoveragePeriodName? {
    guard utcMilliseconds >= 0 else { return nil }
    return CoveragePeriodName(
      region: region, windowSeconds: windowSeconds,
      fromUTCMilliseconds: utcMilliseconds / lengthMilliseconds * lengthMilliseconds)
  }

  /// Nil for the first one.
  public var previous: CoveragePeriodName? {
    CoveragePeriodName(
      region: region, windowSeconds: windowSeconds,
      fromUTCMilliseconds: fromUTCMilliseconds - lengthMilliseconds)
  }

  /// By region, window and time.
  public static func precedes(_ left: Self, _ right: Self) -> Bool {
    guard left.region == right.region else { return left.region < right.region }
    return (left.windowSeconds, left.fromUTCMilliseconds)
      < (right.windowSeconds, right.fromUTCMilliseconds)
  }
}
