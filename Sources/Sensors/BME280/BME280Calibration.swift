import FixedMemory
import Records

/// The words of one conversion (section 5.4.7 to 5.4.9): 20, 20 and 16 bits.
struct BME280RawWords: Equatable {
  let pressure: UInt32
  let temperature: UInt32
  let humidity: UInt32

  /// What the data registers hold after a reset, and for a quantity that is skipped. A real value
  /// of exactly this word can not be told from it, and is given up too: one word of 65 536.
  static var skipped20: UInt32 { 0x8_0000 }
  static var skipped16: UInt32 { 0x8000 }

  /// The eight bytes from 0xF7.
  init(_ bytes: Span<UInt8>) {
    pressure = UInt32(bytes[0]) << 12 | UInt32(bytes[1]) << 4 | UInt32(bytes[2]) >> 4
    temperature = UInt32(bytes[3]) << 12 | UInt32(bytes[4]) << 4 | UInt32(bytes[5]) >> 4
    humidity = UInt32(bytes[6]) << 8 | UInt32(bytes[7])
  }

  init(pressure: UInt32, temperature: UInt32, humidity: UInt32) {
    self.pressure = pressure
    self.temperature = temperature
    self.humidity = humidity
  }

  /// 56 bits.
  var fingerprint: UInt64 {
    UInt64(pressure) << 36 | UInt64(temperature) << 16 | UInt64(humidity)
  }
}

/// The chip's calibration words (table 16), and the datasheet's integer formulas over them: section
/// 4.2.3, the version with shifts and 64-bit pressure. Bosch's own later C code divides where the
/// datasheet shifts, and differs in the last digits.
///
/// The words come from the bus and may be anything. Products wrap instead of trapping; for the
/// temperatures that pass the range check, and the words of real chips, none of them wraps.
struct BME280Calibration: Equatable {
  let t1: Int64, t2: Int64, t3: Int64
  let p1: Int64, p2: Int64, p3: Int64, p4: Int64, p5: Int64, p6: Int64, p7: Int64, p8: Int64
  let p9: Int64
  let h1: Int64, h2: Int64, h3: Int64, h4: Int64, h5: Int64, h6: Int64

  /// CRC-32C of the 33 bytes.
  let checksum: UInt32
  /// All bytes are the same, as an erased or absent memory reads.
  private let isBlank: Bool

  static var lowByteCount: Int { 26 }
  static var highByteCount: Int { 7 }

  /// `low` from 0x88, `high` from 0xE1.
  init(low: Span<UInt8>, high: Span<UInt8>) {
    precondition(
      low.count == Self.lowByteCount && high.count == Self.highByteCount,
      "calibration has 26 and 7 bytes")
    t1 = Self.unsigned(low, 0)
    t2 = Self.signed(low, 2)
    t3 = Self.signed(low, 4)
    p1 = Self.unsigned(low, 6)
    p2 = Self.signed(low, 8)
    p3 = Self.signed(low, 10)
    p4 = Self.signed(low, 12)
    p5 = Self.signed(low, 14)
    p6 = Self.signed(low, 16)
    p7 = Self.signed(low, 18)
    p8 = Self.signed(low, 20)
    p9 = Self.signed(low, 22)
    // 0xA0 is not used.
    h1 = Int64(low[25])
    h2 = Self.signed(high, 0)
    h3 = Int64(high[2])
    // Twelve bits each; 0xE5 holds the lower four of both.
    h4 = Int64(Int8(bitPattern: high[3])) << 4 | Int64(high[4] & 0x0f)
    h5 = Int64(Int8(bitPattern: high[5])) << 4 | Int64(high[4] >> 4)
    h6 = Int64(Int8(bitPattern: high[6]))
    var crc = CRC32C()
    crc.update(low)
    crc.update(high)
    checksum = crc.value
    var isBlank = true
    for index in low.indices where low[index] != low[0] { isBlank = false }
    for index in high.indices where high[index] != low[0] { isBlank = false }
    self.isBlank = isBlank
  }

  private static func unsigned(_ bytes: Span<UInt8>, _ offset: Int) -> Int64 {
    Int64(bytes.loadLittleEndian(UInt16.self, at: offset))
  }
  private static func signed(_ bytes: Span<UInt8>, _ offset: Int) -> Int64 {
    Int64(bytes.loadLittleEndian(Int16.self, at: offset))
  }

