import Buses
import LoRa
import Simulation
import Testing

@testable import Radios

/// What the question of each second finds, and what follows.
@Suite struct ChipPollTests {
  /// Both errors stay in the chip until they are cleared.
  @Test(arguments: [UInt16(0x20), 0x40])
  func anOscillatorThatFailedOnceIsToldAndTheChipIsSetUpAnew(error: UInt16) throws {
    let model = SX126xModel()
    let bench = ChipBench(model, ChipWiring(kind: .sx1262))
    try #require(bench.begin())
    let isListening = try bench.configure(Chip.sx1262.setting())
    try #require(isListening)
    bench.turn(milliseconds: 3_000)
    bench.events = []
    let heardAt = bench.now
    model.errors = error
    bench.turn(milliseconds: 20_000)
    #expect(model.errors == 0 && bench.state == .listening && model.isReceiving)
    #expect(bench.events.dropFirst() == [.noticed(.oscillator), .configured])
    guard case .deaf(let since) = bench.events.first else {
      Issue.record("\(bench.events)")
      return
    }
    #expect(since <= heardAt && since > heardAt - 2_000)
    #expect(bench.radio.counts.resets == 0)
  }

  @Test func anOscillatorThatFailsInEachReceptionEndsInResetsAndAReason() throws {
    let bench = try ChipBench.listening(.sx1262)
    let model = bench.model
    model.onAnswer = { _, reply in
      guard model.transfers.last?.first == 0x17, model.isReceiving else { return reply }
      return Array(reply.dropLast()) + [0x40]
    }
    bench.turn(milliseconds: 120_000) { $0.state == .failed }
    #expect(bench.state == .failed && bench.failures == [.oscillator])
    #expect(
      bench.events.filter { $0 == .reset(.oscillator) }.count
        == Int(RadioBounds.resetsBeforeFailed))
    #expect(model.resetCount == 1 + Int(RadioBounds.resetsBeforeFailed))
  }

  @Test(arguments: Chip.allCases)
  func aChipThatIsDeafAtEachQuestionIsResetAndGivenUp(chip: Chip) throws {
    let bench = try ChipBench.listening(chip)
    for count in 1...12 {
      bench.turn(milliseconds: 10_000) { $0.state == .listening }
      try #require(bench.state == .listening && bench.model.isReceiving, "round \(count)")
      bench.model.dropReception()
      bench.turn(milliseconds: 10_000) { $0.radio.counts.deaf == count }
      #expect(bench.radio.counts.resets == min(3, count / 3), "round \(count)")
    }
    #expect(bench.state == .failed && bench.failures == [.deaf])
  }

  /// One sound answer ends the row.
  @Test(arguments: Chip.allCases)
  func aChipThatIsDeafNowAndThenIsNotReset(chip: Chip) throws {
    let bench = try ChipBench.listening(chip)
    for _ in 0..<12 {
      bench.turn(milliseconds: 5_000)
      bench.model.dropReception()
    }
    bench.turn(milliseconds: 5_000)
    #expect(bench.radio.counts.deaf == 12 && bench.radio.counts.resets == 0)
    #expect(bench.state == .listening && bench.model.isReceiving)
  }

  @Test(arguments: [Chip.sx1262, .sx1276])
  func aQuestionThatFailsIsToldEachTimeAndLeadsToAReset(chip: Chip) throws {
    let bench = try ChipBench.listening(chip)
    let model = bench.model
    // The last transfer of the question, and of nothing else while it listens.
    let question: UInt8 = chip.isSX126x ? 0x17 : 0x12
    model.onAnswer = { _, reply in
      guard model.transfers.last?.first == question, model.isReceiving else { return reply }
      return reply.map { _ in 0xff }
    }
    bench.turn(milliseconds: 120_000) { $0.state == .failed }
    #expect(bench.state == .failed && bench.failures == [.nothingOnTheBus])
    #expect(bench.events.filter { $0 == .reset(.nothingOnTheBus) }.count == 3)
    #expect(bench.events.filter { $0 == .noticed(.nothingOnTheBus) }.count == 12)
  }

  @Test(arguments: [Chip.sx1276, .sx1276Low, .sx1272])
  func aCalibrationThatNeverEndsIsRefused(chip: Chip) throws {
    let model = SX127xModel(version: chip == .sx1272 ? 0x22 : 0x12)
    model.isAlwaysCalibrating = true
    let bench = ChipBench(model, ChipWiring(kind: chip.kind))
    try #require(bench.begin())
    let start = bench.now
    let isListening = try bench.configure(chip.setting())
    #expect(!isListening)
    #expect(bench.events.last == .failed(.configure, .refused))
    #expect(bench.now - start < 1_000)
    model.isAlwaysCalibrating = false
    let isMended = try bench.configure(chip.setting())
    #expect(isMended && model.violations == [])
  }

  @Test(arguments: Chip.allCases, [5, 6, 7, 8])
  func theCodingRateIsTheSendersNotTheSettings(chip: Chip, rate: Int) throws {
    let bench = try ChipBench.listening(chip)
    bench.model.senderCodingRateDenominator = rate
    bench.model.deliver(chipFrame, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
    bench.turn(milliseconds: 50)
    #expect(bench.frames.map(\.codingRateDenominator) == [UInt8(rate)])
    #expect(bench.radio.setting?.modulation.codingRateDenominator == 5)
  }

  @Test(arguments: [UInt8(0), 5, 6, 7])
  func whatIsNoCodingRateLeavesTheSettings(value: UInt8) throws {
    var frame = ReceivedFrame()
    frame.begin(try Chip.sx1262.setting(), atMilliseconds: 0)
    frame.take(codingRate: value)
    #expect(frame.codingRateDenominator == 5)
  }

  /// A chip that is asked every 20 ms is as late as one without a line.
  @Test func aLineThatIsNotBelievedMakesTheTimeOfFramesLessCertain() throws {
    let bench = try ChipBench.listening(.sx1262)
    #expect(bench.radio.capabilities?.receiveTimeUncertaintyMilliseconds == 5)
    bench.model.fault = .lineHigh
    bench.turn(milliseconds: 3_000)
    #expect(bench.events == [.noticed(.interruptLine)])
    #expect(bench.radio.capabilities?.receiveTimeUncertaintyMilliseconds == 25)
  }
}
