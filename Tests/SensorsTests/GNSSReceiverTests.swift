import Foundation
import Testing

@testable import Sensors

/// A sentence with its checksum and line end.
private func sentence(_ text: String, end: String = "\r\n") -> [UInt8] {
  let checksum = text.utf8.reduce(0) { $0 ^ $1 }
  return Array("$\(text)*\(String(format: "%02X", checksum))\(end)".utf8)
}

private func sentences(_ texts: String...) -> [UInt8] { texts.flatMap { sentence($0) } }

private func milliseconds(_ text: String) throws -> Int64 {
  let date = try #require(ISO8601DateFormatter().date(from: text))
  return Int64(date.timeIntervalSince1970) * 1000
}

private func parsed(_ bytes: some Sequence<UInt8>) -> [NMEASentence] {
  var parser = NMEAParser()
  var sentences: [NMEASentence] = []
  for byte in bytes {
    if let sentence = parser.receive(byte) { sentences.append(sentence) }
  }
  return sentences
}

private func counts(_ bytes: some Sequence<UInt8>) -> NMEACounts {
  var parser = NMEAParser()
  for byte in bytes { _ = parser.receive(byte) }
  return parser.counts
}

/// What one text alone makes; nil when it is refused.
private func rmc(_ text: String) -> NMEASentence.RecommendedMinimum? {
  guard case .rmc(let sentence) = parsed(sentence(text)).first else { return nil }
  return sentence
}

private func gga(_ text: String) -> NMEASentence.PositionSentence? {
  guard case .gga(let sentence) = parsed(sentence(text)).first else { return nil }
  return sentence
}

private func gns(_ text: String) -> NMEASentence.PositionSentence? {
  guard case .gns(let sentence) = parsed(sentence(text)).first else { return nil }
  return sentence
}

/// Ends the last epoch, so that its fix comes.
private let next = sentence("GNGGA,121212.12,,,,,0,00,,,M,,M,,")

private let rmcText = "GNRMC,235959.00,A,4739.71890,N,12219.58362,W,0.00,286.35,050826,,,A,V"
private let ggaText = "GNGGA,235959.00,4739.71890,N,12219.58362,W,1,14,0.9,76.5,M,-21.6,M,,"
private let zdaText = "GNZDA,235959.00,05,08,2026,00,00"

// MARK: One sentence

@Test(arguments: ["GP", "GN", "GL", "GA", "GB", "BD", "GQ"])
func everySatelliteTalkerIsHeard(talker: String) {
  #expect(rmc(talker + rmcText.dropFirst(2))?.isActive == true)
}

@Test(arguments: ["GI", "II", "PU", "QZ", "PG"])
func otherTalkersAreInOrderButSayNothing(talker: String) {
  #expect(parsed(sentence(talker + rmcText.dropFirst(2))) == [.other])
}

@Test func everyFlippedBitIsRefusedOrSaysTheSame() {
  for text in [rmcText, ggaText, zdaText] {
    for end in ["\r\n", "\n"] {
      let whole = sentence(text, end: end)
      let expected = parsed(whole)
      #expect(expected.count == 1)
      for bit in 0..<whole.count * 8 {
        var flipped = whole
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        let result = parsed(flipped)
        // The case of a checksum's letter says nothing; a lost CR before LF neither.
        #expect(result.isEmpty || result == expected, "bit \(bit) of \(text)")
        if (1..<whole.count - end.count - 2).contains(bit / 8) {
          #expect(result.isEmpty, "bit \(bit) of \(text)")
        }
      }
    }
  }
}

@Test func everyCutSentenceIsRefusedAndTheNextOneIsHeard() {
  let (whole, following) = (sentence(rmcText), sentence(zdaText))
  let expected = parsed(following)
  for cut in 0..<whole.count - 2 {
    #expect(parsed(whole[..<cut] + following) == expected)
    #expect(parsed(whole[(cut + 1)...] + following) == expected)
  }
  // Only the line end may be cut: in front of a new sentence the old one is then given up.
  #expect(parsed(whole.dropLast(1) + following) == parsed(whole) + expected)
  #expect(parsed(whole.dropLast(2) + following) == expected)
}