  /// Not blank, and none of the words zero that scale a whole quantity.
  var isPlausible: Bool { !isBlank && t1 != 0 && t2 != 0 && p1 != 0 && h2 != 0 }

  /// Temperature, humidity and pressure in the driver's units. Pressure and humidity are nil when
  /// the chip skipped them. Tables 2 to 4: −40 to 85 °C, 300 to 1 100 hPa.
  func values(_ raw: BME280RawWords) throws(SensorFailure) -> ReadingValues {
    guard raw.temperature != BME280RawWords.skipped20 else { throw .outOfRange }
    let fine = fineTemperature(raw.temperature)
    let temperature = Self.temperatureCentidegreesCelsius(fine)
    guard (-4_000...8_500).contains(temperature) else { throw .outOfRange }
    var pressure: Int64?
    if raw.pressure != BME280RawWords.skipped20 {
      guard let fixedPoint = pressurePascals256ths(raw.pressure, fine) else {
        throw .calibrationInvalid
      }
      // To the nearest pascal. Checked before it is rounded: a sum with garbage could overflow.
      guard (30_000 << 8...110_000 << 8).contains(fixedPoint) else { throw .outOfRange }
      pressure = (fixedPoint + 128) >> 8
    }
    var humidity: Int64?
    if raw.humidity != BME280RawWords.skipped16 {
      // At most 102 400, so that the product is small.
      humidity = (relativeHumidity1024ths(raw.humidity, fine) * 1_000 + 512) >> 10
    }
    var values = ReadingValues(filler: nil)
    values.append(temperature)
    values.append(humidity)
    values.append(pressure)
    return values
  }

  /// `t_fine`: temperature in 1/5120 °C.
  func fineTemperature(_ raw: UInt32) -> Int64 {
    let raw = Int64(raw)
    let linear = (((raw >> 3) &- (t1 << 1)) &* t2) >> 11
    let difference = (raw >> 4) &- t1
    let square = (((difference &* difference) >> 12) &* t3) >> 14
    return linear &+ square
  }

  static func temperatureCentidegreesCelsius(_ fine: Int64) -> Int64 { (fine &* 5 &+ 128) >> 8 }

  /// Pressure in 1/256 Pa (Q24.8); nil when the words would make the formula divide by zero.
  func pressurePascals256ths(_ raw: UInt32, _ fine: Int64) -> Int64? {
    let offset = fine &- 128_000
    var square = offset &* offset &* p6
    square = square &+ ((offset &* p5) << 17)
    square = square &+ (p4 << 35)
    var scale = ((offset &* offset &* p3) >> 8) &+ ((offset &* p2) << 12)
    scale = (((1 << 47) &+ scale) &* p1) >> 33
    let inverted = 1_048_576 - Int64(raw)
    let dividend = ((inverted << 31) &- square) &* 3_125
    // Refuses zero, and the one quotient that does not fit.
    let (quotient, overflow) = dividend.dividedReportingOverflow(by: scale)
    guard !overflow else { return nil }
    let high = quotient >> 13
    let first = (p9 &* high &* high) >> 25
    let second = (p8 &* quotient) >> 19
    return ((quotient &+ first &+ second) >> 8) &+ (p7 << 4)
  }

  /// Relative humidity in 1/1024 %RH (Q22.10), from 0 to 102 400. `fine` within the range of the
  /// temperature.
  func relativeHumidity1024ths(_ raw: UInt32, _ fine: Int64) -> Int64 {
    let offset = fine &- 76_800
    let linear =
      ((Int64(raw) << 14) &- (h4 << 20) &- (h5 &* offset) &+ 16_384) >> 15
    let bend =
      ((((offset &* h6) >> 10) &* (((offset &* h3) >> 11) &+ 32_768)) >> 10) &+ 2_097_152
    var value = linear &* ((bend &* h2 &+ 8_192) >> 14)
    let root = value >> 15
    value = value &- ((((root &* root) >> 7) &* h1) >> 4)
    value = min(max(value, 0), 419_430_400)
    return value >> 12
  }
}
