import Buses
import Records

/// One sensor, of any chip that this module has a driver for.
public enum AnySensor<Device: I2CDevice & ~Copyable>: ~Copyable {
  case bme280(BME280<Device>)
  case sht3x(SHT3x<Device>)
  case scd4x(SCD4x<Device>)

  public init(_ kind: SensorKind, device: consuming Device) {
    switch kind {
    case .bme280: self = .bme280(BME280(device: device))
    case .sht3x: self = .sht3x(SHT3x(device: device))
    case .scd4x: self = .scd4x(SCD4x(device: device))
    }
  }

  public var kind: SensorKind {
    switch self {
    case .bme280: .bme280
    case .sht3x: .sht3x
    case .scd4x: .scd4x
    }
  }

  /// The chip's name in the schema leaf.
  public var chipName: StaticString { kind.chipName }

  public var quantities: Quantities {
    switch self {
    case .bme280: BME280<Device>.quantities
    case .sht3x: SHT3x<Device>.quantities
    case .scd4x: SCD4x<Device>.quantities
    }
  }

  /// Empty until the chip has been identified once.
  public var serialNumber: SerialNumber {
    switch self {
    case .bme280(let chip): chip.serialNumber
    case .sht3x(let chip): chip.serialNumber
    case .scd4x(let chip): chip.serialNumber
    }
  }

  /// Checks that the chip is of this kind, and puts it into the state it measures in.
  public mutating func identify(delay: inout some Delay & ~Copyable) throws(SensorFailure) {
    let result: Result<Void, SensorFailure>
    switch consume self {
    case .bme280(var chip):
      result = Result { () throws(SensorFailure) in try chip.identify(delay: &delay) }
      self = .bme280(chip)
    case .sht3x(var chip):
      result = Result { () throws(SensorFailure) in try chip.identify(delay: &delay) }
      self = .sht3x(chip)
    case .scd4x(var chip):
      result = Result { () throws(SensorFailure) in try chip.identify(delay: &delay) }
      self = .scd4x(chip)
    }
    try result.get()
  }

  /// One measurement, whole and checked. Identifies the chip first when that is due.
  public mutating func measure(delay: inout some Delay & ~Copyable)
    throws(SensorFailure) -> Measurement
  {
    let result: Result<Measurement, SensorFailure>
    switch consume self {
    case .bme280(var chip):
      result = Result { () throws(SensorFailure) in try chip.measure(delay: &delay) }
      self = .bme280(chip)
    case .sht3x(var chip):
      result = Result { () throws(SensorFailure) in try chip.measure(delay: &delay) }
      self = .sht3x(chip)
    case .scd4x(var chip):
      result = Result { () throws(SensorFailure) in try chip.measure(delay: &delay) }
      self = .scd4x(chip)
    }
    return try result.get()
  }

  /// The next measurement begins with an identification.
  public mutating func forgetIdentity() {
    switch consume self {
    case .bme280(var chip):
      chip.forgetIdentity()
      self = .bme280(chip)
    case .sht3x(var chip):
      chip.forgetIdentity()
      self = .sht3x(chip)
    case .scd4x(var chip):
      chip.forgetIdentity()
      self = .scd4x(chip)
    }
  }
}
