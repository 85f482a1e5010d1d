import Buses
import FixedMemory
import LoRa
import Simulation
import Testing

@testable import Radios

private func power(_ frame: ReceivedFrame?) -> Int {
  Int(frame?.packetRSSICentidecibelMilliwatts ?? 1)
}

@Suite struct ChipTests {
  @Test(arguments: Chip.allCases)
  func aFrameIsHeardWithItsFigures(chip: Chip) throws {
    let bench = try ChipBench.listening(chip)
    for (rssi, snr) in [(-9_050, 725), (-12_100, -1_450), (-4_000, 0)] {
      bench.frames = []
      let isHeard = bench.model.deliver(
        chipFrame, AirFigures(rssi: rssi, snr: snr), frequencyErrorHertz: -3_210, now: bench.now)
      #expect(isHeard)
      bench.turn(milliseconds: 100)
      let frame = bench.frames.first
      #expect(frame?.array == chipFrame)
      #expect(frame?.snrCentidecibels == Int32(snr))
      #expect(abs(power(frame) - rssi) <= 60)
      #expect(abs((frame?.frequencyErrorHertz ?? 0) + 3_210) <= 2)
      #expect(frame?.checksum == .right && frame?.receivedMilliseconds == bench.now - 100)
    }
    #expect(bench.radio.counts.received == 3)
    #expect(bench.model.violations == [])
  }

  @Test(arguments: Chip.allCases)
  func aFrameIsSentOnceAndTheRadioListensAgain(chip: Chip) throws {
    let bench = try ChipBench.listening(chip)
    try bench.transmit(chipFrame)
    #expect(bench.model.transmitted.map(\.bytes) == [chipFrame])
    let tuning = bench.model.transmitted.first?.tuning
    let setting = try chip.setting()
    #expect(abs(Int(tuning?.frequencyHertz ?? 0) - Int(setting.frequencyHertz)) < 62)
    #expect(tuning?.spreadingFactor == 9 && tuning?.bandwidthHertz == 125_000)
    #expect(tuning?.syncWord == 0x34 && tuning?.powerDecibelMilliwatts == 14)
    #expect(bench.state == .listening && bench.model.isReceiving)
    #expect(bench.model.violations == [])
    guard case .transmitted(let report) = bench.events.first else {
      Issue.record("\(bench.events)")
      return
    }
    let airtime = Int64(report.airtimeMicroseconds / 1_000)
    #expect(report.endedMilliseconds - report.startedMilliseconds >= airtime)
    #expect(report.endedMilliseconds - report.startedMilliseconds <= airtime + 25)
  }

  @Test(arguments: Chip.allCases)
  func everyBandwidthAndBothIQsKeepTheErrata(chip: Chip) throws {
    let bench = try ChipBench.listening(chip)
    for bandwidth in [Modulation.Bandwidth.khz125, .khz250, .khz500] {
      for isInverted in [false, true] {
        let isListening = try bench.configure(
          chip.setting(bandwidth: bandwidth, isInverted: isInverted))
        #expect(isListening)
        bench.events = []
        try bench.transmit(chipFrame)
        #expect(bench.model.transmitted.last?.tuning.bandwidthHertz == bandwidth.hertz)
        #expect(bench.model.transmitted.last?.tuning.hasInvertedIQ == isInverted)
      }
    }
    #expect(bench.model.violations == [])
    #expect(bench.failures == [])
  }

