import CBOR
import FixedMemory

/// How many bytes may go over the network in a month of UTC, and how many have: for a line that is paid by
/// the byte (docs/delivery-protocol.md, "A budget of bytes"). Pure: time is told to it.
///
///     0            used      line of the day         limit
///     ├─────────────┼───────────────┼──────────────────┤
///     what is spent │ readings wait │ checkpoints, clock, events, faults, coverage still go
///
/// Invariants:
/// 1. `used` only grows within a month, and the durable count is never below it: `reserved` says up to where.
/// 2. A month is begun once: `month` never falls, and what the clock says of an earlier one is passed over. Between two
///    beginnings lies a later month by the clock than any seen, or 31 days of running.
/// 3. Readings go only below the line, everything else below the limit.
public struct MonthlyBudget: Equatable, Sendable {
  /// What a request is for.
  public enum Purpose: Equatable, Sendable {
    /// Checkpoints with all but the readings; enrolments, heads, challenges.
    case first
    /// Readings, and what was held back of them.
    case readings
  }

  /// Array 1, version 1, month 5, two numbers of 9.
  public static var maximumByteCount: Int { 25 }
  static var formatVersion: Int64 { 1 }
  /// Of a month that no clock tells: no month is longer.
  static var countedMonthMilliseconds: Int64 { 31 * 86_400_000 }

  /// Bytes in a month.
  public let limit: UInt64
  /// Months since January 1970; nil before any clock has told.
  public private(set) var month: UInt32?
  /// Bytes of this month so far.
  public private(set) var used: UInt64 = 0
  /// How long this node was seen running since this month's count began.
  public private(set) var ranMilliseconds: Int64 = 0
  /// The durable count: a power cut makes that much of it used.
  public private(set) var reserved: UInt64 = 0
  private var storedRanMilliseconds: Int64 = 0
  private var lastLook: Int64?
  private var lastUTC: Int64?
  /// What is to be made durable before anything more is sent.
  public private(set) var mustBeStored = false

  /// Nothing is known of what was used before: of a month that has begun, as much as its time makes even.
  public init(limit: UInt64) {
    self.limit = limit
    mustBeStored = true
  }

  /// There was a count, and it can't be read: all of this month counts as used, since any of it may be.
  public static func withLostCount(limit: UInt64) -> MonthlyBudget {
    var budget = MonthlyBudget(limit: limit)
    budget.used = limit
    budget.reserved = limit
    return budget
  }

  /// Goes on with what was kept.
  public init(limit: UInt64, kept: Kept) {
    self.limit = limit
    month = kept.month
    used = kept.used
    reserved = kept.used
    ranMilliseconds = kept.ranMilliseconds
    storedRanMilliseconds = kept.ranMilliseconds
  }

  // MARK: time

  /// Says how late it is: `bootMilliseconds` by a clock that never goes back while the program runs, and UTC
  /// when somebody keeps that clock.
  public mutating func look(bootMilliseconds: Int64, utcMilliseconds: Int64?) {
    ranMilliseconds += max(0, bootMilliseconds - (lastLook ?? bootMilliseconds))
    lastLook = bootMilliseconds
    lastUTC = nil
    let told = utcMilliseconds.flatMap { CalendarMonth(utcMilliseconds: $0) }
    switch (month, told) {
    case (nil, let told?):
      // The first clock: what was not counted of this month counts as used evenly.
      let (sum, overflows) = used.addingReportingOverflow(share(of: told.elapsed, in: told.length))
      used = overflows ? .max : sum
      begin(told.number)
      lastUTC = told.elapsed
    case (let known?, let told?) where told.number > known:
      used = 0
      begin(told.number)
      lastUTC = told.elapsed
    case (let known?, let told?) where told.number == known:
      lastUTC = told.elapsed
    // No clock, or one that goes back behind what was seen: the month that is known goes on by running time.
    case (_, _):
      guard ranMilliseconds >= Self.countedMonthMilliseconds else { break }
      used = 0
      // A clock that lies behind begins no month: the one that it told before would begin a second time.
      begin(told == nil ? month.map { min($0 + 1, CalendarMonth.last) } : month)
    }
    // An hour of running time may be lost to a power cut: then the month is longer, never shorter.
    if ranMilliseconds - storedRanMilliseconds >= 3_600_000 { mustBeStored = true }
  }

  private mutating func begin(_ number: UInt32?) {
    month = number
    reserved = used
    ranMilliseconds = 0
    storedRanMilliseconds = 0
    mustBeStored = true
  }

  /// `limit` × time / length, rounded up.
  private func share(of milliseconds: Int64, in length: Int64) -> UInt64 {
    let (high, low) = limit.multipliedFullWidth(by: UInt64(max(0, min(milliseconds, length))))
    let (quotient, remainder) = UInt64(length).dividingFullWidth((high, low))
    return quotient + (remainder > 0 ? 1 : 0)
  }

  /// Up to where readings may be sent by now: evenly over the month, half a day behind (a 64th), so that what goes
  /// first has enough to the month's last hour, whatever a request or a power cut took more than was thought.
  public var line: UInt64 {
    let length =
      month.flatMap { CalendarMonth(number: $0) }?.length ?? Self.countedMonthMilliseconds
    let even = share(of: lastUTC ?? ranMilliseconds, in: length)
    return even - min(even, limit / 64)
  }

