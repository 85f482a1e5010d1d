import Buses
import Coverage
import FixedMemory
import LoRa
import Proofs
import Radios
import Records
import Simulation
import Testing

@testable import RadioDuties

/// A duty with a chip behind SPI.
final class ChipDutyBench {
  static let kinds: [RadioKind] = [.sx1261, .sx1262, .llcc68, .sx1272, .sx1276]

  static func model(_ kind: RadioKind) -> RadioChipModel {
    switch kind {
    case .llcc68: SX126xModel(version: "LLCC68 V2D 2D02")
    case .sx1272: SX127xModel(version: 0x22)
    case .sx1276: SX127xModel()
    default: SX126xModel()
    }
  }

  let model: RadioChipModel
  let clock = HandCrankedClock(now: 1_000)
  var duty: RadioDuty<DutyBench.Radio>
  var actions: [RadioDutyAction] = []

  init(
    _ model: RadioChipModel = SX126xModel(), _ kind: RadioKind = .sx1262,
    transferMilliseconds: Int64 = 0, beforeTransfer: ((Int) throws(BusError) -> Void)? = nil
  ) {
    self.model = model
    duty = RadioDuty(
      plan: RegionPlan(.eu868), ownKeyHash: DutyBench.ownKeyHash,
      transmitPowerCentidecibelMilliwatts: 1_400)
    let radio = SPIRadio(
      bus: ModelSPIDevice(
        model: model, clock: clock, transferMilliseconds: transferMilliseconds,
        beforeTransfer: beforeTransfer),
      lines: ModelRadioLines(model: model, clock: clock), wiring: ChipWiring(kind: kind))
    duty.attach(.spi(radio), at: time)
  }

  var time: NodeTime {
    NodeTime(
      milliseconds: clock.now, utcMilliseconds: 1_700_000_100_000 + clock.now,
      uncertaintyMilliseconds: 20)
  }

  var listens: [ListenRecord] {
    actions.compactMap { if case .writeListen(let listen) = $0 { listen } else { nil } }
  }

  func challenge(_ number: UInt32) throws -> BeaconOrder {
    let challenge = Challenge(
      algorithm: .ed25519, keyID: KeyID(), number: UInt64(number),
      issuedUTCMilliseconds: time.utcMilliseconds ?? 0, validSeconds: 1_800,
      region: FixedText("EU868"), coverage: DutyBench.policy,
      nonce: SHA256.hash([UInt8(number & 255)].span))
    return try #require(BeaconOrder(challenge))
  }

  var faults: [FaultCode] {
    actions.compactMap { if case .writeFault(let code, _) = $0 { code } else { nil } }
  }

  var outcomes: [TransmissionOutcome] {
    actions.compactMap { if case .transmissionEnded(9, let outcome) = $0 { outcome } else { nil } }
  }

  @discardableResult
  func turn(milliseconds: Int64, until isDone: (ChipDutyBench) -> Bool = { _ in false }) -> Bool {
    let end = clock.now + milliseconds
    while true {
      while let action = duty.step(at: time) {
        duty.checkInvariants()
        actions.append(action)
        precondition(actions.count < 10_000, "actions without end")
      }
      if isDone(self) { return true }
      guard clock.now < end else { return false }
      let line = model.interruptLevel(now: clock.now) ? clock.now + 5 : .max
      let next = min(duty.nextStep(at: time), model.nextChange ?? .max, line)
      clock.now = min(end, max(clock.now + 1, next))
    }
  }

  func listen() throws {
    let isListening = turn(milliseconds: 130_000) { $0.duty.state == .listening }
    try #require(isListening)
  }

  func order() -> RadioTransmission {
    RadioTransmission(
      bytes: DutyBench.frame(9).bytes, number: 9, startMilliseconds: clock.now + 1_000,
      latestMilliseconds: clock.now + 1_200, frequencyHertz: 868_300_000, spreadingFactor: 8,
      powerCentidecibelMilliwatts: 800)
  }
}