  @Test(arguments: Chip.allCases)
  func everyPowerIsTheOneOnTheAir(chip: Chip) throws {
    let bench = try ChipBench.listening(chip)
    let capabilities = bench.radio.capabilities
    let range = try #require(capabilities).powerCentidecibelMilliwatts
    for power in stride(from: range.lowerBound, through: range.upperBound, by: 100) {
      _ = try bench.configure(chip.setting(power: power))
      bench.events = []
      try bench.transmit([1])
      #expect(bench.model.transmitted.last?.tuning.powerDecibelMilliwatts == Int(power / 100))
    }
    for power in [range.lowerBound - 100, range.upperBound + 100] {
      #expect(throws: RadioRefusal.powerNotPossible) {
        _ = try bench.configure(chip.setting(power: power))
      }
    }
  }

  @Test(arguments: Chip.allCases)
  func checksumsAreTold(chip: Chip) throws {
    let bench = try ChipBench.listening(chip)
    bench.model.deliver(
      chipFrame, AirFigures(rssi: -9_000, snr: 100), isDamaged: true, now: bench.now)
    bench.turn(milliseconds: 100)
    bench.model.deliver(
      chipFrame, AirFigures(rssi: -9_000, snr: 100), hasCRC: false, now: bench.now)
    bench.turn(milliseconds: 100)
    #expect(bench.frames.map(\.checksum) == [.wrong, .absent])
    #expect(bench.radio.counts.checksumWrong == 1)
  }

  @Test(arguments: Chip.allCases, [1, 2, 128, 255])
  func everyLengthPassesBothWays(chip: Chip, count: Int) throws {
    let bench = try ChipBench.listening(chip)
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + 3) }
    for _ in 0..<4 {
      bench.model.deliver(bytes, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
      bench.turn(milliseconds: 100)
    }
    #expect(bench.frames.map(\.array) == [bytes, bytes, bytes, bytes])
    try bench.transmit(bytes)
    #expect(bench.model.transmitted.map(\.bytes) == [bytes])
  }

  @Test(arguments: Chip.allCases)
  func theNoiseIsTheChipsOwnReading(chip: Chip) throws {
    let bench = try ChipBench.listening(chip)
    try bench.radio.measureNoise(atMilliseconds: bench.now)
    bench.turn(milliseconds: 100)
    let expected: Int32 =
      switch chip {
      case .sx1261, .sx1262, .llcc68: -11_000
      case .sx1276: -11_200
      case .sx1276Low: -11_900
      case .sx1272: -9_400
      }
    #expect(bench.events == [.noise(rssiCentidecibelMilliwatts: expected)])
    #expect(bench.state == .listening)
  }

  @Test(arguments: Chip.allCases)
  func theNoiseIsThatOfTheChannelThatTheChipIsSetTo(chip: Chip) throws {
    let bench = try ChipBench.listening(chip)
    let low = chip == .sx1276Low
    let channels: [(UInt32, Int)] =
      low
      ? [(433_175_000, -12_100), (433_375_000, -9_700)]
      : [(868_100_000, -12_100), (868_300_000, -9_700), (867_500_000, -10_900)]
    bench.model.onPowerReading = { hertz in
      channels.first { abs(Int($0.0) - Int(hertz)) < 100 }?.1
    }
    for (hertz, level) in channels {
      _ = try bench.configure(chip.setting(hertz: hertz))
      bench.events = []
      try bench.radio.measureNoise(atMilliseconds: bench.now)
      bench.turn(milliseconds: 100)
      #expect(bench.events == [.noise(rssiCentidecibelMilliwatts: Int32(level))], "\(hertz)")
      #expect(bench.model.isReceiving)
    }
  }

  @Test func theBaseOfThePowerChangesInTheGapAndNotAt868Megahertz() throws {
    let bench = try ChipBench.listening(.sx1276)
    for (hertz, base) in [
      (863_100_000, -157), (867_900_000, -157), (868_000_000, -157), (902_300_000, -157),
      (779_500_000, -157), (524_000_000, -164), (433_175_000, -164),
    ] as [(UInt32, Int)] {
      _ = try bench.configure(Chip.sx1276.setting(hertz: hertz))
      bench.frames = []
      bench.model.deliver(chipFrame, AirFigures(rssi: -9_000, snr: 500), now: bench.now)
      bench.turn(milliseconds: 50)
      let raw = (bench.model as? SX127xModel)?.registers[0x1a] ?? 0
      #expect(power(bench.frames.first) == base * 100 + (Int(raw) * 1_600 + 7) / 15, "\(hertz)")
    }
  }

  /// SX1276 5.5.5 and SX1261 13.5.3, by hand.
  @Test func figuresAreThoseOfTheDataSheets() {
    #expect(ChipMachine.sx127xPower(base: -157, raw: 60, snrCentidecibels: 0) == -9_300)
    #expect(ChipMachine.sx127xPower(base: -157, raw: 30, snrCentidecibels: -1_025) == -13_725)
    #expect(ChipMachine.sx127xPower(base: -164, raw: 0, snrCentidecibels: 100) == -16_400)
    #expect(ChipMachine.sx127xFrequencyError(0xfffff, bandwidthHertz: 500_000) == 0)
    #expect(ChipMachine.sx127xFrequencyError(0x80000, bandwidthHertz: 125_000) == -68_719)
    #expect(ChipMachine.sx127xFrequencyError(0x7ffff, bandwidthHertz: 125_000) == 68_719)
    #expect(
      ChipMachine.sx126xFrequencyError(0x180000 | 0xf0_0000, bandwidthHertz: 125_000) == -63_488)
    #expect(ChipMachine.longSyncWord(0x34) == 0x3444 && ChipMachine.longSyncWord(0x12) == 0x1424)
    #expect(ChipMachine.imageBand(868_100_000) == 0xd7db)
    #expect(ChipMachine.imageBand(433_175_000) == 0x6b6f)
    #expect(ChipMachine.imageBand(923_200_000) == 0xe1e9)
    #expect(ChipMachine.imageBand(490_000_000) == 0x7581)
  }

  @Test func theCommandsOfAnSX1262AreThoseOfItsDataSheet() throws {
    let bench = ChipBench(
      SX126xModel(needsOscillator: true), ChipWiring(kind: .sx1262, oscillator: .volts1p8))
    try #require(bench.begin())
    _ = try bench.configure(Chip.sx1262.setting(factor: 12, power: 2_200))
    let sent = bench.model.transfers
    let expected: [[UInt8]] = [
      [0x80, 0x00], [0x07, 0, 0], [0x97, 0x02, 0x00, 0x01, 0x40], [0x96, 0x01], [0x9d, 0x01],
      [0x8a, 0x01], [0x89, 0x7f], [0x98, 0xd7, 0xdb], [0x86, 0x36, 0x41, 0x99, 0x9a],
      [0x95, 0x04, 0x07, 0x00, 0x01], [0x0d, 0x08, 0xe7, 0x38], [0x8e, 22, 0x04],
      [0x8b, 12, 4, 1, 1], [0x8c, 0, 8, 0, 0xff, 1, 0], [0x0d, 0x07, 0x40, 0x34, 0x44],
      [0x0d, 0x08, 0xd8, 0xde], [0x82, 0xff, 0xff, 0xff],
    ]
    var position = 0
    for command in expected where command[0] != 0x0d || command[2] == 0x40 {
      let found = sent[position...].firstIndex(of: command)
      #expect(found != nil, "\(command)")
      position = found ?? position
    }
    for command in expected where command[0] == 0x0d { #expect(sent.contains(command)) }
  }

  @Test func anLLCC68HasItsLimits() throws {
    let bench = try ChipBench.listening(.llcc68)
    for (factor, bandwidth) in [(10, .khz125), (11, .khz250), (12, .khz500)]
      as [(UInt8, Modulation.Bandwidth)]
    {
      #expect(throws: RadioRefusal.modulationNotPossible) {
        _ = try bench.configure(Chip.llcc68.setting(factor: factor, bandwidth: bandwidth))
      }
    }
    let isListening = try bench.configure(Chip.llcc68.setting(factor: 11, bandwidth: .khz500))
    #expect(isListening)
    let other = ChipBench(Chip.llcc68.model(), ChipWiring(kind: .sx1262))
    #expect(!other.begin())
    #expect(other.failures == [.wrongRadio])
  }

  @Test func anotherVersionIsAnotherRadio() {
    let bench = ChipBench(SX127xModel(version: 0x22), ChipWiring(kind: .sx1276))
    #expect(!bench.begin())
    #expect(bench.failures == [.wrongRadio])
  }
}
