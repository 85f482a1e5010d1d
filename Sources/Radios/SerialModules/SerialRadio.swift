import Buses
import FixedMemory

/// A LoRa module that is spoken to in lines of text: RAK3172, RN2483, RN2903, LoRa-E5, LA66. Owns its serial line,
/// which its owner opens at `RadioKind.usualBaudRate` and, so that no step waits too long, with
/// `RadioBounds.lineMarginMilliseconds` for writes.
public struct SerialRadio<Port: SerialPort & ~Copyable>: LoRaRadio, ~Copyable {
  /// A write of so many bytes ends within the bound of a step, at 9600 baud too.
  private static var writeByteCount: Int { 32 }
  /// Bytes that one step takes at most: a module that floods its line does not hold the loop up.
  private static var readsInStep: Int { 8 }

  private var port: Port
  private var module: SerialModule
  private var inbox = InlineArray<64, UInt8>(repeating: 0)
  /// Invariant: inboxOffset ≤ inboxCount ≤ 64.
  private var inboxOffset = 0
  private var inboxCount = 0

  /// `expected`: the module that is configured; nil asks for each in turn, at the speed that the line has.
  public init(port: consuming Port, expected: RadioKind?) {
    self.port = port
    module = SerialModule(expected: expected)
  }

  public var identity: RadioIdentity? { module.identity }
  public var capabilities: RadioCapabilities? { module.capabilities }
  public var state: RadioState { module.state }
  public var setting: RadioSetting? { module.setting }
  public var counts: RadioCounts { module.counts }
  /// When all of the command of the last transmission had left; nil: the module can't have sent it.
  public var frameHandedOverMilliseconds: Int64? { module.frameHandedOverAt }

  public mutating func begin(atMilliseconds now: Int64) {
    (inboxOffset, inboxCount) = (0, 0)
    module.begin(atMilliseconds: now)
  }

  public mutating func configure(_ setting: RadioSetting, atMilliseconds now: Int64)
    throws(RadioRefusal)
  {
    try module.configure(setting, atMilliseconds: now)
  }

  public mutating func transmit(_ bytes: Span<UInt8>, atMilliseconds now: Int64)
    throws(RadioRefusal)
  {
    try module.transmit(bytes, atMilliseconds: now)
  }

  /// No module of these tells it: always refused.
  public mutating func measureNoise(atMilliseconds now: Int64) throws(RadioRefusal) {
    try module.measureNoise()
  }

  public mutating func step(atMilliseconds now: Int64, frame: inout ReceivedFrame) -> RadioEvent? {
    if let event = module.takeEvent() { return event }
    guard module.isOnTheLine else { return nil }
    do throws(BusError) {
      try read(atMilliseconds: now, frame: &frame)
      if module.events.isEmpty { module.tick(atMilliseconds: now, frame: &frame) }
      try write(atMilliseconds: now)
    } catch {
      module.giveUp(.bus(error))
    }
    return module.takeEvent()
  }

  public func nextStep(atMilliseconds now: Int64) -> Int64 {
    inboxOffset < inboxCount ? now : module.nextStep(atMilliseconds: now)
  }

  /// For tests, after each step.
  public func checkInvariants() {
    precondition(inboxOffset <= inboxCount && inboxCount <= 64, "inbox")
    module.checkInvariants()
  }

  /// Stops at an event, so that the frame of one is not overwritten by the next.
  private mutating func read(atMilliseconds now: Int64, frame: inout ReceivedFrame)
    throws(BusError)
  {
    for _ in 0..<Self.readsInStep {
      while inboxOffset < inboxCount {
        let byte = inbox[inboxOffset]
        inboxOffset += 1
        module.receive(byte, atMilliseconds: now, frame: &frame)
        guard module.events.isEmpty else { return }
      }
      (inboxOffset, inboxCount) = (0, 0)
      var space = inbox.mutableSpan
      inboxCount = min(64, try port.read(into: &space))
      if inboxCount == 0 { return }
    }
  }

  private mutating func write(atMilliseconds now: Int64) throws(BusError) {
    guard module.isSaying else { return }
    let start = module.handedOverCount
    let count = min(Self.writeByteCount, module.output.byteCount - start)
    try port.write(module.output.span.extracting(start..<(start + count)))
    module.handOver(count, atMilliseconds: now)
  }
}

extension RadioKind {
  /// The speed that a module is sold with; nil for a chip behind SPI. RAK3172 with firmware from before RUI3: 9600.
  public var usualBaudRate: UInt32? {
    switch self {
    case .rak3172: 115_200
    case .rn2483, .rn2903: 57_600
    case .loraE5, .la66: 9_600
    case .sx1261, .sx1262, .llcc68, .sx1272, .sx1276, .concentrator: nil
    }
  }

  /// As the site file writes it; nil for what is no radio of ours.
  public init?(text: Span<UInt8>) {
    for raw in UInt8(1)...10 {
      if let kind = RadioKind(rawValue: raw), text.equals(kind.configurationName) {
        self = kind
        return
      }
    }
    return nil
  }

  public var configurationName: StaticString {
    switch self {
    case .rak3172: "rak3172"
    case .rn2483: "rn2483"
    case .rn2903: "rn2903"
    case .loraE5: "lora-e5"
    case .la66: "la66"
    case .sx1261: "sx1261"
    case .sx1262: "sx1262"
    case .llcc68: "llcc68"
    case .sx1272: "sx1272"
    case .sx1276: "sx1276"
    case .concentrator: "concentrator"
    }
  }
}
