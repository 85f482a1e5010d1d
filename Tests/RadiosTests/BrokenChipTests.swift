import Buses
import FixedMemory
import LoRa
import Simulation
import Testing

@testable import Radios

@Suite struct BrokenChipTests {
  /// From power to a frame sent and one heard; true when it came to that.
  private func course(_ bench: ChipBench, _ chip: Chip) throws -> Bool {
    guard bench.begin() else { return false }
    do {
      _ = try bench.configure(chip.setting())
      bench.turn(milliseconds: 30_000) { $0.state == .listening }
      try bench.transmit(chipFrame)
    } catch { return false }
    bench.turn(milliseconds: 30_000) { $0.state == .listening && $0.model.isReceiving }
    bench.model.deliver(chipFrame, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
    bench.turn(milliseconds: 3_000)
    return true
  }

  @Test(arguments: Chip.allCases, [BusError.timedOut, .disconnected, .system(errno: 5)])
  func anErrorAtEachTransferIsToldOrMended(chip: Chip, error: BusError) throws {
    var total = 0
    for index in 0..<400 {
      var count = 0
      let bench = ChipBench(
        chip.model(), ChipWiring(kind: chip.kind),
        beforeTransfer: { number throws(BusError) in
          count = number + 1
          if number == index { throw error }
        })
      let isWhole = try course(bench, chip)
      total = count
      if index >= count { break }
      #expect(bench.model.transmitted.count <= 1, "sent again after transfer \(index)")
      if error == .disconnected {
        #expect(bench.failures == [.bus(.disconnected)], "transfer \(index)")
        #expect(bench.state == .failed)
      } else {
        #expect(isWhole && bench.state == .listening, "transfer \(index)")
        let isTold = bench.events.contains { $0 == .failed(.transmit, .bus(error)) }
        #expect(bench.model.transmitted.count == 1 || isTold, "transfer \(index)")
      }
      #expect(bench.model.violations == [], "transfer \(index)")
    }
    #expect(total > 40)
  }

  @Test(arguments: [Chip.sx1262, .sx1276])
  func anErrorAtEachUseOfALineIsToldOrMended(chip: Chip) throws {
    for index in 0..<120 {
      let bench = ChipBench(
        chip.model(), ChipWiring(kind: chip.kind),
        beforeUse: { number throws(BusError) in if number == index { throw .system(errno: 5) } })
      let isWhole = try course(bench, chip)
      #expect(isWhole || bench.failures == [.bus(.system(errno: 5))], "use \(index)")
      #expect(bench.model.transmitted.count <= 1)
    }
  }

  @Test(arguments: Chip.allCases)
  func eachFlippedBitOfAnAnswerEndsInAWorkingRadioOrAReason(chip: Chip) throws {
    let whole = ChipBench(chip.model(), ChipWiring(kind: chip.kind))
    _ = try course(whole, chip)
    let count = whole.model.transfers.count
    for index in 0..<count {
      for bit in 0..<8 {
        let model = chip.model()
        model.onAnswer = { number, reply in
          guard number == index, reply.count > 1 else { return reply }
          var reply = reply
          reply[1] ^= 1 << UInt8(bit)
          return reply
        }
        let bench = ChipBench(model, ChipWiring(kind: chip.kind))
        _ = try course(bench, chip)
        bench.turn(milliseconds: 60_000) { $0.state == .listening || $0.state == .failed }
        #expect(
          bench.state == .listening || !bench.failures.isEmpty, "transfer \(index), bit \(bit)")
        #expect(bench.model.transmitted.count <= 1)
      }
    }
  }

