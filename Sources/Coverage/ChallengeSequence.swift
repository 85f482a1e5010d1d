/// Which challenges are new. Numbers are a gateway's own: one that was restored, or another, counts from elsewhere, and
/// is known by its later time.
///
/// Invariant: neither number nor time ever falls.
public struct ChallengeSequence: Sendable {
  /// The largest that was taken; 0 before one.
  public private(set) var number: UInt64 = 0
  private var utcMilliseconds: Int64 = .min

  public init() {}

  /// Whether it is none of those before: its number is above all of theirs, or it is later than each of them.
  public func isNew(number: UInt64, utcMilliseconds: Int64) -> Bool {
    number > self.number || utcMilliseconds > self.utcMilliseconds
  }

  public mutating func take(number: UInt64, utcMilliseconds: Int64) {
    self.number = max(self.number, number)
    self.utcMilliseconds = max(self.utcMilliseconds, utcMilliseconds)
  }

  /// By its window's beginning. False: it is one of those before, or older.
  public mutating func take(_ order: BeaconOrder) -> Bool {
    let (number, start) = (UInt64(order.number), order.window.startUTCMilliseconds)
    guard isNew(number: number, utcMilliseconds: start) else { return false }
    take(number: number, utcMilliseconds: start)
    return true
  }
}
