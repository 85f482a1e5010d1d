import Buses
import FixedMemory
import Records

/// Bosch BME280: temperature, pressure and relative humidity. Datasheet BST-BME280-DS002, revision
/// 1.6. Forced mode: each measurement is asked for, with all of its configuration, and the chip
/// sleeps in between.
///
///     identify   id D0 → 60 · reset E0 ← B6 · 2 ms · status F3 until started
///                calibration 88…A1, E1…E7, twice · config F5 ← 0
///     measure    ctrl_hum F2 ← 01 · ctrl_meas F4 ← 25 · 10 ms · F2…F4 until done · F7…FE
///
/// The chip has no checksums. Calibration is read twice, since an undetected flipped bit in it
/// would bend every later reading; the configuration is read back after each conversion, which also
/// finds a chip that was reset in between.
public struct BME280<Device: I2CDevice & ~Copyable>: ~Copyable {
  private var device: Device
  /// Nil while the chip is not identified.
  private var calibration: BME280Calibration?

  /// The chip has no serial number: "cal-" and eight hexadecimal digits, the CRC-32C of its
  /// individual calibration bytes.
  public private(set) var serialNumber = SerialNumber()

  public init(device: consuming Device) {
    self.device = device
    self.calibration = nil
  }

  /// Hundredths of a degree are what the datasheet's integer formula gives. One step of the
  /// humidity converter is 0.008 %RH, so thousandths lose nothing. One step of the pressure
  /// converter is 2.6 Pa at oversampling ×1 (section 3.4.2), so whole pascals lose nothing.
  public static var quantities: Quantities {
    var quantities = Quantities(filler: .temperature(powerOfTen: -2))
    quantities.append(.temperature(powerOfTen: -2))
    quantities.append(.relativeHumidity(powerOfTen: -3))
    quantities.append(.pressure(powerOfTen: 0))
    return quantities
  }

  /// Checks the id, resets the chip, reads and checks its calibration. Takes 2 ms, at most 12.
  public mutating func identify(delay: inout some Delay & ~Copyable) throws(SensorFailure) {
    calibration = nil
    let id: InlineArray<1, UInt8> = try read(from: BME280Register.id)
    guard id[0] == BME280Register.idOfBME280 else {
      throw .wrongChip(expected: BME280Register.idOfBME280, found: id[0])
    }
    try write(BME280Register.resetWord, to: BME280Register.reset)
    try waitForStart(delay: &delay)
    let words = try readCalibration()
    guard try readCalibration() == words, words.isPlausible else { throw .calibrationInvalid }
    // Filter off, standby time of no meaning in forced mode, I2C and not three-wire SPI.
    try write(0, to: BME280Register.config)
    serialNumber = SerialNumber(prefix: "cal-", number: UInt64(words.checksum), digitCount: 8)
    calibration = words
  }

  /// One measurement; identifies the chip first when that is due. Takes 10 ms, at most 20.
  public mutating func measure(delay: inout some Delay & ~Copyable)
    throws(SensorFailure) -> Measurement
  {
    if calibration == nil { try identify(delay: &delay) }
    // Taken for the length of the transfers, so that every way out but success leaves none.
    guard let words = calibration.take() else { throw .calibrationInvalid }
    // ctrl_hum takes effect with the write to ctrl_meas that follows it (section 5.4.3).
    try write(BME280Configuration.controlHumidity, to: BME280Register.controlHumidity)
    try write(BME280Configuration.controlMeasurement, to: BME280Register.controlMeasurement)
    delay.sleep(milliseconds: BME280Configuration.conversionTimeMilliseconds)
    try waitForConversion(delay: &delay)
    let data: InlineArray<8, UInt8> = try read(from: BME280Register.firstData)
    let raw = BME280RawWords(data.span)
    let measurement = Measurement(
      values: try words.values(raw), rawFingerprint: raw.fingerprint)
    calibration = words
    return measurement
  }

  /// The next measurement begins with an identification.
  public mutating func forgetIdentity() { calibration = nil }

  // MARK: - Steps

  /// Table 1: 2 ms from reset to the first transfer; then until the calibration has been copied
  /// from its memory to the registers (status bit 0).
  private mutating func waitForStart(delay: inout some Delay & ~Copyable) throws(SensorFailure) {
    for _ in 0..<BME280Configuration.pollCount {
      delay.sleep(milliseconds: BME280Configuration.pollIntervalMilliseconds)
      let status: InlineArray<1, UInt8> = try read(from: BME280Register.status)
      if status[0] & BME280Status.copyingCalibration == 0 { return }
    }
    throw .timedOut
  }

