import Buses
import FixedMemory

/// A Bosch BME280, after the datasheet BST-BME280-DS002, revision 1.6: identity, calibration,
/// control and status registers, forced and normal mode, oversampling with its resolution and
/// conversion time, resets. Not modelled: the filter (`config` is stored and has no effect),
/// standby times, SPI.
public final class BME280Model: ChipModel {
  public let name = "bme280"
  /// The chip has none: on it, `badChecksum` changes nothing.
  public let hasChecksums = false
  public var fault = ChipFault.none

  private let surroundings: any Surroundings
  private let calibration: BME280ModelCalibration
  private var noise: SeededNoise

  /// Nothing is acknowledged before this time (table 1: 2 ms).
  private var startsAt: Int64
  private var pointer: UInt8 = 0
  private var controlHumidity: UInt8 = 0
  /// What a conversion uses: ctrl_hum as it was at the last write to ctrl_meas (section 5.4.3).
  private var effectiveControlHumidity: UInt8 = 0
  private var controlMeasurement: UInt8 = 0
  private var config: UInt8 = 0
  private var data = BME280Model.resetData
  private var conversion: (endsAt: Int64, data: [UInt8])?
  private var lastData: [UInt8]?

  /// Section 5.3: pressure and temperature 0x80000, humidity 0x8000.
  public static let resetData: [UInt8] = [0x80, 0, 0, 0x80, 0, 0, 0x80, 0]
  private static let startMilliseconds: Int64 = 2
  /// The datasheet does not say how long the calibration is being copied; long enough to be seen.
  private static let copyMilliseconds: Int64 = 1

  /// Powers the chip up at `now`.
  public convenience init(surroundings: any Surroundings, seed: UInt64, now: Int64) {
    var noise = SeededNoise(seed: seed)
    let calibration = BME280ModelCalibration(noise: &noise)
    self.init(surroundings: surroundings, calibration: calibration, noise: noise, now: now)
  }

  init(
    surroundings: any Surroundings, calibration: BME280ModelCalibration, noise: SeededNoise,
    now: Int64
  ) {
    self.surroundings = surroundings
    self.calibration = calibration
    self.noise = noise
    startsAt = now + Self.startMilliseconds
  }

  /// As the driver names it: the CRC-32C of the calibration.
  public var serialNumber: String {
    let bytes = calibration.lowBytes + calibration.highBytes[..<7]
    return "cal-" + hexadecimal(UInt64(CRC32C.checksum(bytes.span)), digitCount: 8)
  }

  public func powerCycle(now: Int64) {
    startsAt = now + Self.startMilliseconds
    pointer = 0
    controlHumidity = 0
    effectiveControlHumidity = 0
    controlMeasurement = 0
    config = 0
    data = Self.resetData
    conversion = nil
  }

  public func write(_ bytes: [UInt8], now: Int64) throws(BusError) {
    update(now: now)
    guard now >= startsAt else { throw .notAcknowledged }
    // Section 6.2.1: pairs of register and value; a register alone sets where reads begin.
    for index in stride(from: 0, to: bytes.count, by: 2) {
      pointer = bytes[index]
      if index + 1 < bytes.count { store(bytes[index + 1], now: now) }
    }
  }

  public func read(count: Int, now: Int64) throws(BusError) -> [UInt8] {
    update(now: now)
    guard now >= startsAt else { throw .notAcknowledged }
    return (0..<count).map { _ in
      let value = register(pointer, now: now)
      pointer &+= 1
      return value
    }
  }

  // MARK: - Registers

  private func store(_ value: UInt8, now: Int64) {
    switch pointer {
    case 0xe0: if value == 0xb6 { powerCycle(now: now) }
    case 0xf2: controlHumidity = value & 0x07
    case 0xf4:
      controlMeasurement = value
      effectiveControlHumidity = controlHumidity
      // Modes 01 and 10 are forced, 11 is normal, 00 sleeps and ends a conversion.
      conversion = nil
      if value & 0x03 != 0 { startConversion(now: now) }
    case 0xf5: config = value
    default: break
    }
  }

