import Buses

/// Decides which changes of a contact are told one by one and which together: a bouncing one must not fill the log.
///
/// The first change is told at once; the next leaf comes a second after it at the earliest, then after twice as
/// long each time up to a minute, and says how many changes it stands for. A minute without a change, and a second
/// is enough again.
///
///     changes   x  xxxx   x  xxxxxxxxxxxxxxxx                 x
///     leaves    1    4      3        16 (due)                 1
///
/// Invariants: a change is in exactly one report; times of reports never go back, and never lie after `now`.
public struct ContactWatch: Sendable {
  public static var firstSpacingMilliseconds: Int64 { 1000 }
  public static var longestSpacingMilliseconds: Int64 { 60_000 }

  public struct Report: Equatable, Sendable {
    public let isOn: Bool
    /// Of the last change.
    public let milliseconds: Int64
    /// 0: the state that was found.
    public let count: UInt64

    public init(isOn: Bool, milliseconds: Int64, count: UInt64) {
      self.isOn = isOn
      self.milliseconds = milliseconds
      self.count = count
    }
  }

  public private(set) var isOn = false
  private var count: UInt64 = 0
  private var changedMilliseconds: Int64 = 0
  private var isFoundUntold = false
  private var nextMilliseconds: Int64 = 0
  private var spacingMilliseconds: Int64 = 0
  private var lastNumber: UInt32 = 0

  public init() {}

  /// The line was requested: its edges count from 1, and this is its state.
  public mutating func begin(isOn: Bool, now: Int64) {
    self.isOn = isOn
    lastNumber = 0
    changedMilliseconds = max(changedMilliseconds, now)
    isFoundUntold = true
  }

  /// Takes one edge, which was at `milliseconds`: a clock that goes back does not take the log with it.
  public mutating func take(_ edge: GPIOEdge, at milliseconds: Int64, now: Int64) {
    let step = edge.number &- lastNumber
    lastNumber = edge.number
    count += step > 0 && step < 1 << 31 ? UInt64(step) : 1
    isOn = edge.isRising
    changedMilliseconds = min(now, max(changedMilliseconds, milliseconds))
  }

  /// When the edges that wait are worth looking at; nil: as soon as one comes.
  public func quietUntil(now: Int64) -> Int64? {
    now < nextMilliseconds ? nextMilliseconds : nil
  }

  /// When `takeDue` has something; nil when nothing waits.
  public var nextDueMilliseconds: Int64? { count > 0 || isFoundUntold ? nextMilliseconds : nil }

  /// What is to be told now. `putBack` it when there is no room.
  public mutating func takeDue(now: Int64) -> Report? {
    guard count > 0 || isFoundUntold, now >= nextMilliseconds else { return nil }
    let report = Report(isOn: isOn, milliseconds: changedMilliseconds, count: count)
    let isQuiet = now - nextMilliseconds >= Self.longestSpacingMilliseconds
    if count > 0 {
      spacingMilliseconds =
        spacingMilliseconds == 0 || isQuiet
        ? Self.firstSpacingMilliseconds
        : min(spacingMilliseconds * 2, Self.longestSpacingMilliseconds)
      nextMilliseconds = now + spacingMilliseconds
    }
    count = 0
    isFoundUntold = false
    return report
  }

  /// Everything that waits, due or not: before a log ends.
  public mutating func drain() -> Report? {
    guard count > 0 else { return nil }
    defer { count = 0 }
    return Report(isOn: isOn, milliseconds: changedMilliseconds, count: count)
  }

  /// The report's leaf found no room.
  public mutating func putBack(_ report: Report) {
    count += report.count
    if report.count == 0 { isFoundUntold = true }
  }
}
