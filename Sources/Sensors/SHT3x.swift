import Buses
import FixedMemory
import Records

/// Sensirion SHT30, SHT31, SHT35: temperature and relative humidity. Datasheet "SHT3x-DIS", version
/// 7. Single shot, high repeatability, no clock stretching: between two measurements the chip holds
/// no configuration that it could lose.
public struct SHT3x<Device: I2CDevice & ~Copyable>: ~Copyable {
  private var device: Device
  private var isIdentified = false

  /// The 32 bits that `0x3780` reads, eight hexadecimal digits.
  public private(set) var serialNumber = SerialNumber()

  public init(device: consuming Device) {
    self.device = device
  }

  /// One step of the converter is 0.0027 °C and 0.0015 %RH (section 4.13): thousandths are the
  /// coarsest power of ten in which no two raw words become one value.
  public static var quantities: Quantities {
    var quantities = Quantities(filler: .temperature(powerOfTen: -3))
    quantities.append(.temperature(powerOfTen: -3))
    quantities.append(.relativeHumidity(powerOfTen: -3))
    return quantities
  }

  /// Brings the chip to its idle state and reads its serial number. Takes 4 ms.
  public mutating func identify(delay: inout some Delay & ~Copyable) throws(SensorFailure) {
    isIdentified = false
    // A program before us may have left the chip in periodic mode, where a reset is not obeyed.
    try device.send(command: SHT3xCommand.stopPeriodic)
    delay.sleep(milliseconds: SHT3xTime.stopPeriodicMilliseconds)
    try device.send(command: SHT3xCommand.softReset)
    delay.sleep(milliseconds: SHT3xTime.softResetMilliseconds)
    try device.send(command: SHT3xCommand.readSerialNumber)
    delay.sleep(milliseconds: SHT3xTime.commandMilliseconds)
    let words = try device.fetchWords(SensirionWords.TwoWords.self, for: .identity)
    serialNumber = SerialNumber(
      prefix: "", number: UInt64(words[0]) << 16 | UInt64(words[1]), digitCount: 8)
    isIdentified = true
  }

  /// One measurement; identifies the chip first when that is due. Takes 16 ms.
  public mutating func measure(delay: inout some Delay & ~Copyable)
    throws(SensorFailure) -> Measurement
  {
    if !isIdentified { try identify(delay: &delay) }
    // Cleared for the length of the transfers, so that every way out but success leaves it so.
    isIdentified = false
    try device.send(command: SHT3xCommand.measureHighRepeatability)
    delay.sleep(milliseconds: SHT3xTime.measurementMilliseconds)
    let words = try device.fetchWords(SensirionWords.TwoWords.self, for: .measurement)
    let temperature = try Self.temperature(words[0])
    var values = ReadingValues(filler: nil)
    values.append(temperature)
    values.append(SensirionConversion.relativeHumidityMillipercent(words[1]))
    isIdentified = true
    return Measurement(
      values: values, rawFingerprint: UInt64(words[0]) << 16 | UInt64(words[1]))
  }

  /// The next measurement begins with an identification.
  public mutating func forgetIdentity() { isIdentified = false }

  /// Table 2: specified from −40 to 125 °C. The word reaches from −45 to 130.
  private static func temperature(_ word: UInt16) throws(SensorFailure) -> Int64 {
    let millidegreesCelsius = SensirionConversion.temperatureMillidegreesCelsius(word)
    guard (-40_000...125_000).contains(millidegreesCelsius) else { throw .outOfRange }
    return millidegreesCelsius
  }
}

/// Sections 4.3 to 4.10 and the note on the electronic identification code.
private enum SHT3xCommand {
  static var measureHighRepeatability: UInt16 { 0x2400 }
  static var stopPeriodic: UInt16 { 0x3093 }
  static var softReset: UInt16 { 0x30a2 }
  static var readSerialNumber: UInt16 { 0x3780 }
}

/// The longest times of tables 4 and 5, rounded up.
private enum SHT3xTime {
  /// 15.5 ms at the lowest supply voltage.
  static var measurementMilliseconds: UInt32 { 16 }
  /// 1.5 ms.
  static var softResetMilliseconds: UInt32 { 2 }
  static var stopPeriodicMilliseconds: UInt32 { 1 }
  static var commandMilliseconds: UInt32 { 1 }
}

/// The conversion that SHT3x (section 4.13) and SCD4x (section 3.5.2) share: the words stand for
/// −45 + 175 × word / (2^16 − 1) °C and 100 × word / (2^16 − 1) %RH. Rounded to the nearest.
/// Some versions of the SCD4x datasheet divide by 2^16: at most 0.003 °C and 0.0015 %RH apart.
enum SensirionConversion {
  static func temperatureMillidegreesCelsius(_ word: UInt16) -> Int64 {
    // Widened before scaling: 65 535 × 175 000 does not fit in 32 bits.
    (Int64(word) * 175_000 + 32_767) / 65_535 - 45_000
  }

  static func relativeHumidityMillipercent(_ word: UInt16) -> Int64 {
    (Int64(word) * 100_000 + 32_767) / 65_535
  }
}
