import Buses
import Records

/// A sensor with its frozen detector: what the agent measures with.
public struct MonitoredSensor<Device: I2CDevice & ~Copyable>: ~Copyable {
  private var sensor: AnySensor<Device>
  private var frozenDetector: FrozenDetector

  public init(
    _ kind: SensorKind, device: consuming Device,
    frozenLimit: UInt32 = FrozenDetector.defaultLimit
  ) {
    sensor = AnySensor(kind, device: device)
    frozenDetector = FrozenDetector(limit: frozenLimit)
  }

  public var kind: SensorKind { sensor.kind }
  public var chipName: StaticString { sensor.chipName }
  public var quantities: Quantities { sensor.quantities }
  public var serialNumber: SerialNumber { sensor.serialNumber }

  /// Checks that the chip is of this kind, and puts it into the state it measures in.
  public mutating func identify(delay: inout some Delay & ~Copyable) throws(SensorFailure) {
    try sensor.identify(delay: &delay)
  }

  /// One measurement, whole, checked and not frozen. After `frozen` the chip is identified again,
  /// which resets it: some come back to life by that.
  public mutating func measure(delay: inout some Delay & ~Copyable)
    throws(SensorFailure) -> Measurement
  {
    let measurement = try sensor.measure(delay: &delay)
    do throws(SensorFailure) {
      try frozenDetector.check(measurement.rawFingerprint)
    } catch {
      sensor.forgetIdentity()
      throw error
    }
    return measurement
  }
}
