/// A board of the simulator: one bus with the chips that a sensor node of ours usually has, and
/// what can be done to them.
public final class VirtualBoard {
  /// Where the chips are, as boards with them are sold.
  public static let bme280Address: UInt8 = 0x76
  public static let sht3xAddress: UInt8 = 0x44
  public static let scd4xAddress: UInt8 = 0x62

  public let bus = VirtualI2CBus()
  private var waiting: [(time: Int64, command: FaultCommand)] = []

  /// Powers the chips up at `now`. The seed decides serial numbers, calibration and noise.
  public init(surroundings: any Surroundings, seed: UInt64, now: Int64) {
    var seeds = SeededNoise(seed: seed)
    bus.attach(
      BME280Model(surroundings: surroundings, seed: seeds.next(), now: now),
      at: Self.bme280Address)
    bus.attach(
      SHT3xModel(surroundings: surroundings, seed: seeds.next(), now: now),
      at: Self.sht3xAddress)
    bus.attach(
      SCD4xModel(surroundings: surroundings, seed: seeds.next(), now: now),
      at: Self.scd4xAddress)
  }

  /// Does a command, at once or after its delay. Returns what to tell the person.
  public func perform(_ command: FaultCommand, now: Int64) -> String {
    let chips = bus.attached.map(\.chip).filter { $0.name == command.chipName }
    guard let chip = chips.first else {
      let names = bus.attached.map(\.chip.name).joined(separator: ", ")
      return "no chip \(command.chipName) here, only \(names)"
    }
    if command.fault == .badChecksum, !chip.hasChecksums {
      return "\(command.chipName) has no checksums: bad-checksum changes nothing"
    }
    guard command.delayMilliseconds == 0 else {
      waiting.append((now + command.delayMilliseconds, command))
      waiting.sort { $0.time < $1.time }
      return "\(command.chipName): \(command.fault.rawValue) in \(command.delayMilliseconds) ms"
    }
    _ = bus.setFault(command.fault, chipsNamed: command.chipName, now: now)
    return "\(command.chipName): \(command.fault.rawValue)"
  }

  /// When a delayed command is due next.
  public var nextCommandMilliseconds: Int64? { waiting.first?.time }

  /// Does the delayed commands that are due. Returns what to tell the person.
  public func performDue(now: Int64) -> [String] {
    var told: [String] = []
    while let first = waiting.first, first.time <= now {
      waiting.removeFirst()
      _ = bus.setFault(first.command.fault, chipsNamed: first.command.chipName, now: now)
      told.append("\(first.command.chipName): \(first.command.fault.rawValue)")
    }
    return told
  }
}
