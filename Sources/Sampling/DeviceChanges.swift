/// Turns a device's coming and going into leaves. A leaf says whether the device is there, and how often it came or
/// went since the last leaf of it, so that what is not written one by one is still counted.
///
/// The first `burst` changes are told at once. After that a leaf may follow every `spacingMilliseconds`: a loose plug
/// costs at most 8 + 144 leaves in its first day, however often it flaps.
///
///     changes  x x x x x x x x x x x x x x x                x
///     leaves   1 1 1 1 1 1 1 1          7 (due)             1
///
/// Invariants: 0 ≤ allowance ≤ burst; the counts of the leaves and what waits add up to the changes.
public struct DeviceChanges: Sendable {
  public static var burst: Int { 8 }
  /// Ten minutes.
  public static var spacingMilliseconds: Int64 { 600_000 }

  public private(set) var isPresent = false
  /// Since the last leaf.
  public private(set) var untoldCount: UInt64 = 0
  private var allowance = Self.burst
  /// When the allowance grows next; of no meaning while it is whole.
  private var nextAllowance: Int64 = 0

  /// Not there, and nobody says that it went.
  public init() {}

  /// It was there from the beginning: that is no change.
  public init(isPresent: Bool) { self.isPresent = isPresent }

  /// The device is there, or not. False when that was so before.
  public mutating func take(isPresent: Bool) -> Bool {
    guard isPresent != self.isPresent else { return false }
    self.isPresent = isPresent
    // 2^64 changes do not happen; if they did, the count would stay at its end.
    untoldCount = untoldCount == .max ? .max : untoldCount + 1
    return true
  }

  /// True when a leaf is to be written now.
  public mutating func isDue(now: Int64) -> Bool {
    guard untoldCount > 0 else { return false }
    while allowance < Self.burst, now >= nextAllowance {
      allowance += 1
      nextAllowance = Self.later(nextAllowance, Self.spacingMilliseconds)
    }
    return allowance > 0
  }

  /// The leaf has been written.
  public mutating func told(now: Int64) {
    precondition(allowance > 0 && untoldCount > 0, "a leaf of a device that was not due")
    if allowance == Self.burst { nextAllowance = Self.later(now, Self.spacingMilliseconds) }
    allowance -= 1
    untoldCount = 0
  }

  /// When a leaf may be written that waits, 0 for at once; nil when none waits.
  public var nextDueMilliseconds: Int64? {
    guard untoldCount > 0 else { return nil }
    return allowance > 0 ? 0 : nextAllowance
  }

  private static func later(_ time: Int64, _ duration: Int64) -> Int64 {
    let sum = time.addingReportingOverflow(duration)
    return sum.overflow ? .max : sum.partialValue
  }
}
