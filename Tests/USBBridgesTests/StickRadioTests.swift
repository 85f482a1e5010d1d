import Buses
import LoRa
import Radios
import Simulation
import StickSupport
import Testing
import USBBridges

/// One stick that bus and lines of a radio share, without bridge and socket: select D0, reset D2, BUSY D4, DIO1 D6 and
/// RXEN D1, as usual sticks have them.
final class SharedStick {
  private var stick: Stick
  let bench: StickBench
  /// Failures that the stick told.
  private(set) var failureCount = 0
  private var hasGone = false

  init(_ bench: StickBench) throws {
    self.bench = bench
    stick = try openStick(bench)
  }

  /// As the bridge does it: a stick that has gone is opened anew when it is back.
  private func use<Value>(_ body: (inout Stick) throws(BridgeFailure) -> Value) throws(BusError)
    -> Value
  {
    do throws(BridgeFailure) {
      if hasGone { try stick.open(now: { 0 }) }
      hasGone = false
      return try body(&stick)
    } catch {
      failureCount += 1
      guard error == .usb(.disconnected) || error == .usb(.absent) else { throw .timedOut }
      stick.close()
      bench.plug(true)
      hasGone = true
      throw .disconnected
    }
  }

  func pins(changed: UInt8 = 0, levels: UInt8 = 0) throws(BusError) -> UInt16 {
    try use { (stick) throws(BridgeFailure) in
      try stick.pins(
        changed: changed, outputs: changed, levels: levels, deadline: 100, now: { 0 })
    }
  }

  func exchange(_ sent: [UInt8]) throws(BusError) -> [UInt8] {
    try use { (stick) throws(BridgeFailure) in
      var bytes = sent
      var span = bytes.mutableSpan
      try stick.exchange(select: 0, &span, deadline: 100, now: { 0 })
      return bytes
    }
  }
}

struct StickSPI: SPIDevice, ~Copyable {
  let shared: SharedStick

  mutating func transfer(_ bytes: inout MutableSpan<UInt8>) throws(BusError) {
    let received = try shared.exchange(bytes.indices.map { bytes[$0] })
    for index in bytes.indices { bytes[index] = received[index] }
  }
}

struct StickLines: RadioLines, ~Copyable {
  let shared: SharedStick

  mutating func holdReset(_ isHeld: Bool) throws(BusError) -> Bool {
    _ = try shared.pins(changed: 4, levels: isHeld ? 0 : 4)
    return true
  }

  mutating func isBusy() throws(BusError) -> Bool { try shared.pins() & 0x10 != 0 }
  mutating func isInterrupted() throws(BusError) -> Bool? { try shared.pins() & 0x40 != 0 }
  mutating func enableReceiver(_ isOn: Bool) throws(BusError) {
    _ = try shared.pins(changed: 2, levels: isOn ? 2 : 0)
  }
}

/// What an owner does with a radio behind a stick, turned by hand: identify, set, send one frame, hear one.
struct StickRadioRun {
  typealias Radio = SPIRadio<StickSPI, StickLines>

  let bench = StickBench()
  let model = SX126xModel(needsOscillator: true)
  let clock = HandCrankedClock(now: 1_000)
  var events: [RadioEvent] = []
  var heard: [UInt8] = []
  /// The largest number of packets in one step.
  var packetsInStep = 0
  /// Packets from the frame's arrival to its event.
  var packetsOfFrame = 0
  /// Packets between the owner's wish to send and the frame on the air.
  var packetsOfTransmission = 0
  var failureCount = 0

  static let wiring = ChipWiring(kind: .sx1262, oscillator: .volts1p8)

  /// Nil: it never heard a frame. `fault` happens at that packet.
  mutating func go(
    heard frame: [UInt8], sent: [UInt8], fault: (transfer: Int, kind: StickFault)? = nil
  ) throws -> ReceivedFrame? {
    let clock = clock
    bench.attach(model, pins: StickRadioPins(), now: { clock.now })
    let shared = try SharedStick(bench)
    bench.change { $0.fault = fault }
    var radio = Radio(
      bus: StickSPI(shared: shared), lines: StickLines(shared: shared), wiring: Self.wiring,
      lookMilliseconds: 20)
    var received = ReceivedFrame()
    var (wasAsked, arrival): (Bool, Int?) = (false, nil)
    let setting = RadioSetting(
      frequencyHertz: 868_100_000, modulation: try #require(Modulation(spreadingFactor: 9)),
      powerCentidecibelMilliwatts: 1_400)
    var asking = 0
    model.onTransmit = { [bench] _ in bench.noteTransmission() }
    defer { failureCount = shared.failureCount }
    for _ in 0..<20_000 {
      switch radio.state {
      case .unknown, .failed: radio.begin(atMilliseconds: clock.now)
      case .ready:
        do throws(RadioRefusal) { try radio.configure(setting, atMilliseconds: clock.now) } catch {}
      case .listening where !wasAsked:
        asking = bench.look { $0.transferCount }
        do throws(RadioRefusal) {
          try radio.transmit(sent.span, atMilliseconds: clock.now)
          wasAsked = true
        } catch {}
      case .starting, .configuring, .listening, .transmitting, .measuring: break
      }
      let before = bench.look { $0.transferCount }
      let event = radio.step(atMilliseconds: clock.now, frame: &received)
      let after = bench.look { $0.transferCount }
      packetsInStep = max(packetsInStep, after - before)
      radio.checkInvariants()
      guard let event else {
        clock.now = max(
          clock.now + 1, min(radio.nextStep(atMilliseconds: clock.now), clock.now + 50))
        if wasAsked, radio.state == .listening, arrival == nil || !bench.hasFrame {
          if bench.deliver(frame, AirFigures(rssi: -9_050, snr: 725)) {
            arrival = bench.look { $0.transferCount }
          }
        }
        continue
      }
      events.append(event)
      if event == .received {
        packetsOfFrame = after - (arrival ?? 0)
        packetsOfTransmission = (bench.transmissionAt ?? 0) - asking
        heard = received.bytes.indices.map { received.bytes[$0] }
        return received
      }
    }
    return nil
  }
}

