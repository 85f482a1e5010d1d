import Foundation

/// A recorded receiver at another place and time: its sentences with times, dates and positions of the caller's, all
/// else as recorded. What moved in the recording moves here.
///
/// Fields by NMEA 0183: RMC time 1, position 3 to 6, date 9; GGA and GNS time 1, position 2 to 5; GLL position 1 to 4,
/// time 5; ZDA time 1, date 2 to 4.
public struct GNSSRetiming: Sendable {
  public let latitudeDegrees: Double
  public let longitudeDegrees: Double
  /// The first position of the recording, which becomes the one above.
  private let origin: (latitude: Double, longitude: Double)

  /// Nil for a recording without a position.
  public init?(
    _ recording: GNSSRecording, latitudeDegrees: Double, longitudeDegrees: Double
  ) {
    let positions = recording.epochs.lazy.flatMap(\.lines).compactMap { line in
      Self.fields(line).flatMap { Self.position($0) }
    }
    guard let first = positions.first else { return nil }
    origin = first
    self.latitudeDegrees = latitudeDegrees
    self.longitudeDegrees = longitudeDegrees
  }

  /// The sentence as the receiver would have sent it for this instant. What has no place or time, or is no sentence,
  /// stays as it is.
  public func line(_ line: [UInt8], utcMilliseconds: Int64) -> [UInt8] {
    guard var fields = Self.fields(line), let calendar = Calendar(utcMilliseconds) else {
      return line
    }
    switch fields[0].suffix(3) {
    case "RMC" where fields.count > 9:
      fields[1] = calendar.time
      place(&fields, at: 3)
      if !fields[9].isEmpty { fields[9] = calendar.date }
    case "GGA" where fields.count > 5, "GNS" where fields.count > 5:
      fields[1] = calendar.time
      place(&fields, at: 2)
    case "GLL" where fields.count > 5:
      place(&fields, at: 1)
      fields[5] = calendar.time
    case "ZDA" where fields.count > 4:
      fields[1] = calendar.time
      fields.replaceSubrange(2...4, with: calendar.dayMonthYear)
    default: return line
    }
    let body = fields.joined(separator: ",")
    let sum = body.utf8.reduce(UInt8(0)) { $0 ^ $1 }
    return Array("$\(body)*\(String(format: "%02X", sum))\r\n".utf8)
  }

  private func place(_ fields: inout [String], at index: Int) {
    guard let position = Self.position(fields, at: index) else { return }
    let moved = (
      latitudeDegrees + position.latitude - origin.latitude,
      longitudeDegrees + position.longitude - origin.longitude
    )
    fields[index] = Self.angle(moved.0, digitCount: 2)
    fields[index + 1] = moved.0 < 0 ? "S" : "N"
    fields[index + 2] = Self.angle(moved.1, digitCount: 3)
    fields[index + 3] = moved.1 < 0 ? "W" : "E"
  }

  // MARK: - Sentences

  /// Between "$" and "*"; nil without both.
  private static func fields(_ line: [UInt8]) -> [String]? {
    guard line.first == UInt8(ascii: "$"), let star = line.lastIndex(of: UInt8(ascii: "*")) else {
      return nil
    }
    return String(decoding: line[1..<star], as: UTF8.self)
      .split(separator: ",", omittingEmptySubsequences: false).map(String.init)
  }

  private static func position(_ fields: [String]) -> (latitude: Double, longitude: Double)? {
    switch fields[0].suffix(3) {
    case "RMC": position(fields, at: 3)
    case "GGA", "GNS": position(fields, at: 2)
    case "GLL": position(fields, at: 1)
    default: nil
    }
  }

  /// ddmm.mmmm,N,dddmm.mmmm,E
  private static func position(_ fields: [String], at index: Int) -> (
    latitude: Double, longitude: Double
  )? {
    guard fields.count > index + 3, let north = degrees(fields[index]),
      let east = degrees(fields[index + 2])
    else { return nil }
    return (
      fields[index + 1] == "S" ? -north : north, fields[index + 3] == "W" ? -east : east
    )
  }

  private static func degrees(_ text: String) -> Double? {
    guard let value = Double(text), (0..<18_100).contains(value) else { return nil }
    let whole = (value / 100).rounded(.down)
    return whole + (value - whole * 100) / 60
  }

  /// In hundred-thousandths of a minute, about 2 cm.
  private static func angle(_ degrees: Double, digitCount: Int) -> String {
    let all = Int((abs(degrees) * 6_000_000).rounded())
    return String(
      format: "%0\(digitCount)d%02d.%05d", all / 6_000_000, all / 100_000 % 60, all % 100_000)
  }

  private struct Calendar {
    let time: String
    let date: String
    let dayMonthYear: [String]

    init?(_ utcMilliseconds: Int64) {
      guard utcMilliseconds >= 0 else { return nil }
      var seconds = time_t(utcMilliseconds / 1_000)
      var parts = tm()
      guard gmtime_r(&seconds, &parts) != nil else { return nil }
      time = String(
        format: "%02d%02d%02d.%03d", parts.tm_hour, parts.tm_min, parts.tm_sec,
        Int(utcMilliseconds % 1_000))
      date = String(format: "%02d%02d%02d", parts.tm_mday, parts.tm_mon + 1, parts.tm_year % 100)
      dayMonthYear = [
        String(format: "%02d", parts.tm_mday), String(format: "%02d", parts.tm_mon + 1),
        String(format: "%04d", Int(parts.tm_year) + 1900),
      ]
    }
  }
}
