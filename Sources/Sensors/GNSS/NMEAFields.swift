import FixedMemory

/// A field that is there and does not have the form that its sentence prescribes.
struct MalformedField: Error {}

/// The fields of one sentence: what stands between "$" and "*", split at its commas. Field 0 is the
/// address. All numbers become scaled integers here; none passes through floating point.
struct NMEAFields: ~Escapable {
  private let text: Span<UInt8>
  /// Offset of each field's end. The longest sentence, GNS with satellites of six systems, has 14.
  private var ends = FixedArray<40, Int>(filler: 0)

  /// Nil for more fields than any sentence has.
  @_lifetime(copy text)
  init?(_ text: Span<UInt8>) {
    self.text = text
    for offset in text.indices where text[offset] == UInt8(ascii: ",") {
      guard ends.offer(offset) else { return nil }
    }
    guard ends.offer(text.count) else { return nil }
  }

  var count: Int { ends.count }

  /// The text of a field; empty when the sentence ends before it.
  subscript(index: Int) -> Span<UInt8> {
    @_lifetime(copy self)
    get {
      guard index < ends.count else { return text.extracting(0..<0) }
      let start = index == 0 ? 0 : ends[index - 1] + 1
      return text.extracting(start..<ends[index])
    }
  }

  /// The only byte of a field; nil when it is empty.
  func letter(_ index: Int) throws(MalformedField) -> UInt8? {
    let field = self[index]
    guard field.count <= 1 else { throw MalformedField() }
    return field.isEmpty ? nil : field[0]
  }

  /// An unsigned integer of at most nine digits; nil when the field is empty.
  func integer(_ index: Int) throws(MalformedField) -> Int32? {
    let field = self[index]
    return field.isEmpty ? nil : try Self.digits(field)
  }

  /// A decimal number × 10^`places`, rounded half away from zero; nil when the field is empty.
  func decimal(_ index: Int, places: Int) throws(MalformedField) -> Int64? {
    var field = self[index]
    guard !field.isEmpty else { return nil }
    let isNegative = field[0] == UInt8(ascii: "-")
    if isNegative { field = field.extracting(1..<field.count) }
    let (value, decimals) = try Self.scaled(field)
    let magnitude: Int64
    if decimals <= places {
      magnitude = value * Self.powerOfTen(places - decimals)
    } else {
      magnitude = Self.rounded(value, by: Self.powerOfTen(decimals - places))
    }
    return isNegative ? -magnitude : magnitude
  }

  /// hhmmss or hhmmss.sss as milliseconds of the day; 23:59:60 is 86 400 000 and more. Digits beyond
  /// milliseconds are cut, so that no rounding leads into another second.
  func millisecondOfDay(_ index: Int) throws(MalformedField) -> Int32? {
    let field = self[index]
    guard !field.isEmpty else { return nil }
    guard field.count >= 6 else { throw MalformedField() }
    let hour = try Self.digits(field.extracting(0..<2))
    let minute = try Self.digits(field.extracting(2..<4))
    let second = try Self.digits(field.extracting(4..<6))
    guard hour < 24, minute < 60, second < 60 || (hour == 23 && minute == 59 && second == 60) else {
      throw MalformedField()
    }
    var milliseconds: Int32 = 0
    if field.count > 6 {
      guard field[6] == UInt8(ascii: "."), field.count <= 16 else { throw MalformedField() }
      var weight: Int32 = 100
      for offset in 7..<field.count {
        milliseconds += try Self.digit(field[offset]) * weight
        weight /= 10
      }
    }
    return ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds
  }

  /// ddmmyy. Years 80 to 99 are 1980 to 1999 (GPS began in 1980), 00 to 79 are 2000 to 2079.
  func shortDate(_ index: Int) throws(MalformedField) -> CalendarDate? {
    let field = self[index]
    guard !field.isEmpty else { return nil }
    guard field.count == 6 else { throw MalformedField() }
    let year = try Self.digits(field.extracting(4..<6))
    guard
      let date = CalendarDate(
        year: year < 80 ? 2000 + year : 1900 + year,
        month: try Self.digits(field.extracting(2..<4)),
        day: try Self.digits(field.extracting(0..<2)))
    else { throw MalformedField() }
    return date
  }