/// An exclusive-or of eight bits cannot tell the loss of bytes that cancel each other. The forms of the
/// fields catch more; what is left is bounded here.
@Test func aLossInTheMiddleIsNearlyAlwaysRefused() {
  let whole = sentence(rmcText)
  let expected = parsed(whole)
  var (losses, missed) = (0, 0)
  for start in 1..<whole.count - 5 {
    for end in start + 1..<whole.count - 5 {
      losses += 1
      let result = parsed(whole[..<start] + whole[end...])
      if !result.isEmpty && result != expected && result != [.other] { missed += 1 }
    }
  }
  #expect(losses > 2000)
  #expect(missed * 100 < losses, "\(missed) of \(losses)")
}

@Test func interleavedSentencesAreRefused() {
  let (first, second) = (sentence(rmcText), sentence(ggaText))
  for cut in 1..<first.count - 2 {
    let result = counts(first[..<cut] + second + first[cut...])
    #expect(result.accepted == 1)
    #expect(result.cut == 1)
  }
}

@Test func randomBytesNeverTrap() {
  var generator = SystemRandomNumberGenerator()
  let seed = UInt64.random(in: 0...(.max), using: &generator)
  var state = seed
  func draw() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state >> 33
  }
  let alphabet = Array("$*,.0123456789GNRMCGGAZDANSAV-\r\n".utf8)
  var receiver = GNSSReceiver()
  var fixCount = 0
  for _ in 0..<200_000 {
    let byte =
      draw() % 8 == 0
      ? UInt8(truncatingIfNeeded: draw()) : alphabet[Int(draw()) % alphabet.count]
    if receiver.receive(byte, atMilliseconds: 0) != nil { fixCount += 1 }
  }
  #expect(fixCount == 0, "seed \(seed)")
}

/// A right checksum over fields that were changed at random: what is accepted is in its range.
@Test func randomFieldsNeverTrap() {
  let seed = UInt64.random(in: 0...(.max))
  var state = seed
  func draw() -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33)
  }
  let alphabet = Array(",.0123456789-NSEWAV".utf8)
  var accepted = 0
  for _ in 0..<20_000 {
    var text = Array([rmcText, ggaText, zdaText][draw() % 3].utf8)
    for _ in 0...draw() % 4 {
      text[6 + draw() % (text.count - 6)] = alphabet[draw() % alphabet.count]
    }
    let position: GNSSPosition?
    switch parsed(sentence(String(decoding: text, as: UTF8.self))).first {
    case .rmc(let sentence): position = sentence.position
    case .gga(let sentence): position = sentence.position
    case .zda, .gns, .other, nil: position = nil
    }
    guard let position else { continue }
    accepted += 1
    #expect(abs(position.latitudeE7) <= 900_000_000, "seed \(seed)")
    #expect(abs(position.longitudeE7) <= 1_800_000_000, "seed \(seed)")
  }
  #expect(accepted > 100)
}

@Test func aSentenceUpToTheLimitIsHeardAndALongerOneIsNot() {
  let longest = "GNTXT," + String(repeating: "x", count: 120 - 6 - 6)
  #expect(sentence(longest).count == 120)
  #expect(parsed(sentence(longest)) == [.other])
  #expect(parsed(sentence(longest + "x")).isEmpty)
  #expect(counts(sentence(longest + "x")).tooLong == 1)
  // Nor does a line that never ends keep the next one from being heard.
  #expect(counts([UInt8](repeating: 65, count: 5000) + sentence(zdaText)).accepted == 1)
}

@Test func aSentenceWithoutAChecksumIsRefused() {
  #expect(parsed(Array("$\(rmcText)\r\n".utf8)).isEmpty)
  #expect(counts(Array("$\(rmcText)\r\n".utf8)).cut == 1)
}

@Test func refusalsAreCountedByTheirReason() {
  var wrong = sentence(rmcText)
  wrong[20] = wrong[20] == 0x31 ? 0x32 : 0x31
  #expect(counts(wrong).checksumMismatch == 1)
  let impossible = counts(sentence("GNZDA,250000.00,05,08,2026,00,00"))
  #expect(impossible.malformed == 1 && impossible.accepted == 0 && impossible.refused == 1)
}