  // MARK: bytes

  public var left: UInt64 { limit - min(used, limit) }

  /// Whether something of about so many bytes may be sent now.
  public func allows(_ byteCount: UInt64, for purpose: Purpose) -> Bool {
    let (sum, overflows) = used.addingReportingOverflow(byteCount)
    return !overflows && sum <= (purpose == .readings ? line : limit)
  }

  /// Before it is sent: what the durable count has to cover. In steps of a 256th of the budget, so that not each
  /// request writes to the card.
  public mutating func reserve(_ byteCount: UInt64) {
    let needed = used.addingReportingOverflow(byteCount)
    let sum = needed.overflow ? UInt64.max : needed.partialValue
    guard sum > reserved else { return }
    let step = sum.addingReportingOverflow(limit / 256)
    reserved = step.overflow ? .max : step.partialValue
    mustBeStored = true
  }

  /// What really went over the network.
  public mutating func spend(_ byteCount: UInt64) {
    let sum = used.addingReportingOverflow(byteCount)
    used = sum.overflow ? .max : sum.partialValue
    if used > reserved {
      reserved = used
      mustBeStored = true
    }
  }

  /// At the end of the program: what was reserved and not used is free again.
  public mutating func release() {
    guard reserved != used else { return }
    reserved = used
    mustBeStored = true
  }

  // MARK: what is kept

  /// What a file keeps of it.
  public struct Kept: Equatable, Sendable {
    public var month: UInt32?
    public var used: UInt64
    public var ranMilliseconds: Int64

    public init(month: UInt32?, used: UInt64, ranMilliseconds: Int64) {
      self.month = month
      self.used = used
      self.ranMilliseconds = ranMilliseconds
    }

    /// Writes `[1, month, used, ran]` and says how many bytes it takes.
    public func encode(into bytes: consuming MutableSpan<UInt8>) -> Int {
      var encoder = CBOREncoder(bytes)
      encoder.arrayHead(count: 4)
      encoder.integer(MonthlyBudget.formatVersion)
      if let month { encoder.unsigned(UInt64(month)) } else { encoder.null() }
      encoder.unsigned(used)
      encoder.integer(ranMilliseconds)
      return encoder.byteCount
    }

    /// Reads the file strictly.
    public init(decoding bytes: Span<UInt8>) throws(CBORDecoder.Failure) {
      var decoder = CBORDecoder(bytes)
      let fieldCount = try decoder.arrayHead()
      guard try decoder.integer() == MonthlyBudget.formatVersion else { throw .unknownVersion }
      guard fieldCount == 4 else { throw .outsideFormat }
      month = try decoder.skipNull() ? nil : try decoder.unsigned(as: UInt32.self)
      used = try decoder.unsigned()
      ranMilliseconds = try decoder.integer()
      try decoder.finish()
      guard (0...(1 << 50)).contains(ranMilliseconds), (month ?? 0) <= CalendarMonth.last else {
        throw .outOfRange
      }
    }
  }

  /// The durable count, to be stored now.
  public mutating func takeKept() -> Kept {
    mustBeStored = false
    storedRanMilliseconds = ranMilliseconds
    return Kept(month: month, used: max(used, reserved), ranMilliseconds: ranMilliseconds)
  }
}

/// A month of UTC.
public struct CalendarMonth: Equatable, Sendable {
  /// December 9999.
  static var last: UInt32 { 8030 * 12 - 1 }

  /// Months since January 1970.
  public let number: UInt32
  /// Milliseconds since it began.
  public let elapsed: Int64
  /// Milliseconds that it has.
  public let length: Int64

  public var year: UInt32 { 1970 + number / 12 }
  /// 1 to 12.
  public var monthOfYear: UInt32 { number % 12 + 1 }

  /// Nil before 1970 and after 9999.
  public init?(utcMilliseconds: Int64) {
    guard utcMilliseconds >= 0, utcMilliseconds < Self.start(of: Self.last + 1) else { return nil }
    // A month has 31 days at most, so that this is not too late by more than a few of them.
    var number = UInt32(utcMilliseconds / MonthlyBudget.countedMonthMilliseconds)
    number = number / 12 * 12
    while number <= Self.last, Self.start(of: number + 1) <= utcMilliseconds { number += 1 }
    self.init(number: number, elapsed: utcMilliseconds - Self.start(of: number))
  }

  /// At its beginning; nil after 9999.
  public init?(number: UInt32) {
    guard number <= Self.last else { return nil }
    self.init(number: number, elapsed: 0)
  }

  private init(number: UInt32, elapsed: Int64) {
    self.number = number
    self.elapsed = elapsed
    length = Self.start(of: number + 1) - Self.start(of: number)
  }

  /// When a month begins, by the Gregorian calendar.
  private static func start(of number: UInt32) -> Int64 {
    let year = 1970 + Int64(number / 12)
    let days: InlineArray<12, Int64> = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
    let month = Int(number % 12)
    let before = year - 1
    let leapDays = before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400)
    let isLeap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
    let day = (year - 1970) * 365 + leapDays + days[month] + (isLeap && month >= 2 ? 1 : 0)
    return day * 86_400_000
  }
}