  private func register(_ address: UInt8, now: Int64) -> UInt8 {
    switch address {
    case 0x88...0xa1: calibration.lowBytes[Int(address) - 0x88]
    // A BMP280: the same registers, another id, no humidity.
    case 0xd0: fault == .wrongChip ? 0x58 : 0x60
    case 0xe1...0xf0: calibration.highBytes[Int(address) - 0xe1]
    case 0xf2: controlHumidity
    case 0xf3:
      (conversion == nil ? 0 : 0x08) | (now < startsAt + Self.copyMilliseconds ? 0x01 : 0)
    case 0xf4: controlMeasurement
    case 0xf5: config
    case 0xf7...0xfe: data[Int(address) - 0xf7]
    // Reserved registers: no value is promised.
    default: 0
    }
  }

  // MARK: - Conversion

  private func update(now: Int64) {
    guard let (endsAt, result) = conversion, now >= endsAt else { return }
    data = result
    conversion = nil
    if controlMeasurement & 0x03 == 0x03 {
      startConversion(now: now)
    } else {
      controlMeasurement &= ~0x03
    }
  }

  /// Table 20 and its like: 0 skips, 1 to 5 are ×1 to ×16, all above are ×16.
  private static func oversampling(_ bits: UInt8) -> Int64 {
    bits == 0 ? 0 : 1 << Int64(min(bits, 5) - 1)
  }

  /// Section 3.4: without the filter, 16 bits at ×1 and one more for each doubling.
  private static func step(_ bits: UInt8) -> Int64 { 16 >> Int64(min(max(bits, 1), 5) - 1) }

  private func startConversion(now: Int64) {
    let temperatureBits = controlMeasurement >> 5
    let pressureBits = controlMeasurement >> 2 & 0x07
    let humidityBits = effectiveControlHumidity
    // Appendix B, the longest times.
    var microseconds: Int64 = 1_250 + 2_300 * Self.oversampling(temperatureBits)
    for bits in [pressureBits, humidityBits] where bits != 0 {
      microseconds += 2_300 * Self.oversampling(bits) + 575
    }
    let result = measured(
      temperatureBits: temperatureBits, pressureBits: pressureBits,
      humidityBits: humidityBits, now: now)
    lastData = result
    conversion = (now + (microseconds + 999) / 1_000, result)
  }

  private func measured(
    temperatureBits: UInt8, pressureBits: UInt8, humidityBits: UInt8, now: Int64
  ) -> [UInt8] {
    if fault == .frozen, let lastData { return lastData }
    let conditions = surroundings.conditions(atMilliseconds: now)
    let calibration = self.calibration
    var pressure: Int64 = 0x80000
    var temperature: Int64 = 0x80000
    var humidity: Int64 = 0x8000
    if temperatureBits != 0 {
      temperature = noisy(step: Self.step(temperatureBits), last: 0xfffff) { step, last in
        BME280ModelCalibration.nearest(
          Double(conditions.temperatureMillidegreesCelsius) / 1_000, step: step, last: last,
          calibration.temperatureCelsius)
      }
    }
    let fine = calibration.fineTemperature(Double(temperature))
    if pressureBits != 0 {
      // The raw word falls as pressure rises: both are negated for the search.
      pressure = noisy(step: Self.step(pressureBits), last: 0xfffff) { step, last in
        BME280ModelCalibration.nearest(
          -Double(conditions.pressurePascals), step: step, last: last,
          { -calibration.pressurePascals($0, fine: fine) })
      }
    }
    if humidityBits != 0 {
      humidity = noisy(step: 1, last: 0xffff) { step, last in
        BME280ModelCalibration.nearest(
          Double(conditions.relativeHumidityMillipercent) / 1_000, step: step, last: last,
          { calibration.relativeHumidityPercent($0, fine: fine) })
      }
    }
    var bytes: [UInt8] = []
    for word in [pressure, temperature] {
      bytes.append(UInt8(word >> 12))
      bytes.append(UInt8(word >> 4 & 0xff))
      bytes.append(UInt8(word << 4 & 0xf0))
    }
    bytes.append(UInt8(humidity >> 8))
    bytes.append(UInt8(humidity & 0xff))
    return bytes
  }

  /// The nearest word, and one step of the converter above, below, or at it.
  private func noisy(step: Int64, last: Int64, _ nearest: (Int64, Int64) -> Int64) -> Int64 {
    let word = nearest(step, last) + noise.leastBit() * step
    return min(max(word, 0), last / step * step)
  }
}
