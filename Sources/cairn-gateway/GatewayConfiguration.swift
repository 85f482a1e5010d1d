import Foundation

/// The keys of a configuration file: the long flags, one `key = value` a line. `#` and `;` begin a
/// comment line; sections are not used. A flag on the command line wins over the file.
struct GatewayConfiguration: Equatable {
  var data: String?
  var listen: String?
  var events: Bool?
  var enrolment: String?
  var tlsCertificate: String?
  var tlsKey: String?

  init() {}

  /// Reads the text of a file. Unknown keys, keys that come twice and lines without `=` are refused with
  /// their number.
  init(text: String) throws(OperatorError) {
    var seen: Set<String> = []
    for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let line = raw.trimmingCharacters(in: .whitespacesAndNewlines)
      if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
      guard let equals = line.firstIndex(of: "=") else {
        throw OperatorError(.configuration, "line \(index + 1): expected key = value")
      }
      let key = line[..<equals].trimmingCharacters(in: .whitespaces)
      let value = line[line.index(after: equals)...].trimmingCharacters(in: .whitespaces)
      guard seen.insert(key).inserted else {
        throw OperatorError(.configuration, "line \(index + 1): \(key) is given twice")
      }
      guard !value.isEmpty else {
        throw OperatorError(.configuration, "line \(index + 1): \(key) has no value")
      }
      try take(key, value, line: index + 1)
    }
  }

  private mutating func take(_ key: String, _ value: String, line: Int) throws(OperatorError) {
    switch key {
    case "data": data = value
    case "listen": listen = value
    case "enrolment": enrolment = value
    case "tls-certificate": tlsCertificate = value
    case "tls-key": tlsKey = value
    case "events":
      switch value {
      case "yes": events = true
      case "no": events = false
      default: throw OperatorError(.configuration, "line \(line): events is yes or no")
      }
    default: throw OperatorError(.configuration, "line \(line): unknown key \(key)")
    }
  }
}
