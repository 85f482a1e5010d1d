/// A JSON value (RFC 8259) whose numbers keep the digits that stand in the text: a reading of 3.900 is
/// shown as 3.900, as it was signed. Nothing passes through binary floating point.
///
/// Reads what comes from another process: every text gives a value or a failure, and nesting is bounded.
public enum DemoJSON: Equatable, Sendable {
  case null
  case boolean(Bool)
  /// The digits as they stand.
  case number(String)
  case text(String)
  case array([DemoJSON])
  /// In the order in which they stand.
  case object([Member])

  public struct Member: Equatable, Sendable {
    public let name: String
    public let value: DemoJSON

    public init(_ name: String, _ value: DemoJSON) {
      self.name = name
      self.value = value
    }
  }

  public enum Failure: Error, Equatable {
    /// Not JSON from this byte on.
    case malformed(offset: Int)
    /// More levels than `depthLimit`.
    case tooDeep
  }

  /// An event line has three levels; eight leave room for members to come.
  public static let depthLimit = 16

  /// Reads one value and nothing after it.
  public init(_ text: String) throws(Failure) {
    var reader = Reader(bytes: Array(text.utf8))
    let value = try reader.value(depth: 0)
    reader.skipBlanks()
    guard reader.offset == reader.bytes.count else { throw .malformed(offset: reader.offset) }
    self = value
  }

  /// The member of an object; nil for anything else, and for a name that is not there.
  public subscript(name: String) -> DemoJSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  public var string: String? {
    guard case .text(let text) = self else { return nil }
    return text
  }

  public var isTrue: Bool { self == .boolean(true) }

  /// A whole number in range; nil for anything else, fractions too.
  public var unsigned: UInt64? {
    guard case .number(let digits) = self else { return nil }
    return UInt64(digits)
  }

  public var integer: Int64? {
    guard case .number(let digits) = self else { return nil }
    return Int64(digits)
  }

  /// The digits of a number.
  public var decimal: String? {
    guard case .number(let digits) = self else { return nil }
    return digits
  }

  /// The elements of an array; none for anything else.
  public var elements: [DemoJSON] {
    guard case .array(let elements) = self else { return [] }
    return elements
  }
}

extension DemoJSON {
  /// The value on one line.
  public var line: String {
    switch self {
    case .null: "null"
    case .boolean(let value): value ? "true" : "false"
    case .number(let digits): digits
    case .text(let text): Self.quoted(text)
    case .array(let values): "[" + values.map(\.line).joined(separator: ",") + "]"
    case .object(let members):
      "{" + members.map { Self.quoted($0.name) + ":" + $0.value.line }.joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{0}"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

private struct Reader {
  let bytes: [UInt8]
  var offset = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  mutating func skipBlanks() {
    while let byte = next, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { offset += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    offset += 1
    return true
  }

  mutating func value(depth: Int) throws(DemoJSON.Failure) -> DemoJSON {
    guard depth < DemoJSON.depthLimit else { throw .tooDeep }
    skipBlanks()
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .text(try text())
    case UInt8(ascii: "t"): return try word("true", .boolean(true))
    case UInt8(ascii: "f"): return try word("false", .boolean(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return .number(try number())
    }
  }

  private mutating func word(_ word: String, _ value: DemoJSON) throws(DemoJSON.Failure)
    -> DemoJSON
  {
    guard bytes[offset...].starts(with: word.utf8) else { throw .malformed(offset: offset) }
    offset += word.utf8.count
    return value
  }

  private mutating func object(depth: Int) throws(DemoJSON.Failure) -> DemoJSON {
    offset += 1
    var members: [DemoJSON.Member] = []
    skipBlanks()
    if take(UInt8(ascii: "}")) { return .object(members) }
    while true {
      skipBlanks()
      let name = try text()
      skipBlanks()
      guard take(UInt8(ascii: ":")) else { throw .malformed(offset: offset) }
      members.append(DemoJSON.Member(name, try value(depth: depth + 1)))
      skipBlanks()
      if take(UInt8(ascii: "}")) { return .object(members) }
      guard take(UInt8(ascii: ",")) else { throw .malformed(offset: offset) }
    }
  }

  private mutating func array(depth: Int) throws(DemoJSON.Failure) -> DemoJSON {
    offset += 1
    var values: [DemoJSON] = []
    skipBlanks()
    if take(UInt8(ascii: "]")) { return .array(values) }
    while true {
      values.append(try value(depth: depth + 1))
      skipBlanks()
      if take(UInt8(ascii: "]")) { return .array(values) }
      guard take(UInt8(ascii: ",")) else { throw .malformed(offset: offset) }
    }
  }

  /// -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?
  private mutating func number() throws(DemoJSON.Failure) -> String {
    let start = offset
    _ = take(UInt8(ascii: "-"))
    if !take(UInt8(ascii: "0")) { try digits() }
    if take(UInt8(ascii: ".")) { try digits() }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits()
    }
    return String(decoding: bytes[start..<offset], as: UTF8.self)
  }

  private mutating func digits() throws(DemoJSON.Failure) {
    let start = offset
    while let byte = next, (0x30...0x39).contains(byte) { offset += 1 }
    guard offset > start else { throw .malformed(offset: offset) }
  }

  private mutating func text() throws(DemoJSON.Failure) -> String {
    guard take(UInt8(ascii: "\"")) else { throw .malformed(offset: offset) }
    // UTF-16, since \u gives its units, and two of them may make one character.
    var units: [UInt16] = []
    var start = offset
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        units += String(decoding: bytes[start..<offset], as: UTF8.self).utf16
        offset += 1
        return String(decoding: units, as: UTF16.self)
      case UInt8(ascii: "\\"):
        units += String(decoding: bytes[start..<offset], as: UTF8.self).utf16
        offset += 1
        units.append(try escaped())
        start = offset
      case 0..<0x20: throw .malformed(offset: offset)
      default: offset += 1
      }
    }
    throw .malformed(offset: offset)
  }

  private mutating func escaped() throws(DemoJSON.Failure) -> UInt16 {
    guard let byte = next else { throw .malformed(offset: offset) }
    offset += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return UInt16(byte)
    case UInt8(ascii: "b"): return 0x08
    case UInt8(ascii: "f"): return 0x0c
    case UInt8(ascii: "n"): return 0x0a
    case UInt8(ascii: "r"): return 0x0d
    case UInt8(ascii: "t"): return 0x09
    case UInt8(ascii: "u"):
      guard offset + 4 <= bytes.count else { throw .malformed(offset: offset) }
      var unit: UInt16 = 0
      for byte in bytes[offset..<offset + 4] {
        guard let digit = Character(UnicodeScalar(byte)).hexDigitValue, byte < 0x80 else {
          throw .malformed(offset: offset)
        }
        unit = unit << 4 | UInt16(digit)
      }
      offset += 4
      return unit
    default: throw .malformed(offset: offset - 1)
    }
  }
}
