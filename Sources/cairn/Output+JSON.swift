import CBOR
import FixedMemory

/// JSON (RFC 8259) as it is made: commas come by themselves, text is escaped, numbers are exact
/// decimals. Nested at most 63 deep.
extension Output {
  /// Begins an object: the document, an element of an array, or a member.
  mutating func beginObject(_ name: StaticString? = nil) { begin(name, "{") }

  mutating func beginArray(_ name: StaticString? = nil) { begin(name, "[") }

  mutating func endObject() { end("}") }

  mutating func endArray() { end("]") }

  /// Ends the document.
  mutating func endDocument() {
    endObject()
    newLine()
  }

  mutating func member(_ name: StaticString, _ value: UInt64) {
    key(name)
    write(value)
  }

  mutating func member(_ name: StaticString, _ value: Int64) {
    key(name)
    write(value, powerOfTen: 0)
  }

  mutating func member(_ name: StaticString, _ value: Int64, powerOfTen: Int8) {
    key(name)
    write(value, powerOfTen: powerOfTen)
  }

  mutating func member(_ name: StaticString, _ value: Bool) {
    key(name)
    write(value ? "true" : "false")
  }

  mutating func member(_ name: StaticString, text: Span<UInt8>) {
    key(name)
    string(text)
  }

  /// A text for people: blanks that hold words together are blanks.
  mutating func member(_ name: StaticString, unglued text: Span<UInt8>) {
    var plain = FixedText<1024>()
    for index in text.indices {
      plain.write(byte: text[index] == glue ? UInt8(ascii: " ") : text[index])
    }
    member(name, text: plain.span)
  }

  mutating func member(_ name: StaticString, text: StaticString) { member(name, text: text.bytes) }

  /// A name that was put together.
  mutating func member(name: Span<UInt8>, text: StaticString) {
    separate()
    string(name)
    write(":")
    string(text.bytes)
  }

  mutating func member(_ name: StaticString, hex bytes: Span<UInt8>) {
    key(name)
    write("\"")
    write(hex: bytes)
    write("\"")
  }

  mutating func member(_ name: StaticString, utc milliseconds: Int64) {
    var text = TextBuilder<48>()
    text.append(utc: milliseconds, separator: "T")
    // A time outside the calendar is told in words, which are no date.
    if Self.calendarMilliseconds.contains(milliseconds) { text.append("Z") }
    member(name, text: text.span)
  }

  mutating func member(null name: StaticString) {
    key(name)
    write("null")
  }

  mutating func element(_ value: UInt64) {
    separate()
    write(value)
  }

  mutating func element(text: Span<UInt8>) {
    separate()
    string(text)
  }

  private mutating func begin(_ name: StaticString?, _ bracket: StaticString) {
    if let name { key(name) } else { separate() }
    write(bracket)
    precondition(depth < 63, "JSON nested too deep")
    depth += 1
    hasElement &= ~(UInt64(1) << UInt64(depth))
  }

  private mutating func end(_ bracket: StaticString) {
    depth -= 1
    write(bracket)
  }

  private mutating func separate() {
    let bit = UInt64(1) << UInt64(depth)
    if depth > 0, hasElement & bit != 0 { write(",") }
    hasElement |= bit
  }

  private mutating func key(_ name: StaticString) {
    separate()
    string(name.bytes)
    write(":")
  }

  /// Section 7. Bytes that are not UTF-8 become U+FFFD each.
  private mutating func string(_ text: Span<UInt8>) {
    let isUTF8 = text.isUTF8
    write("\"")
    for index in text.indices {
      let byte = text[index]
      switch byte {
      case UInt8(ascii: "\""): write("\\\"")
      case UInt8(ascii: "\\"): write("\\\\")
      case 0x0a: write("\\n")
      case 0x00..<0x20, 0x7f:
        write("\\u00")
        write(hex: text.extracting(index..<index + 1))
      case 0x80...0xff where !isUTF8: write("\\ufffd")
      default: write(byte: byte)
      }
    }
    write("\"")
  }
}
