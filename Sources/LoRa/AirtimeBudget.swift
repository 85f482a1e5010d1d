import FixedMemory

/// What was sent in each sub-band within the last hour, and whether there is room for one frame more. One budget
/// for all that a radio sends, whoever asked for it (EN 300 220-1 V3.1.1, section 4.3.3: observed over one hour).
///
/// Time is kept in minutes: what was sent in a minute counts until 60 whole minutes have followed it, so that a
/// transmission is never forgotten early, and late by less than a minute.
///
/// Invariant: entries[band][m] is what was sent in the minute m mod 61 of the 61 that end with `minute`.
public struct AirtimeBudget: Sendable {
  /// Minutes that count: the present one and 60 before it.
  private static var minuteCount: Int64 { 61 }
  private static var hourMicroseconds: UInt64 { 3_600_000_000 }

  private var entries = InlineArray<6, InlineArray<61, UInt32>>(
    repeating: InlineArray(repeating: 0))
  private var minute: Int64 = 0
  /// Before it, what an earlier run of the program sent may still count.
  private let knownSinceMilliseconds: Int64

  /// `knownSince`: from when on everything that was sent is counted here; what was sent before is not known, and
  /// nothing is sent where an hour is limited before an hour has passed. Nil: nothing was ever sent.
  public init(knownSinceMilliseconds: Int64?) {
    self.knownSinceMilliseconds = knownSinceMilliseconds ?? -3_660_000
  }

  /// What is left of the sub-band's share, in microseconds; nil: it has no such limit.
  public mutating func leftMicroseconds(_ plan: RegionPlan, band: Int, now: Int64) -> UInt64? {
    guard let permille = plan.subBands[band].dutyCyclePermille else { return nil }
    advance(to: now)
    let share = Self.hourMicroseconds * UInt64(permille) / 1_000
    let spent = spentMicroseconds(band: band)
    return spent < share ? share - spent : 0
  }

  /// Takes the time on air out of the budget, before the radio is told to send; or says why it may not. What was
  /// taken is not given back: a radio that reports a failure may have sent all the same.
  public mutating func take(
    _ plan: RegionPlan, band: Int, microseconds: UInt32, now: Int64
  ) throws(RegionPlan.Refusal) {
    if let left = leftMicroseconds(plan, band: band, now: now) {
      guard max(0, now) - knownSinceMilliseconds >= 3_600_000 else { throw .airtimeUnknown }
      guard UInt64(microseconds) <= left else { throw .dutyCycleSpent }
    }
    count(band: band, microseconds: microseconds, now: now)
  }

  /// What an earlier run of the program sent, as if it had been then; the latest comes last.
  public mutating func restore(band: Int, microseconds: UInt32, at milliseconds: Int64) {
    count(band: band, microseconds: microseconds, now: milliseconds)
  }

  /// What counts now of one sub-band.
  public mutating func spentMicroseconds(band: Int, now: Int64) -> UInt64 {
    advance(to: now)
    return spentMicroseconds(band: band)
  }

  private mutating func count(band: Int, microseconds: UInt32, now: Int64) {
    advance(to: now)
    let place = Int(minute % Self.minuteCount)
    let (sum, isTooMuch) = entries[band][place].addingReportingOverflow(microseconds)
    entries[band][place] = isTooMuch ? .max : sum
  }

  private func spentMicroseconds(band: Int) -> UInt64 {
    var sum: UInt64 = 0
    for place in entries[band].indices { sum += UInt64(entries[band][place]) }
    return sum
  }

  /// A clock that goes back changes nothing: the latest minute stays the present one.
  private mutating func advance(to now: Int64) {
    let target = max(0, now) / 60_000
    guard target > minute else { return }
    let passed = min(target - minute, Self.minuteCount)
    for step in 1...passed {
      let place = Int((target - passed + step) % Self.minuteCount)
      for band in entries.indices { entries[band][place] = 0 }
    }
    minute = target
  }
}
