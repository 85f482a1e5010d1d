import Buses
import FixedMemory
import Records
import Sensors

/// What the drivers make of all raw words of their chips: the drivers themselves, over chips that give the
/// next words at each measurement. Failures count as their number.
func tellChips() {
  for calibration in 0..<3 {
    let sweeps: InlineArray<2, BME280Sweep> = [BME280Sweep.temperature, .pressure]
    for sweepIndex in sweeps.indices {
      let sweep = sweeps[sweepIndex]
      // Sixteen raw words are one step of the converter; the lowest four bits change with each.
      var sensor = BME280(device: SweptBME280(calibration: calibration, sweep: sweep))
      var tally = Tally()
      var pause = NoDelay()
      for _ in 0..<65_536 {
        do throws(SensorFailure) {
          add(try sensor.measure(delay: &pause), to: &tally)
        } catch { tally.add(UInt64(error.faultCode.rawValue)) }
      }
      tally.add(sensor.serialNumber.span)
      var name = named("bme280 with calibration ", UInt64(calibration))
      name.append(sweep == .temperature ? ", all temperatures" : ", all pressures")
      tally.tell(name.span)
    }
  }
  tellSensirion()
}

private func tellSensirion() {
  var pause = NoDelay()
  var tally = Tally()
  var humidity = SHT3x(device: SweptSensirion(wordCount: 2))
  for _ in 0..<65_536 {
    do throws(SensorFailure) {
      add(try humidity.measure(delay: &pause), to: &tally)
    } catch { tally.add(UInt64(error.faultCode.rawValue)) }
  }
  tally.add(humidity.serialNumber.span)
  tally.tell("sht3x, all words")
  tally = Tally()
  var gas = SCD4x(device: SweptSensirion(wordCount: 3))
  for _ in 0..<65_536 {
    do throws(SensorFailure) {
      add(try gas.measure(delay: &pause), to: &tally)
    } catch { tally.add(UInt64(error.faultCode.rawValue)) }
  }
  tally.add(gas.serialNumber.span)
  tally.tell("scd4x, all words")
}

private func add(_ measurement: Measurement, to tally: inout Tally) {
  for index in measurement.values.indices { tally.add(optional: measurement.values[index]) }
  tally.add(measurement.rawFingerprint)
}

private struct NoDelay: Delay {
  mutating func sleep(milliseconds: UInt32) {}
}

private enum BME280Sweep {
  /// All temperatures, pressure and humidity running through theirs beside.
  case temperature
  /// All pressures and humidities at the temperature of the datasheet's example.
  case pressure
}

/// Registers of a BME280 whose every measurement is the next of the sweep.
private struct SweptBME280: I2CDevice, ~Copyable {
  let calibration: Int
  let sweep: BME280Sweep
  private var step: UInt32 = 0

  init(calibration: Int, sweep: BME280Sweep) {
    self.calibration = calibration
    self.sweep = sweep
  }

  mutating func write(_ bytes: Span<UInt8>) throws(BusError) {}

  mutating func read(into bytes: inout MutableSpan<UInt8>) throws(BusError) {
    throw .notAcknowledged
  }

  mutating func writeRead(_ bytes: Span<UInt8>, into reply: inout MutableSpan<UInt8>)
    throws(BusError)
  {
    switch bytes[0] {
    case 0xd0: reply[0] = 0x60
    case 0x88: for index in 0..<26 { reply[index] = CalibrationBytes.low(calibration, index) }
    case 0xe1: for index in 0..<7 { reply[index] = CalibrationBytes.high(calibration, index) }
    case 0xf2:
      // ctrl_hum, status, ctrl_meas: as configured, done, asleep.
      reply[0] = 0x01
      reply[1] = 0x00
      reply[2] = 0x24
    case 0xf7: giveData(into: &reply)
    default: for index in reply.indices { reply[index] = 0 }
    }
  }

