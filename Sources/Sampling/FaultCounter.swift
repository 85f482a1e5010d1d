import Records

/// Turns failed measurements into fault leaves. A leaf carries how often the fault occurred since
/// the last leaf of the same sensor and code, so that what is not written one by one is still
/// counted.
///
/// The first occurrence is told at once, the next leaf of the same sensor and code after
/// `firstSpacingMilliseconds` at the earliest, then after twice as long each time, up to
/// `longestSpacingMilliseconds`. The spacing is of time and not of counts, so that a fault costs at
/// most 24 + 6 leaves a day however often the sensor is asked. It falls back to the first after a
/// spacing and as long again without an occurrence, and never while a leaf is younger than its
/// spacing; a single success in between changes nothing, or a loose contact would flood the log.
///
///     occurrences  x x x x x x x x x x x x x x x x x x            x
///     leaves       1   2       4               8       3 (due)    1
///
/// What has been counted when a fault ends is told by `takeDue` when its spacing has passed, and by
/// `drain` when the log is closed: the counts of the leaves add up to the occurrences.
///
/// Invariants: a pair with pending occurrences has a leaf before them; spacing is 0 (never told) or
/// between the two constants.
public struct FaultCounter: Sendable {
  /// As many as a `Schedule` has.
  public static var sensorCapacity: Int { Schedule.capacity }
  /// Codes are below this: the highest is 30.
  public static var codeCapacity: Int { 32 }

  /// A minute: whoever looks at a fresh fault sees it move.
  public static var firstSpacingMilliseconds: Int64 { 60_000 }
  /// An hour: 24 leaves a day.
  public static var longestSpacingMilliseconds: Int64 { 3_600_000 }

  /// What stands in one fault leaf.
  public struct Report: Equatable, Sendable {
    public let sensor: Int
    public let code: FaultCode
    /// Occurrences since the last leaf of this sensor and code; at least 1.
    public let count: UInt64
  }

  private struct Entry: Sendable {
    var pendingCount: UInt64 = 0
    var lastOccurrenceMilliseconds: Int64 = 0
    var nextLeafMilliseconds: Int64 = 0
    /// 0: no leaf yet.
    var spacingMilliseconds: Int64 = 0
  }

  /// 16 × 32 entries of 32 bytes are 16 KiB: one place for every pair, so that none is ever evicted.
  private var entries = InlineArray<512, Entry>(repeating: Entry())

  /// No faults.
  public init() {}

  /// Counts one failed measurement. Returns the leaf to write now, if one is to be written.
  public mutating func count(sensor: Int, code: FaultCode, now: Int64) -> Report? {
    let index = Self.index(sensor, code)
    let quiet = Self.milliseconds(from: entries[index].lastOccurrenceMilliseconds, to: now)
    if entries[index].spacingMilliseconds > 0, entries[index].pendingCount == 0,
      quiet >= entries[index].spacingMilliseconds * 2, now >= entries[index].nextLeafMilliseconds
    {
      entries[index].spacingMilliseconds = 0
    }
    entries[index].lastOccurrenceMilliseconds = now
    // 2^64 occurrences do not happen; if they did, the count would stay at its end.
    let (sum, overflow) = entries[index].pendingCount.addingReportingOverflow(1)
    entries[index].pendingCount = overflow ? .max : sum
    guard
      entries[index].spacingMilliseconds == 0 || now >= entries[index].nextLeafMilliseconds
    else { return nil }
    return report(index, now: now)
  }

  /// Counts that wait and whose spacing has passed. Call until nil, as often as convenient: it is
  /// what tells the last occurrences of a fault that has ended.
  public mutating func takeDue(now: Int64) -> Report? {
    for index in entries.indices
    where entries[index].pendingCount > 0 && now >= entries[index].nextLeafMilliseconds {
      return report(index, now: now)
    }
    return nil
  }

  /// Every count that waits, due or not. Call until nil before a log ends.
  public mutating func drain(now: Int64) -> Report? {
    for index in entries.indices where entries[index].pendingCount > 0 {
      return report(index, now: now)
    }
    return nil
  }

  /// Takes a report back whose leaf found no room: it waits for its next time with what comes until then.
  public mutating func putBack(_ report: Report) {
    let index = Self.index(report.sensor, report.code)
    let (sum, overflow) = entries[index].pendingCount.addingReportingOverflow(report.count)
    entries[index].pendingCount = overflow ? .max : sum
  }

  /// When `takeDue` has something next; nil when nothing waits.
  public var nextDueMilliseconds: Int64? {
    var next: Int64?
    for index in entries.indices where entries[index].pendingCount > 0 {
      next = min(next ?? .max, entries[index].nextLeafMilliseconds)
    }
    return next
  }

  /// Traps unless the invariants hold.
  public func checkInvariants() {
    for index in entries.indices {
      let spacing = entries[index].spacingMilliseconds
      precondition(
        spacing == 0
          || (Self.firstSpacingMilliseconds...Self.longestSpacingMilliseconds).contains(spacing),
        "impossible spacing of fault leaves")
      precondition(
        spacing > 0 || entries[index].pendingCount == 0, "an occurrence waits without a leaf")
    }
  }

  /// Makes the leaf of an entry, and says when its next one may come.
  private mutating func report(_ index: Int, now: Int64) -> Report {
    let count = entries[index].pendingCount
    entries[index].pendingCount = 0
    let spacing = entries[index].spacingMilliseconds
    entries[index].spacingMilliseconds =
      spacing == 0
      ? Self.firstSpacingMilliseconds : min(spacing * 2, Self.longestSpacingMilliseconds)
    let next = now.addingReportingOverflow(entries[index].spacingMilliseconds)
    entries[index].nextLeafMilliseconds = next.overflow ? .max : next.partialValue
    guard let code = FaultCode(rawValue: UInt8(truncatingIfNeeded: index % Self.codeCapacity))
    else { preconditionFailure("a count under a number that is no fault code") }
    return Report(sensor: index / Self.codeCapacity, code: code, count: count)
  }

  private static func index(_ sensor: Int, _ code: FaultCode) -> Int {
    precondition(sensor >= 0 && sensor < sensorCapacity, "no such sensor in the fault counter")
    precondition(Int(code.rawValue) < codeCapacity, "fault code beyond the fault counter")
    return sensor * codeCapacity + Int(code.rawValue)
  }

  /// Elapsed time, saturated; 0 when the clock stands or goes backwards.
  private static func milliseconds(from start: Int64, to end: Int64) -> Int64 {
    let difference = end.subtractingReportingOverflow(start)
    if difference.overflow { return end > start ? .max : 0 }
    return max(0, difference.partialValue)
  }
}
