import FixedMemory
import Simulation
import Testing

@testable import Radios

private func lines(_ bytes: [UInt8]) -> (lines: [String], spoilt: UInt32) {
  var reader = LineReader()
  var found: [String] = []
  for byte in bytes where reader.receive(byte, atMilliseconds: 0) {
    found.append(String(decoding: reader.line.indices.map { reader.line[$0] }, as: UTF8.self))
  }
  return (found, reader.spoiltCount)
}

@Test func everyFormOfALinesEndIsOne() {
  for end in ["\r\n", "\n", "\r", "\n\r", "\r\n\r\n", "\r\r\n"] {
    let (found, spoilt) = lines(Array("OK\(end)+EVT:1\(end)".utf8))
    #expect(found == ["OK", "+EVT:1"] && spoilt == 0)
  }
}

@Test func aLineWithAByteThatIsNoTextIsPassedOverWhole() {
  for byte in UInt8.min ... .max where !(0x20...0x7e).contains(byte) && byte != 10 && byte != 13 {
    let (found, spoilt) = lines(Array("O".utf8) + [byte] + Array("K\nOK\n".utf8))
    #expect(found == ["OK"] && spoilt == 1, "\(byte)")
  }
}

@Test func aLineThatIsTooLongIsPassedOverWhole() {
  for count in [799, 800, 801, 5_000] {
    let (found, spoilt) = lines([UInt8](repeating: 0x41, count: count) + Array("\nOK\n".utf8))
    #expect(found.count == (count <= 800 ? 2 : 1) && found.last == "OK")
    #expect(spoilt == (count <= 800 ? 0 : 1))
  }
}

@Test func decimalsAreReadAsTheyStandAndNothingElseIs() {
  func read(_ text: String, decimals: Int = 2) -> (Int64?, Int) {
    let bytes = Array(text.utf8)
    var cursor = LineCursor()
    return (cursor.decimal(bytes.span, decimals: decimals), cursor.offset)
  }
  let cases: [(String, Int64?, Int)] = [
    ("-110", -11_000, 4), ("5", 500, 1), ("+7", 700, 2), ("13.75", 1_375, 5), ("-0.5", -50, 4),
    ("1.239", 123, 5), ("4.", 400, 1), ("", nil, 0), ("-", nil, 0), (".5", nil, 0), ("x", nil, 0),
    ("9999999999", 999_999_999_900, 10), ("99999999999", nil, 0), ("--1", nil, 0),
  ]
  for (text, value, offset) in cases {
    let found = read(text)
    #expect(found.0 == value && found.1 == offset, "\(text)")
  }
}

@Test func megahertzAreWrittenWithTheDecimalsThatTheyNeed() {
  let cases: [(UInt32, String)] = [
    (868_100_000, "868.1"), (868_000_000, "868.0"), (865_062_500, "865.0625"),
    (902_300_001, "902.300001"), (433_175_000, "433.175"),
  ]
  for (hertz, text) in cases {
    var line = CommandLine()
    line.append(megahertzOf: hertz)
    #expect(String(decoding: line.span.indices.map { line.span[$0] }, as: UTF8.self) == text)
  }
}