  private mutating func giveData(into reply: inout MutableSpan<UInt8>) {
    let raw = step << 4 | step & 15
    // An odd factor: all values, in another order.
    let other = (step &* 40_503 & 0xffff) << 4 | (step >> 3) & 15
    let (temperature, pressure) = sweep == .temperature ? (raw, other) : (519_888, raw)
    reply[0] = UInt8(truncatingIfNeeded: pressure >> 12)
    reply[1] = UInt8(truncatingIfNeeded: pressure >> 4)
    reply[2] = UInt8(truncatingIfNeeded: pressure << 4)
    reply[3] = UInt8(truncatingIfNeeded: temperature >> 12)
    reply[4] = UInt8(truncatingIfNeeded: temperature >> 4)
    reply[5] = UInt8(truncatingIfNeeded: temperature << 4)
    reply[6] = UInt8(truncatingIfNeeded: other >> 12)
    reply[7] = UInt8(truncatingIfNeeded: other >> 4)
    step += 1
  }
}

/// 0: the datasheet's worked example. 1: another chip. 2: words at the ends of their ranges, as a bus gives them.
private enum CalibrationBytes {
  static func low(_ calibration: Int, _ index: Int) -> UInt8 {
    if index == 24 { return 0 }
    if index == 25 { return calibration == 2 ? 0xff : 75 }
    let word = words(calibration)[index / 2]
    return UInt8(truncatingIfNeeded: index % 2 == 0 ? word : word >> 8)
  }

  private static func words(_ calibration: Int) -> InlineArray<12, Int32> {
    switch calibration {
    case 0:
      [27_504, 26_435, -1_000, 36_477, -10_685, 3_024, 2_855, 140, -7, 15_500, -14_600, 6_000]
    case 1:
      [28_485, 26_735, 50, 36_738, -10_635, 3_024, 6_980, -4, -7, 9_900, -10_230, 4_285]
    default:
      [
        65_535, 32_767, -32_768, 65_535, -32_768, 32_767, -32_768, 32_767, -32_768, 32_767, -32_768,
        32_767,
      ]
    }
  }

  static func high(_ calibration: Int, _ index: Int) -> UInt8 {
    let bytes: InlineArray<7, UInt8> =
      switch calibration {
      case 0: [0x63, 0x01, 0x00, 0x15, 0x04, 0x00, 0x1e]
      case 1: [0x72, 0x01, 0x00, 0x13, 0x29, 0x03, 0x1e]
      default: [0xff, 0x7f, 0xff, 0x80, 0xff, 0x7f, 0x80]
      }
    return bytes[index]
  }
}

/// A chip of Sensirion's whose every measurement is the next: the first word counts, the others follow it
/// in another order.
private struct SweptSensirion: I2CDevice, ~Copyable {
  let wordCount: Int
  private var step: UInt16 = 0
  private var isMeasurement = false

  init(wordCount: Int) { self.wordCount = wordCount }

  mutating func write(_ bytes: Span<UInt8>) throws(BusError) {
    // Measure (SHT3x), read the measurement (SCD4x); all others are status and serial number.
    isMeasurement = bytes[0] == 0x24 || bytes[0] == 0xec
  }

  mutating func read(into bytes: inout MutableSpan<UInt8>) throws(BusError) {
    for index in 0..<bytes.count / 3 {
      let word =
        isMeasurement
        ? (index == 0 ? step : step &* 40_503 &+ UInt16(index)) : 0x8006 + UInt16(index)
      let (high, low) = (UInt8(word >> 8), UInt8(truncatingIfNeeded: word))
      bytes[3 * index] = high
      bytes[3 * index + 1] = low
      bytes[3 * index + 2] = checksum(high, low)
    }
    if isMeasurement { step &+= 1 }
  }

  mutating func writeRead(_ bytes: Span<UInt8>, into reply: inout MutableSpan<UInt8>)
    throws(BusError)
  {
    throw .notAcknowledged
  }

  /// CRC-8, polynomial 0x31, initial value 0xff, bit by bit.
  private func checksum(_ high: UInt8, _ low: UInt8) -> UInt8 {
    var crc: UInt8 = 0xff
    let bytes: InlineArray<2, UInt8> = [high, low]
    for byteIndex in bytes.indices {
      let byte = bytes[byteIndex]
      crc ^= byte
      for _ in 0..<8 { crc = crc & 0x80 == 0 ? crc << 1 : (crc << 1) ^ 0x31 }
    }
    return crc
  }
}
