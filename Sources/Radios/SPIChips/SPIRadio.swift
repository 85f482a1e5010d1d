import Buses
import FixedMemory

/// A radio chip behind SPI: SX1261, SX1262, LLCC68, SX1276, SX1272. Owns its chip select and its lines.
public struct SPIRadio<Bus: SPIDevice & ~Copyable, Lines: RadioLines & ~Copyable>: LoRaRadio,
  ~Copyable
{
  /// Transfers that one step does at most: eight of the longest take 20 ms at 1 MHz.
  private static var transfersInStep: Int { 8 }
  /// Nor is another one begun when bus and lines have kept the step for so long, as a stick does that is slow: what one
  /// more takes fits `RadioBounds.stepMilliseconds`.
  private static var waitLimitMilliseconds: Int64 { 50 }

  private var bus: Bus
  private var lines: Lines
  private var machine: ChipMachine

  /// - `lookMilliseconds`: how often the interrupt line is looked at where it wakes nobody; nil where it does.
  public init(
    bus: consuming Bus, lines: consuming Lines, wiring: ChipWiring, lookMilliseconds: Int64? = nil
  ) {
    self.bus = bus
    self.lines = lines
    machine = ChipMachine(wiring: wiring, lookMilliseconds: lookMilliseconds)
  }

  public var identity: RadioIdentity? { machine.identity }
  public var capabilities: RadioCapabilities? { machine.capabilities }
  public var state: RadioState { machine.state }
  public var setting: RadioSetting? { machine.setting }
  public var counts: RadioCounts { machine.counts }
  public var frameHandedOverMilliseconds: Int64? { machine.frameHandedOverAt }

  public mutating func begin(atMilliseconds now: Int64) { machine.begin(atMilliseconds: now) }

  public mutating func configure(_ setting: RadioSetting, atMilliseconds now: Int64)
    throws(RadioRefusal)
  {
    try machine.configure(setting, atMilliseconds: now)
  }

  public mutating func transmit(_ bytes: Span<UInt8>, atMilliseconds now: Int64)
    throws(RadioRefusal)
  {
    try machine.transmit(bytes, atMilliseconds: now)
  }

  public mutating func measureNoise(atMilliseconds now: Int64) throws(RadioRefusal) {
    try machine.measureNoise()
  }

  public mutating func step(atMilliseconds now: Int64, frame: inout ReceivedFrame) -> RadioEvent? {
    takeEdges()
    let waited = bus.waitedMilliseconds + lines.waitedMilliseconds
    for _ in 0..<Self.transfersInStep {
      let gone = bus.waitedMilliseconds + lines.waitedMilliseconds - waited
      guard machine.events.isEmpty, machine.isOnTheBus, gone < Self.waitLimitMilliseconds
      else { break }
      do throws(BusError) {
        // Behind a stick a step lasts: what is seen at its end has not come before its beginning.
        guard try turn(atMilliseconds: now + gone) else { break }
      } catch {
        if error == .disconnected {
          machine.giveUp(.bus(error))
        } else {
          machine.fail(.bus(error), atMilliseconds: now)
        }
      }
    }
    let event = machine.takeEvent()
    if event == .received { frame = machine.held }
    return event
  }

  /// Where the line's level does not count now its edges are taken all the same: a descriptor that nobody reads stays
  /// readable, and its owner's loop would turn for nothing.
  private mutating func takeEdges() {
    guard machine.lookMilliseconds == nil else { return }
    if machine.isOnTheBus {
      switch machine.phase {
      case .idle, .sending, .resetting: return
      case .ready, .pausing, .holdingReset, .waking: break
      }
    }
    do throws(BusError) { _ = try lines.isInterrupted() } catch {
      if error == .disconnected, machine.state != .unknown { machine.giveUp(.bus(error)) }
    }
  }

  /// One transfer, or a turn of a line; false when nothing more can be done now.
  private mutating func turn(atMilliseconds now: Int64) throws(BusError) -> Bool {
    switch machine.phase {
    case .resetting:
      machine.sawLevel(try lines.isInterrupted())
      machine.resetHeld(try lines.holdReset(true), atMilliseconds: now)
      return machine.phase == .ready
    case .holdingReset(nil):
      machine.phase = .holdingReset(until: now + ChipMachine.resetMilliseconds)
      return false
    case .holdingReset(let until?):
      guard now >= until else { return false }
      _ = try lines.holdReset(false)
      machine.resetLetGo(atMilliseconds: now)
      return false
    case .idle, .sending: machine.sawLevel(try lines.isInterrupted())
    case .ready, .pausing, .waking: break
    }
    machine.tick(atMilliseconds: now)
    guard machine.phase == .ready else { return false }
    if machine.wiring.isSX126x, try lines.isBusy() {
      machine.sawBusy(atMilliseconds: now)
      return false
    }
    if machine.wiring.isSX126x, let isReceiving = machine.transfer.turnsReceiver {
      try lines.enableReceiver(isReceiving)
    }
    machine.willTransfer(atMilliseconds: now)
    try machine.transfer.run(&bus)
    machine.took(atMilliseconds: now)
    return true
  }

  public func nextStep(atMilliseconds now: Int64) -> Int64 {
    machine.nextStep(atMilliseconds: now)
  }

  /// For tests, after each step.
  public func checkInvariants() { machine.checkInvariants() }
}