@Test(arguments: [
  "GNZDA,240000.00,05,08,2026,,", "GNZDA,236000.00,05,08,2026,,", "GNZDA,225960.00,05,08,2026,,",
  "GNZDA,12595.00,05,08,2026,,", "GNZDA,1259590,05,08,2026,,", "GNZDA,125959,29,02,2025,,",
  "GNZDA,125959,31,04,2026,,", "GNZDA,125959,00,04,2026,,", "GNZDA,125959,01,13,2026,,",
  "GNZDA,125959,01,01,26,,", "GNZDA,125959,01,,2026,,", "GNZDA,125959,01,01,1979,,",
  "GNZDA,125959", "GNZDA,-12595,01,01,2026,,",
  "GPRMC,1,A,4739.7,N,12219.5,W,0,0,050826,,", "GPRMC,120000,B,4739.7,N,12219.5,W,0,0,050826,,",
  "GPRMC,120000,A,4760.0,N,12219.5,W,0,0,050826,,",
  "GPRMC,120000,A,9000.1,N,12219.5,W,0,0,050826,,",
  "GPRMC,120000,A,4739.7,X,12219.5,W,0,0,050826,,", "GPRMC,120000,A,4739.7,,12219.5,W,0,0,050826,,",
  "GPRMC,120000,A,4739.7,N,,,0,0,050826,,", "GPRMC,120000,A,4739.7,N,18000.1,W,0,0,050826,,",
  "GPRMC,120000,A,479.7,N,12219.5,W,0,0,050826,,", "GPRMC,120000,A,4739.7,N,12219.5,W,0,0,300226,,",
  "GPRMC,120000,A,4739.7,N,12219.5,W,0,0,50826,,",
  "GPRMC,120000,A,4739.7,N,12219.5,W,0,0,050826,,,X",
  "GPRMC,120000,A,47-9.7,N,12219.5,W,0,0,050826,,",
  "GPRMC,120000,A,4739.1234567890,N,12219.5,W,0,0,050826,,",
  "GPGGA,120000,4739.7,N,12219.5,W,9,8,1,1,M,1,M,,",
  "GPGGA,120000,4739.7,N,12219.5,W,1,256,1,1,M,,,,",
  "GPGGA,120000,4739.7,N,12219.5,W,1,8,x,1,M,,,,", "GPGGA,120000,4739.7,N,12219.5,W,1,8,1,1,F,,,,",
  "GPGGA,120000,4739.7,N,12219.5,W,1,8,1,--1,M,,,,",
  "GPGGA,120000,4739.7,N,12219.5,W,1,8,1,999999999,M,,",
  "GPGGA,120000,4739.7,N,12219.5,W,1,8,.,1,M,,,,", "GPGNS,120000,4739.7,N,12219.5,W,AX,8,1,1,1,,",
  "GPRMC,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,",
])
func whatIsImpossibleIsRefused(text: String) {
  #expect(parsed(sentence(text)).isEmpty)
  #expect(counts(sentence(text)).malformed == 1)
}

// MARK: Numbers

@Test(arguments: [
  // Half of a unit rounds away from zero: 0.000003 minutes are 0.5 units.
  ("0000.000003", "N", 1), ("0000.000003", "S", -1), ("0000.0000029", "N", 0),
  ("0000.000009", "N", 2), ("0000.0000089", "N", 1), ("4739.71890", "N", 476_619_817),
  ("9000.0000", "S", -900_000_000), ("8959.999999", "N", 900_000_000), ("0000", "N", 0),
  ("4739.", "N", 476_500_000), ("5959.999999999", "S", -600_000_000),
])
func latitudesAreRoundedExactly(minutes: String, hemisphere: String, expected: Int32) {
  let text = "GPRMC,120000,A,\(minutes),\(hemisphere),00000.0,E,0,0,050826,,"
  #expect(rmc(text)?.position == GNSSPosition(latitudeE7: expected, longitudeE7: 0))
}

@Test func longitudesReachTheirEnds() {
  for (hemisphere, sign) in [("E", Int32(1)), ("W", -1)] {
    let text = "GPRMC,120000,A,0000.0,N,18000.00000,\(hemisphere),0,0,050826,,"
    #expect(rmc(text)?.position?.longitudeE7 == sign * 1_800_000_000)
  }
}

@Test(
  arguments: [
    ("76.5", 7650), ("-21.4", -2140), ("0.005", 1), ("-0.005", -1), ("0.0049", 0),
    ("1144.8", 114_480),
    ("8848", 884_800), ("", nil), ("-0.0", 0), ("12.999999999", 1300),
  ] as [(String, Int32?)])
