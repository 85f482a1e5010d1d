import Foundation

/// The keys of a configuration file: the long flags, one `key = value` a line. `#` and `;` begin a
/// comment line; sections are not used. A flag on the command line wins over the file.
public struct GatewayConfiguration: Equatable, Sendable {
  /// A line that can't be taken, counted from 1, and why.
  public struct Failure: Error, Equatable {
    public let line: Int
    public let reason: String
  }

  public private(set) var data: String?
  public private(set) var listen: String?
  public private(set) var events: Bool?
  public private(set) var enrolment: String?
  public private(set) var owners: String?
  public private(set) var keys: String?
  public private(set) var challengeInterval: String?
  public private(set) var coverage: String?
  public private(set) var tlsCertificate: String?
  public private(set) var tlsKey: String?
  public private(set) var mqtt: String?
  public private(set) var mqttUser: String?
  public private(set) var mqttPasswordFile: String?
  public private(set) var mqttCAFile: String?
  public private(set) var mqttAllowPlain: Bool?

  /// Nothing is said.
  public init() {}

  /// Reads the text of a file. Unknown keys, keys that come twice and lines without `=` are refused with
  /// their number.
  public init(text: String) throws(Failure) {
    var seen: Set<String> = []
    for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let line = raw.trimmingCharacters(in: .whitespacesAndNewlines)
      if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
      guard let equals = line.firstIndex(of: "=") else {
        throw Failure(line: index + 1, reason: "expected key = value")
      }
      let key = line[..<equals].trimmingCharacters(in: .whitespaces)
      let value = line[line.index(after: equals)...].trimmingCharacters(in: .whitespaces)
      guard seen.insert(key).inserted else {
        throw Failure(line: index + 1, reason: "\(key) is given twice")
      }
      guard !value.isEmpty else {
        throw Failure(line: index + 1, reason: "\(key) has no value")
      }
      try take(key, value, line: index + 1)
    }
  }

  private mutating func take(_ key: String, _ value: String, line: Int) throws(Failure) {
    switch key {
    case "data": data = value
    case "listen": listen = value
    case "enrolment": enrolment = value
    case "owners": owners = value
    case "keys": keys = value
    case "challenge-interval": challengeInterval = value
    case "coverage": coverage = value
    case "tls-certificate": tlsCertificate = value
    case "tls-key": tlsKey = value
    case "mqtt": mqtt = value
    case "mqtt-user": mqttUser = value
    case "mqtt-password-file": mqttPasswordFile = value
    case "mqtt-ca-file": mqttCAFile = value
    case "mqtt-allow-plain": mqttAllowPlain = try Self.flag(key, value, line)
    case "events": events = try Self.flag(key, value, line)
    default: throw Failure(line: line, reason: "unknown key \(key)")
    }
  }

  private static func flag(_ key: String, _ value: String, _ line: Int) throws(Failure) -> Bool {
    switch value {
    case "yes": return true
    case "no": return false
    default: throw Failure(line: line, reason: "\(key) is yes or no")
    }
  }
}
