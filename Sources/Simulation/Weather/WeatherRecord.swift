/// One hourly observation.
public struct WeatherObservation: Equatable, Sendable {
  /// Milliseconds since 1970-01-01T00:00:00Z.
  public let utcMilliseconds: Int64
  public let temperatureMillidegreesCelsius: Int64
  public let relativeHumidityMillipercent: Int64
  public let pressurePascals: Int64
}

/// Observations in the order of time, from a file of Data/weather.
public struct WeatherRecord: Sendable {
  public enum Failure: Error, Equatable {
    /// The first line is not the one of Data/weather.
    case unknownHeader
    /// A line, counted from 1, that is not four well-formed fields, or is not later than the one
    /// before.
    case malformed(line: Int)
    case empty
  }

  public static let header =
    "utc,temperature_celsius,relative_humidity_percent,pressure_hectopascal"

  public let observations: [WeatherObservation]

  /// Reads the text of a file; refuses the whole file for one bad line.
  public init(csv: String) throws(Failure) {
    let lines = csv.split(separator: "\n", omittingEmptySubsequences: true)
    guard lines.first.map(String.init) == Self.header else { throw .unknownHeader }
    var observations: [WeatherObservation] = []
    for (index, line) in lines.enumerated().dropFirst() {
      guard let observation = Self.observation(line),
        observation.utcMilliseconds > observations.last?.utcMilliseconds ?? .min
      else { throw .malformed(line: index + 1) }
      observations.append(observation)
    }
    guard !observations.isEmpty else { throw .empty }
    self.observations = observations
  }

  private static func observation(_ line: Substring) -> WeatherObservation? {
    let fields = line.split(separator: ",", omittingEmptySubsequences: false)
    guard fields.count == 4, let time = utcMilliseconds(fields[0]),
      let temperature = scaled(fields[1], decimals: 3),
      let humidity = scaled(fields[2], decimals: 3),
      let pressure = scaled(fields[3], decimals: 2)
    else { return nil }
    return WeatherObservation(
      utcMilliseconds: time, temperatureMillidegreesCelsius: temperature,
      relativeHumidityMillipercent: humidity, pressurePascals: pressure)
  }

  /// A decimal number as an integer of its last `decimals` digits, exactly; nil when it has more.
  static func scaled(_ text: Substring, decimals: Int) -> Int64? {
    var digits = text
    let isNegative = digits.first == "-"
    if isNegative { digits = digits.dropFirst() }
    let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 1 || parts.count == 2, !parts[0].isEmpty else { return nil }
    let fraction = parts.count == 2 ? parts[1] : ""
    guard parts.count == 1 || !fraction.isEmpty, fraction.count <= decimals else { return nil }
    let all = parts[0] + fraction + String(repeating: "0", count: decimals - fraction.count)
    guard all.allSatisfy({ ("0"..."9").contains($0) }), let value = Int64(all) else { return nil }
    return isNegative ? -value : value
  }

  /// `2013-01-01T06:00:00Z`.
  static func utcMilliseconds(_ text: Substring) -> Int64? {
    let bytes = Array(text.utf8)
    let pattern = Array("dddd-dd-ddTdd:dd:ddZ".utf8)
    guard bytes.count == pattern.count else { return nil }
    var numbers: [Int64] = [0]
    for (byte, expected) in zip(bytes, pattern) {
      if expected == UInt8(ascii: "d") {
        guard (0x30...0x39).contains(byte) else { return nil }
        numbers[numbers.count - 1] = numbers[numbers.count - 1] * 10 + Int64(byte - 0x30)
      } else {
        guard byte == expected else { return nil }
        numbers.append(0)
      }
    }
    let (year, month, day) = (numbers[0], numbers[1], numbers[2])
    guard (1970...9999).contains(year), (1...12).contains(month),
      (1...daysInMonth(month, year: year)).contains(day), numbers[3] < 24, numbers[4] < 60,
      numbers[5] < 60
    else { return nil }
    let seconds = (days(year, month, day) * 24 + numbers[3]) * 3_600 + numbers[4] * 60
    return (seconds + numbers[5]) * 1_000
  }

  private static func isLeap(_ year: Int64) -> Bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  }

  private static func daysInMonth(_ month: Int64, year: Int64) -> Int64 {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days since 1970-01-01, counted by years and months.
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    var count = day - 1
    for before in 1970..<year { count += isLeap(before) ? 366 : 365 }
    for before in 1..<month { count += daysInMonth(before, year: year) }
    return count
  }
}
