import FixedMemory
import Records

/// The chips that this module has drivers for, by the names that configuration uses.
public enum SensorKind: UInt8, Sendable {
  case bme280
  case sht3x
  case scd4x

  /// The part number in lower case; anything else is no chip of ours.
  public init?(text: Span<UInt8>) {
    if text.equals(SensorKind.bme280.name) {
      self = .bme280
    } else if text.equals(SensorKind.sht3x.name) {
      self = .sht3x
    } else if text.equals(SensorKind.scd4x.name) {
      self = .scd4x
    } else {
      return nil
    }
  }

  public var name: StaticString {
    switch self {
    case .bme280: "bme280"
    case .sht3x: "sht3x"
    case .scd4x: "scd4x"
    }
  }

  /// The part number as the maker writes it: the chip's name in the schema leaf.
  public var chipName: StaticString {
    switch self {
    case .bme280: "BME280"
    case .sht3x: "SHT3x"
    case .scd4x: "SCD4x"
    }
  }

  /// The address that boards are sold with. Never proof of the chip: several share it.
  public var usualAddress: UInt8 {
    switch self {
    case .bme280: 0x76
    case .sht3x: 0x44
    case .scd4x: 0x62
    }
  }

  /// Asked more often than this, the chip has nothing new to say, or heats itself (BME280 section
  /// 3.5.1 suggests one measurement a minute; both short-interval chips are specified at 1 Hz).
  public var shortestIntervalMilliseconds: Int64 {
    switch self {
    case .bme280, .sht3x: 1_000
    case .scd4x: 5_000
    }
  }
}
