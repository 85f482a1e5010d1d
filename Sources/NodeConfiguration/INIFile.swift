import CInih
import FixedMemory

/// What an INI file says, line by line: headings and `key = value`, as ranges of the file's bytes.
///
/// libinih splits the lines; it is lax where a wrong configuration would go unseen, so that each
/// line is checked before libinih sees it, and what libinih says is compared with the line
/// afterwards:
///
/// | libinih                                        | here                                      |
/// |------------------------------------------------|-------------------------------------------|
/// | an indented line continues the value before it | refused                                   |
/// | a line over 200 bytes becomes two              | refused over 197                          |
/// | ` ;` ends a value, ` #` does not               | both refused after a value                |
/// | `key: value` is taken                          | refused: one way to write                 |
/// | text after `[section]` is ignored              | refused                                   |
/// | a section's name is cut after 49 bytes         | refused over 48                           |
/// | a NUL byte ends a line                         | refused, as all control bytes but tab     |
/// | only the first wrong line is told              | all are                                   |
/// | a section without keys is not told             | headings are noted before libinih         |
struct INIFile: ~Copyable {
  /// A piece of the file: `offset` counts bytes from the file's start.
  struct Piece {
    var offset: UInt16 = 0
    var count: UInt16 = 0

    var range: Range<Int> { Int(offset)..<(Int(offset) + Int(count)) }
  }

  /// A heading, when `value` is empty; otherwise a key and its value, never empty.
  struct Entry {
    var line: UInt16 = 0
    var isHeading = false
    /// A heading's text within the brackets, or a key.
    var name = Piece()
    var value = Piece()
  }

  private(set) var entries = FixedArray<256, Entry>(filler: Entry())
  /// Lines in the file, at least 1, so that "at the end" is a line.
  private(set) var lineCount = 1

  /// Splits `bytes`; every line that can't be understood becomes a refusal in `problems`.
  init(parsing bytes: Span<UInt8>, source: Problem.Source, problems: inout ProblemList) {
    guard bytes.count < Limits.fileByteCount else {
      problems.refuse(source, line: 1, .tooLarge, "the file is larger than 16 KiB")
      return
    }
    unsafe bytes.withUnsafeBufferPointer { buffer in
      var reading = unsafe INIReading(bytes: buffer, source: source)
      unsafe withUnsafeMutablePointer(to: &reading) { pointer in
        // The result is the first line that libinih could not split; such lines are found below
        // anyway.
        _ = unsafe ini_parse_stream(
          { unsafe readLine(into: $0, capacity: $1, reading: $2) }, pointer,
          { unsafe handleEntry(reading: $0, section: $1, name: $2, value: $3) }, pointer)
      }
      reading.finishLine()
      problems.add(reading.problems)
      entries = reading.entries
      lineCount = max(1, reading.line)
    }
  }
}
