import Buses
import FixedMemory
import LoRa
import Simulation
import Testing

@testable import Radios

enum Chip: String, CaseIterable {
  case sx1261, sx1262, llcc68, sx1276, sx1276Low, sx1272

  var kind: RadioKind {
    switch self {
    case .sx1261: .sx1261
    case .sx1262: .sx1262
    case .llcc68: .llcc68
    case .sx1276, .sx1276Low: .sx1276
    case .sx1272: .sx1272
    }
  }

  var isSX126x: Bool { self == .sx1261 || self == .sx1262 || self == .llcc68 }

  func model() -> RadioChipModel {
    switch self {
    case .sx1261, .sx1262: SX126xModel()
    case .llcc68: SX126xModel(version: "LLCC68 V2D 2D02")
    case .sx1276, .sx1276Low: SX127xModel()
    case .sx1272: SX127xModel(version: 0x22)
    }
  }

  func setting(
    factor: UInt8 = 9, bandwidth: Modulation.Bandwidth = .khz125, power: Int32 = 1_400,
    hertz: UInt32? = nil, isInverted: Bool = false
  ) throws -> RadioSetting {
    RadioSetting(
      frequencyHertz: hertz ?? (self == .sx1276Low ? 433_175_000 : 868_100_000),
      modulation: try #require(Modulation(spreadingFactor: factor, bandwidth: bandwidth)),
      hasInvertedIQ: isInverted, powerCentidecibelMilliwatts: power)
  }
}

let chipFrame: [UInt8] = [0xe0, 0x01] + (2..<24).map { UInt8($0 * 11 & 0xff) }

/// A driver at a chip's model, with time that the test turns.
final class ChipBench {
  let model: RadioChipModel
  let clock = HandCrankedClock(now: 1_000)
  var radio: SPIRadio<ModelSPIDevice, ModelRadioLines>
  var frame = ReceivedFrame()
  var events: [RadioEvent] = []
  var frames: [ReceivedFrame] = []

  init(
    _ model: RadioChipModel, _ wiring: ChipWiring, hasReset: Bool = true,
    hasInterrupt: Bool = true, beforeTransfer: ((Int) throws(BusError) -> Void)? = nil,
    beforeUse: ((Int) throws(BusError) -> Void)? = nil
  ) {
    self.model = model
    radio = SPIRadio(
      bus: ModelSPIDevice(model: model, clock: clock, beforeTransfer: beforeTransfer),
      lines: ModelRadioLines(
        model: model, clock: clock, hasReset: hasReset, hasInterrupt: hasInterrupt,
        beforeUse: beforeUse),
      wiring: wiring)
  }

  var state: RadioState { radio.state }
  var now: Int64 { clock.now }

  var failures: [RadioFailure] {
    events.compactMap { if case .failed(_, let failure) = $0 { failure } else { nil } }
  }

  @discardableResult
  func turn(milliseconds: Int64, until isDone: (ChipBench) -> Bool = { _ in false }) -> Bool {
    let end = clock.now + milliseconds
    while true {
      var count = 0
      while let event = radio.step(atMilliseconds: clock.now, frame: &frame) {
        radio.checkInvariants()
        events.append(event)
        if event == .received { frames.append(frame) }
        count += 1
        precondition(count < 1_000, "events without end")
      }
      radio.checkInvariants()
      if isDone(self) { return true }
      guard clock.now < end else { return false }
      let line = model.interruptLevel(now: clock.now) ? clock.now + 5 : .max
      let next = min(
        radio.nextStep(atMilliseconds: clock.now), model.nextChange ?? .max, line)
      clock.now = min(end, max(clock.now + 1, next))
    }
  }

  func begin() -> Bool {
    radio.begin(atMilliseconds: now)
    turn(milliseconds: 60_000) { $0.state == .ready || $0.state == .failed }
    return state == .ready
  }

  func configure(_ setting: RadioSetting) throws -> Bool {
    try radio.configure(setting, atMilliseconds: now)
    let count = events.count
    turn(milliseconds: 60_000) { $0.events.count > count && $0.state != .configuring }
    return state == .listening
  }

  func ask(toSend bytes: [UInt8]) throws {
    try radio.transmit(bytes.span, atMilliseconds: now)
  }

  func transmit(_ bytes: [UInt8]) throws {
    try ask(toSend: bytes)
    turn(milliseconds: 60_000) { bench in
      bench.state == .listening
        && bench.events.contains {
          switch $0 {
          case .transmitted, .failed(.transmit, _): true
          default: false
          }
        }
    }
  }

  static func listening(_ chip: Chip, hasInterrupt: Bool = true, setting: RadioSetting? = nil)
    throws -> ChipBench
  {
    let bench = ChipBench(
      chip.model(), ChipWiring(kind: chip.kind), hasInterrupt: hasInterrupt)
    try #require(bench.begin())
    let isListening = try bench.configure(setting ?? chip.setting())
    try #require(isListening)
    bench.events = []
    return bench
  }
}
