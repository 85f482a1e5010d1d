/// When each sensor is to be measured.
///
/// A sensor's slots stand at first, first + interval, first + 2 × interval …: they come from the
/// start and never from the measurement before, so that nothing drifts. Each slot ends either as
/// one measurement or as one of a gap's count, and never as both:
///
///     slots        |           |           |           |           |
///     taken in     [-----)     [-----)     [-----)     [-----)     [-----)
///     later        measured    asleep ·························    measured, and a gap of 3 slots
///
/// A slot may be taken up to half its interval late: beyond that a measurement is nearer to the
/// next slot than to its own. After a suspend, at most the latest slot of each sensor is measured;
/// those before it are told as a gap. There is no burst of measurements to catch up: they would all
/// be of now.
///
/// Invariants: `count` ≤ `capacity`; an interval is within `intervalRange`; the slot of an entry is
/// never in the past of one that was taken; a slot of `Int64.max` is never due.
public struct Schedule: Sendable {
  /// Four buses with four sensors each.
  public static var capacity: Int { 16 }

  /// From one tenth of a second, faster than any of our chips, to a week.
  public static var intervalRange: ClosedRange<Int64> { 100...604_800_000 }

  /// One thing to do: a measurement, a gap to tell, or both.
  public struct Due: Equatable, Sendable {
    /// The sensor's index, as `add` gave it.
    public let sensor: Int
    /// Measure now, for this slot; nil when the slot is too long ago and only the gap is to be
    /// told.
    public let slotMilliseconds: Int64?
    /// Slots before it that passed unmeasured.
    public let gap: Gap?
  }

  /// Slots that passed unmeasured. Their reason is that the agent came late.
  public struct Gap: Equatable, Sendable {
    /// The first and the last of them.
    public let fromMilliseconds: Int64
    public let toMilliseconds: Int64
    public let count: Int64
  }

  private struct Entry: Sendable {
    var intervalMilliseconds: Int64 = 0
    /// The next slot that is neither measured nor told as missed.
    var nextMilliseconds: Int64 = .max
    /// While paused: where the slots stand.
    var phaseMilliseconds: Int64 = 0
    var isPaused = false
  }

  private var entries = InlineArray<16, Entry>(repeating: Entry())
  public private(set) var count = 0

  /// No sensors.
  public init() {}

  /// Adds a sensor whose first slot is at `firstMilliseconds`, and returns its index; nil when the
  /// schedule is full or the interval outside `intervalRange`. Sensors of the same interval are
  /// spread by giving them different first slots.
  public mutating func add(intervalMilliseconds: Int64, firstMilliseconds: Int64) -> Int? {
    guard count < Self.capacity, Self.intervalRange.contains(intervalMilliseconds) else {
      return nil
    }
    entries[count] = Entry(
      intervalMilliseconds: intervalMilliseconds, nextMilliseconds: firstMilliseconds,
      phaseMilliseconds: firstMilliseconds)
    count += 1
    return count - 1
  }

  /// The longest lateness at which a slot is still measured: half the interval.
  public func latenessLimitMilliseconds(of sensor: Int) -> Int64 {
    checkIndex(sensor)
    return entries[sensor].intervalMilliseconds / 2
  }

  /// When something is to be done next, perhaps in the past; nil without sensors, or when all are
  /// paused.
  public var nextDueMilliseconds: Int64? {
    guard let sensor = earliest() else { return nil }
    return entries[sensor].nextMilliseconds
  }

  /// The sensor that has waited longest, if any is due; its slot is then taken. Call until nil:
  /// each sensor comes at most once for one `now`.
  public mutating func take(now: Int64) -> Due? {
    guard let sensor = earliest(), entries[sensor].nextMilliseconds <= now else { return nil }
    let interval = entries[sensor].intervalMilliseconds
    let first = entries[sensor].nextMilliseconds
    // Slots that have begun, the first included. The difference of two Int64 may need 65 bits.
    let elapsed = now.subtractingReportingOverflow(first)
    let beyond = (elapsed.overflow ? Int64.max : elapsed.partialValue) / interval
    let latest = first + beyond * interval
    let lateness = now.subtractingReportingOverflow(latest)
    let isLate = lateness.overflow || lateness.partialValue > interval / 2
    let missedCount = isLate ? beyond + 1 : beyond
    let following = latest.addingReportingOverflow(interval)
    // At the end of time nothing is due again.
    entries[sensor].nextMilliseconds = following.overflow ? .max : following.partialValue
    let gap =
      missedCount == 0
      ? nil
      : Gap(
        fromMilliseconds: first, toMilliseconds: first + (missedCount - 1) * interval,
        count: missedCount)
    return Due(sensor: sensor, slotMilliseconds: isLate ? nil : latest, gap: gap)
  }

  /// Stops a sensor's slots: it was unplugged. Slots that pass meanwhile are no gap.
  public mutating func pause(sensor: Int) {
    checkIndex(sensor)
    guard !entries[sensor].isPaused else { return }
    entries[sensor].isPaused = true
    entries[sensor].phaseMilliseconds = entries[sensor].nextMilliseconds
    entries[sensor].nextMilliseconds = .max
  }

  /// Goes on with the first slot at or after `now`, in the same rhythm as before.
  public mutating func resume(sensor: Int, now: Int64) {
    checkIndex(sensor)
    guard entries[sensor].isPaused else { return }
    entries[sensor].isPaused = false
    let interval = entries[sensor].intervalMilliseconds
    let next = entries[sensor].phaseMilliseconds
    let elapsed = now.subtractingReportingOverflow(next)
    guard elapsed.overflow || elapsed.partialValue > 0 else {
      entries[sensor].nextMilliseconds = next
      return
    }
    let slots = ((elapsed.overflow ? Int64.max : elapsed.partialValue) - 1) / interval + 1
    let advance = slots.multipliedReportingOverflow(by: interval)
    let slot = next.addingReportingOverflow(advance.partialValue)
    entries[sensor].nextMilliseconds =
      advance.overflow || slot.overflow ? .max : slot.partialValue
  }

  public func isPaused(sensor: Int) -> Bool {
    checkIndex(sensor)
    return entries[sensor].isPaused
  }

  /// Traps unless the invariants hold.
  public func checkInvariants() {
    precondition(count >= 0 && count <= Self.capacity, "schedule beyond its capacity")
    for sensor in 0..<count {
      precondition(
        Self.intervalRange.contains(entries[sensor].intervalMilliseconds), "impossible interval")
      precondition(
        !entries[sensor].isPaused || entries[sensor].nextMilliseconds == .max,
        "a paused sensor is due")
    }
  }

  /// The sensor with the earliest slot, the lowest index among equals; nil when none has one.
  private func earliest() -> Int? {
    var found: Int?
    var earliest = Int64.max
    for sensor in 0..<count where entries[sensor].nextMilliseconds < earliest {
      earliest = entries[sensor].nextMilliseconds
      found = sensor
    }
    return found
  }

  private func checkIndex(_ sensor: Int) {
    precondition(sensor >= 0 && sensor < count, "no such sensor in the schedule")
  }
}
