import Testing

@testable import Simulation

@Suite struct DemoTallyTests {
  private func tally(_ lines: [String]) throws -> DemoTally {
    var tally = DemoTally()
    for line in lines { tally.count(try DemoEvent(line: line)) }
    return tally
  }

  @Test func aRunWithoutABatchIsNotGood() throws {
    let tally = try tally([#"{"event":"started","address":"a","publicKey":"b"}"#])
    #expect(!tally.isGood)
    #expect(tally.shortcoming == "no batch was verified")
  }

  @Test func aVerifiedBatchMakesARunGoodAndARefusedOneDoesNot() throws {
    #expect(try tally([DemoLines.batch()]).isGood)
    let refused = try tally([DemoLines.batch(), DemoLines.refused(code: 45)])
    #expect(!refused.isGood)
    #expect(refused.shortcoming == "1 batch was refused")
  }

  @Test func talkOfTheProtocolRefusesNoBatch() throws {
    let tally = try tally([DemoLines.refused(code: 20), DemoLines.batch()])
    #expect(tally.isGood)
    #expect(tally.talkCount == 1)
  }

  @Test func aBatchThatIsNotVerifiedCountsAsRefused() throws {
    let tally = try tally([DemoLines.batch(verdict: "doubtful")])
    #expect(tally.verifiedCount == 0)
    #expect(tally.refusedCount == 1)
  }

  @Test func readingsAreCountedByLeafAndFaultsByTheirCounts() throws {
    let tally = try tally([
      DemoLines.batch(
        readings: DemoLines.reading + "," + DemoLines.humidity, faults: DemoLines.fault,
        gaps: DemoLines.gap)
    ])
    #expect(tally.readingCount == 1)
    #expect(tally.faultCount == 3)
    #expect(tally.gapCount == 1)
    #expect(tally.leafCount == 8)
  }

  @Test func bytesForEachReadingAreOfBatchesThatToldTheirSize() throws {
    let silent = DemoLines.batch(readings: DemoLines.reading)
    let telling = DemoLines.batch(readings: DemoLines.reading, more: #","bytes":205"#)
    #expect(try tally([silent]).bytesPerReading == nil)
    #expect(try tally([silent, telling]).bytesPerReading == "205.0")
  }

  @Test func theFinalCountIsTheSameForPersonsAndPrograms() throws {
    let tally = try tally([DemoLines.batch(readings: DemoLines.reading, faults: DemoLines.fault)])
    let words = tally.lines(milliseconds: 8_250).map(\.text)
    #expect(words.contains("  batches    1 verified, 0 refused"))
    #expect(words.contains("  readings   1, in 8 signed leaves"))
    #expect(words.contains("  missing    3 measurements failed, 0 gaps: told in signed leaves"))
    #expect(words.contains("  time       8.2 s"))
    let json = tally.json(milliseconds: 8_250)
    #expect(json["verified"]?.unsigned == 1)
    #expect(json["faults"]?.unsigned == 3)
    #expect(json["good"]?.isTrue == true)
  }
}

@Suite struct DemoLineTests {
  private let plain = DemoTerminal(hasColours: false, hasUnicode: true, isInteractive: false)

  @Test func textOfAnotherProcessDoesNotCommandTheTerminal() {
    let line = DemoLine("a\u{1b}[2J\u{9b}31m\r\nb\u{202e}c\u{2028}d")
    #expect(plain.rendered(line) == "a [2J 31m  b c d")
  }

  @Test func withoutColoursThereIsNoEscape() {
    var line = DemoLine(label: "✔ x", .good)
    line.append("y", .bad)
    #expect(plain.rendered(line) == "  ✔ x        y")
    let coloured = DemoTerminal(hasColours: true, hasUnicode: true, isInteractive: true)
    #expect(coloured.rendered(line).contains("\u{1b}[32m"))
  }

  @Test func withoutUnicodeThereIsASCIIOnly() {
    let terminal = DemoTerminal(hasColours: false, hasUnicode: false, isInteractive: false)
    #expect(terminal.rendered(DemoLine("✔ 4.40 °C – 5 … é")) == "ok 4.40 deg C - 5 .. ?")
  }

  @Test func aLongWordIsCutAndNothingIsLost() {
    let long = String(repeating: "abcdefghij", count: 30)
    let lines = DemoLine.wrapped(label: "x", "one two " + long + " three").map(\.text)
    for line in lines { #expect(line.count <= DemoLine.columnLimit) }
    let joined = lines.map { $0.dropFirst(DemoLine.textColumn) }.joined()
    #expect(joined.replacing(" ", with: "") == "onetwo" + long + "three")
  }

  @Test(arguments: [
    (true, ["TERM": "xterm"], true, true), (false, ["TERM": "xterm"], false, false),
    (true, ["TERM": "dumb"], false, false), (true, ["NO_COLOR": "1"], false, true),
    (true, ["NO_COLOR": ""], true, true),
  ])
  func coloursAreForTerminalsThatWantThem(
    _ isTerminal: Bool, _ environment: [String: String], _ colours: Bool, _ interactive: Bool
  ) {
    let terminal = DemoTerminal(isTerminal: isTerminal, environment: environment)
    #expect(terminal.hasColours == colours)
    #expect(terminal.isInteractive == interactive)
  }

  @Test(arguments: [
    ([:], true), (["LANG": "C.UTF-8"], true), (["LANG": "en_US.utf8"], true),
    (["LANG": "C"], false),
    (["LC_ALL": "POSIX", "LANG": "C.UTF-8"], false), (["LC_ALL": "", "LANG": "C.UTF-8"], true),
  ])
  func onlyALocaleThatSaysOtherwiseIsWithoutUnicode(
    _ environment: [String: String], _ hasUnicode: Bool
  ) {
    #expect(
      DemoTerminal(isTerminal: true, environment: environment).hasUnicode == hasUnicode)
  }
}

@Suite struct DemoWordsTests {
  @Test func whatABlockSaysAnywayIsNoNote() {
    var notes = DemoNotes()
    #expect(notes.take("delivered batch 0/7", of: "uplink") == nil)
    #expect(notes.take("cairn-uplink-https: waits", of: "uplink") == "waits")
    #expect(notes.take("cairn-uplink-https: waits", of: "uplink") == nil)
  }

  @Test func notesBetweenTwoBatchesAreFew() {
    var notes = DemoNotes()
    let shown = (0..<10).compactMap { notes.take("line \($0)", of: "agent") }
    #expect(shown == ["line 0", "line 1", "line 2", "says more, which is not shown"])
    notes.reset()
    #expect(notes.take("line 11", of: "agent") == "line 11")
  }

  @Test func anEndIsExplainedByItsStatusOrSignal() {
    #expect(
      DemoExit.status(78).words == "ended with status 78: its configuration has an error")
    #expect(DemoExit.status(99).words == "ended with status 99")
    #expect(DemoExit.signal(4).words.hasPrefix("ended by signal 4: it stopped itself"))
    #expect(DemoExit.signal(64).words == "ended by signal 64")
  }

  @Test(arguments: [
    (Int64(0), "1970-01-01 00:00:00.000"), (1_356_998_400_000, "2013-01-01 00:00:00.000"),
    (-1, "1969-12-31 23:59:59.999"), (951_782_400_123, "2000-02-29 00:00:00.123"),
  ])
  func timesAreUTC(_ milliseconds: Int64, _ text: String) {
    #expect(DemoTime.milliseconds(milliseconds) == text)
  }

  @Test func timesOutsideTheCalendarAreSaidToBe() {
    #expect(DemoTime.milliseconds(.max) == "outside the calendar")
    #expect(DemoTime.ofDay(.min) == "outside the calendar")
  }
}
