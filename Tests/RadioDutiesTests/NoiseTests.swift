import Buses
import Coverage
import FixedMemory
import LoRa
import Radios
import Records
import Simulation
import Testing

@testable import RadioDuties

/// A chip that takes no request for the noise, as one that is always at something else.
struct RefusingRadio: LoRaRadio, ~Copyable {
  final class Requests { var count = 0 }

  var radio: SPIRadio<ModelSPIDevice, ModelRadioLines>
  let requests: Requests

  var identity: RadioIdentity? { radio.identity }
  var capabilities: RadioCapabilities? { radio.capabilities }
  var state: RadioState { radio.state }
  var setting: RadioSetting? { radio.setting }
  var counts: RadioCounts { radio.counts }
  var frameHandedOverMilliseconds: Int64? { radio.frameHandedOverMilliseconds }

  mutating func begin(atMilliseconds now: Int64) { radio.begin(atMilliseconds: now) }

  mutating func configure(_ setting: RadioSetting, atMilliseconds now: Int64) throws(RadioRefusal) {
    try radio.configure(setting, atMilliseconds: now)
  }

  mutating func transmit(_ bytes: Span<UInt8>, atMilliseconds now: Int64) throws(RadioRefusal) {
    try radio.transmit(bytes, atMilliseconds: now)
  }

  mutating func measureNoise(atMilliseconds now: Int64) throws(RadioRefusal) {
    requests.count += 1
    throw .underWay
  }

  mutating func step(atMilliseconds now: Int64, frame: inout ReceivedFrame) -> RadioEvent? {
    radio.step(atMilliseconds: now, frame: &frame)
  }

  func nextStep(atMilliseconds now: Int64) -> Int64 { radio.nextStep(atMilliseconds: now) }
}

@Suite struct NoiseTests {
  /// Counts readings, which are all of one level.
  private final class Readings {
    var count = 0
    var level = -11_200
    var moments: [(milliseconds: Int64, hertz: UInt32)] = []

    init(_ bench: ChipDutyBench) {
      let clock = bench.clock
      bench.model.onPowerReading = { [unowned self] hertz in
        count += 1
        moments.append((clock.now, hertz))
        return level
      }
    }
  }

  @Test(arguments: ChipDutyBench.kinds) func aChannelAtRestIsMeasuredOnceAMinute(kind: RadioKind)
    throws
  {
    let bench = ChipDutyBench(ChipDutyBench.model(kind), kind)
    let readings = Readings(bench)
    #expect(bench.duty.tellsNoise == nil)
    try bench.listen()
    #expect(bench.duty.tellsNoise == true && bench.noise(0) == nil)
    bench.turn(milliseconds: 11_000)
    let first = try #require(bench.noise(0))
    #expect(first.count == 1 && first.last == -11_200 && first.median == -11_200)
    #expect(first.milliseconds > 1_000 && first.milliseconds <= bench.clock.now)
    bench.turn(milliseconds: 57_000)
    #expect(bench.noise(0)?.count == 1)
    readings.level = -10_000
    bench.turn(milliseconds: 4_000)
    let second = try #require(bench.noise(0))
    #expect(second.count == 2 && second.last == -10_000)
    #expect(second.lowest == -11_200 && second.highest == -10_000)
    #expect(readings.count == 16)
    #expect((1..<100).allSatisfy { bench.noise($0) == nil })
    #expect(bench.noise(-1) == nil && bench.actions.isEmpty)
    #expect(bench.model.violations == [])
  }

  @Test func aMeasurementIsTheSecondLowestOfEightReadings() throws {
    for lowest in 0..<8 {
      for second in 0..<8 where second != lowest {
        let bench = ChipDutyBench()
        var readings = (0..<8).map { -10_000 + $0 * 200 }
        (readings[lowest], readings[second]) = (-12_750, -11_400)
        var count = 0
        bench.model.onPowerReading = { _ in
          count += 1
          return readings[(count - 1) % 8]
        }
        try bench.listen()
        bench.turn(milliseconds: 11_000)
        #expect(bench.noise(0)?.last == -11_400, "\(lowest), \(second)")
        #expect(count == 8)
      }
    }
  }

