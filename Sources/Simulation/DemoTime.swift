import Foundation

/// UTC as people read it.
public enum DemoTime {
  /// "2013-01-01 14:00".
  public static func minutes(_ utcMilliseconds: Int64) -> String {
    guard let parts = parts(utcMilliseconds) else { return "outside the calendar" }
    return String(
      format: "%04d-%02d-%02d %02d:%02d", Int(parts.tm_year) + 1900, parts.tm_mon + 1,
      parts.tm_mday, parts.tm_hour, parts.tm_min)
  }

  /// "2013-01-01 14:00:05.250".
  public static func milliseconds(_ utcMilliseconds: Int64) -> String {
    guard let parts = parts(utcMilliseconds) else { return "outside the calendar" }
    return minutes(utcMilliseconds)
      + String(format: ":%02d.%03d", parts.tm_sec, Int(flooredRest(utcMilliseconds)))
  }

  /// "14:00:05.250", for what is of today.
  public static func ofDay(_ utcMilliseconds: Int64) -> String {
    let text = milliseconds(utcMilliseconds)
    // Behind "2013-01-01 ".
    return parts(utcMilliseconds) == nil ? text : String(text.dropFirst(11))
  }

  /// "00:01:05".
  public static func elapsed(milliseconds: Int64) -> String {
    let seconds = max(0, milliseconds) / 1000
    return String(
      format: "%02ld:%02ld:%02ld", Int(seconds / 3600), Int(seconds / 60 % 60), Int(seconds % 60))
  }

  /// Thousandths as seconds with one decimal: "1.5 s".
  public static func seconds(milliseconds: some BinaryInteger) -> String {
    "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
  }

  private static func flooredRest(_ milliseconds: Int64) -> Int64 {
    let rest = milliseconds % 1000
    return rest < 0 ? rest + 1000 : rest
  }

  /// Years 0 to 9999.
  private static func parts(_ utcMilliseconds: Int64) -> tm? {
    guard (-62_167_219_200_000...253_402_300_799_999).contains(utcMilliseconds) else { return nil }
    var seconds = time_t((utcMilliseconds - flooredRest(utcMilliseconds)) / 1000)
    var parts = tm()
    return gmtime_r(&seconds, &parts) == nil ? nil : parts
  }
}