@Suite struct StickRadioTests {
  @Test func anSX1262BehindAStickSendsAndHearsByItsPackets() throws {
    var run = StickRadioRun()
    let frame = (0..<200).map { UInt8($0) }
    let sent = (0..<24).map { UInt8(0xe0 &+ $0) }
    let received = try #require(try run.go(heard: frame, sent: sent))
    #expect(run.events.count == 4 && run.events.last == .received)
    #expect(run.model.transmitted.map(\.bytes) == [sent])
    #expect(run.heard == frame)
    #expect(received.packetRSSICentidecibelMilliwatts == -9_050)
    #expect(received.snrCentidecibels == 725)
    #expect(run.bench.look { $0.violations } == [] && run.model.violations == [])
    #expect(run.bench.look { $0.spiBytes } == run.model.transfers.flatMap { $0 })
  }

  /// What docs/usb.md says of packets.
  @Test func packetsAreAsManyAsAreWrittenDown() throws {
    let bench = StickBench()
    let shared = try SharedStick(bench)
    for count in [1, 31, 32, 62, 63, 258] {
      let before = bench.look { $0.transferCount }
      _ = try shared.exchange([UInt8](repeating: 0xc0, count: count))
      let packets = bench.look { $0.transferCount } - before
      #expect(packets == 2 + 2 * ((count + 30) / 31), "\(count) bytes")
    }
    let before = bench.look { $0.transferCount }
    _ = try shared.pins()
    #expect(bench.look { $0.transferCount } - before == 2)
    _ = try shared.pins(changed: 4, levels: 4)
    #expect(bench.look { $0.transferCount } - before == 5)
    var beacon = StickRadioRun()
    _ = try beacon.go(
      heard: [UInt8](repeating: 7, count: 24), sent: [UInt8](repeating: 9, count: 24))
    var longest = StickRadioRun()
    _ = try longest.go(
      heard: [UInt8](repeating: 7, count: 255), sent: [UInt8](repeating: 9, count: 255))
    let counts = [
      beacon.packetsOfFrame, beacon.packetsOfTransmission, longest.packetsOfFrame,
      longest.packetsInStep,
    ]
    #expect(counts == [44, 55, 60, 63])
  }

  /// A stick does not drive what it was not told to: without RXEN the chip hears nothing.
  @Test func aReceiverThatIsNotSwitchedOnHearsNothing() throws {
    let bench = StickBench()
    let model = SX126xModel()
    bench.attach(model, pins: StickRadioPins(), now: { 0 })
    let shared = try SharedStick(bench)
    #expect(!bench.deliver([1], AirFigures(rssi: -9_000, snr: 0)))
    var lines = StickLines(shared: shared)
    try lines.enableReceiver(true)
    // The chip itself is not in reception yet.
    #expect(bench.look { $0.levels & $0.directions & 2 } == 2)
    try lines.enableReceiver(false)
    #expect(bench.look { $0.levels & $0.directions & 2 } == 0)
  }

  /// Each kind of failure at each packet, from the first look to a frame that was heard.
  @Test(arguments: StickFault.allCases)
  func aFaultAtAnyPacketEndsAndTheRadioHearsAfterIt(kind: StickFault) throws {
    let frame = (0..<40).map { UInt8($0) }
    let sent = (0..<24).map { UInt8(0xe0 &+ $0) }
    var index = 0
    while true {
      var run = StickRadioRun()
      let received = try run.go(heard: frame, sent: sent, fault: (index, kind))
      guard run.bench.look({ $0.hasFaulted }) else { break }
      #expect(received != nil && run.heard == frame, "\(kind) at packet \(index)")
      // The answer to a question for pins may have three to eight bytes.
      let mayPass = kind == .shortPacket || kind == .longPacket
      #expect(
        run.failureCount > 0 || mayPass, "\(kind) at packet \(index) passed for a success")
      // What was asked once is on the air once at most.
      #expect(run.model.transmitted.count <= 1, "\(kind) at packet \(index)")
      index += 1
    }
    #expect(index > 200)
  }
}
