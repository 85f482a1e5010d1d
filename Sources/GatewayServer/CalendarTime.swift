import Foundation

/// UTC milliseconds as RFC 3339 writes them, and back. Computed with integers.
public enum CalendarTime {
  /// "2026-11-22T08:15:30.250Z"; nil outside the years 0 to 9999.
  static func text(utcMilliseconds: Int64) -> String? {
    let day: Int64 = 86_400_000
    let days = utcMilliseconds.flooredQuotient(by: day)
    guard (-719_528...2_932_896).contains(days) else { return nil }
    let rest = utcMilliseconds - days * day
    let (year, month, dayOfMonth) = date(daysSinceEpoch: days)
    return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(dayOfMonth, 2) + "T"
      + padded(rest / 3_600_000, 2) + ":" + padded(rest / 60_000 % 60, 2) + ":"
      + padded(rest / 1000 % 60, 2) + "." + padded(rest % 1000, 3) + "Z"
  }

  /// UTC milliseconds of an RFC 3339 time, or of a plain number of milliseconds, which has digits and nothing else.
  public static func milliseconds(_ text: String) -> Int64? {
    if let number = QueryReader.digits(text) { return Int64(exactly: number) }
    for includesFraction in [true, false] {
      let style = Date.ISO8601FormatStyle(includingFractionalSeconds: includesFraction)
      do {
        let date = try style.parse(text)
        return Int64((date.timeIntervalSince1970 * 1000).rounded())
      } catch {
        continue
      }
    }
    return nil
  }

  /// Civil date of a day number: years of 365.2425 days, counted from March so that leap days end them.
  private static func date(daysSinceEpoch: Int64) -> (Int64, Int64, Int64) {
    // 719 468 days from 0000-03-01 to 1970-01-01; 146 097 days are 400 years.
    let shifted = daysSinceEpoch + 719_468
    let era = shifted.flooredQuotient(by: 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

extension Int64 {
  fileprivate func flooredQuotient(by divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
