import FixedMemory
import LinuxPlatform
import NodeFiles

/// Times as people write them.
enum UTCTime {
  enum Failure: Error, Equatable {
    /// Neither a duration nor a date.
    case notATime
    /// After the year 9999.
    case tooFar
    /// Not after now.
    case isPast
  }

  /// What a clock may say that somebody has set: from 2026 until the end of the century.
  static var plausible: Range<Int64> { 1_767_225_600_000..<4_102_444_800_000 }

  /// Now, or the end of the program: what is signed with a wrong time is refused somewhere else, or never expires.
  static func nowOrEnd() -> Int64 {
    let now = SystemClock().utcMilliseconds()
    guard plausible.contains(now) else {
      var text = TextBuilder<256>()
      text.append("cairn: this machine's clock says ")
      text.append(utc: now, separator: " ")
      text.append(" UTC, which can't be: set it first, since times go into what is signed")
      end(.refused, text.span)
    }
    return now
  }

  /// A duration from `now` on: a number and `m`, `h`, `d` or `w`. Or a date, of which it is the beginning, or a date
  /// and time, in UTC: 2027-01-31, 2027-01-31T12:00, 2027-01-31T12:00:30Z.
  static func expiry(_ text: Span<UInt8>, now: Int64) throws(Failure) -> Int64 {
    let time = try duration(text).map { now + $0 } ?? date(text)
    guard let time else { throw .notATime }
    guard Output.calendarMilliseconds.contains(time) else { throw .tooFar }
    guard time > now else { throw .isPast }
    return time
  }

  /// Nil when it does not end in a unit.
  private static func duration(_ text: Span<UInt8>) throws(Failure) -> Int64? {
    guard text.count >= 2, let number = decimal(text.extracting(0..<text.count - 1)) else {
      return nil
    }
    let unit: UInt64
    switch text[text.count - 1] {
    case UInt8(ascii: "m"): unit = 60_000
    case UInt8(ascii: "h"): unit = 3_600_000
    case UInt8(ascii: "d"): unit = 86_400_000
    case UInt8(ascii: "w"): unit = 7 * 86_400_000
    default: return nil
    }
    // Of so many weeks no calendar has a date, and the sum with any time of it fits.
    guard number <= 1_000_000_000 else { throw .tooFar }
    return Int64(number * unit)
  }

  private static func date(_ text: Span<UInt8>) -> Int64? {
    guard text.count >= 10, let year = number(text, 0..<4), let month = number(text, 5..<7),
      let day = number(text, 8..<10), text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"),
      year >= 1970, (1...12).contains(month), day >= 1, day <= dayCount(year, month)
    else { return nil }
    let midnight = days(year, month, day) * 86_400_000
    var end = text.count
    if end > 10, text[end - 1] == UInt8(ascii: "Z") { end -= 1 }
    if end == 10 { return text.count == 10 ? midnight : nil }
    guard end == 16 || end == 19, text[10] == UInt8(ascii: "T"), text[13] == UInt8(ascii: ":"),
      let hour = number(text, 11..<13), let minute = number(text, 14..<16), hour < 24, minute < 60
    else { return nil }
    var second: Int64 = 0
    if end == 19 {
      guard text[16] == UInt8(ascii: ":"), let value = number(text, 17..<19), value < 60 else {
        return nil
      }
      second = value
    }
    return midnight + hour * 3_600_000 + minute * 60_000 + second * 1000
  }

  private static func number(_ text: Span<UInt8>, _ range: Range<Int>) -> Int64? {
    decimal(text.extracting(range)).map { Int64($0) }
  }

  private static func dayCount(_ year: Int64, _ month: Int64) -> Int64 {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    switch month {
    case 2: return isLeap ? 29 : 28
    case 4, 6, 9, 11: return 30
    default: return 31
    }
  }

  /// Since 1970, of the proleptic Gregorian calendar: years that begin in March, so that leap days come last.
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let (marchYear, marchMonth) = month > 2 ? (year, month - 3) : (year - 1, month + 9)
    let era = marchYear / 400
    let yearOfEra = marchYear % 400
    let dayOfYear = (153 * marchMonth + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }
}
