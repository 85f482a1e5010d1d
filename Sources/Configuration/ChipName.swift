/// The chips that a site file may name. A program that switches over this without `default` does not
/// compile until it has a driver for each.
public enum ChipName: UInt8, Sendable {
  case bme280
  case sht3x
  case sht4x
  case scd4x
  case sen5x
  case pms5003

  static var count: Int { 6 }

  /// As it stands in the site file.
  public var text: StaticString {
    switch self {
    case .bme280: "bme280"
    case .sht3x: "sht3x"
    case .sht4x: "sht4x"
    case .scd4x: "scd4x"
    case .sen5x: "sen5x"
    case .pms5003: "pms5003"
    }
  }

  /// The address on an I2C bus that the chip has as it is sold; nil for a chip on a serial line.
  public var usualAddress: UInt8? {
    switch self {
    case .bme280: 0x76
    case .sht3x, .sht4x: 0x44
    case .scd4x: 0x62
    case .sen5x: 0x69
    case .pms5003: nil
    }
  }
}