func altitudesAreRoundedExactly(text: String, expected: Int32?) {
  let sentence = gga("GPGGA,120000,4739.7,N,12219.5,W,1,8,1.0,\(text),M,,M,,")
  #expect(sentence != nil && sentence?.altitudeCentimetres == expected)
}

@Test(
  arguments: [
    ("000000", 0), ("235959.999", 86_399_999), ("120000.2", 43_200_200), ("120000.25", 43_200_250),
    ("120000.9999", 43_200_999), ("235960.5", 86_400_500), ("", nil),
  ] as [(String, Int32?)])
func timesAreMillisecondsOfTheDay(text: String, expected: Int32?) {
  let sentence = gga("GPGGA,\(text),4739.7,N,12219.5,W,1,8,1.0,1,M,,M,,")
  #expect(sentence != nil && sentence?.millisecondOfDay == expected)
}

@Test func everyDayOfOneHundredAndTwentyYearsHasItsNumber() throws {
  var calendar = Calendar(identifier: .gregorian)
  calendar.timeZone = .gmt
  let first = try #require(calendar.date(from: DateComponents(year: 1980, month: 1, day: 1)))
  for offset in 0..<(120 * 366) {
    let date = first.addingTimeInterval(Double(offset) * 86_400)
    let parts = calendar.dateComponents([.year, .month, .day], from: date)
    let day = try #require(
      CalendarDate(
        year: Int32(parts.year ?? 0), month: Int32(parts.month ?? 0), day: Int32(parts.day ?? 0)))
    #expect(day.dayNumber == Int64(date.timeIntervalSince1970) / 86_400)
  }
}

@Test(arguments: [
  ("010180", "1980-01-01T12:00:00Z"), ("311299", "1999-12-31T12:00:00Z"),
  ("290200", "2000-02-29T12:00:00Z"), ("290224", "2024-02-29T12:00:00Z"),
  ("311279", "2079-12-31T12:00:00Z"),
])
func yearsOfTwoDigitsAreThoseOfGPS(date: String, expected: String) throws {
  let fix = try #require(
    fixes(of: sentences("GPRMC,120000,A,4739.7,N,12219.5,W,0,0,\(date),,") + next).first)
  #expect(try fix.utcMilliseconds == milliseconds(expected))
}

@Test(arguments: [
  ("A", GNSSFixQuality.autonomous), ("AAN", .autonomous), ("AD", .differential),
  ("NRF", .realTimeKinematicFixed),
  ("NN", .none), ("", .none), ("AE", .estimated), ("MA", .manual), ("S", .simulator),
  ("PAF", .realTimeKinematicFloat),
])
func theModesOfGNSGiveItsQuality(modes: String, quality: GNSSFixQuality) {
  #expect(gns("GNGNS,120000,4739.7,N,12219.5,W,\(modes),8,1.0,1,1,,")?.quality == quality)
}

// MARK: Epochs

@Test func everyOrderOfAnEpochsSentencesGivesTheSameFix() throws {
  let texts = [rmcText, ggaText, zdaText]
  for first in 0..<3 {
    for second in 0..<3 where second != first {
      let order = [first, second, 3 - first - second]
      let fixes = fixes(of: order.flatMap { sentence(texts[$0]) } + next)
      #expect(fixes.count == 1)
      let fix = try #require(fixes.first)
      #expect(try fix.utcMilliseconds == milliseconds("2026-08-05T23:59:59Z"))
      #expect(fix.position == GNSSPosition(latitudeE7: 476_619_817, longitudeE7: -1_223_263_937))
      #expect(fix.altitudeCentimetres == 7650)
      #expect(fix.horizontalAccuracyCentimetres == 639)
      #expect(fix.satelliteCount == 14)
    }
  }
}

/// GGA of the new day comes before the sentence that has its date.
@Test func atMidnightATimeNeverMeetsTheOldDate() throws {
  var bytes: [UInt8] = []
  for (time, date) in [
    ("235958", "311226"), ("235959", "311226"), ("000000", "010127"), ("000001", "010127"),
  ] {
    bytes += sentence("GPGGA,\(time),4739.7,N,12219.5,W,1,8,1.0,1,M,,M,,")
    bytes += sentence("GPRMC,\(time),A,4739.7,N,12219.5,W,0,0,\(date),,")
  }
  let times = fixes(of: bytes + next).map(\.utcMilliseconds)
  let first = try milliseconds("2026-12-31T23:59:58Z")
  #expect(times == [first, first + 1000, first + 2000, first + 3000])
}

