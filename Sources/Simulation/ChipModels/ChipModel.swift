import Buses

/// A sensor chip as its bus sees it: bytes in, bytes out, and time.
///
/// Times are milliseconds of one monotonic clock; they never go backwards from call to call.
public protocol ChipModel: AnyObject {
  /// The name by which faults are set: the part number in lower case.
  var name: String { get }
  /// What tells this chip from another of its kind, as the driver shows it.
  var serialNumber: String { get }
  /// False for a chip without checksums, on which `badChecksum` has no effect.
  var hasChecksums: Bool { get }
  /// What is wrong with the chip from now on.
  var fault: ChipFault { get set }

  /// A write to the chip. An empty one is a probe.
  func write(_ bytes: [UInt8], now: Int64) throws(BusError)
  /// A read of `count` bytes from the chip.
  func read(count: Int, now: Int64) throws(BusError) -> [UInt8]
  /// The supply fell for a moment: everything volatile is lost, and the chip starts.
  func powerCycle(now: Int64)
}

/// What can be wrong with a chip. All but `brownOut` last until another is set.
public enum ChipFault: String, CaseIterable, Sendable {
  case none
  /// The chip is absent or unpowered.
  case noAcknowledge = "no-acknowledge"
  /// The chip holds a line low: every transfer on its bus times out, to other chips too.
  case stuckBus = "stuck-bus"
  /// Every reply has one flipped bit in its last checksum.
  case badChecksum = "bad-checksum"
  /// Another chip answers at this address.
  case wrongChip = "wrong-chip"
  /// The chip answers as always, and every measurement is the last one again.
  case frozen
  /// The supply falls for a moment, once; the chip then works, in its state after a reset.
  case brownOut = "brown-out"
}

/// What there is to measure at one moment.
public struct Conditions: Equatable, Sendable {
  public var temperatureMillidegreesCelsius: Int64
  public var relativeHumidityMillipercent: Int64
  public var pressurePascals: Int64
  public var carbonDioxidePPM: Int64

  public init(
    temperatureMillidegreesCelsius: Int64, relativeHumidityMillipercent: Int64,
    pressurePascals: Int64, carbonDioxidePPM: Int64
  ) {
    self.temperatureMillidegreesCelsius = temperatureMillidegreesCelsius
    self.relativeHumidityMillipercent = relativeHumidityMillipercent
    self.pressurePascals = pressurePascals
    self.carbonDioxidePPM = carbonDioxidePPM
  }
}

/// Where a chip is: gives the conditions at a time of the chip's clock.
public protocol Surroundings {
  func conditions(atMilliseconds now: Int64) -> Conditions
}

/// Surroundings that do not change.
public struct ConstantSurroundings: Surroundings {
  public let conditions: Conditions
  public init(_ conditions: Conditions) { self.conditions = conditions }
  public func conditions(atMilliseconds now: Int64) -> Conditions { conditions }
}