  /// Reads ctrl_hum, status and ctrl_meas together until the conversion is over and the chip
  /// sleeps.
  private mutating func waitForConversion(delay: inout some Delay & ~Copyable)
    throws(SensorFailure)
  {
    for _ in 0..<BME280Configuration.pollCount {
      let state: InlineArray<3, UInt8> = try read(from: BME280Register.controlHumidity)
      // Section 5.4.3: the five upper bits of ctrl_hum are not ours.
      guard state[0] & 0x07 == BME280Configuration.controlHumidity,
        state[2] & ~BME280Configuration.modeMask == BME280Configuration.oversampling
      else { throw .chipFault }
      let isMeasuring = state[1] & BME280Status.measuring != 0
      if !isMeasuring, state[2] & BME280Configuration.modeMask == 0 { return }
      delay.sleep(milliseconds: BME280Configuration.pollIntervalMilliseconds)
    }
    throw .timedOut
  }

  private mutating func readCalibration() throws(SensorFailure) -> BME280Calibration {
    let low: InlineArray<26, UInt8> = try read(from: BME280Register.firstLowCalibration)
    let high: InlineArray<7, UInt8> = try read(from: BME280Register.firstHighCalibration)
    return BME280Calibration(low: low.span, high: high.span)
  }

  // MARK: - Transfers

  private mutating func write(_ value: UInt8, to register: UInt8) throws(SensorFailure) {
    let bytes: InlineArray<2, UInt8> = [register, value]
    do throws(BusError) { try device.write(bytes.span) } catch { throw .bus(error) }
  }

  /// The address counts up by itself (section 6.2.2).
  private mutating func read<let count: Int>(from register: UInt8)
    throws(SensorFailure) -> InlineArray<count, UInt8>
  {
    let address: InlineArray<1, UInt8> = [register]
    var bytes = InlineArray<count, UInt8>(repeating: 0)
    do throws(BusError) {
      var reply = bytes.mutableSpan
      try device.writeRead(address.span, into: &reply)
    } catch {
      throw .bus(error)
    }
    return bytes
  }
}

/// Section 5.3, memory map.
enum BME280Register {
  static var firstLowCalibration: UInt8 { 0x88 }
  static var id: UInt8 { 0xd0 }
  static var idOfBME280: UInt8 { 0x60 }
  static var reset: UInt8 { 0xe0 }
  static var resetWord: UInt8 { 0xb6 }
  static var firstHighCalibration: UInt8 { 0xe1 }
  static var controlHumidity: UInt8 { 0xf2 }
  static var status: UInt8 { 0xf3 }
  static var controlMeasurement: UInt8 { 0xf4 }
  static var config: UInt8 { 0xf5 }
  static var firstData: UInt8 { 0xf7 }
}

/// Section 5.4.4.
enum BME280Status {
  static var measuring: UInt8 { 1 << 3 }
  static var copyingCalibration: UInt8 { 1 << 0 }
}

/// Oversampling ×1 for all three, as the datasheet suggests for weather monitoring (section 3.5.1).
enum BME280Configuration {
  static var humidityOversampling: UInt32 { 1 }
  static var pressureOversampling: UInt32 { 1 }
  static var temperatureOversampling: UInt32 { 1 }

  /// osrs_h in bits 2 to 0; 1 stands for ×1.
  static var controlHumidity: UInt8 { 0b001 }
  /// osrs_t in bits 7 to 5, osrs_p in bits 4 to 2.
  static var oversampling: UInt8 { 0b001_001_00 }
  static var modeMask: UInt8 { 0b11 }
  static var forcedMode: UInt8 { 0b01 }
  static var controlMeasurement: UInt8 { oversampling | forcedMode }

  /// Appendix B (section 9.1), longest: 1.25 + 2.3 × T + (2.3 × P + 0.575) + (2.3 × H + 0.575) ms.
  static var conversionTimeMicroseconds: UInt32 {
    1_250 + 2_300 * temperatureOversampling + (2_300 * pressureOversampling + 575)
      + (2_300 * humidityOversampling + 575)
  }
  /// Rounded up: 9.3 ms are 10.
  static var conversionTimeMilliseconds: UInt32 { (conversionTimeMicroseconds + 999) / 1_000 }

  /// Patience beyond the datasheet's longest times: 5 × 2 ms.
  static var pollCount: Int { 5 }
  static var pollIntervalMilliseconds: UInt32 { 2 }
}