@Test func anEpochWithoutADateHasNoTime() {
  let later = fixes(
    of: sentences(
      "GPRMC,235959,A,4739.7,N,12219.5,W,0,0,311226,,",
      "GPGGA,000000,4739.7,N,12219.5,W,1,8,1.0,1,M,,M,,") + next)
  #expect(later.prefix(2).map(\.isValid) == [true, true])
  #expect(later.prefix(2).map { $0.utcMilliseconds == nil } == [false, true])
}

@Test func datesThatDisagreeAreNoTime() {
  let fix = fixes(of: sentences(rmcText, "GNZDA,235959.00,06,08,2026,00,00") + next).first
  #expect(fix?.isValid == true)
  #expect(fix?.utcMilliseconds == nil)
}

@Test func aLeapSecondIsNoTime() {
  let fix = fixes(of: sentences("GPRMC,235960,A,4739.7,N,12219.5,W,0,0,311216,,") + next).first
  #expect(fix?.isValid == true)
  #expect(fix?.utcMilliseconds == nil)
}

@Test(
  arguments: [
    ("A", "0", nil), ("A", "6", nil), ("A", "7", nil), ("A", "8", nil), ("V", "1", nil),
    ("V", "0", nil),
    ("A", "1", "N"), ("A", "1", "E"), ("A", "1", "M"), ("A", "1", "S"),
  ] as [(String, String, String?)])
func oneSentenceWithoutAFixIsEnoughForNone(status: String, quality: String, mode: String?) {
  let rmc = "GPRMC,120000,\(status),4739.7,N,12219.5,W,0,0,050826,," + (mode.map { ",\($0)" } ?? "")
  let gga = "GPGGA,120000,4739.7,N,12219.5,W,\(quality),8,1.0,1,M,,M,,"
  for texts in [[rmc, gga], [gga, rmc]] {
    let fix = fixes(of: texts.flatMap { sentence($0) } + next).first
    #expect(fix != nil)
    #expect(fix?.position == nil && fix?.utcMilliseconds == nil)
    #expect(fix?.altitudeCentimetres == nil && fix?.horizontalAccuracyCentimetres == nil)
  }
}

@Test func aColdReceiverIsHeardAndHasNoFix() {
  let cold = sentences("GPRMC,,V,,,,,,,,,,N", "GPGGA,,,,,,0,00,99.99,,,,,,")
  let fixes = fixes(of: cold + cold + cold)
  #expect(fixes.count == 3)
  #expect(fixes.allSatisfy { !$0.isValid && $0.utcMilliseconds == nil && $0.quality == .none })
}

@Test func aReceiverOfRMCAloneGivesPositionAndTime() throws {
  let fix = try #require(fixes(of: sentences(rmcText) + next).first)
  #expect(fix.position != nil && fix.utcMilliseconds != nil)
  #expect(fix.altitudeCentimetres == nil && fix.horizontalAccuracyCentimetres == nil)
  #expect(fix.quality == .autonomous)
}

/// Two epochs to learn which sentences come; from then on the fix comes with the last of them.
@Test func anEpochIsGivenWithItsLastSentence() {
  var receiver = GNSSReceiver()
  var given: [String] = []
  for second in 10...16 {
    for kind in ["GGA", "RMC", "ZDA"] {
      let text =
        switch kind {
        case "GGA": "GPGGA,1200\(second),4739.7,N,12219.5,W,1,8,1.0,1,M,,M,,"
        case "RMC": "GPRMC,1200\(second),A,4739.7,N,12219.5,W,0,0,050826,,"
        default: "GPZDA,1200\(second),05,08,2026,,"
        }
      // ZDA is lost once: that epoch waits for the next one, and those after it do not.
      if second == 14 && kind == "ZDA" { continue }
      for byte in sentence(text) where receiver.receive(byte, atMilliseconds: 0) != nil {
        given.append("\(second)\(kind)")
      }
    }
  }
  #expect(given == ["11GGA", "12GGA", "12ZDA", "13ZDA", "15GGA", "15ZDA", "16ZDA"])
}

