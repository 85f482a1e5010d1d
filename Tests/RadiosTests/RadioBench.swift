import Buses
import FixedMemory
import LoRa
import Radios
import Simulation
import Testing

/// The modules with each form that their firmware has.
enum Module: String, CaseIterable {
  case rak3172, rak3172WithWords, rak3172Old, rn2483, rn2903, loraE5, la66, la66WithSNR

  func model(seed: UInt64 = 1) -> SerialModuleModel {
    switch self {
    case .rak3172: RAK3172Model(seed: seed)
    case .rak3172WithWords: RAK3172Model(eventForm: .rui3WithWords, seed: seed)
    case .rak3172Old: RAK3172Model(version: "V1.0.4", eventForm: .old, seed: seed)
    case .rn2483: RN2483Model(seed: seed)
    case .rn2903: RN2483Model(version: "RN2903 1.0.5 Nov 06 2018 10:45:27", seed: seed)
    case .loraE5: LoRaE5Model(seed: seed)
    case .la66: LA66Model(seed: seed)
    case .la66WithSNR: LA66Model(showsSNR: true, seed: seed)
    }
  }

  var kind: RadioKind {
    switch self {
    case .rak3172, .rak3172WithWords, .rak3172Old: .rak3172
    case .rn2483: .rn2483
    case .rn2903: .rn2903
    case .loraE5: .loraE5
    case .la66, .la66WithSNR: .la66
    }
  }

  var frequencyHertz: UInt32 { self == .rn2903 ? 903_900_000 : 868_100_000 }
  var syncWord: UInt8 { self == .rak3172Old ? 0x12 : 0x34 }
  /// The first bytes are those of a beacon.
  var frameBytes: [UInt8] { [0xe0, 0x01] + (2..<24).map { UInt8($0 * 11 & 0xff) } }

  func setting(factor: UInt8 = 10, power: Int32 = 1_400, frequencyHertz: UInt32? = nil) throws
    -> RadioSetting
  {
    RadioSetting(
      frequencyHertz: frequencyHertz ?? self.frequencyHertz,
      modulation: try #require(Modulation(spreadingFactor: factor)), syncWord: syncWord,
      powerCentidecibelMilliwatts: power)
  }
}

/// A driver at a model's line, with time that the test turns: whatever waits first comes first.
final class RadioBench {
  let model: SerialModuleModel
  let clock = HandCrankedClock(now: 1_000)
  var radio: SerialRadio<ModelSerialPort>
  var frame = ReceivedFrame()
  /// All events so far, and the frames that came with `received`.
  var events: [RadioEvent] = []
  var frames: [ReceivedFrame] = []

  init(
    _ model: SerialModuleModel, expected: RadioKind?,
    beforeTransfer: ((Int) throws(BusError) -> Void)? = nil
  ) {
    self.model = model
    radio = SerialRadio(
      port: ModelSerialPort(model: model, clock: clock, beforeTransfer: beforeTransfer),
      expected: expected)
  }

  var failures: [RadioFailure] {
    events.compactMap { if case .failed(_, let failure) = $0 { failure } else { nil } }
  }

  var identity: RadioIdentity? { radio.identity }
  var capabilities: RadioCapabilities? { radio.capabilities }
  var state: RadioState { radio.state }
  var setting: RadioSetting? { radio.setting }
  var counts: RadioCounts { radio.counts }

  var now: Int64 { clock.now }

  /// Turns until the condition holds or so much time has passed, and says whether it holds.
  @discardableResult
  func turn(
    milliseconds: Int64, until isDone: (RadioBench) -> Bool = { _ in false }
  ) -> Bool {
    let end = clock.now + milliseconds
    while true {
      // A step that has nothing to tell any more comes soon: each takes bytes, or says some.
      var stepCount = 0
      while let event = radio.step(atMilliseconds: clock.now, frame: &frame) {
        radio.checkInvariants()
        events.append(event)
        if event == .received { frames.append(frame) }
        stepCount += 1
        precondition(stepCount < 1_000, "events without end")
      }
      radio.checkInvariants()
      if isDone(self) { return true }
      guard clock.now < end else { return false }
      let next = min(radio.nextStep(atMilliseconds: clock.now), model.nextChange ?? .max)
      clock.now = min(end, max(clock.now + 1, next))
    }
  }

  /// Begins, and turns until it is identified or has failed.
  func begin() -> Bool {
    radio.begin(atMilliseconds: clock.now)
    turn(milliseconds: 120_000) { $0.radio.state == .ready || $0.radio.state == .failed }
    return radio.state == .ready
  }

  func configure(_ setting: RadioSetting) throws -> Bool {
    try radio.configure(setting, atMilliseconds: clock.now)
    let count = events.count
    turn(milliseconds: 120_000) {
      $0.events.count > count && $0.state != .configuring
    }
    return radio.state == .listening
  }

  /// From power to reception.
  static func listening(_ module: Module, seed: UInt64 = 1) throws -> RadioBench {
    let bench = RadioBench(module.model(seed: seed), expected: module.kind)
    try #require(bench.begin())
    let isListening = try bench.configure(module.setting())
    try #require(isListening)
    bench.events = []
    return bench
  }

  func transmit(_ bytes: [UInt8]) throws {
    try radio.transmit(bytes.span, atMilliseconds: now)
  }
}

extension ReceivedFrame {
  var array: [UInt8] { bytes.indices.map { bytes[$0] } }
}
