/// The chips that a site file may name, by part number in lower case. A program that switches over
/// this without `default` does not compile until it has a driver for each.
public enum ChipName: UInt8, Sendable {
  case bme280
  case sht3x
  case scd4x

  static var count: Int { 3 }

  /// As it stands in the site file.
  public var text: StaticString {
    switch self {
    case .bme280: "bme280"
    case .sht3x: "sht3x"
    case .scd4x: "scd4x"
    }
  }

  /// The address on an I2C bus that boards with the chip are sold with. Several chips share it.
  public var usualAddress: UInt8 {
    switch self {
    case .bme280: 0x76
    case .sht3x: 0x44
    case .scd4x: 0x62
    }
  }
}
