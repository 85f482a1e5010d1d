import Buses
import LoRa
import Radios
import Simulation
import Testing
import USBBridges

/// One stick that bus and lines of a radio share: chip select D0, reset D2, BUSY D4, DIO1 D6 of the second byte.
private final class SharedStick {
  var stick: Stick
  let bench: StickBench
  let model: SX126xModel
  let clock: HandCrankedClock

  init(_ bench: StickBench, _ model: SX126xModel, _ clock: HandCrankedClock) throws {
    self.bench = bench
    self.model = model
    self.clock = clock
    stick = try openStick(bench)
  }

  /// As the chip drives them.
  func pins(changed: UInt8 = 0, levels: UInt8 = 0) throws(BusError) -> UInt16 {
    let busy: UInt16 = model.busyLevel(now: clock.now) ? 0x10 : 0
    let interrupt: UInt16 = model.interruptLevel(now: clock.now) ? 0x4000 : 0
    bench.change { $0.inputs = busy | interrupt }
    do throws(BridgeFailure) {
      return try stick.pins(
        changed: changed, outputs: changed, levels: levels, deadline: 100, now: { 0 })
    } catch { throw .timedOut }
  }
}

private struct StickSPI: SPIDevice, ~Copyable {
  let shared: SharedStick

  mutating func transfer(_ bytes: inout MutableSpan<UInt8>) throws(BusError) {
    let sent = bytes.indices.map { bytes[$0] }
    shared.bench.change { $0.spiAnswer = shared.model.transfer(sent, now: shared.clock.now) }
    do throws(BridgeFailure) {
      try shared.stick.exchange(select: 0, &bytes, deadline: 100, now: { 0 })
    } catch { throw .timedOut }
  }
}

private struct StickLines: RadioLines, ~Copyable {
  let shared: SharedStick

  mutating func holdReset(_ isHeld: Bool) throws(BusError) -> Bool {
    let seen = try shared.pins(changed: 4, levels: isHeld ? 0 : 4)
    shared.model.holdReset(seen & 4 == 0, now: shared.clock.now)
    return true
  }

  mutating func isBusy() throws(BusError) -> Bool { try shared.pins() & 0x10 != 0 }
  mutating func isInterrupted() throws(BusError) -> Bool? { try shared.pins() & 0x4000 != 0 }
}

@Test func anSX1262BehindAStickSendsAndHearsByItsPackets() throws {
  let bench = StickBench()
  let model = SX126xModel()
  let clock = HandCrankedClock(now: 1_000)
  let shared = try SharedStick(bench, model, clock)
  var radio = SPIRadio(
    bus: StickSPI(shared: shared), lines: StickLines(shared: shared),
    wiring: ChipWiring(kind: .sx1262))
  var frame = ReceivedFrame()
  let setting = RadioSetting(
    frequencyHertz: 868_100_000, modulation: try #require(Modulation(spreadingFactor: 9)),
    powerCentidecibelMilliwatts: 1_400)
  let bytes = (0..<200).map { UInt8($0) }
  var events: [RadioEvent] = []
  radio.begin(atMilliseconds: clock.now)
  for _ in 0..<60_000 where !events.contains(.received) {
    guard let event = radio.step(atMilliseconds: clock.now, frame: &frame) else {
      clock.now += 1
      let isTransmitted = !model.transmitted.isEmpty && radio.state == .listening
      if isTransmitted { model.deliver(bytes, AirFigures(rssi: -9_050, snr: 725), now: clock.now) }
      continue
    }
    events.append(event)
    switch event {
    case .identified: try radio.configure(setting, atMilliseconds: clock.now)
    case .configured: try radio.transmit(bytes.span, atMilliseconds: clock.now)
    default: break
    }
  }
  #expect(events.count == 4 && events.last == .received)
  #expect(model.transmitted.map(\.bytes) == [bytes])
  let heard = frame.bytes.indices.map { frame.bytes[$0] }
  #expect(heard == bytes)
  #expect(frame.packetRSSICentidecibelMilliwatts == -9_050 && frame.snrCentidecibels == 725)
  #expect(bench.look { $0.violations } == [] && model.violations == [])
  // Every byte of every transfer went over the stick's own wire.
  #expect(bench.look { $0.spiBytes } == model.transfers.flatMap { $0 })
  #expect(bench.look { $0.spiSelects } == [0])
}
