import Foundation
import Testing

@testable import Delivery

private let day: Int64 = 86_400_000
/// 2027-01-01 00:00 UTC.
private let start: Int64 = 1_798_761_600_000
private let january2027: UInt32 = 684
private let january2041: UInt32 = 852

/// An uplink with a line that is paid by the byte: batches come, the budget decides, power fails.
private struct MeteredYear {
  var budget: MonthlyBudget
  var file: MonthlyBudget.Kept?
  var boot: Int64 = 0
  var utc = start
  /// Bytes on the wire by the months of the real calendar.
  var sent: [Int: UInt64] = [:]
  var heldBack: [UInt64] = []
  var waiting: [UInt64] = []
  var readingsSentWhileCheckpointsWaited = 0

  init(limit: UInt64) { budget = MonthlyBudget(limit: limit) }

  var month: Int {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    let parts = calendar.dateComponents(
      [.year, .month], from: Date(timeIntervalSince1970: Double(utc) / 1000))
    return (parts.year ?? 0) * 12 + (parts.month ?? 0)
  }

  mutating func look(hasClock: Bool) {
    budget.look(bootMilliseconds: boot, utcMilliseconds: hasClock ? utc : nil)
    if budget.mustBeStored { file = budget.takeKept() }
  }

  /// False when the budget does not allow it.
  mutating func send(_ byteCount: UInt64, _ purpose: MonthlyBudget.Purpose) -> Bool {
    guard budget.allows(byteCount, for: purpose) else { return false }
    budget.reserve(byteCount)
    if budget.mustBeStored { file = budget.takeKept() }
    // A fifth more than was thought: lost packets.
    let real = byteCount + byteCount / 5
    budget.spend(real)
    if budget.mustBeStored { file = budget.takeKept() }
    sent[month, default: 0] += real
    return true
  }

  mutating func cutPower() {
    if let file {
      budget = MonthlyBudget(limit: budget.limit, kept: file)
    } else {
      budget = MonthlyBudget(limit: budget.limit)
    }
    boot = 0
  }

  /// An hour with one batch.
  mutating func pass(checkpoint: UInt64, readings: UInt64, hasClock: Bool) {
    boot += 3_600_000
    utc += 3_600_000
    look(hasClock: hasClock)
    waiting.append(checkpoint)
    while let next = waiting.first, send(next, .first) {
      waiting.removeFirst()
      heldBack.append(readings)
    }
    while let next = heldBack.first {
      guard send(next, .readings) else { break }
      heldBack.removeFirst()
      if !waiting.isEmpty { readingsSentWhileCheckpointsWaited += 1 }
    }
  }
}

@Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8])
func aYearOfMonthsNeverExceedsTheBudgetByMoreThanABatch(seed: UInt64) {
  let limit: UInt64 = 10 << 20
  let (checkpoint, readings): (UInt64, UInt64) = (3_000, seed % 2 == 0 ? 60_000 : 9_000)
  var dice = seed &* 0x9e37_79b9_7f4a_7c15
  var year = MeteredYear(limit: limit)
  for _ in 1..<365 * 24 {
    dice = dice &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    if (dice >> 33) % 200 == 0 { year.cutPower() }
    year.pass(checkpoint: checkpoint, readings: readings, hasClock: true)
    for used in year.sent.values {
      #expect(used <= limit + max(checkpoint, readings) / 5, "seed \(seed)")
    }
    // 744 hours × 3.6 kB are 2.7 MB: checkpoints never wait for the readings' sake.
    #expect(year.waiting.isEmpty, "seed \(seed)")
    guard year.waiting.isEmpty else { return }
  }
  #expect(year.readingsSentWhileCheckpointsWaited == 0)
  #expect(year.sent.count == 12)
  // The whole budget is of use: what readings there are is sent, up to the line.
  let spent = year.sent.values.reduce(0, +)
  #expect(seed % 2 == 1 || spent > limit * 12 * 9 / 10, "seed \(seed): \(spent)")
}

