import CLinux
import FixedMemory
import LinuxPlatform
import NodeFiles

/// Standard output: gathered into pages, written once a page is full, never allocated.
///
/// Invariants: nothing is written any more once a write has failed; `column` counts what a terminal
/// shows since the last line's end.
struct Output: ~Copyable {
  /// Of a pipe, a file, and a serial console that does not know its own size.
  static var usualWidth: Int { 80 }

  enum Emphasis {
    case heading, good, bad, warning, dim
  }

  let console: Console
  /// Lines are at most this wide.
  let width: Int
  private var page = InlineArray<4096, UInt8>(repeating: 0)
  private var byteCount = 0
  private(set) var column = 0
  /// Of the line that `clearProgress` takes away again.
  private var progressByteCount = 0
  /// Why the last write failed; EPIPE when the reader has seen enough.
  private(set) var failure: SystemError?
  /// For JSON: how deep, and at which depths an element stands already.
  var depth = 0
  var hasElement: UInt64 = 0

  init(_ console: Console) {
    self.console = console
    width = console.width
  }

  /// Nobody reads any more, or nothing can be written: long work may end.
  var isGone: Bool { failure != nil }

  mutating func write(byte: UInt8) {
    if byteCount == page.count { flush() }
    page[byteCount] = byte == glue ? UInt8(ascii: " ") : byte
    byteCount += 1
    if byte == UInt8(ascii: "\n") {
      column = 0
    } else if byte & 0xc0 != 0x80 {
      column += 1
    }
  }

  /// After a command that moved the cursor home.
  mutating func resetColumn() { column = 0 }

  mutating func write(_ bytes: Span<UInt8>) {
    for index in bytes.indices { write(byte: bytes[index]) }
  }

  mutating func write(_ literal: StaticString) { write(literal.bytes) }

  mutating func write<let capacity: Int>(_ text: FixedText<capacity>) { write(text.span) }

  mutating func newLine() { write(byte: UInt8(ascii: "\n")) }

  /// What comes next, up to `plain`, stands out where the terminal can show it.
  mutating func emphasise(_ emphasis: Emphasis) {
    guard console.hasColour else { return }
    switch emphasis {
    case .heading: escape("1")
    case .good: escape("32")
    case .bad: escape("1;31")
    case .warning: escape("33")
    case .dim: escape("2")
    }
  }

  mutating func plain() {
    if console.hasColour { escape("0") }
  }

  mutating func write(_ literal: StaticString, _ emphasis: Emphasis) {
    emphasise(emphasis)
    write(literal)
    plain()
  }

  /// Select Graphic Rendition (ECMA-48, 8.3.117); takes no column.
  mutating func escape(_ parameters: StaticString) {
    let before = column
    write(byte: 0x1b)
    write("[")
    write(parameters)
    write("m")
    column = before
  }

  /// Writes all, for an output that is not the program's last one: the status, or that it could not be written.
  mutating func shown(_ status: ExitStatus) -> ExitStatus {
    flush()
    if let failure, failure.errno != EPIPE, status == .success { return .storageFailed }
    return status
  }

  /// A line of a terminal that says what is waited for, up to `clearProgress`. Elsewhere nothing.
  mutating func showProgress(_ what: StaticString) {
    guard console.isTerminal, column == 0, progressByteCount == 0 else { return }
    write("  looking at: ")
    write(what)
    write(" ...")
    progressByteCount = column
    flush()
  }

  mutating func clearProgress() {
    guard progressByteCount > 0 else { return }
    write("\r")
    for _ in 0..<progressByteCount { write(" ") }
    write("\r")
    progressByteCount = 0
    column = 0
  }

  /// Writes what has gathered: what comes next takes long. A program that ends needs no call: `finish` does it.
  mutating func flush() {
    if failure == nil {
      do throws(SystemError) {
        try StandardStream.output.write(page.span.extracting(0..<byteCount))
      } catch { failure = error }
    }
    byteCount = 0
  }

  /// Writes what is left and ends the program. A reader who has gone is no failure; a full disk is
  /// one.
  consuming func finish(_ status: ExitStatus) -> Never {
    flush()
    if let failure, failure.errno != EPIPE, status == .success {
      end(.storageFailed, "cairn: standard output can't be written")
    }
    exit(status.rawValue)
  }
}
