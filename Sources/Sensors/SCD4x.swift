import Buses
import FixedMemory
import Records

/// Sensirion SCD40, SCD41: carbon dioxide, temperature and relative humidity.
/// Datasheet "SCD4x", version 1.3. Periodic measurement: the chip measures every 5 s by itself, and
/// holds the latest result until it is read.
///
/// Invariants: `notReadyCount` is below `notReadyLimit`; a chip that is not identified has count 0.
public struct SCD4x<Device: I2CDevice & ~Copyable>: ~Copyable {
  /// Asked more often than this, the chip has nothing new (section 3.5.1).
  public static var shortestIntervalMilliseconds: Int64 { 5_000 }

  private var device: Device
  private var isIdentified = false
  private var notReadyCount = 0
  private var notReadyLimit = NotReadyLimit.first

  /// The 48 bits of `get_serial_number`, twelve hexadecimal digits.
  public private(set) var serialNumber = SerialNumber()

  public init(device: consuming Device) {
    self.device = device
  }

  /// The chip gives whole ppm. Temperature and humidity have the steps of SHT3x, see there.
  public static var quantities: Quantities {
    var quantities = Quantities(filler: .temperature(powerOfTen: -3))
    quantities.append(.carbonDioxide(powerOfTen: 0))
    quantities.append(.temperature(powerOfTen: -3))
    quantities.append(.relativeHumidity(powerOfTen: -3))
    return quantities
  }

  /// Stops whatever the chip does, reads its serial number, starts periodic measurement: the first
  /// result comes 5 s later. Takes 501 ms.
  public mutating func identify(delay: inout some Delay & ~Copyable) throws(SensorFailure) {
    isIdentified = false
    notReadyCount = 0
    try device.send(command: SCD4xCommand.stopPeriodicMeasurement)
    delay.sleep(milliseconds: SCD4xTime.stopMilliseconds)
    try device.send(command: SCD4xCommand.getSerialNumber)
    delay.sleep(milliseconds: SCD4xTime.commandMilliseconds)
    let words = try device.fetchWords(SensirionWords.ThreeWords.self, for: .identity)
    let number = UInt64(words[0]) << 32 | UInt64(words[1]) << 16 | UInt64(words[2])
    serialNumber = SerialNumber(prefix: "", number: number, digitCount: 12)
    try device.send(command: SCD4xCommand.startPeriodicMeasurement)
    isIdentified = true
  }

  /// The latest result of the chip, at most 5 s old; identifies the chip first when that is due.
  /// `notReady` is expected once after each identification.
  public mutating func measure(delay: inout some Delay & ~Copyable)
    throws(SensorFailure) -> Measurement
  {
    if !isIdentified { try identify(delay: &delay) }
    // Cleared for the length of the transfers, so that every way out but two leaves it so.
    isIdentified = false
    guard try isDataReady(delay: &delay) else {
      isIdentified = isStillExpected()
      throw .notReady
    }
    try device.send(command: SCD4xCommand.readMeasurement)
    delay.sleep(milliseconds: SCD4xTime.commandMilliseconds)
    let words = try device.fetchWords(SensirionWords.ThreeWords.self, for: .measurement)
    let values = try Self.values(words)
    notReadyCount = 0
    isIdentified = true
    return Measurement(
      values: values,
      rawFingerprint: UInt64(words[0]) << 32 | UInt64(words[1]) << 16 | UInt64(words[2]))
  }

  /// The next measurement begins with an identification.
  public mutating func forgetIdentity() { isIdentified = false }

  /// Section 3.8.2: no data while the eleven lowest bits are zero.
  private mutating func isDataReady(delay: inout some Delay & ~Copyable)
    throws(SensorFailure) -> Bool
  {
    try device.send(command: SCD4xCommand.getDataReadyStatus)
    delay.sleep(milliseconds: SCD4xTime.commandMilliseconds)
    let words = try device.fetchWords(SensirionWords.OneWord.self, for: .measurement)
    return words[0] & 0x07ff != 0
  }

  /// Counts a missing result. A chip that a brown-out has put to idle says "not ready" for ever, so
  /// that after `notReadyLimit` of them in a row the chip is identified, and thereby started,
  /// again.
  private mutating func isStillExpected() -> Bool {
    notReadyCount += 1
    guard notReadyCount >= notReadyLimit else { return true }
    notReadyCount = 0
    notReadyLimit = min(notReadyLimit * 2, NotReadyLimit.last)
    return false
  }

  /// Table 1: 0 to 40 000 ppm, where 0 is what the chip gives for "CO2 was not measured" (section
  /// 3.10.2). Tables 2 and 3: −10 to 60 °C.
  private static func values(_ words: InlineArray<3, UInt16>) throws(SensorFailure)
    -> ReadingValues
  {
    let temperature = SensirionConversion.temperatureMillidegreesCelsius(words[1])
    guard (1...40_000).contains(words[0]), (-10_000...60_000).contains(temperature) else {
      throw .outOfRange
    }
    var values = ReadingValues(filler: nil)
    values.append(Int64(words[0]))
    values.append(temperature)
    values.append(SensirionConversion.relativeHumidityMillipercent(words[2]))
    return values
  }
}

/// How many "not ready" in a row lead to a new start.
///
/// At the shortest interval of 5 s, the first two after a start are explained (asked at once, and
/// asked when the chip was a little late), a third is not. The limit doubles with each new start it
/// causes, so that a chip that is asked every half second still gets its 5 s: 12 × 500 ms = 6 s.
private enum NotReadyLimit {
  static var first: Int { 3 }
  static var last: Int { 12 }
}

/// Table 9.
private enum SCD4xCommand {
  static var startPeriodicMeasurement: UInt16 { 0x21b1 }
  static var readMeasurement: UInt16 { 0xec05 }
  static var stopPeriodicMeasurement: UInt16 { 0x3f86 }
  static var getDataReadyStatus: UInt16 { 0xe4b8 }
  static var getSerialNumber: UInt16 { 0x3682 }
}

/// Table 9, column "execution time".
private enum SCD4xTime {
  static var stopMilliseconds: UInt32 { 500 }
  static var commandMilliseconds: UInt32 { 1 }
}