@Test func whatWasHeldBackGoesInItsOrderWhenTheBudgetComesBack() {
  var year = MeteredYear(limit: 4 << 20)
  for _ in 0..<60 * 24 { year.pass(checkpoint: 2_000, readings: 20_000, hasClock: true) }
  let waiting = year.heldBack.count
  #expect(waiting > 0)
  // The operator pays for more.
  year.budget = MonthlyBudget(
    limit: 1 << 36,
    kept: .init(
      month: year.budget.month, used: year.budget.used,
      ranMilliseconds: year.budget.ranMilliseconds))
  year.pass(checkpoint: 2_000, readings: 20_000, hasClock: true)
  #expect(year.heldBack.isEmpty && year.waiting.isEmpty)
}

@Test func withoutAClockAMonthHasThirtyOneDaysOfRunningTime() {
  var year = MeteredYear(limit: 1 << 20)
  // All of it at once, by what goes first.
  year.look(hasClock: false)
  while year.send(10_000, .first) {}
  for hour in 1..<31 * 24 {
    year.boot += 3_600_000
    year.look(hasClock: false)
    let isSent = year.send(10_000, .first)
    #expect(!isSent, "hour \(hour)")
  }
  year.boot += 3_600_000
  year.look(hasClock: false)
  let isSentThen = year.send(10_000, .first)
  #expect(isSentThen)
  #expect(year.budget.month == nil)
}

@Test func theFirstClockOfAMonthCountsWhatNobodyCountedAsUsedEvenly() {
  var year = MeteredYear(limit: 31_000_000)
  year.utc = start + 15 * day
  year.look(hasClock: true)
  #expect(year.budget.used == 15_000_000)
  #expect(year.budget.month == january2027)
  #expect(year.budget.line == 15_000_000 - 484_375)
}

@Test func aClockThatIsSetBackGivesNoNewMonthBeforeTheOneItToldHasRunOut() {
  var year = MeteredYear(limit: 1 << 20)
  // A wrong server has set a dead clock: the first of January of 2041.
  year.utc = start + (14 * 365 + 4) * day
  year.look(hasClock: true)
  year.utc = start
  let month = year.budget.month
  #expect(month == january2041)
  while year.send(10_000, .first) {}
  for passed in 1..<31 {
    year.boot += day
    year.utc += day
    year.look(hasClock: true)
    let isSent = year.send(10_000, .first)
    #expect(year.budget.month == month && !isSent, "day \(passed)")
  }
  year.boot += day
  year.utc += day
  year.look(hasClock: true)
  // The month that was told stays the newest: it does not begin once more in 2041.
  #expect(year.budget.month == january2041)
  let isSentThen = year.send(10_000, .first)
  #expect(isSentThen)
}

/// From the first of January of 2027 on, how often the whole budget could be spent. In the first days the clock is
/// ahead for a moment and tells `told`, days of the year from 0.
private func freshBudgets(told: [Int64], days: Int64, cutEvery: Int64? = nil) -> Int {
  var year = MeteredYear(limit: 1 << 20)
  var count = 0
  func lookAndSpend(_ date: Int64) {
    year.utc = start + date * day
    year.look(hasClock: true)
    var sent: UInt64 = 0
    while year.send(10_000, .first) { sent += 10_000 }
    if sent > year.budget.limit / 2 { count += 1 }
  }
  lookAndSpend(0)
  for date in 1...days {
    year.boot += day
    if date <= told.count { lookAndSpend(told[Int(date) - 1]) }
    if let cutEvery, date % cutEvery == 0 { year.cutPower() }
    lookAndSpend(date)
  }
  return count
}

@Test(arguments: [nil, 1, 3] as [Int64?])
func aClockThatJumpsAMonthAheadAndBackGivesThatMonthsBudgetOnce(cutEvery: Int64?) {
  // January's, then February's, which was told early or not, and nothing before March.
  for told: [Int64] in [
    [], [31], [58], [40, 58], [58, 31, 40], Array(repeating: 50, count: 20), [31, 1, 58, 2, 31],
  ] {
    #expect(freshBudgets(told: told, days: 58, cutEvery: cutEvery) == 2, "\(told)")
    #expect(freshBudgets(told: told, days: 59, cutEvery: cutEvery) == 3, "\(told)")
  }
}

