/// A day of the Gregorian calendar that exists.
struct CalendarDate: Equatable {
  let year: Int32
  let month: Int32
  let day: Int32

  /// Nil for a day that is not in the calendar, or a year that no receiver means.
  init?(year: Int32, month: Int32, day: Int32) {
    guard (1980...2199).contains(year), (1...12).contains(month) else { return nil }
    guard day >= 1, day <= Self.dayCount(year: year, month: month) else { return nil }
    self.year = year
    self.month = month
    self.day = day
  }

  private static func dayCount(year: Int32, month: Int32) -> Int32 {
    switch month {
    case 4, 6, 9, 11: return 30
    case 2: return isLeap(year) ? 29 : 28
    default: return 31
    }
  }

  private static func isLeap(_ year: Int32) -> Bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  }

  /// Days since 1970-01-01.
  var dayNumber: Int64 {
    var days: Int64 = 0
    // At most 229 turns: slow and obvious is fast enough for one sentence a second.
    for earlier in 1970..<year { days += Self.isLeap(earlier) ? 366 : 365 }
    for earlier in 1..<month { days += Int64(Self.dayCount(year: year, month: earlier)) }
    return days + Int64(day) - 1
  }

  /// Milliseconds since 1970-01-01 UTC at a time of this day. Nil inside a leap second, which has no
  /// number of its own (POSIX, section 4.16).
  func utcMilliseconds(atMillisecondOfDay time: Int32) -> Int64? {
    guard time >= 0, time < Self.millisecondsPerDay else { return nil }
    return dayNumber * Int64(Self.millisecondsPerDay) + Int64(time)
  }

  static var millisecondsPerDay: Int32 { 86_400_000 }
}