@Suite struct ChipDutyTests {
  @Test(arguments: ChipDutyBench.kinds) func everyChipHearsABeaconAndSendsOne(kind: RadioKind)
    throws
  {
    let bench = ChipDutyBench(ChipDutyBench.model(kind), kind)
    try bench.listen()
    bench.model.deliver(
      DutyBench.frame(3).array, AirFigures(rssi: -10_000, snr: 500), now: bench.clock.now)
    bench.turn(milliseconds: 100)
    let witnesses = bench.actions.compactMap { action -> BeaconWitness? in
      if case .writeWitness(let witness) = action { witness } else { nil }
    }
    #expect(witnesses.count == 1 && witnesses.first?.frame.span[0] == 0xe0)
    #expect(bench.duty.send(bench.order()) == nil)
    #expect(bench.turn(milliseconds: 30_000) { !$0.outcomes.isEmpty })
    guard case .sent(_, 800, true) = bench.outcomes.first else {
      Issue.record("\(bench.outcomes)")
      return
    }
    #expect(bench.model.transmitted.map(\.bytes) == [DutyBench.frame(9).array])
    #expect(bench.turn(milliseconds: 1_000) { $0.duty.state == .listening })
    #expect(bench.faults == [] && bench.model.violations == [])
  }

  /// A slow bus is in the midst of its question of each second, or of a frame, when another setting is wanted.
  @Test(arguments: ChipDutyBench.kinds) func aSettingThatWaitsForWhatTheBusIsAtIsNoFault(
    kind: RadioKind
  ) throws {
    for wait in stride(from: Int64(0), to: 1_200, by: 20) {
      let bench = ChipDutyBench(ChipDutyBench.model(kind), kind, transferMilliseconds: 20)
      try bench.listen()
      bench.turn(milliseconds: wait)
      if wait % 40 == 0 {
        bench.model.deliver(
          DutyBench.frame(3).array, AirFigures(rssi: -10_000, snr: 500), now: bench.clock.now)
        bench.turn(milliseconds: 40)
      }
      var order = bench.order()
      order = RadioTransmission(
        bytes: order.bytes, number: 9, startMilliseconds: bench.clock.now + 2_000,
        latestMilliseconds: bench.clock.now + 3_000, frequencyHertz: 868_300_000,
        spreadingFactor: 8, powerCentidecibelMilliwatts: 800)
      #expect(bench.duty.send(order) == nil)
      #expect(bench.turn(milliseconds: 30_000) { !$0.outcomes.isEmpty })
      guard case .sent(_, 800, true) = bench.outcomes.first else {
        Issue.record("after \(wait) ms: \(bench.outcomes)")
        continue
      }
      #expect(bench.faults == [], "after \(wait) ms")
    }
  }

