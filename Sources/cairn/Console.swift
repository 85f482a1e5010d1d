import CLinux
import FixedMemory

/// What the reader's terminal can show. Nothing is ever said by colour alone.
struct Console {
  /// Standard output is a terminal that shows colours, and nobody asked for none
  /// (https://no-color.org).
  var hasColour = false
  /// The locale is UTF-8, so that ° and ± can be shown.
  var hasUnicode = false
  /// Columns that lines may take: the terminal's, at least 60 and at most 120, so that nothing is cut and
  /// eyes find the next line.
  var width = Output.usualWidth

  /// Standard output is a terminal.
  var isTerminal = false

  init() {
    isTerminal = cairn_is_terminal(1) == 1
    if isTerminal {
      let columns = Int(cairn_terminal_columns(1))
      if columns > 0 { width = min(max(columns, 60), 120) }
    }
    hasUnicode = Self.isUnicodeLocale()
    hasColour =
      isTerminal && !Self.isSet("NO_COLOR\0") && !Self.equals("TERM\0", "dumb")
      && Self.isSet("TERM\0")
  }

  /// A terminal that understands more than a typewriter: TERM is set, and not "dumb".
  static func understandsControls() -> Bool {
    cairn_is_terminal(1) == 1 && isSet("TERM\0") && !equals("TERM\0", "dumb")
  }

  /// A variable that is a number from 20 to 999, such as COLUMNS.
  static func number(of name: StaticString) -> Int32? {
    var value = InlineArray<64, UInt8>(repeating: 0)
    let count = environment(name, &value)
    guard count > 0, let number = decimal(value.span.extracting(0..<count)),
      (20...999).contains(number)
    else { return nil }
    return Int32(number)
  }

  /// The first of the three that is set decides (POSIX.1-2017, 8.2).
  private static func isUnicodeLocale() -> Bool {
    for index in 0..<3 {
      let name: StaticString = index == 0 ? "LC_ALL\0" : index == 1 ? "LC_CTYPE\0" : "LANG\0"
      var value = InlineArray<64, UInt8>(repeating: 0)
      let count = environment(name, &value)
      guard count > 0 else { continue }
      let text = value.span.extracting(0..<count)
      return contains(text, "UTF-8") || contains(text, "utf8") || contains(text, "utf-8")
    }
    return false
  }

  /// Set to something that is not empty.
  private static func isSet(_ name: StaticString) -> Bool {
    var value = InlineArray<64, UInt8>(repeating: 0)
    return environment(name, &value) != 0
  }

  private static func equals(_ name: StaticString, _ text: StaticString) -> Bool {
    var value = InlineArray<64, UInt8>(repeating: 0)
    let count = environment(name, &value)
    return count > 0 && value.span.extracting(0..<count).equals(text)
  }

  /// How many bytes the variable's value has; 0 when it is not set, −1 when it does not fit. `name`
  /// ends with its NUL.
  private static func environment(_ name: StaticString, _ value: inout InlineArray<64, UInt8>)
    -> Int
  {
    var span = value.mutableSpan
    let result = unsafe span.withUnsafeMutableBufferPointer {
      unsafe cairn_environment(name.utf8Start, $0.baseAddress, Int64($0.count))
    }
    if result == Int64(0 &- ENOENT) { return 0 }
    return result < 0 ? -1 : Int(truncatingIfNeeded: result)
  }

  private static func contains(_ text: Span<UInt8>, _ part: StaticString) -> Bool {
    let count = part.utf8CodeUnitCount
    guard text.count >= count else { return false }
    for start in 0...(text.count - count)
    where text.extracting(start..<start + count).equals(part) { return true }
    return false
  }
}
