import FixedMemory
import LoRa
import Simulation
import Testing

@testable import Radios

@Test(arguments: Module.allCases)
func aModuleIsKnownByItsAnswer(module: Module) throws {
  for expected in [module.kind, nil] {
    let bench = RadioBench(module.model(), expected: expected)
    #expect(bench.begin())
    #expect(bench.events == [.identified])
    let identity = try #require(bench.identity)
    #expect(identity.kind == module.kind)
    #expect(!identity.firmware.isEmpty)
    #expect(bench.capabilities != nil)
  }
}

@Test(arguments: Module.allCases)
func anotherModuleThanTheExpectedIsRefused(module: Module) {
  for other: RadioKind in [.rak3172, .rn2483, .rn2903, .loraE5, .la66] where other != module.kind {
    let bench = RadioBench(module.model(), expected: other)
    #expect(!bench.begin())
    #expect(bench.failures == [.wrongRadio], "\(other)")
  }
}

@Test func aFirmwareForLoRaWANOnlyIsRefused() {
  let bench = RadioBench(LA66Model(banner: "Dragino LA66 Device"), expected: .la66)
  #expect(!bench.begin())
  #expect(bench.failures == [.wrongRadio])
}

@Test func anRN2483ThatCantLeaveReceptionIsRefused() {
  for version in ["RN2483 1.0.1 Dec 15 2015 09:38:09", "RN2903 0.9.5 Sep 02 2015 17:19:55"] {
    let model = RN2483Model(version: version)
    let bench = RadioBench(model, expected: model.name == "rn2903" ? .rn2903 : .rn2483)
    #expect(!bench.begin())
    #expect(bench.failures == [.wrongRadio])
  }
}

@Test func aModuleInLoRaWANModeIsPutIntoPointToPoint() throws {
  let model = RAK3172Model(networkMode: 1)
  let bench = RadioBench(model, expected: .rak3172)
  #expect(bench.begin())
  #expect(model.networkMode == 0)
  let isListening = try bench.configure(Module.rak3172.setting())
  #expect(isListening)
}

@Test(arguments: Module.allCases)
func aSettingArrivesWhole(module: Module) throws {
  let bench = try RadioBench.listening(module)
  let factors: [UInt8] = [7, 10, 12]
  for factor in factors {
    for power: Int32 in [500, 1_400] {
      for offset: UInt32 in [0, 200_000, 362_000] {
        let setting = try module.setting(
          factor: factor, power: power, frequencyHertz: module.frequencyHertz + offset)
        let isListening = try bench.configure(setting)
        #expect(isListening)
        let tuning = bench.model.tuning
        #expect(
          abs(Int64(tuning.frequencyHertz) - Int64(setting.frequencyHertz)) <= 100, "\(tuning)")
        #expect(tuning.spreadingFactor == Int(factor))
        #expect(tuning.bandwidthHertz == 125_000 && tuning.codingRateDenominator == 5)
        #expect(tuning.preambleSymbolCount == 8)
        #expect(tuning.syncWord == module.syncWord)
        #expect(!tuning.hasInvertedIQ)
        #expect(Int32(tuning.powerDecibelMilliwatts) * 100 == power)
        #expect(bench.model.isReceiving)
        #expect(bench.setting == setting)
      }
    }
  }
  #expect(bench.failures == [] && bench.counts.unanswered == 0)
}

@Test func everyCommandOfADialogueIsAsDocumented() throws {
  func dialogue(_ module: Module) throws -> [String] {
    let bench = try RadioBench.listening(module)
    try bench.transmit(module.frameBytes)
    bench.turn(milliseconds: 5_000) { $0.counts.transmitted == 1 && $0.model.isReceiving }
    bench.turn(milliseconds: 62_500)
    return bench.model.commands
  }
  let hex = "E0" + rest
  #expect(
    try dialogue(.rak3172) == [
      "AT+VER=?", "AT+NWM=?", "AT+PRECV=0", "AT+P2P=868100000:10:0:0:8:14", "AT+SYNCWORD=3444",
      "AT+IQINVER=0", "AT+PFREQ=?", "AT+PRECV=65533", "AT+PSEND=\(hex)", "AT+PRECV=?",
      "AT+PRECV=?",
    ])
  #expect(
    try dialogue(.rak3172Old) == [
      "AT+VER=?", "AT+NWM=?", "AT+PRECV=0", "AT+P2P=868100000:10:125:0:8:14", "AT+PFREQ=?",
      "AT+PRECV=65533", "AT+PSEND=\(hex)", "AT+PRECV=?", "AT+PRECV=?",
    ])
  #expect(
    try dialogue(.rn2483) == [
      "sys get ver", "mac pause", "radio rxstop", "radio set mod lora",
      "radio set freq 868100000", "radio set sf sf10", "radio set bw 125", "radio set cr 4/5",
      "radio set prlen 8", "radio set crc on", "radio set iqi off", "radio set sync 34",
      "radio set pwr 14", "radio set wdt 0", "radio get freq", "radio rx 0", "radio rxstop",
      "radio tx \(hex)", "radio rx 0", "radio rx 0",
    ])
  #expect(
    try dialogue(.loraE5) == [
      "AT+VER", "AT+MODE=TEST", "AT+TEST=RFCFG,868.1,SF10,125,8,8,14,ON,OFF,ON",
      "AT+TEST=RXLRPKT", "AT+TEST=TXLRPKT,\"\(hex)\"", "AT+TEST=RXLRPKT", "AT+TEST=RXLRPKT",
    ])
  #expect(
    try dialogue(.la66) == [
      "ATZ", "AT+FRE=868.100,868.100", "AT+SF=10,10", "AT+BW=0,0", "AT+CR=1,1", "AT+CRC=1,1",
      "AT+HEADER=0,0", "AT+IQ=0,0", "AT+PREAMBLE=8,8", "AT+SYNCWORD=1", "AT+GROUPMOD=224,0",
      "AT+POWER=14", "AT+RXMOD=65535,0", "ATZ", "AT+FRE=?", "AT+SEND=0,\(rest),0,0",
      "AT+RXMOD=?", "AT+RXMOD=?",
    ])
}