  @Test func theMiddleOfTheLastFiveIsTheMedian() {
    var table = NoiseTable()
    var added: [Int32] = []
    for value in [-11_000, -9_000, -11_500, -11_200, -8_000, -11_100, -11_300, -40_000] as [Int32] {
      table.add(channel: 95, centidecibelMilliwatts: value, at: Int64(added.count))
      added.append(max(value, Int32(Int16.min)))
      let kept = added.suffix(5).sorted()
      let channel = table.channel(95)
      #expect(channel?.median == Int16(kept[(kept.count - 1) / 2]))
      #expect(channel?.lowest == kept.first.map { Int16($0) })
      #expect(channel?.highest == kept.last.map { Int16($0) })
      #expect(channel?.last == added.last.map { Int16($0) })
      #expect(channel?.count == UInt32(added.count))
      #expect(channel?.milliseconds == Int64(added.count - 1))
    }
    table.add(channel: 96, centidecibelMilliwatts: 0, at: 0)
    table.add(channel: -1, centidecibelMilliwatts: 0, at: 0)
    let before = table.channel(95)
    table.takeBack()
    #expect(table.channel(95) != before && table.channel(95)?.count == 7)
    // Once.
    let taken = table.channel(95)
    table.takeBack()
    #expect(table.channel(95) == taken && table.channel(96) == nil)
  }

  /// The radio follows its slots as it would without: the moments behind a slot are enough.
  @Test(arguments: [Int64(0), 4]) func everyChannelOfTheWindowsIsMeasuredAndNoSlotIsLost(
    transferMilliseconds: Int64
  ) throws {
    let bench = ChipDutyBench(transferMilliseconds: transferMilliseconds)
    let readings = Readings(bench)
    try bench.listen()
    for number in UInt32(1)...4 {
      let order = try bench.challenge(number)
      bench.duty.take(order, at: bench.time)
      let first = readings.moments.count
      #expect(bench.turn(milliseconds: 1_000_000) { $0.listens.count == Int(number) })
      let rendezvous = try #require(
        Rendezvous(nonce: order.nonce, plan: bench.duty.plan, policy: order.policy))
      var inWindow = 0
      for moment in readings.moments[first...] {
        // The bench's clock is right.
        let utc = 1_700_000_100_000 + moment.milliseconds
        guard let slot = order.window.slot(atUTCMilliseconds: utc) else { continue }
        inWindow += 1
        let place = rendezvous.place(slot: slot)
        let modulation = try #require(Modulation(spreadingFactor: place.spreadingFactor))
        let frame = Int64(modulation.timeOnAirMicroseconds(payloadByteCount: 24)) / 1_000
        let isOver =
          utc > order.window.slotStartUTCMilliseconds(slot)
          + 3 * Int64(order.policy.maximumUncertaintyMilliseconds) + frame
        #expect(isOver, "in slot \(slot)")
        let next = rendezvous.place(slot: slot + 1)
        #expect(abs(Int(moment.hertz) - Int(next.frequencyHertz)) < 100, "before \(slot + 1)")
        #expect(utc + 20 <= order.window.slotStartUTCMilliseconds(slot + 1))
      }
      #expect(inWindow >= 8 * 4)
    }
    for channel in 0..<8 { #expect(bench.noise(channel) != nil, "\(channel)") }
    // All of the window's first slots, but those whose channel came too late after a long frame.
    let (listened, requests) = try Self.listensWithoutMeasuring(transferMilliseconds)
    #expect(requests > 0)
    #expect(bench.listens.map(Self.slots) == listened)
    #expect(listened.allSatisfy { $0.count > 90 } && bench.faults == [])
  }

  private static func slots(_ listen: ListenRecord) -> [Int] {
    (0..<100).filter { listen.slots.contains($0) }
  }

  /// What the same windows bring to a radio that never measures.
  private static func listensWithoutMeasuring(_ transferMilliseconds: Int64) throws
    -> (slots: [[Int]], requests: Int)
  {
    let (model, clock) = (SX126xModel(), HandCrankedClock(now: 1_000))
    let requests = RefusingRadio.Requests()
    var duty = Self.refusing(model, clock, requests, transferMilliseconds)
    var found: [[Int]] = []
    func time() -> NodeTime {
      NodeTime(
        milliseconds: clock.now, utcMilliseconds: 1_700_000_100_000 + clock.now,
        uncertaintyMilliseconds: 20)
    }
    let named = ChipDutyBench(model)
    var number = UInt32(0)
    while found.count < 4 {
      while let action = duty.step(at: time()) {
        if case .writeListen(let listen) = action { found.append(slots(listen)) }
      }
      if duty.state == .listening, Int(number) == found.count {
        number += 1
        named.clock.now = clock.now
        duty.take(try named.challenge(number), at: time())
      }
      clock.now = max(clock.now + 1, min(duty.nextStep(at: time()), model.nextChange ?? .max))
    }
    return (found, requests.count)
  }

