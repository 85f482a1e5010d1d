import AgentMessages
import Coverage
import Foundation
import LinuxPlatform
import LoRa
import Proofs
import Radios
import Records
import Simulation
import TestSupport
import Testing

/// The agent with a radio chip behind SPI and lines, as the board profile wires it.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct AgentChipTests: ChipBench {
  @Test(arguments: [("sx1262", RadioKind.sx1262), ("llcc68", .llcc68), ("sx1276", .sx1276)])
  func aBeaconThatAChipHearsIsAWitnessLeafWithItsFigures(chip: String, kind: RadioKind) throws {
    let node = try node(chip: chip)
    let model = try #require(AirOption.Chip(rawValue: chip)).model(seed: 1)
    let served = try ServedChip(model, path: node.path("spi-0.sock"))
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    #expect(try untilListening(connection))
    let listening = try radio(connection)
    #expect(listening.isAttached && listening.kindNumber == kind.rawValue)
    #expect(listening.frequencyHertz == 868_100_000)
    #expect(listening.lastFaultNumber == 0)
    try served.deliver(
      beacon(7), AirFigures(rssi: -11_300, snr: -725), frequencyErrorHertz: 1_000)
    #expect(try until(connection) { $0.witnessCount == 1 })
    #expect(try agent.end().status == 0)
    let violations = try served.look { model, _ in model.violations }
    #expect(violations == [])
    #expect(try served.look { model, _ in model.resetCount } == 1)
    let leaves = try node.leaves()
    let witness = try #require(leaves.compactMap(\.witness).first)
    #expect((0..<24).map { witness.frame[$0] } == beacon(7))
    let reception = witness.reception
    #expect(reception.snrCentidecibels == -725 && reception.uncertaintyMilliseconds >= 5)
    #expect((900...1_100).contains(reception.frequencyErrorHertz ?? 0))
    if kind == .sx1276 {
      // -157 dBm + value + SNR.
      #expect(abs(reception.rssiCentidecibelMilliwatts - -11_300) <= 100)
      #expect(reception.correctionCentidecibels == -15_700)
    } else {
      #expect(reception.rssiCentidecibelMilliwatts == -11_300)
      #expect(reception.correctionNumber == 0)
      #expect(reception.signalCentidecibelMilliwatts == -12_000)
    }
    #expect(leaves.compactMap(\.schemaNumber) == [33, 33])
    #expect(leaves.compactMap(\.device) == [Device(name: "hat", isThere: true, changeCount: 1)])
    served.end()
  }

  @Test(arguments: [
    (RadioChipFault.silent, FaultCode.nothingOnTheBus), (.floating, .nothingOnTheBus),
    (.stuckBusy, .busyLineStuck), (.oscillator, .oscillatorFault),
  ])
  func aChipThatDoesNotWorkIsAFaultWithAReason(fault: RadioChipFault, code: FaultCode) throws {
    let node = try node()
    let served = try ServedChip(SX126xModel(), path: node.path("spi-0.sock"))
    try served.setFault(fault)
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    #expect(
      try until(connection) {
        $0.stateNumber == RadioState.failed.rawValue && $0.lastFaultNumber == code.rawValue
      })
    #expect(try agent.end().status == 0)
    let found = try faults(node)
    #expect(found == [UInt64(code.rawValue)])
    served.end()
  }

  @Test func aChipThatRestartsByItselfIsDeafAndListensAgain() throws {
    let node = try node()
    let served = try ServedChip(SX126xModel(), path: node.path("spi-0.sock"))
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    #expect(try untilListening(connection))
    try served.look { model, _ in model.powerCycle(now: ServedChip.now) }
    #expect(
      try until(connection) { $0.lastFaultNumber == FaultCode.radioRestarted.rawValue })
    #expect(try untilListening(connection))
    try served.deliver(beacon(9), AirFigures(rssi: -9_000, snr: 500))
    #expect(try until(connection) { $0.witnessCount == 1 })
    #expect(try agent.end().status == 0)
    let found = try faults(node)
    #expect(found == [UInt64(FaultCode.radioRestarted.rawValue)])
    let deaf = try BenchLeaf.all(in: node.path("agent/spool")).compactMap {
      try $0.event(.radioDeaf)
    }
    #expect(deaf.count == 1)
    served.end()
  }

  @Test func anInterruptThatNeverComesIsToldAndTheChipIsAsked() throws {
    let node = try node()
    let served = try ServedChip(SX126xModel(), path: node.path("spi-0.sock"))
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    #expect(try untilListening(connection))
    try served.setFault(.lineLow)
    try served.deliver(beacon(1), AirFigures(rssi: -9_000, snr: 500))
    #expect(
      try until(connection) { $0.lastFaultNumber == FaultCode.interruptLineDead.rawValue })
    // The first has no time, and is none; the next is heard by asking.
    try served.deliver(beacon(2), AirFigures(rssi: -9_000, snr: 500))
    #expect(try until(connection) { $0.witnessCount == 1 })
    #expect(try agent.end().status == 0)
    let found = try faults(node)
    #expect(found == [UInt64(FaultCode.interruptLineDead.rawValue)])
    served.end()
  }

  @Test func aLineThatAnotherProgramHasIsToldAndTakenWhenItIsFree() throws {
    let node = try node()
    let served = try ServedChip(SX126xModel(), path: node.path("spi-0.sock"))
    try served.look { _, lines in lines.occupy(1, consumer: "other") }
    let agent = try node.startAgent()
    let firstWords = agent.words()
    let connection = try node.connect()
    #expect(try until(connection) { $0.lastFaultNumber == FaultCode.lineInUse.rawValue })
    #expect(try radio(connection).isAttached == false)
    // The first owner there ever was.
    try served.look { _, lines in lines.release(owner: 1) }
    #expect(try untilListening(connection))
    #expect(try radio(connection).lastFaultNumber == 0)
    let ending = try agent.end()
    #expect(ending.status == 0)
    let said = firstWords + ending.said
    #expect(
      said.contains("cairn-agent: [lora.hat]: one of its lines: is in use by other"), "\(said)")
    let found = try faults(node)
    #expect(found == [UInt64(FaultCode.lineInUse.rawValue)])
    served.end()
  }

  @Test func aChipThatGoesAndComesBackListensAgain() throws {
    let node = try node(model: "SX1262")
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    #expect(try radio(connection).isAttached == false)
    for round in 0..<2 {
      let served = try ServedChip(SX126xModel(), path: node.path("spi-0.sock"))
      #expect(try untilListening(connection), "round \(round)")
      try served.deliver(beacon(UInt8(10 + round)), AirFigures(rssi: -9_000, snr: 500))
      #expect(try until(connection) { $0.witnessCount == round + 1 })
      served.end()
      #expect(try until(connection) { !$0.isAttached })
    }
    #expect(try agent.end().status == 0)
    let leaves = try node.leaves()
    #expect(leaves.compactMap(\.device).states == [true, false, true, false])
    #expect(leaves.filter { $0.kind == .schema }.count == 1)
  }

  @Test(arguments: [("sx1262", RadioKind.sx1262), ("sx1276", .sx1276)])
  func theNoiseThatAChipMeasuresIsToldToWhoeverAsks(chip: String, kind: RadioKind) throws {
    let node = try node(chip: chip)
    let model = try #require(AirOption.Chip(rawValue: chip)).model(seed: 1)
    let served = try ServedChip(model, path: node.path("spi-0.sock"))
    try served.look { model, _ in
      model.onPowerReading = { abs(Int($0) - 868_100_000) < 100 ? -11_300 : -9_000 }
    }
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    var levels = NoiseLevels()
    for _ in 0..<60_000 {
      try connection.send(.noiseRequest)
      let told: NoiseLevels? = try connection.receiveMessage { message in
        if case .noise(let levels) = message { levels } else { nil }
      }
      levels = try #require(told)
      if !levels.channels.isEmpty { break }
      usleep(1000)
    }
    #expect(levels.source == .measured && levels.planChannelCount == 8)
    #expect(levels.kindNumber == kind.rawValue)
    try #require(levels.channels.count == 1)
    let channel = levels.channels[0]
    #expect(channel.index == 0 && channel.frequencyHertz == 868_100_000 && channel.count >= 1)
    #expect(channel.lastCentidecibelMilliwatts == -11_300)
    #expect(channel.medianCentidecibelMilliwatts == -11_300)
    #expect((0...levels.uptimeMilliseconds).contains(channel.milliseconds))
    #expect(try agent.end().status == 0)
    // Nothing of it is signed, and nothing was wrong.
    #expect(try faults(node).isEmpty)
    let violations = try served.look { model, _ in model.violations }
    #expect(violations == [])
    served.end()
  }

  @Test func aTestFrameGoesOutByTheChip() throws {
    let node = try node(more: "transmit = yes")
    let served = try ServedChip(SX126xModel(), path: node.path("spi-0.sock"))
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    #expect(try untilListening(connection))
    // A busy machine may miss the seconds that a test frame has: then it is asked for again.
    var isSent = false
    for _ in 0..<5 where !isSent {
      try connection.send(.radioTest(channel: 1, spreadingFactor: 9))
      let reason: UInt8? = try connection.receiveMessage { message in
        if case .radioTestAnswer(let reason) = message { reason } else { nil }
      }
      #expect(reason == 0)
      isSent = try until(connection) { _ in
        try served.look { model, _ in !model.transmitted.isEmpty }
      }
    }
    #expect(isSent)
    // From the test frame's place it goes back to its own.
    let isListening = try until(connection) { status in
      guard status.stateNumber == RadioState.listening.rawValue else { return false }
      return try served.look { model, _ in model.isReceiving }
    }
    #expect(isListening)
    let frames = try served.look { model, _ in model.transmitted }
    #expect(frames.count == 1 && frames.first?.bytes.prefix(2) == [0xe0, 0])
    #expect(frames.first?.tuning.frequencyHertz == 868_300_000)
    #expect(frames.first?.tuning.spreadingFactor == 9)
    #expect(frames.first?.tuning.powerDecibelMilliwatts == 14)
    let violations = try served.look { model, _ in model.violations }
    #expect(violations == [])
    #expect(try agent.end().status == 0)
    served.end()
  }

  @Test(arguments: [
    ("sx1262", "RAK3172", "", "is not what [lora.hat] has. Write sx1262"),
    ("sx1302", "sx1302", "", "[lora.hat] is a concentrator"),
    ("sx1262", "sx1262", "port = usb0", "port and wiring exclude each other"),
  ])
  func aRadioThatDoesNotFitItsWiringEndsTheAgent(
    chip: String, model: String, more: String, expected: String
  ) throws {
    let node = try node(model: model, more: more)
    if chip == "sx1302" {
      try node.writeBoard("[spi.s]\nvirtual = s.sock\n[lora.hat]\nchip = sx1302\nspi = s")
    }
    let ending = try node.runAgent()
    #expect(ending.status == 78)
    #expect(ending.said.contains(expected), "\(ending.said)")
  }
}