@Test func aKindOfSentenceThatNoLongerComesIsForgotten() {
  var receiver = GNSSReceiver()
  var given: [String] = []
  for second in 10...20 {
    var texts = ["GPRMC,1200\(second),A,4739.7,N,12219.5,W,0,0,050826,,"]
    if second < 13 { texts.append("GPZDA,1200\(second),05,08,2026,,") }
    for text in texts {
      for byte in sentence(text) where receiver.receive(byte, atMilliseconds: 0) != nil {
        given.append("\(second)\(text.prefix(5).suffix(3))")
      }
    }
  }
  #expect(given.suffix(3) == ["18RMC", "19RMC", "20RMC"])
  #expect(given.contains("14RMC") && given.count == 11)
}

@Test func aFixCarriesTheTimeOfItsFirstByte() throws {
  var receiver = GNSSReceiver()
  var now: Int64 = 5000
  var fixes: [GNSSFix] = []
  for byte in [0x24, 0x41] + sentences(rmcText, ggaText) + next {
    if let fix = receiver.receive(byte, atMilliseconds: now) { fixes.append(fix) }
    now += 1
  }
  #expect(fixes.map(\.arrivedAtMilliseconds) == [5002])
}

@Test func theSameTimeOfAnotherDayIsAnotherEpoch() {
  var receiver = GNSSReceiver()
  var fixes: [GNSSFix] = []
  for day: Int64 in 0..<3 {
    for byte in sentence("GPRMC,120000,A,4739.7,N,12219.5,W,0,0,0\(day + 1)0826,,") {
      if let fix = receiver.receive(byte, atMilliseconds: day * 86_400_000) { fixes.append(fix) }
    }
  }
  let times = fixes.compactMap(\.utcMilliseconds)
  #expect(times.count == 3 && times[2] - times[0] == 2 * 86_400_000)
}

@Test func aSilentReceiverIsNoticed() {
  var receiver = GNSSReceiver()
  let before = receiver.millisecondsSinceLastSentence(atMilliseconds: 9000)
  #expect(before == nil)
  for byte in sentence("GPGSV,1,1,00") { _ = receiver.receive(byte, atMilliseconds: 1000) }
  // Noise is not a sentence.
  for byte in sentence("GPGSV,1,1,00").dropLast(3) {
    _ = receiver.receive(byte, atMilliseconds: 4000)
  }
  let after = receiver.millisecondsSinceLastSentence(atMilliseconds: 61_000)
  #expect(after == 60_000)
}

@Test(
  arguments: [
    (GNSSFixQuality.autonomous, 100, 710), (.differential, 54, 162), (.autonomous, 1, 8),
    (.realTimeKinematicFixed, 60, 3), (.autonomous, 0, nil), (.autonomous, 5000, nil),
    (.none, 100, nil),
    (.autonomous, nil, nil),
  ] as [(GNSSFixQuality, Int32?, Int32?)])
func accuracyIsDilutionTimesRangeError(quality: GNSSFixQuality, dilution: Int32?, expected: Int32?)
{
  #expect(
    GNSSFix.horizontalAccuracyCentimetres(quality: quality, dilutionHundredths: dilution)
      == expected)
}

@Test func theEarliestPlausibleTimeIsTheFirstDayOf2020() throws {
  #expect(try GNSSFix.earliestPlausibleUTCMilliseconds == milliseconds("2020-01-01T00:00:00Z"))
}

@Test(arguments: [(0, 1000), (100, 100), (200, 200), (1000, 1000), (5000, 1000), (-200, 1000)])
func aFixIsAsUncertainAsItsReceiverIsSlow(step: Int64, uncertainty: Int64) {
  func fix(_ utc: Int64?) -> GNSSFix {
    GNSSFix(
      arrivedAtMilliseconds: 0, utcMilliseconds: utc, position: nil, altitudeCentimetres: nil,
      horizontalAccuracyCentimetres: nil, satelliteCount: nil, quality: .autonomous)
  }
  #expect(fix(7_000 + step).clockUncertaintyMilliseconds(after: fix(7_000)) == uncertainty)
  #expect(fix(7_000).clockUncertaintyMilliseconds(after: nil) == 1000)
  #expect(fix(7_000).clockUncertaintyMilliseconds(after: fix(nil)) == 1000)
  #expect(fix(nil).clockUncertaintyMilliseconds(after: fix(7_000)) == 1000)
  #expect(fix(.max).clockUncertaintyMilliseconds(after: fix(.min)) == 1000)
}