@Test func everyMeaningOfALineIsKnown() throws {
  func meaning(_ dialect: SerialDialect, _ text: String) -> LineMeaning {
    let bytes = Array(text.utf8)
    return SerialDialect.version(bytes.span) ?? dialect.meaning(bytes.span)
  }
  let figures = try #require(LineFigures(rssi: -11_000, snr: 500))
  let counted = try #require(LineFigures(rssi: -2_600, snr: 1_300, byteCount: 9))
  let rssiOnly = try #require(LineFigures(rssi: -2_100, snr: nil))
  let rows: [(SerialDialect, String, LineMeaning)] = [
    (.rak3172, "+EVT:RXP2P:-110:5:4142", .frame(figures, offset: 18)),
    (.rak3172, "+EVT:RXP2P:RSSI -110:SNR 5:4142", .frame(figures, offset: 27)),
    (.rak3172, "+EVT:RXP2P, RSSI -110, SNR 5", .figures(figures)),
    (.rak3172, "+EVT:RXP2P, RSSI: -110, SNR: 5", .figures(figures)),
    (.rak3172, "+EVT:4142", .bytes(offset: 5)), (.rak3172, "+EVT:TXP2P DONE", .sent),
    (.rak3172, "+EVT:TXP2P DON", .sendFailed),
    (.rak3172, "+EVT:RXP2P RECEIVE TIMEOUT", .receptionEnded),
    (.rak3172, "+EVT:RXP2P_RECEIVE_TIMEOUT", .receptionEnded),
    (.rak3172, "+EVT:RXP2P:", .garbled), (.rak3172, "+EVT:RXP2P:-110:", .garbled),
    (.rak3172, "+EVT:RXP2P:-999:5:41", .garbled), (.rak3172, "+EVT:RXP2P:-1:99:41", .garbled),
    (.rak3172, "AT_BUSY_ERROR", .busy), (.rak3172, "AT_PARAM_ERROR", .refused),
    (.rak3172, "AT+PRECV=65533", .value(65_533)), (.rak3172, "AT+PRECV=6x", .garbled),
    (.rak3172, "AT+VER=RUI_4.0.6_RAK3172-E", .version(.rak3172, offset: 7)),
    (.rak3172, "V1.0.4", .version(.rak3172, offset: 0)), (.rak3172, "Vx", .chatter),
    (.rn2483, "radio_rx  414243", .bytes(offset: 10)), (.rn2483, "radio_tx_ok", .sent),
    (.rn2483, "radio_err", .receptionEnded), (.rn2483, "-12", .value(-12)),
    (.rn2483, "ok", .ok), (.rn2483, "okk", .chatter),
    (.rn2483, "RN2903 1.0.5 x", .version(.rn2903, offset: 0)),
    (.loraE5, "+TEST: LEN:9, RSSI:-26, SNR:13", .figures(counted)),
    (.loraE5, "+TEST: LEN:9, RSSI:-26, SNR:13.0", .figures(counted)),
    (.loraE5, "+TEST: LEN:9, RSSI:-26, SN", .garbled),
    (.loraE5, "+TEST: LEN:256, RSSI:-26, SNR:13", .garbled),
    (.loraE5, "+TEST: RX \"41\"", .bytes(offset: 11)), (.loraE5, "+TEST: TX DONE", .sent),
    (.loraE5, "+TEST: RXLRPKT", .ok), (.loraE5, "+TEST: ERROR(-12)", .refused),
    (.loraE5, "+TEST: RFCFG F:868100000, SF10, BW125K", .value(868_100_000)),
    (.loraE5, "+TEST: RFCFG F:8681", .garbled),
    (.loraE5, "+VER: 4.0.11", .version(.loraE5, offset: 6)),
    (.loraE5, "+VER: ERROR(-1)", .chatter),
    (.la66, "Data: (HEX:) 54 52", .bytes(offset: 12)), (.la66, "Rssi= -21", .figures(rssiOnly)),
    (.la66, "Rssi=", .garbled), (.la66, "txDone", .sent),
    (.la66, "868.100,868.100", .value(868_100_000)), (.la66, "65535,0", .value(65_535)),
    (.la66, "LA66 P2P Device", .version(.la66, offset: 0)),
    (.la66, "Dragino LA66 Device", .otherFirmware),
  ]
  for (dialect, text, expected) in rows { #expect(meaning(dialect, text) == expected, "\(text)") }
}

/// No line traps, whatever stands in it: each of the rows above cut at each place and with each byte exchanged.
@Test(arguments: Module.allCases)
func everyCutOfEveryAnswerEndsInListeningOrAFailure(module: Module) throws {
  let whole = try RadioBench.listening(module).model.lineCount
  for number in 0..<whole {
    for cut in 0... {
      let model = module.model()
      var isWhole = false
      model.onLine = { line, bytes in
        guard line == number else { return bytes }
        isWhole = cut >= bytes.count
        return Array(bytes.prefix(cut))
      }
      let bench = RadioBench(model, expected: module.kind)
      let start = bench.now
      let isReady = bench.begin()
      #expect(isReady, "line \(number) cut at \(cut)")
      let isListening = try isReady && bench.configure(module.setting())
      // One lost line is mended by saying the command again.
      #expect(isListening || !bench.failures.isEmpty, "line \(number) cut at \(cut)")
      #expect(bench.now - start < 60_000)
      if isWhole { break }
    }
  }
}

@Test(arguments: Module.allCases)
func everyCutOfAFramesLinesCostsThatFrameAtMost(module: Module) throws {
  let bench = try RadioBench.listening(module)
  let before = bench.model.lineCount
  bench.model.deliver(module.frameBytes, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
  bench.turn(milliseconds: 3_000) { !$0.frames.isEmpty }
  let count = bench.model.lineCount - before
  for (number, end) in (0..<count).flatMap({ [($0, ""), ($0, "\r\n")] }) {
    for cut in 0... {
      bench.turn(milliseconds: 4_000) { $0.state == .listening && $0.model.isReceiving }
      bench.turn(milliseconds: 4_000)
      bench.frames = []
      let first = bench.model.lineCount
      var isWhole = false
      bench.model.onLine = { line, bytes in
        guard line - first == number else { return bytes }
        isWhole = cut >= bytes.count
        return isWhole ? bytes : Array(bytes.prefix(cut)) + Array(end.utf8)
      }
      bench.model.deliver(module.frameBytes, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
      bench.turn(milliseconds: 4_000)
      bench.model.onLine = nil
      // What is given is the frame, or the beginning of one whose line was cut and ended all the same.
      for frame in bench.frames {
        #expect(module.frameBytes.starts(with: frame.array), "line \(number) cut at \(cut)")
        if end.isEmpty || module == .loraE5 { #expect(frame.array == module.frameBytes) }
      }
      bench.turn(milliseconds: 90_000) { $0.state == .listening && $0.model.isReceiving }
      bench.turn(milliseconds: 4_000)
      bench.frames = []
      bench.model.deliver(module.frameBytes, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
      bench.turn(milliseconds: 4_000)
      #expect(
        bench.frames.map(\.array) == [module.frameBytes], "after line \(number) cut at \(cut)")
      if isWhole { break }
    }
  }
}

@Test(arguments: Module.allCases)
func framesBetweenTheAnswersOfASettingDoNoHarm(module: Module) throws {
  for moment in 0..<60 {
    let bench = try RadioBench.listening(module)
    let other = try module.setting(factor: 8)
    try bench.radio.configure(other, atMilliseconds: bench.now)
    bench.turn(milliseconds: Int64(moment * 7))
    bench.model.deliver(module.frameBytes, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
    #expect(
      bench.turn(milliseconds: 60_000) { $0.setting == other && $0.state == .listening }
    )
    bench.turn(milliseconds: 2_000)
    #expect(bench.model.isReceiving)
    for frame in bench.frames { #expect(frame.array == module.frameBytes) }
    #expect(bench.failures == [])
  }
}

@Test(arguments: Module.allCases)
func noiseOnTheLineNeverTrapsAndIsSurvived(module: Module) throws {
  for seed in UInt64(1)...12 {
    let bench = try RadioBench.listening(module, seed: seed)
    var random = SplitMix64(seed: seed)
    for _ in 0..<150 {
      let count = Int(random.next() % 40)
      // Half of it text, so that it may make lines that mean something.
      let words = [
        "+EVT:", "RXP2P:-1", ":", "OK", "\r\n", "+TEST: ", "LEN:", "RX \"4", "radio_rx ", "ok",
        "busy", "Data: (HEX:) 4", "Rssi= -", "AT_", "RN2483", "6",
      ]
      let noise: [UInt8] =
        random.next() % 2 == 0
        ? (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        : (0..<count / 4).flatMap { _ in Array(words[Int(random.next() % UInt64(words.count))].utf8)
        }
      bench.model.sayRaw(noise, now: bench.now)
      bench.turn(milliseconds: Int64(random.next() % 500))
      if bench.state == .listening, random.next() % 4 == 0 {
        do { try bench.transmit(module.frameBytes) } catch {}
      }
    }
    bench.model.sayRaw([0x0a], now: bench.now)
    bench.turn(milliseconds: 200_000) { $0.state == .listening && $0.model.isReceiving }
    if bench.state == .failed {
      #expect(bench.begin(), "seed \(seed)")
      let isListening = try bench.configure(module.setting())
      #expect(isListening)
    }
    bench.turn(milliseconds: 70_000) { $0.state == .listening && $0.model.isReceiving }
    bench.turn(milliseconds: 3_500)
    bench.frames = []
    bench.model.deliver(module.frameBytes, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
    bench.turn(milliseconds: 4_000)
    #expect(bench.frames.last?.array == module.frameBytes, "seed \(seed)")
  }
}