/// Two months ahead: what goes on by running time is months of 31 days.
@Test func aClockThatWasFarAheadNeverMakesAMonthShorterThanThirtyOneDaysOfRunning() {
  // On the second of January the last day of March is told.
  #expect(freshBudgets(told: [89], days: 31) == 2)
  #expect(freshBudgets(told: [89], days: 32) == 3)
  // March itself begins nothing; April does.
  #expect(freshBudgets(told: [89], days: 89) == 3)
  #expect(freshBudgets(told: [89], days: 90) == 4)
}

@Test(arguments: [true, false])
func aCountThatIsLostIsAMonthThatIsUsedUp(hasClock: Bool) {
  for limit: UInt64 in [1 << 20, .max] {
    var budget = MonthlyBudget.withLostCount(limit: limit)
    #expect(budget.mustBeStored)
    let kept = budget.takeKept()
    #expect(kept == .init(month: nil, used: limit, ranMilliseconds: 0))
    for budget in [budget, MonthlyBudget(limit: limit, kept: kept)] {
      var budget = budget
      let length = hasClock ? 30 : 31
      for passed in 0..<length {
        budget.look(
          bootMilliseconds: Int64(passed) * day,
          utcMilliseconds: hasClock ? start + Int64(passed + 1) * day : nil)
        #expect(!budget.allows(1, for: .first), "day \(passed)")
      }
      budget.look(
        bootMilliseconds: Int64(length) * day,
        utcMilliseconds: hasClock ? start + Int64(length + 1) * day : nil)
      #expect(budget.used == 0 && budget.allows(1, for: .first))
    }
  }
}

@Test func theLastByteOfABudgetMayBeSpentAndNoneBehindIt() {
  var budget = MonthlyBudget(limit: 1000)
  budget.spend(999)
  #expect(budget.allows(1, for: .first) && !budget.allows(2, for: .first))
  #expect(!budget.allows(.max, for: .first))
  // What nobody counted is rounded up: a millisecond of a month is a byte.
  budget = MonthlyBudget(limit: 1000)
  budget.look(bootMilliseconds: 0, utcMilliseconds: start + 1)
  #expect(budget.used == 1)
}

@Test func notEachRequestWritesToTheCardAndEachHourOfRunningDoes() {
  var budget = MonthlyBudget(limit: 1_000_000)
  budget.look(bootMilliseconds: 0, utcMilliseconds: nil)
  _ = budget.takeKept()
  var stores = 0
  for _ in 0..<100 {
    budget.reserve(100)
    budget.spend(100)
    if budget.mustBeStored {
      stores += 1
      _ = budget.takeKept()
    }
  }
  // Steps of 3906 bytes and the request: three for 10 000 bytes.
  #expect(stores == 3)
  budget.look(bootMilliseconds: 3_599_999, utcMilliseconds: nil)
  #expect(!budget.mustBeStored)
  budget.look(bootMilliseconds: 3_600_000, utcMilliseconds: nil)
  #expect(budget.mustBeStored)
}

@Test func aMonthThatIsKnownGoesOnWithoutAClockAndTheNextFollowsIt() {
  var budget = MonthlyBudget(
    limit: 31_000_000, kept: .init(month: january2027, used: 5, ranMilliseconds: 0))
  budget.look(bootMilliseconds: 0, utcMilliseconds: start + 20 * day)
  #expect(budget.line == 20_000_000 - 484_375)
  // The clock is lost: the line is by what the node ran.
  budget.look(bootMilliseconds: 10 * day, utcMilliseconds: nil)
  #expect(budget.line == 10_000_000 - 484_375 && budget.used == 5)
  budget.look(bootMilliseconds: 31 * day, utcMilliseconds: nil)
  #expect(budget.month == january2027 + 1 && budget.used == 0)
  budget.spend(7)
  // A clock that says so too begins nothing.
  budget.look(bootMilliseconds: 32 * day, utcMilliseconds: start + 33 * day)
  #expect(budget.month == january2027 + 1 && budget.used == 7)
}

