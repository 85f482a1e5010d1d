import CLinux
import FixedMemory

/// The session's terminal: how large it is, and waiting for a key.
enum ConsoleTerminal {
  /// How long a terminal may take to say where its cursor is: at 9600 baud the answer takes 10 ms.
  private static var answerMilliseconds: Int64 { 500 }

  /// A serial line does not know how large its terminal is: the environment says it, or the terminal does, or it is
  /// taken for 80 by 24. The kernel remembers, for every program on this line.
  static func learnSize() {
    var (columns, rows): (Int32, Int32) = (0, 0)
    guard unsafe cairn_session_size(&columns, &rows) == 0, columns == 0 || rows == 0 else { return }
    if let wide = Console.number(of: "COLUMNS\0"), let high = Console.number(of: "LINES\0") {
      (columns, rows) = (wide, high)
    } else if Console.understandsControls(), let found = ask() {
      (columns, rows) = found
    } else {
      (columns, rows) = (80, 24)
    }
    _ = cairn_session_set_size(columns, rows)  // What can't be remembered is asked for again.
  }

  /// Sends the cursor as far as it goes, and asks where it is (ECMA-48 8.3.14 and 8.3.35).
  private static func ask() -> (Int32, Int32)? {
    write("\u{1b}7\u{1b}[999;999H\u{1b}[6n\u{1b}8")
    let clock = cairn_clock_boot() + answerMilliseconds
    var numbers = (rows: Int32(0), columns: Int32(0))
    var state = 0
    while cairn_clock_boot() < clock {
      let byte = cairn_session_next(clock - cairn_clock_boot())
      guard byte >= 0 else { return nil }
      switch (state, byte) {
      case (_, 0x1b): (state, numbers) = (1, (0, 0))
      case (1, 0x5b): state = 2
      case (2, 0x30...0x39) where numbers.rows < 1000:
        numbers.rows = numbers.rows * 10 + (byte - 0x30)
      case (2, 0x3b): state = 3
      case (3, 0x30...0x39) where numbers.columns < 1000:
        numbers.columns = numbers.columns * 10 + (byte - 0x30)
      case (3, 0x52):
        let isSane = (2...999).contains(numbers.rows) && (20...999).contains(numbers.columns)
        return isSane ? (numbers.columns, numbers.rows) : nil
      default: state = 0
      }
    }
    return nil
  }

  /// Lines that the terminal shows; 24 where it does not know.
  static var rows: Int {
    var (columns, rows): (Int32, Int32) = (0, 0)
    guard unsafe cairn_session_size(&columns, &rows) == 0, rows > 0 else { return 24 }
    return Int(rows)
  }

  static func write(_ literal: StaticString) {
    _ = unsafe cairn_session_write(literal.utf8Start, Int64(literal.utf8CodeUnitCount))
  }

  enum Wait {
    case over, key
    /// The line or the person has gone, or a signal has come.
    case ended
  }

  /// Waits for any key, and takes it with all that came behind it: an arrow is three bytes.
  static func waitForKey(milliseconds: Int64) -> Wait {
    let byte = cairn_session_next(milliseconds)
    if byte == 0 &- ETIMEDOUT { return .over }
    guard byte >= 0 else { return .ended }
    cairn_session_discard()
    return .key
  }

  /// Lets time pass in which nothing is heard but ^C. False when the session has ended.
  static func pause(milliseconds: Int64) -> Bool {
    let end = cairn_clock_boot() + milliseconds
    while true {
      let left = end - cairn_clock_boot()
      guard left > 0 else { return true }
      let byte = cairn_session_next(left)
      if byte == 3 { return true }
      guard byte >= 0 || byte == 0 &- ETIMEDOUT else { return false }
    }
  }

  /// "ttyS0", "pts/3"; "pipe" when it is no terminal. 1 to 32 printable characters.
  static func name() -> FixedText<32> {
    var path = InlineArray<128, UInt8>(repeating: 0)
    var span = path.mutableSpan
    let result = unsafe span.withUnsafeMutableBufferPointer {
      unsafe cairn_session_name($0.baseAddress, Int64($0.count))
    }
    var name = FixedText<32>()
    guard result == 0 else {
      name.write("pipe")
      return name
    }
    var end = 0
    while end < span.count, span[end] != 0 { end += 1 }
    let bytes = span.span.extracting(0..<end)
    let start = end > 5 && bytes.extracting(0..<5).equals("/dev/") ? 5 : 0
    for index in start..<min(end, start + 32) {
      let isPlain = (0x21...0x7e).contains(bytes[index])
      var one = TextBuilder<1>()
      one.append(byte: isPlain ? bytes[index] : UInt8(ascii: "."))
      name.write(one.span)
    }
    if name.isEmpty { name.write("terminal") }
    return name
  }
}
