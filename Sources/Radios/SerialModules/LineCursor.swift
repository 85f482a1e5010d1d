import FixedMemory

/// A place in a line, for reading what modules write. What does not fit is nil, and the place stays where it was.
struct LineCursor {
  private(set) var offset = 0

  init(offset: Int = 0) { self.offset = offset }

  /// Passes over a text that stands here, to the letter, and says whether it did.
  mutating func skip(_ text: StaticString, _ line: Span<UInt8>) -> Bool {
    let expected = text.bytes
    guard line.count - offset >= expected.count else { return false }
    for index in expected.indices where line[offset + index] != expected[index] { return false }
    offset += expected.count
    return true
  }

  /// Passes over any of these bytes.
  mutating func skipAny(of text: StaticString, _ line: Span<UInt8>) {
    let set = text.bytes
    while offset < line.count {
      var isOne = false
      for index in set.indices where set[index] == line[offset] { isOne = true }
      guard isOne else { return }
      offset += 1
    }
  }

  func isAtEnd(_ line: Span<UInt8>) -> Bool { offset >= line.count }

  /// A decimal number × 10 to `decimals`, with a sign before it or not; digits beyond are cut off. At most nine
  /// digits before the point.
  mutating func decimal(_ line: Span<UInt8>, decimals: Int = 0) -> Int64? {
    var place = offset
    var isNegative = false
    if place < line.count, line[place] == UInt8(ascii: "-") || line[place] == UInt8(ascii: "+") {
      isNegative = line[place] == UInt8(ascii: "-")
      place += 1
    }
    var value: Int64 = 0
    var digits = 0
    while place < line.count, let digit = Self.digit(line[place]) {
      guard digits < 10 else { return nil }
      value = value * 10 + digit
      digits += 1
      place += 1
    }
    guard digits > 0 else { return nil }
    var missing = decimals
    if place + 1 < line.count, line[place] == UInt8(ascii: "."), Self.digit(line[place + 1]) != nil
    {
      place += 1
      while place < line.count, let digit = Self.digit(line[place]) {
        if missing > 0 {
          value = value * 10 + digit
          missing -= 1
        }
        place += 1
      }
    }
    while missing > 0 {
      value *= 10
      missing -= 1
    }
    offset = place
    return isNegative ? -value : value
  }

  /// One decimal digit.
  mutating func digit(_ line: Span<UInt8>) -> Int64? {
    guard offset < line.count, let digit = Self.digit(line[offset]) else { return nil }
    offset += 1
    return digit
  }

  /// Two hexadecimal digits.
  mutating func hexByte(_ line: Span<UInt8>) -> UInt8? {
    guard line.count - offset >= 2, let high = Self.hexDigit(line[offset]),
      let low = Self.hexDigit(line[offset + 1])
    else { return nil }
    offset += 2
    return high << 4 | low
  }

  private static func digit(_ byte: UInt8) -> Int64? {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) ? Int64(byte - UInt8(ascii: "0")) : nil
  }

  private static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