/// A beacon behind its first byte.
private let rest = Module.rak3172.frameBytes.dropFirst().map {
  ($0 < 16 ? "0" : "") + String($0, radix: 16).uppercased()
}.joined()

@Test(arguments: Module.allCases)
func aFrameIsHeardWithItsFigures(module: Module) throws {
  let bench = try RadioBench.listening(module)
  for (rssi, snr) in [(-3_100, 900), (-11_700, -1_200), (-13_900, -2_000), (-9_950, 425)] {
    let heardAt = bench.now
    #expect(bench.model.deliver(module.frameBytes, AirFigures(rssi: rssi, snr: snr), now: heardAt))
    bench.turn(milliseconds: 3_000) { $0.model.isReceiving && !$0.frames.isEmpty }
    #expect(bench.frames.count == 1)
    let frame = try #require(bench.frames.last)
    bench.frames = []
    #expect(frame.array == module.frameBytes)
    #expect(frame.frequencyHertz == module.frequencyHertz && frame.spreadingFactor == 10)
    #expect(frame.bandwidth == .khz125 && frame.codingRateDenominator == 5)
    // Firmware cuts fractions off.
    #expect(
      frame.packetRSSICentidecibelMilliwatts
        == Int32(rssi / 100 * 100))
    #expect(frame.snrCentidecibels == (module == .la66 ? nil : Int32(snr / 100 * 100)))
    #expect(frame.signalRSSICentidecibelMilliwatts == nil && frame.frequencyErrorHertz == nil)
    #expect(frame.checksum == .checkedByModule && frame.correction == .ofFirmware)
    let late = frame.receivedMilliseconds - heardAt
    let uncertainty = try #require(bench.capabilities).receiveTimeUncertaintyMilliseconds
    #expect(late >= 0 && late <= Int64(uncertainty))
  }
  #expect(bench.counts.received == 4 && bench.counts.garbled == 0)
}

@Test(arguments: Module.allCases)
func framesOfEveryLengthAreHeardWhole(module: Module) throws {
  let bench = try RadioBench.listening(module)
  for count in 1...255 {
    let bytes = (0..<count).map { UInt8(($0 * 7 + count) & 0xff) }
    bench.model.deliver(bytes, AirFigures(rssi: -8_000, snr: 500), now: bench.now)
    bench.turn(milliseconds: 5_000) { $0.frames.count == count && $0.model.isReceiving }
    #expect(bench.frames.last?.array == bytes, "\(count)")
  }
  #expect(bench.frames.count == 255 && bench.failures == [])
}

@Test(arguments: Module.allCases)
func aFrameIsSentOnceAndReported(module: Module) throws {
  let bench = try RadioBench.listening(module)
  let askedAt = bench.now
  try bench.transmit(module.frameBytes)
  #expect(bench.turn(milliseconds: 5_000) { !$0.events.isEmpty })
  guard case .transmitted(let report)? = bench.events.first else {
    Issue.record("\(bench.events)")
    return
  }
  #expect(bench.model.transmitted.count == 1)
  let sent = try #require(bench.model.transmitted.first)
  #expect(sent.bytes == module.frameBytes)
  #expect(abs(Int64(sent.tuning.frequencyHertz) - Int64(module.frequencyHertz)) <= 100)
  #expect(report.startedMilliseconds >= askedAt && report.startedMilliseconds <= sent.startedAt)
  #expect(
    report.endedMilliseconds >= sent.startedAt + Int64(sent.airtimeMilliseconds))
  #expect(abs(Double(report.airtimeMicroseconds) / 1_000 - sent.airtimeMilliseconds) < 0.01)
  #expect(report.powerCentidecibelMilliwatts == 1_400)
  #expect(bench.turn(milliseconds: 2_000) { $0.model.isReceiving && $0.state == .listening })
  bench.model.deliver(module.frameBytes, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
  #expect(bench.turn(milliseconds: 3_000) { !$0.frames.isEmpty })
}

@Test(arguments: Module.allCases)
func theLongestFrameIsSent(module: Module) throws {
  let bench = try RadioBench.listening(module)
  let count = Int(try #require(bench.capabilities).maximumPayloadByteCount)
  let bytes = [UInt8(0xe0)] + (1..<count).map { UInt8(truncatingIfNeeded: $0) }
  try bench.transmit(bytes)
  #expect(bench.turn(milliseconds: 20_000) { $0.counts.transmitted == 1 })
  #expect(bench.model.transmitted.map(\.bytes) == [bytes])
  if count < 255 {
    #expect(bench.turn(milliseconds: 5_000) { $0.state == .listening })
    #expect(throws: RadioRefusal.payloadTooLong) { try bench.transmit(bytes + [0]) }
  }
}

@Test(arguments: Module.allCases)
func anEchoChangesNothing(module: Module) throws {
  let model = module.model()
  model.echoes = true
  let bench = RadioBench(model, expected: module.kind)
  #expect(bench.begin())
  let isListening = try bench.configure(module.setting())
  #expect(isListening)
  model.deliver(module.frameBytes, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
  #expect(bench.turn(milliseconds: 3_000) { $0.frames.count == 1 })
  bench.turn(milliseconds: 1_000)
  try bench.transmit(module.frameBytes)
  #expect(bench.turn(milliseconds: 5_000) { $0.counts.transmitted == 1 })
  #expect(bench.failures == [] && bench.counts.deaf == 0)
}
