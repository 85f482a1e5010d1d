import Foundation
import Testing

@testable import cairn

private let now: Int64 = 1_795_829_000_123

private func expiry(_ text: String, now: Int64 = now) -> Result<Int64, UTCTime.Failure> {
  do throws(UTCTime.Failure) {
    let bytes = Array(text.utf8)
    return .success(try UTCTime.expiry(bytes.span, now: now))
  } catch { return .failure(error) }
}

@Test func aDurationCountsFromNow() {
  let cases: [(String, Int64)] = [
    ("1m", 60_000), ("90m", 5_400_000), ("12h", 43_200_000), ("7d", 604_800_000),
    ("4w", 2_419_200_000),
  ]
  for (text, milliseconds) in cases { #expect(expiry(text) == .success(now + milliseconds)) }
  #expect(expiry("0m") == .failure(.isPast))
  #expect(expiry("1000000000w") == .failure(.tooFar))
  #expect(expiry("18446744073709551615d") == .failure(.tooFar))
}

@Test func aDateIsThatOfTheCalendar() throws {
  let formatter = ISO8601DateFormatter()
  // Every day of four hundred years, that is of the whole calendar.
  for day in stride(from: Int64(1), to: 146_098, by: 1) {
    let milliseconds = day * 86_400_000
    let text = formatter.string(from: Date(timeIntervalSince1970: Double(day) * 86_400))
    #expect(expiry(String(text.prefix(10)), now: 0) == .success(milliseconds))
    if day % 97 == 0 { #expect(expiry(text, now: 0) == .success(milliseconds)) }
  }
  #expect(expiry("2027-01-31T12:34") == .success(1_801_398_840_000))
  #expect(expiry("2027-01-31T12:34:56") == .success(1_801_398_896_000))
  #expect(expiry("2027-01-31T12:34Z") == .success(1_801_398_840_000))
  #expect(expiry("9999-12-31T23:59:59") == .success(253_402_300_799_000))
}

@Test func whatIsNoTimeOrNotAfterNowIsRefused() {
  for text in [
    "", "7", "d", "-7d", "7 d", "7y", "7.5d", "2027-02-29", "2027-13-01", "2027-00-10",
    "2027-04-31",
    "2027-1-1", "1969-12-31", "2027-01-31T24:00", "2027-01-31T12:60", "2027-01-31T12:34:60",
    "2027-01-31T", "2027-01-31Z", "2027-01-31 12:34", "2027-01-31T12:34+01", "20270131", "tomorrow",
    "2027-01-31T12:34:56ZZ", "99999999999999999999999d", "2027/01/31",
  ] {
    #expect(expiry(text) == .failure(.notATime), "\(text)")
  }
  #expect(expiry("2026-01-01") == .failure(.isPast))
  #expect(expiry("2026-11-28", now: 1_795_824_000_000) == .failure(.isPast))
  #expect(expiry("2026-11-28", now: 1_795_823_999_999) == .success(1_795_824_000_000))
}

@Test func aClockThatNobodyHasSetIsNotPlausible() {
  for wrong in [0, 1_767_225_599_999, 4_102_444_800_000] as [Int64] {
    #expect(!UTCTime.plausible.contains(wrong))
  }
  #expect(UTCTime.plausible.contains(now))
}