  /// Day, month and year of four digits in three fields.
  func longDate(_ index: Int) throws(MalformedField) -> CalendarDate? {
    let (day, month, year) = (try integer(index), try integer(index + 1), try integer(index + 2))
    if day == nil && month == nil && year == nil { return nil }
    guard let day, let month, let year, self[index + 2].count == 4 else { throw MalformedField() }
    guard let date = CalendarDate(year: year, month: month, day: day) else {
      throw MalformedField()
    }
    return date
  }

  /// ddmm.mmmm,N,dddmm.mmmm,E in four fields; nil when all are empty.
  func position(_ index: Int) throws(MalformedField) -> GNSSPosition? {
    let latitude = try angle(
      index, degreeDigits: 2, maximumDegrees: 90, positive: UInt8(ascii: "N"),
      negative: UInt8(ascii: "S"))
    let longitude = try angle(
      index + 2, degreeDigits: 3, maximumDegrees: 180, positive: UInt8(ascii: "E"),
      negative: UInt8(ascii: "W"))
    if latitude == nil && longitude == nil { return nil }
    guard let latitude, let longitude else { throw MalformedField() }
    return GNSSPosition(latitudeE7: latitude, longitudeE7: longitude)
  }

  /// Degrees × 10^7, rounded half away from zero. With nine decimals of a minute, the most that are taken,
  /// the widest product is 60 × 10^9 × 10^7: 6 × 10^17 fits 63 bits.
  private func angle(
    _ index: Int, degreeDigits: Int, maximumDegrees: Int64, positive: UInt8, negative: UInt8
  ) throws(MalformedField) -> Int32? {
    let field = self[index]
    let hemisphere = try letter(index + 1)
    if field.isEmpty && hemisphere == nil { return nil }
    guard hemisphere == positive || hemisphere == negative else { throw MalformedField() }
    guard field.count >= degreeDigits + 2 else { throw MalformedField() }
    guard field.count == degreeDigits + 2 || field[degreeDigits + 2] == UInt8(ascii: ".") else {
      throw MalformedField()
    }
    let degrees = Int64(try Self.digits(field.extracting(0..<degreeDigits)))
    let (minutes, decimals) = try Self.scaled(field.extracting(degreeDigits..<field.count))
    let unit = Self.powerOfTen(decimals)
    guard minutes < 60 * unit else { throw MalformedField() }
    let value =
      degrees * 10_000_000 + Self.rounded(minutes * 10_000_000, by: 60 * unit)
    guard value <= maximumDegrees * 10_000_000 else { throw MalformedField() }
    return Int32(hemisphere == positive ? value : -value)
  }

  /// An unsigned decimal number without its point, and how many digits stood after it: at most nine on
  /// either side.
  private static func scaled(_ field: Span<UInt8>) throws(MalformedField) -> (Int64, decimals: Int)
  {
    var value: Int64 = 0
    var decimals = 0
    var wholeDigits = 0
    var hasPoint = false
    for offset in field.indices {
      if field[offset] == UInt8(ascii: "."), !hasPoint {
        hasPoint = true
        continue
      }
      value = value * 10 + Int64(try digit(field[offset]))
      if hasPoint { decimals += 1 } else { wholeDigits += 1 }
      guard decimals <= 9, wholeDigits <= 9 else { throw MalformedField() }
    }
    guard wholeDigits > 0 else { throw MalformedField() }
    return (value, decimals)
  }

  private static func digits(_ field: Span<UInt8>) throws(MalformedField) -> Int32 {
    guard (1...9).contains(field.count) else { throw MalformedField() }
    var value: Int32 = 0
    for offset in field.indices { value = value * 10 + (try digit(field[offset])) }
    return value
  }

  private static func digit(_ byte: UInt8) throws(MalformedField) -> Int32 {
    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { throw MalformedField() }
    return Int32(byte - UInt8(ascii: "0"))
  }

  /// Half away from zero, for values that are not negative.
  private static func rounded(_ value: Int64, by divisor: Int64) -> Int64 {
    (value + divisor / 2) / divisor
  }

  private static func powerOfTen(_ exponent: Int) -> Int64 {
    var power: Int64 = 1
    for _ in 0..<exponent { power *= 10 }
    return power
  }
}