  @Test(arguments: Chip.allCases, [RadioChipFault.silent, .floating, .garbage, .refusing])
  func aChipThatAnswersNothingUsefulIsLeftAloneWithAReason(chip: Chip, fault: RadioChipFault)
    throws
  {
    let model = chip.model()
    model.fault = fault
    let bench = ChipBench(model, ChipWiring(kind: chip.kind))
    #expect(!bench.begin())
    #expect(bench.state == .failed && bench.failures.count == 1)
    if fault == .silent || fault == .floating { #expect(bench.failures == [.nothingOnTheBus]) }
    let count = model.transfers.count
    bench.turn(milliseconds: 300_000)
    #expect(model.transfers.count == count)
    model.fault = .none
    #expect(bench.begin())
  }

  @Test(arguments: Chip.allCases, [RadioChipFault.silent, .floating, .garbage])
  func aChipThatFallsSilentWhileItListensIsReset(chip: Chip, fault: RadioChipFault) throws {
    let bench = try ChipBench.listening(chip)
    bench.model.fault = fault
    bench.turn(milliseconds: 60_000) { $0.state == .failed || $0.radio.counts.resets > 0 }
    #expect(bench.radio.counts.resets > 0)
    bench.model.fault = .none
    if bench.state == .failed {
      #expect(bench.begin())
    } else {
      bench.turn(milliseconds: 60_000) { $0.state == .listening }
      #expect(bench.model.isReceiving)
    }
  }

  @Test func busyThatStaysHighIsToldAndResetAndGivenUp() throws {
    let bench = try ChipBench.listening(.sx1262)
    bench.model.fault = .stuckBusy
    bench.turn(milliseconds: 60_000) { $0.state == .failed }
    #expect(bench.events.contains(.reset(.busyLine)))
    #expect(bench.failures == [.busyLine])
    #expect(bench.model.resetCount > 2)
    bench.model.fault = .none
    #expect(bench.begin())
  }

  @Test(arguments: Chip.allCases, [RadioChipFault.lineLow, .lineHigh])
  func withoutAWorkingLineFramesAreHeardByAsking(chip: Chip, fault: RadioChipFault) throws {
    let bench = try ChipBench.listening(chip)
    bench.model.fault = fault
    bench.turn(milliseconds: 2_000)
    for _ in 0..<3 {
      bench.model.deliver(chipFrame, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
      bench.turn(milliseconds: 2_000)
    }
    // The first that a dead line does not tell of has no time, and is dropped.
    #expect(bench.frames.count == (fault == .lineLow ? 2 : 3))
    #expect(bench.radio.counts.garbled == (fault == .lineLow ? 1 : 0))
    #expect(bench.events.filter { $0 == .noticed(.interruptLine) }.count == 1)
    try bench.transmit(chipFrame)
    #expect(bench.failures == [])
  }

  @Test(arguments: Chip.allCases)
  func withoutALineFramesAreHeardByAsking(chip: Chip) throws {
    let bench = try ChipBench.listening(chip, hasInterrupt: false)
    let start = bench.now
    bench.model.deliver(chipFrame, AirFigures(rssi: -9_000, snr: 100), now: start)
    bench.turn(milliseconds: 2_000)
    #expect(bench.frames.map(\.array) == [chipFrame])
    #expect((bench.frames.first?.receivedMilliseconds ?? .max) - start <= 25)
  }

  /// Both share one interrupt, so that there is no second edge.
  @Test(arguments: Chip.allCases)
  func aFrameThatComesWhileAnotherIsReadMakesNobodyDeaf(chip: Chip) throws {
    let model = chip.model()
    var isArmed = false
    let clockBench = ChipBench(model, ChipWiring(kind: chip.kind))
    try #require(clockBench.begin())
    _ = try clockBench.configure(chip.setting())
    model.onAnswer = { _, reply in
      if isArmed, reply.count > 20 {
        isArmed = false
        model.deliver([7, 7], AirFigures(rssi: -8_000, snr: 200), now: clockBench.now)
      }
      return reply
    }
    for _ in 0..<3 {
      isArmed = true
      model.deliver(chipFrame, AirFigures(rssi: -9_000, snr: 100), now: clockBench.now)
      clockBench.turn(milliseconds: 10)
      model.deliver(chipFrame, AirFigures(rssi: -9_000, snr: 100), now: clockBench.now)
      clockBench.turn(milliseconds: 10)
    }
    #expect(clockBench.frames.filter { $0.array == chipFrame }.count == 6)
    #expect(clockBench.state == .listening && clockBench.radio.counts.deaf == 0)
  }

  @Test(arguments: Chip.allCases)
  func aChipThatLeftReceptionIsFoundAndSetAnew(chip: Chip) throws {
    let bench = try ChipBench.listening(chip)
    bench.turn(milliseconds: 5_000)
    bench.model.dropReception()
    bench.turn(milliseconds: 10_000)
    #expect(bench.radio.counts.deaf == 1 && bench.events.last == .configured)
    #expect(bench.model.isReceiving && !bench.events.contains(.noticed(.restarted)))
    bench.model.powerCycle(now: bench.now)
    bench.turn(milliseconds: 10_000)
    #expect(bench.events.filter { $0 == .noticed(.restarted) }.count == 1)
    #expect(bench.radio.counts.deaf == 2 && bench.model.isReceiving)
    bench.frames = []
    bench.model.deliver(chipFrame, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
    bench.turn(milliseconds: 100)
    #expect(bench.frames.map(\.array) == [chipFrame])
  }

  @Test(arguments: Chip.allCases)
  func aTransmissionWithoutAnEndIsToldAndTheChipIsReset(chip: Chip) throws {
    let bench = try ChipBench.listening(chip)
    let resets = bench.model.resetCount
    bench.model.fault = .endless
    try bench.ask(toSend: chipFrame)
    bench.turn(milliseconds: 20_000) { $0.state == .listening && !$0.failures.isEmpty }
    #expect(bench.failures == [.transmissionUnfinished])
    #expect(bench.model.resetCount == resets + 1 && bench.model.isReceiving)
    #expect(bench.model.transmitted.count == 1)
  }

  @Test func anOscillatorThatDoesNotStartIsNamed() {
    let bench = ChipBench(SX126xModel(needsOscillator: true), ChipWiring(kind: .sx1262))
    #expect(!bench.begin())
    #expect(bench.failures == [.oscillator])
  }

  @Test(arguments: Chip.allCases)
  func aChipWithoutAResetLineIsUsedAllTheSame(chip: Chip) throws {
    let model = chip.model()
    let bench = ChipBench(model, ChipWiring(kind: chip.kind), hasReset: false)
    #expect(try course(bench, chip))
    #expect(bench.frames.map(\.array) == [chipFrame] && model.resetCount == 0)
  }

  @Test(arguments: Chip.allCases)
  func afterLongSilenceTheSettingIsWrittenAnew(chip: Chip) throws {
    let bench = try ChipBench.listening(chip)
    let count = bench.model.transfers.filter {
      $0 == (chip.isSX126x ? [0x8b, 9, 4, 1, 0] : [0xb9, 0x34])
    }.count
    bench.turn(milliseconds: RadioBounds.silenceBeforeRenewalMilliseconds + 10_000)
    let after = bench.model.transfers.filter {
      $0 == (chip.isSX126x ? [0x8b, 9, 4, 1, 0] : [0xb9, 0x34])
    }.count
    #expect(after == count + 1)
    #expect(bench.state == .listening && bench.events == [])
  }
}