@Test(arguments: 0..<4)
func aPowerCutCostsAtMostAStepOfTheBudgetAndNeverGivesBackWhatIsSpent(kind: Int) {
  let limit: UInt64 = 10 << 20
  var year = MeteredYear(limit: limit)
  year.look(hasClock: true)
  var real: UInt64 = 0
  for _ in 0..<200 {
    let isSent = year.send(UInt64(1_000 + kind * 777), .first)
    #expect(isSent)
    real = year.sent.values.reduce(0, +)
    year.cutPower()
    year.look(hasClock: true)
    #expect(year.budget.used >= real)
    if year.budget.used > limit / 2 { break }
  }
  var clean = MeteredYear(limit: limit)
  clean.look(hasClock: true)
  for _ in 0..<200 {
    let isSent = clean.send(5_000, .first)
    #expect(isSent)
  }
  clean.budget.release()
  clean.file = clean.budget.takeKept()
  clean.cutPower()
  #expect(clean.budget.used == clean.sent.values.reduce(0, +))
}

@Test func everyMonthOfFourCenturiesBeginsWhereTheCalendarSays() throws {
  var calendar = Calendar(identifier: .gregorian)
  calendar.timeZone = .gmt
  for number in stride(from: UInt32(0), through: 4_800, by: 1) {
    let parts = DateComponents(
      timeZone: .gmt, year: Int(1970 + number / 12), month: Int(number % 12) + 1, day: 1)
    let date = try #require(calendar.date(from: parts))
    let milliseconds = Int64(date.timeIntervalSince1970) * 1000
    let first = try #require(CalendarMonth(utcMilliseconds: milliseconds))
    #expect(first.number == number && first.elapsed == 0)
    guard number > 0 else { continue }
    let last = try #require(CalendarMonth(utcMilliseconds: milliseconds - 1))
    #expect(last.number == number - 1 && last.elapsed == last.length - 1)
  }
  #expect(CalendarMonth(utcMilliseconds: -1) == nil)
  #expect(CalendarMonth(utcMilliseconds: .max) == nil)
  #expect(CalendarMonth(utcMilliseconds: 253_402_300_799_999)?.year == 9999)
}

@Test func aKeptBudgetIsReadBackAndEveryOtherByteIsRefused() throws {
  for kept in [
    MonthlyBudget.Kept(month: nil, used: 0, ranMilliseconds: 0),
    .init(month: 684, used: 3_251_200, ranMilliseconds: 86_400_000),
    .init(month: 8030 * 12 - 1, used: .max, ranMilliseconds: 1 << 50),
  ] {
    var bytes = [UInt8](repeating: 0, count: MonthlyBudget.maximumByteCount)
    let count = kept.encode(into: bytes.mutableSpan)
    let file = Array(bytes[..<count])
    #expect(try MonthlyBudget.Kept(decoding: file.span) == kept)
    for cut in 0..<count {
      let short = Array(file[..<cut])
      #expect(throws: (any Error).self) { try MonthlyBudget.Kept(decoding: short.span) }
    }
    let longer = file + [0]
    #expect(throws: (any Error).self) { try MonthlyBudget.Kept(decoding: longer.span) }
  }
  // The example of docs/delivery-protocol.md.
  let example: [UInt8] = [
    0x84, 0x01, 0x19, 0x02, 0xac, 0x1a, 0x00, 0x31, 0x9c, 0x00, 0x1a, 0x05, 0x26, 0x5c, 0x00,
  ]
  #expect(
    try MonthlyBudget.Kept(decoding: example.span)
      == .init(month: 684, used: 3_251_200, ranMilliseconds: 86_400_000))
  let beyond: [UInt8] = [0x84, 1, 0x1a, 0xff, 0xff, 0xff, 0xff, 0, 0]
  #expect(throws: (any Error).self) { try MonthlyBudget.Kept(decoding: beyond.span) }
  let negative: [UInt8] = [0x84, 1, 0xf6, 0, 0x20]
  #expect(throws: (any Error).self) { try MonthlyBudget.Kept(decoding: negative.span) }
}