  private static func refusing(
    _ model: RadioChipModel, _ clock: HandCrankedClock, _ requests: RefusingRadio.Requests,
    _ transferMilliseconds: Int64 = 0
  ) -> RadioDuty<RefusingRadio> {
    var duty = RadioDuty<RefusingRadio>(
      plan: RegionPlan(.eu868), ownKeyHash: DutyBench.ownKeyHash,
      transmitPowerCentidecibelMilliwatts: 1_400)
    let radio = SPIRadio(
      bus: ModelSPIDevice(model: model, clock: clock, transferMilliseconds: transferMilliseconds),
      lines: ModelRadioLines(model: model, clock: clock), wiring: ChipWiring(kind: .sx1262))
    duty.attach(
      RefusingRadio(radio: radio, requests: requests),
      at: NodeTime(
        milliseconds: clock.now, utcMilliseconds: nil, uncertaintyMilliseconds: 0))
    return duty
  }

  @Test func aRefusedMeasurementIsNoFault() throws {
    let (model, clock) = (SX126xModel(), HandCrankedClock(now: 1_000))
    let requests = RefusingRadio.Requests()
    var duty = Self.refusing(model, clock, requests)
    var actions = 0
    var turns = 0
    while clock.now < 301_000 {
      let time = NodeTime(
        milliseconds: clock.now, utcMilliseconds: nil, uncertaintyMilliseconds: 0)
      while duty.step(at: time) != nil { actions += 1 }
      clock.now = max(clock.now + 1, duty.nextStep(at: time))
      turns += 1
    }
    let (fault, state, level) = (duty.lastFault, duty.state, duty.noise(channel: 0))
    #expect(actions == 0 && fault == nil && state == .listening && level == nil)
    // Once a second, and no turning on the spot.
    #expect((250...301).contains(requests.count) && turns < 2_000, "\(requests.count), \(turns)")
  }

  @Test func nothingIsMeasuredWhileATransmissionWaitsOrIsOnTheAir() throws {
    let bench = ChipDutyBench()
    let readings = Readings(bench)
    try bench.listen()
    #expect(bench.duty.send(bench.order()) == nil)
    #expect(bench.turn(milliseconds: 30_000) { !$0.outcomes.isEmpty })
    #expect(readings.count == 0 && bench.model.transmitted.count == 1)
    bench.turn(milliseconds: 20_000)
    #expect(readings.count == 8 && bench.noise(0)?.count == 1)
    // Never where the frame was.
    #expect(bench.noise(1) == nil)
  }

  @Test(arguments: ChipDutyBench.kinds) func aTransmissionThatComesIntoAMeasurementIsSent(
    kind: RadioKind
  ) throws {
    for count in 0...8 {
      let bench = ChipDutyBench(ChipDutyBench.model(kind), kind, transferMilliseconds: 7)
      let readings = Readings(bench)
      try bench.listen()
      bench.turn(milliseconds: 15_000) { _ in readings.count >= count }
      let before = readings.count
      #expect(bench.duty.send(bench.order()) == nil)
      #expect(bench.turn(milliseconds: 30_000) { !$0.outcomes.isEmpty })
      guard case .sent(_, 800, true) = bench.outcomes.first else {
        Issue.record("after \(count) readings: \(bench.outcomes)")
        continue
      }
      #expect(readings.count <= before + 1 && bench.faults == [])
    }
  }

  @Test func whatWasMeasuredWhileAFrameCameInIsTakenBack() throws {
    // At SF10: 255 bytes last 2.3 s, 24 bytes 0.5 s.
    for (wait, byteCount, isKept) in [
      (Int64(500), 255, false), (2_200, 255, false), (2_600, 255, true), (250, 24, false),
      (700, 24, true),
    ] {
      let bench = ChipDutyBench()
      let readings = Readings(bench)
      try bench.listen()
      #expect(bench.turn(milliseconds: 11_000) { $0.noise(0) != nil })
      bench.turn(milliseconds: wait)
      let bytes = [UInt8](repeating: 0x40, count: byteCount)
      bench.model.deliver(bytes, AirFigures(rssi: -9_000, snr: 500), now: bench.clock.now)
      bench.turn(milliseconds: 100)
      #expect(bench.duty.heardCount == 1)
      #expect((bench.noise(0) != nil) == isKept, "\(byteCount) bytes, \(wait) ms")
      guard !isKept else { continue }
      // And is measured anew soon.
      readings.level = -11_900
      bench.turn(milliseconds: 11_000)
      #expect(bench.noise(0)?.last == -11_900)
      #expect(bench.noise(0)?.count == 1)
    }
  }