  /// LLCC68 has no SF10 to SF12 at 125 kHz: a slot of those is none that it listened to.
  @Test func aSlotWhoseFactorTheChipLacksIsNotSaidToBeListenedTo() throws {
    let bench = ChipDutyBench(ChipDutyBench.model(.llcc68), .llcc68)
    try bench.listen()
    #expect(bench.duty.setting?.modulation.spreadingFactor == 9)
    let order = try bench.challenge(1)
    bench.duty.take(order, at: bench.time)
    #expect(bench.turn(milliseconds: 1_000_000) { !$0.listens.isEmpty })
    let listen = try #require(bench.listens.first)
    let rendezvous = try #require(
      Rendezvous(nonce: order.nonce, plan: bench.duty.plan, policy: order.policy))
    var counts = (listened: 0, lacking: 0)
    for slot in 0..<Int(order.policy.slotCount) {
      let isLacking = rendezvous.place(slot: slot).spreadingFactor > 9
      #expect(!isLacking || !listen.slots.contains(slot), "slot \(slot)")
      if isLacking {
        counts.lacking += 1
      } else if listen.slots.contains(slot) {
        counts.listened += 1
      }
    }
    #expect(listen.mode == .rendezvous && counts.lacking > 20)
    #expect(counts.listened > (Int(order.policy.slotCount) - counts.lacking) * 9 / 10)
    #expect(bench.faults == [])
    var far = bench.order()
    far = RadioTransmission(
      bytes: far.bytes, number: 9, startMilliseconds: far.startMilliseconds,
      latestMilliseconds: far.latestMilliseconds, frequencyHertz: 868_100_000,
      spreadingFactor: 10, powerCentidecibelMilliwatts: 800)
    #expect(bench.duty.send(far) == .notAllowed)
  }

  /// What was on the air is never said to have been refused, and what was not is never confirmed.
  @Test(arguments: ChipDutyBench.kinds, [BusError.timedOut, .system(errno: 5), .disconnected])
  func anErrorAtEachTransferOfATransmissionEndsInOneOutcomeThatIsTrue(
    kind: RadioKind, error: BusError
  ) throws {
    var index = 0
    while index < 200 {
      var (count, first) = (0, Int.max)
      let bench = ChipDutyBench(
        ChipDutyBench.model(kind), kind,
        beforeTransfer: { _ throws(BusError) in
          defer { count += 1 }
          if count - first == index { throw error }
        })
      try bench.listen()
      first = count
      #expect(bench.duty.send(bench.order()) == nil)
      bench.turn(milliseconds: 30_000) { !$0.outcomes.isEmpty }
      try #require(bench.outcomes.count == 1, "transfer \(index)")
      switch (bench.outcomes[0], bench.model.transmitted.count) {
      case (.sent(_, 800, true), 1), (.sent(_, 800, false), 0...1), (.refused, 0): break
      default:
        Issue.record("transfer \(index): \(bench.outcomes), \(bench.model.transmitted.count)")
      }
      if first + index >= count { break }
      index += 1
    }
    // Setting it to the place, and sending.
    #expect(index > 25 && index < 200)
  }

  @Test func busyThatStaysHighBehindTheCommandMayBeAFrameOnTheAir() throws {
    let bench = ChipDutyBench()
    try bench.listen()
    bench.model.onTransmit = { _ in bench.model.fault = .stuckBusy }
    #expect(bench.duty.send(bench.order()) == nil)
    #expect(bench.turn(milliseconds: 30_000) { !$0.outcomes.isEmpty })
    guard case .sent(_, 800, false) = bench.outcomes.first else {
      Issue.record("\(bench.outcomes)")
      return
    }
    bench.turn(milliseconds: 30_000)
    #expect(bench.faults.contains(.transmissionUnfinished))
    #expect(bench.faults.contains(.busyLineStuck))
  }

  @Test func busyThatStaysHighBeforeTheCommandIsNoFrame() throws {
    let bench = ChipDutyBench()
    try bench.listen()
    #expect(bench.duty.send(bench.order()) == nil)
    bench.turn(milliseconds: 990)
    bench.model.fault = .stuckBusy
    #expect(bench.turn(milliseconds: 30_000) { !$0.outcomes.isEmpty })
    #expect(bench.outcomes == [.refused(.radioBusy)] && bench.model.transmitted.isEmpty)
  }

  @Test(arguments: [
    (RadioChipFault.silent, FaultCode.nothingOnTheBus, RadioDuties.RadioResetReason.silent),
    (.floating, .nothingOnTheBus, .silent), (.stuckBusy, .busyLineStuck, .wrongState),
  ])
  func aChipThatFailsWhileItListensIsToldWithItsReason(
    fault: RadioChipFault, code: FaultCode, reason: RadioDuties.RadioResetReason
  ) throws {
    let bench = ChipDutyBench()
    try bench.listen()
    bench.model.fault = fault
    #expect(bench.turn(milliseconds: 60_000) { !$0.faults.isEmpty && $0.duty.state == .failed })
    #expect(bench.faults.first == code)
    #expect(
      bench.actions.contains {
        if case .writeReset(reason, _) = $0 { true } else { false }
      })
    bench.model.fault = .none
    // It is begun anew after a minute.
    try bench.listen()
    bench.model.deliver(
      DutyBench.frame(4).array, AirFigures(rssi: -10_000, snr: 500), now: bench.clock.now)
    bench.turn(milliseconds: 100)
    #expect(bench.duty.witnessCount == 1)
  }

  /// While the agent was at something else the frame has waited, and nobody knows since when.
  @Test func aFrameThatWaitedForABusyAgentIsAsUncertainAsThatWasLong() throws {
    let bench = ChipDutyBench()
    try bench.listen()
    for (number, milliseconds, wait) in [
      (UInt32(1), UInt32(0), Int64(0)), (2, 400, 0), (3, 0, 5_000),
    ] {
      bench.turn(milliseconds: wait)
      bench.model.deliver(
        DutyBench.frame(number).array, AirFigures(rssi: -10_000, snr: 500), now: bench.clock.now)
      bench.clock.now += Int64(milliseconds)
      if let action = bench.duty.step(at: bench.time, unlookedMilliseconds: milliseconds) {
        bench.actions.append(action)
      }
      bench.turn(milliseconds: 50)
    }
    let receptions = bench.actions.compactMap { action -> Reception? in
      if case .writeWitness(let witness) = action { witness.reception } else { nil }
    }
    #expect(receptions.map(\.uncertaintyMilliseconds) == [5, 405, 5])
  }

  @Test(arguments: ChipDutyBench.kinds) func aChipThatRestartsByItselfIsToldAndSetAnew(
    kind: RadioKind
  ) throws {
    let bench = ChipDutyBench(ChipDutyBench.model(kind), kind)
    try bench.listen()
    bench.model.powerCycle(now: bench.clock.now)
    bench.turn(milliseconds: 10_000)
    #expect(bench.faults == [.radioRestarted])
    #expect(
      bench.actions.filter { if case .writeDeaf = $0 { true } else { false } }.count == 1)
    #expect(bench.duty.state == .listening && bench.model.isReceiving)
  }

  @Test(arguments: ChipDutyBench.kinds, [RadioChipFault.lineLow, .lineHigh])
  func anInterruptLineThatTellsNothingIsToldOnce(kind: RadioKind, fault: RadioChipFault) throws {
    let bench = ChipDutyBench(ChipDutyBench.model(kind), kind)
    try bench.listen()
    bench.model.fault = fault
    for index in 0..<5 {
      bench.model.deliver(
        DutyBench.frame(UInt32(20 + index)).array, AirFigures(rssi: -10_000, snr: 500),
        now: bench.clock.now)
      bench.turn(milliseconds: 3_000)
    }
    #expect(bench.faults == [.interruptLineDead])
    #expect(bench.duty.state == .listening && bench.duty.witnessCount >= 4)
  }

  @Test func aModuleMadeForOneBandIsNotSetToTheOther() {
    let model = SX127xModel()
    let clock = HandCrankedClock(now: 1_000)
    for (band, isFor868) in [(ChipWiring.Band.low, false), (.high, true), (.any, true)] {
      var radio = SPIRadio(
        bus: ModelSPIDevice(model: model, clock: clock),
        lines: ModelRadioLines(model: model, clock: clock),
        wiring: ChipWiring(kind: .sx1276, band: band))
      var frame = ReceivedFrame()
      radio.begin(atMilliseconds: clock.now)
      for _ in 0..<60_000 where radio.state == .starting {
        clock.now += 1
        _ = radio.step(atMilliseconds: clock.now, frame: &frame)
      }
      let ranges = radio.capabilities?.frequencyRanges
      let count = ranges?.count ?? 0
      #expect(count == (band == .any ? 2 : 1))
      let has868 = (0..<count).contains { index in
        ranges.map { $0[index].fromHertz <= 868_000_000 && $0[index].toHertz >= 868_000_000 }
          ?? false
      }
      #expect(has868 == isFor868)
    }
  }
}
