import GatewayStore

/// A JSON value (RFC 8259) as it will be sent. Members stand in the order that they are given in, and
/// decimal numbers keep their digits: nothing passes through binary floating point.
enum JSONText {
  case null
  case boolean(Bool)
  case integer(Int64)
  case unsigned(UInt64)
  case decimal(ScaledInteger)
  case text(String)
  case array([JSONText])
  case object([(String, JSONText)])
  /// A value that is JSON already.
  case encoded(String)

  /// The value on one line.
  var line: String {
    var result = ""
    write(to: &result)
    return result
  }

  private func write(to result: inout String) {
    switch self {
    case .null: result += "null"
    case .encoded(let value): result += value
    case .boolean(let value): result += value ? "true" : "false"
    case .integer(let value): result += String(value)
    case .unsigned(let value): result += String(value)
    case .decimal(let value): result += value.description
    case .text(let value): Self.write(value, to: &result)
    case .array(let values):
      result += "["
      for (index, value) in values.enumerated() {
        if index > 0 { result += "," }
        value.write(to: &result)
      }
      result += "]"
    case .object(let members):
      result += "{"
      for (index, member) in members.enumerated() {
        if index > 0 { result += "," }
        Self.write(member.0, to: &result)
        result += ":"
        member.1.write(to: &result)
      }
      result += "}"
    }
  }

  private static func write(_ text: String, to result: inout String) {
    result += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\u{0}"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    result += "\""
  }

  static func optional(_ value: UInt64?) -> JSONText { value.map { .unsigned($0) } ?? .null }
  static func optional(_ value: ScaledInteger?) -> JSONText { value.map { .decimal($0) } ?? .null }
}