  @Test func aFrameAmongTheReadingsEndsTheMeasurement() throws {
    let bench = ChipDutyBench()
    let readings = Readings(bench)
    readings.level = -9_000
    try bench.listen()
    #expect(bench.turn(milliseconds: 11_000) { _ in readings.count == 4 })
    bench.model.deliver(
      [0x40, 1, 2], AirFigures(rssi: -9_000, snr: 500), now: bench.clock.now)
    #expect(bench.turn(milliseconds: 11_000) { $0.duty.heardCount == 1 })
    readings.level = -11_000
    bench.turn(milliseconds: 11_000)
    // Eight readings behind the frame, and none of those before it.
    #expect(bench.noise(0)?.last == -11_000 && readings.count >= 12)
  }

  @Test(arguments: ChipDutyBench.kinds, [BusError.timedOut, .system(errno: 5), .disconnected])
  func anErrorAtEachTransferOfAMeasurementEndsInAnotherOne(kind: RadioKind, error: BusError) throws
  {
    for errorCount in [1, 4] {
      var index = 0
      while index < 200 {
        var (count, first) = (0, Int.max)
        let bench = ChipDutyBench(
          ChipDutyBench.model(kind), kind,
          beforeTransfer: { _ throws(BusError) in
            defer { count += 1 }
            if (index..<index + errorCount).contains(count - first) { throw error }
          })
        let readings = Readings(bench)
        try bench.listen()
        first = count
        let isMeasured = bench.turn(milliseconds: 200_000) {
          ($0.noise(0)?.count ?? 0) > 0 || $0.actions.contains(.lineGone)
        }
        #expect(isMeasured, "\(errorCount) errors from transfer \(index)")
        let isOver = first + index >= count
        // What fails once is asked for again, and is no fault.
        if errorCount == 1, error != .disconnected { #expect(bench.faults == [], "\(index)") }
        if error == .disconnected {
          // The line is given back.
          #expect(
            isOver || (bench.actions.contains(.lineGone) && bench.duty.state == .failed))
          if isOver { break }
          index += 1
          continue
        }
        bench.turn(milliseconds: 200_000) { $0.noise(0) != nil }
        #expect(bench.noise(0)?.last == -11_200)
        #expect(bench.duty.state == .listening && bench.model.isReceiving, "\(index)")
        #expect(readings.count >= 8)
        if isOver { break }
        index += 1
      }
      #expect(index >= 8 && index < 200, "\(index)")
    }
  }

  @Test func aChipThatRestartsWhileItIsMeasuredIsMeasuredAnew() throws {
    for restartAt in 1...8 {
      let bench = ChipDutyBench()
      var count = 0
      bench.model.onPowerReading = { _ in
        count += 1
        return count <= 8 ? -8_000 : -11_000
      }
      try bench.listen()
      #expect(bench.turn(milliseconds: 11_000) { _ in count == restartAt })
      bench.model.powerCycle(now: bench.clock.now)
      bench.turn(milliseconds: 100_000) { ($0.noise(0)?.last ?? 0) == -11_000 }
      #expect(bench.noise(0)?.last == -11_000, "\(restartAt)")
      #expect(bench.faults.count == 1 && bench.duty.state == .listening)
    }
  }

  @Test(arguments: [true, false]) func aModuleIsNeverAskedForWhatItDoesNotTell(isLA66: Bool) throws
  {
    let bench = DutyBench(isLA66 ? LA66Model() : RN2483Model())
    try bench.listen()
    bench.turn(milliseconds: 300_000)
    #expect(bench.duty.tellsNoise == false && bench.noise(0) == nil)
    #expect(bench.state == .listening && bench.duty.lastFault == nil)
  }

  @Test func anotherRadioBeginsWithoutFigures() throws {
    let bench = ChipDutyBench()
    try bench.listen()
    bench.turn(milliseconds: 11_000)
    #expect(bench.noise(0) != nil)
    bench.duty.detach(at: bench.time)
    #expect(bench.noise(0) == nil && bench.duty.tellsNoise == nil)
  }
}

extension ChipDutyBench {
  func noise(_ channel: Int) -> NoiseTable.Channel? { duty.noise(channel: channel) }
}

extension DutyBench {
  func noise(_ channel: Int) -> NoiseTable.Channel? { duty.noise(channel: channel) }
}
