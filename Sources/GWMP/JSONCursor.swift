import FixedMemory

/// A place in a JSON text (RFC 8259) that is read from its beginning to its end, without a tree: members in any order,
/// what nobody asked for is skipped. The text is handed to each call.
///
/// Invariants: the place never goes back and never past the end; nothing recurses, and what is skipped is at most
/// `maximumDepth` deep.
public struct JSONCursor: Sendable {
  /// Ends the reading: where the text goes on can't be known.
  public enum Failure: Error, Equatable {
    /// The text ends inside a value, or what stands here is no JSON.
    case syntax
    case tooDeep
  }

  public enum Kind: Sendable { case object, array, string, number, boolean, null }

  /// rxpk with rsig is 4 deep; nobody sends more than 8.
  public static var maximumDepth: Int { 32 }

  public private(set) var position: Int

  public init(at position: Int = 0) { self.position = position }

  @inline(__always)
  public static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d
  }

  /// What stands here, after spaces.
  public mutating func kind(_ text: Span<UInt8>) throws(Failure) -> Kind {
    switch try peek(text) {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
    case UInt8(ascii: "n"): return .null
    default: throw .syntax
    }
  }

  /// Goes into the object or array that stands here.
  public mutating func enter(_ text: Span<UInt8>) throws(Failure) {
    _ = try peek(text)
    position += 1
  }

  /// Goes to the next member or element; false, and past its end, when there is none. `isFirst` is true at first and
  /// belongs to this object or array.
  public mutating func next(
    _ text: Span<UInt8>, isObject: Bool, isFirst: inout Bool
  ) throws(Failure) -> Bool {
    let byte = try peek(text)
    if byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
      position += 1
      return false
    }
    if !isFirst {
      guard byte == UInt8(ascii: ",") else { throw .syntax }
      position += 1
    }
    isFirst = false
    return true
  }

  /// The name of the member here, and past its colon. A name longer than 16 bytes is cut, and marked so.
  public mutating func key(_ text: Span<UInt8>) throws(Failure) -> FixedText<16> {
    var name = FixedText<16>()
    try string(text, into: &name)
    guard try peek(text) == UInt8(ascii: ":") else { throw .syntax }
    position += 1
    return name
  }

  /// The text here; nil for anything else, which is skipped. One that does not fit is cut, and marked so.
  public mutating func text<let capacity: Int>(
    _ text: Span<UInt8>, into value: inout FixedText<capacity>
  ) throws(Failure) -> Bool {
    value.removeAll()
    guard try kind(text) == .string else {
      try skip(text)
      return false
    }
    try string(text, into: &value)
    return true
  }

  /// The number here; nil for anything else, which is skipped.
  public mutating func number(_ text: Span<UInt8>) throws(Failure) -> JSONNumber? {
    guard try kind(text) == .number else {
      try skip(text)
      return nil
    }
    return try readNumber(text)
  }

  /// True or false here; nil for anything else, which is skipped.
  public mutating func boolean(_ text: Span<UInt8>) throws(Failure) -> Bool? {
    guard try kind(text) == .boolean else {
      try skip(text)
      return nil
    }
    let isTrue = text[position] == UInt8(ascii: "t")
    try word(text, isTrue ? "true" : "false")
    return isTrue
  }

  /// Passes over the value here, whatever it is.
  public mutating func skip(_ text: Span<UInt8>) throws(Failure) {
    var depth = 0
    // One bit for each level: 1 is an object.
    var objects: UInt64 = 0
    var isFirst = true
    var isValueDue = true
    repeat {
      if !isValueDue {
        let isObject = objects & 1 == 1
        guard try next(text, isObject: isObject, isFirst: &isFirst) else {
          depth -= 1
          objects >>= 1
          isFirst = false
          continue
        }
        if isObject { _ = try key(text) }
      }
      isValueDue = false
      let kind = try kind(text)
      switch kind {
      case .object, .array:
        guard depth < Self.maximumDepth else { throw .tooDeep }
        position += 1
        depth += 1
        objects = objects << 1 | (kind == .object ? 1 : 0)
        isFirst = true
      case .string:
        var nothing = FixedText<0>()
        try string(text, into: &nothing)
      case .number: _ = try readNumber(text)
      case .boolean: try word(text, text[position] == UInt8(ascii: "t") ? "true" : "false")
      case .null: try word(text, "null")
      }
    } while depth > 0
  }

  // MARK: - what it is made of

  private mutating func peek(_ text: Span<UInt8>) throws(Failure) -> UInt8 {
    while position < text.count, Self.isSpace(text[position]) { position += 1 }
    guard position < text.count else { throw .syntax }
    return text[position]
  }

  private mutating func take(_ text: Span<UInt8>) throws(Failure) -> UInt8 {
    guard position < text.count else { throw .syntax }
    position += 1
    return text[position - 1]
  }

  private mutating func word(_ text: Span<UInt8>, _ word: StaticString) throws(Failure) {
    let end = position + word.utf8CodeUnitCount
    guard end <= text.count, text.extracting(position..<end).equals(word) else { throw .syntax }
    position = end
  }

  /// The characters between two quotation marks, their escapes resolved. What is no pair of surrogates is "?".
  private mutating func string<let capacity: Int>(
    _ text: Span<UInt8>, into value: inout FixedText<capacity>
  ) throws(Failure) {
    guard try peek(text) == UInt8(ascii: "\"") else { throw .syntax }
    position += 1
    while true {
      let byte = try take(text)
      if byte == UInt8(ascii: "\"") { return }
      guard byte == UInt8(ascii: "\\") else {
        value.write(byte: byte)
        continue
      }
      switch try take(text) {
      case UInt8(ascii: "u"): Self.write(try codeUnit(text), to: &value)
      case UInt8(ascii: "b"): value.write(byte: 0x08)
      case UInt8(ascii: "f"): value.write(byte: 0x0c)
      case UInt8(ascii: "n"): value.write(byte: 0x0a)
      case UInt8(ascii: "r"): value.write(byte: 0x0d)
      case UInt8(ascii: "t"): value.write(byte: 0x09)
      case let escaped
      where escaped == UInt8(ascii: "\"") || escaped == UInt8(ascii: "\\")
        || escaped == UInt8(ascii: "/"):
        value.write(byte: escaped)
      default: throw .syntax
      }
    }
  }

  private mutating func codeUnit(_ text: Span<UInt8>) throws(Failure) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      let digit: UInt8
      let byte = try take(text)
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: throw .syntax
      }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  /// No name or value of ours has characters beyond ASCII: half of a pair is told as "?".
  private static func write<let capacity: Int>(
    _ unit: UInt32, to value: inout FixedText<capacity>
  ) {
    if unit < 0x80 {
      value.write(byte: UInt8(truncatingIfNeeded: unit))
    } else {
      value.write(byte: UInt8(ascii: "?"))
    }
  }

  private mutating func readNumber(_ text: Span<UInt8>) throws(Failure) -> JSONNumber {
    let isNegative = text[position] == UInt8(ascii: "-")
    if isNegative { position += 1 }
    var mantissa: Int64 = 0
    var exponent: Int32 = 0
    guard digits(text, &mantissa, &exponent, isFraction: false) else { throw .syntax }
    if position < text.count, text[position] == UInt8(ascii: ".") {
      position += 1
      guard digits(text, &mantissa, &exponent, isFraction: true) else { throw .syntax }
    }
    if position < text.count, text[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      exponent += try readExponent(text)
    }
    return JSONNumber(mantissa: isNegative ? 0 - mantissa : mantissa, exponent: exponent)
  }

  /// Reads digits; false when there is none. A datagram has fewer than 2^16 of them, so the exponent fits.
  private mutating func digits(
    _ text: Span<UInt8>, _ mantissa: inout Int64, _ exponent: inout Int32, isFraction: Bool
  ) -> Bool {
    let start = position
    while position < text.count,
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[position])
    {
      if mantissa < 99_999_999_999_999_999 {
        mantissa = mantissa * 10 + Int64(text[position] - UInt8(ascii: "0"))
        if isFraction { exponent -= 1 }
      } else if !isFraction, exponent < 100_000 {
        exponent += 1
      }
      position += 1
    }
    return position > start
  }

  private mutating func readExponent(_ text: Span<UInt8>) throws(Failure) -> Int32 {
    var isNegative = false
    if position < text.count,
      text[position] == UInt8(ascii: "-") || text[position] == UInt8(ascii: "+")
    {
      isNegative = text[position] == UInt8(ascii: "-")
      position += 1
    }
    var value: Int32 = 0
    let start = position
    while position < text.count,
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[position])
    {
      // Beyond this every figure is out of range anyway.
      if value < 100_000 { value = value * 10 + Int32(text[position] - UInt8(ascii: "0")) }
      position += 1
    }
    guard position > start else { throw .syntax }
    return isNegative ? 0 - value : value
  }
}
