import Simulation

/// At which pins of a stick a radio's lines are. Nil: not wired.
public struct StickRadioPins: Sendable {
  public var select: UInt8
  public var reset: UInt8?
  public var busy: UInt8?
  public var interrupt: UInt8?
  /// The antenna is at the receiver while this is driven high.
  public var receive: UInt8?

  public init(
    select: UInt8 = 0, reset: UInt8? = 2, busy: UInt8? = 4, interrupt: UInt8? = 6,
    receive: UInt8? = 1
  ) {
    self.select = select
    self.reset = reset
    self.busy = busy
    self.interrupt = interrupt
    self.receive = receive
  }
}

/// A radio chip at the pins of an emulated stick: a transfer is what goes over between the edges of its chip select.
final class StickRadio {
  let model: RadioChipModel
  private let pins: StickRadioPins
  private let now: () -> Int64
  private var isSelected = false
  private var isHeld = false
  private var transfer: [UInt8] = []

  init(_ model: RadioChipModel, _ pins: StickRadioPins, now: @escaping () -> Int64) {
    self.model = model
    self.pins = pins
    self.now = now
  }

  /// What it answers to a piece of a transfer.
  func clock(_ bytes: [UInt8], _ levels: StickBench.Pins) -> [UInt8] {
    see(levels)
    guard isSelected else { return bytes.map { _ in 0xff } }
    transfer += bytes
    return Array(model.preview(transfer).suffix(bytes.count))
  }

  /// The pins may stand otherwise than before.
  func see(_ levels: StickBench.Pins) {
    let wasSelected = isSelected
    isSelected = !levels.isHigh(pins.select)
    if wasSelected, !isSelected, !transfer.isEmpty {
      _ = model.transfer(transfer, now: now())
      transfer = []
    }
    guard let reset = pins.reset, isHeld == levels.isHigh(reset) else { return }
    isHeld.toggle()
    model.holdReset(isHeld, now: now())
  }

  func lost() {
    (isSelected, transfer) = (false, [])
    model.powerCycle(now: now())
  }

  /// D0 to D15 with what the chip drives.
  func levels(_ inputs: UInt16) -> UInt16 {
    var result = inputs
    func drive(_ pin: UInt8?, _ isHigh: Bool) {
      guard let pin else { return }
      result = isHigh ? result | 1 << UInt16(pin) : result & ~(1 << UInt16(pin))
    }
    drive(pins.busy, model.busyLevel(now: now()))
    drive(pins.interrupt, model.interruptLevel(now: now()))
    return result
  }

  func deliver(_ bytes: [UInt8], _ figures: AirFigures, _ levels: StickBench.Pins) -> Bool {
    if let receive = pins.receive, !levels.isDrivenHigh(receive) { return false }
    return model.deliver(bytes, figures, now: now())
  }
}
