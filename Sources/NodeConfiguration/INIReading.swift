import FixedMemory

/// The state between libinih's callbacks while one file is split.
///
/// libinih asks for a line (`readLine`), and answers with at most one `handleEntry` before it asks
/// for the next. A refused line is handed over as an empty one, so that line numbers stay right.
@safe struct INIReading: ~Copyable {
  private let bytes: UnsafeBufferPointer<UInt8>
  private let byteCount: Int
  private let source: Problem.Source
  private(set) var entries = FixedArray<256, INIFile.Entry>(
    filler: INIFile.Entry())
  private(set) var problems = ProblemList()
  /// The number of the line that libinih has, from 1; 0 before the first.
  private(set) var line = 0
  /// Where the next line begins.
  private var nextOffset = 0
  /// The line that libinih has, without its end.
  private var current = 0..<0
  /// libinih has a line that must come back as a key and a value.
  private var awaitsEntry = false
  /// The name in the heading that holds now.
  private var heading = 0..<0
  /// The heading was refused: its keys belong to no section, and one refusal is enough.
  private var skipsSection = false
  private var isFull = false

  init(bytes: UnsafeBufferPointer<UInt8>, source: Problem.Source) {
    unsafe self.bytes = bytes
    byteCount = bytes.count
    self.source = source
    // A byte order mark: editors of some desks write one.
    if byteCount >= 3, byte(at: 0) == 0xef, byte(at: 1) == 0xbb, byte(at: 2) == 0xbf {
      nextOffset = 3
    }
  }

  /// Writes the next line that is fit for libinih, or an empty one, with a zero at its end; false
  /// at the end of the file.
  mutating func nextLine(into buffer: UnsafeMutableBufferPointer<CChar>) -> Bool {
    finishLine()
    guard nextOffset < byteCount, !isFull, buffer.count > 0 else { return false }
    var end = nextOffset
    while end < byteCount, byte(at: end) != UInt8(ascii: "\n") { end += 1 }
    let whole = nextOffset..<end
    nextOffset = min(end + 1, byteCount)
    line += 1
    current = trimmingEnd(whole)
    let isFit = check(whole, capacity: buffer.count)
    if !isFit, isHeadingLike() { skipsSection = true }
    var count = 0
    if isFit {
      for offset in current {
        unsafe buffer[count] = CChar(bitPattern: byte(at: offset))
        count += 1
      }
    }
    unsafe buffer[count] = 0
    return true
  }

  /// What libinih made of the current line. The strings end with a zero and last for this call
  /// only.
  mutating func handle(
    section: UnsafePointer<CChar>, name: UnsafePointer<CChar>, value: UnsafePointer<CChar>
  ) {
    awaitsEntry = false
    guard !skipsSection else { return }
    // The line must be: name, blanks, "=", blanks, value, and nothing else.
    guard let nameEnd = unsafe match(name, at: current.lowerBound), nameEnd > current.lowerBound
    else {
      return refuse(.malformedLine, Self.malformed)
    }
    let equals = skippingBlanks(from: nameEnd)
    guard equals < current.upperBound, byte(at: equals) == UInt8(ascii: "=") else {
      return refuse(.malformedLine, Self.malformed)
    }
    let valueStart = skippingBlanks(from: equals + 1)
    guard let valueEnd = unsafe match(value, at: valueStart), valueEnd == current.upperBound else {
      return refuse(.malformedLine, Self.malformed)
    }
    guard unsafe match(section, at: heading.lowerBound) == heading.upperBound else {
      return refuse(.malformedLine, Self.malformed)
    }
    guard valueStart < valueEnd else {
      return refuse(
        .emptyValue, "a key without a value: write one, or put # before the line for the default")
    }
    note(
      INIFile.Entry(
        line: UInt16(truncatingIfNeeded: line), isHeading: false,
        name: piece(current.lowerBound..<nameEnd), value: piece(valueStart..<valueEnd)))
  }

  /// Called when libinih is done with a line: one that should have come back and did not has no
  /// `=`.
  mutating func finishLine() {
    guard awaitsEntry else { return }
    awaitsEntry = false
    refuse(.malformedLine, Self.malformed)
  }

  private static var malformed: StaticString { "neither `[section]` nor `key = value`" }

  /// True when libinih may see the line. A heading is noted here, since libinih tells only of keys.
  private mutating func check(_ whole: Range<Int>, capacity: Int) -> Bool {
    guard checkBytes(whole, capacity: capacity) else { return false }
    let start = skippingBlanks(from: current.lowerBound)
    guard start < current.upperBound else { return true }
    let first = byte(at: start)
    if first == UInt8(ascii: "#") || first == UInt8(ascii: ";") { return true }
    guard start == current.lowerBound else {
      refuse(.indentedLine, "the line begins with a blank: begin it at the margin")
      return false
    }
    for offset in current where isCommentMark(at: offset) {
      refuse(.commentAfterValue, "a comment after a value: put it on a line of its own")
      return false
    }
    guard first == UInt8(ascii: "[") else {
      awaitsEntry = true
      return true
    }
    return checkHeading()
  }

  /// Length and characters, before anything is made of them.
  private mutating func checkBytes(_ whole: Range<Int>, capacity: Int) -> Bool {
    for offset in current {
      let found = byte(at: offset)
      if found == 0 {
        refuse(.nulByte, "a NUL byte: this is not a text file")
        return false
      }
      if found < 0x20 && found != UInt8(ascii: "\t") || found == 0x7f {
        refuse(.controlCharacter, "a control character: only tabs and line ends may stand here")
        return false
      }
    }
    guard unsafe UnsafeBufferPointer(rebasing: bytes[whole]).span.isUTF8 else {
      refuse(.notUTF8, "not UTF-8: save the file in that encoding")
      return false
    }
    // The line is handed over without its end; one place is for the zero.
    guard current.count <= min(Limits.lineByteCount, capacity - 1) else {
      refuse(.lineTooLong, "the line is longer than 197 bytes")
      return false
    }
    return true
  }

  private mutating func checkHeading() -> Bool {
    let inside = (current.lowerBound + 1)..<max(current.lowerBound + 1, current.upperBound - 1)
    var isWhole = current.count > 2 && byte(at: current.upperBound - 1) == UInt8(ascii: "]")
    for offset in inside where byte(at: offset) == UInt8(ascii: "]") { isWhole = false }
    guard isWhole else {
      refuse(.malformedLine, "not a heading: it is `[section]` alone on its line")
      return false
    }
    guard inside.count <= Limits.headingByteCount else {
      refuse(.lineTooLong, "the heading is longer than 48 bytes")
      return false
    }
    heading = inside
    skipsSection = false
    note(
      INIFile.Entry(
        line: UInt16(truncatingIfNeeded: line), isHeading: true, name: piece(inside),
        value: INIFile.Piece()))
    return true
  }

  private mutating func note(_ entry: INIFile.Entry) {
    guard !entries.offer(entry) else { return }
    isFull = true
    refuse(.tooMany, "more than 256 headings and keys: the rest of the file was not read")
  }

  private mutating func refuse(_ reason: Problem.Reason, _ message: StaticString) {
    problems.refuse(source, line: line, reason, message)
  }

  private func piece(_ range: Range<Int>) -> INIFile.Piece {
    // A file has less than 16 KiB: both fit.
    INIFile.Piece(
      offset: UInt16(truncatingIfNeeded: range.lowerBound),
      count: UInt16(truncatingIfNeeded: range.count))
  }

  /// The end of `text` in the file when the current line or heading has it at `offset`.
  private func match(_ text: UnsafePointer<CChar>, at offset: Int) -> Int? {
    var end = offset
    var index = 0
    while unsafe text[index] != 0 {
      guard end < byteCount, unsafe byte(at: end) == UInt8(bitPattern: text[index]) else {
        return nil
      }
      end += 1
      index += 1
    }
    return end
  }

  /// The byte at `offset`; outside the file is a bug of the caller.
  private func byte(at offset: Int) -> UInt8 {
    precondition(offset >= 0 && offset < byteCount, "offset outside the file")
    return unsafe bytes[offset]
  }

  private func isBlank(at offset: Int) -> Bool {
    let found = byte(at: offset)
    return found == UInt8(ascii: " ") || found == UInt8(ascii: "\t")
  }

  private func isCommentMark(at offset: Int) -> Bool {
    let found = byte(at: offset)
    guard found == UInt8(ascii: ";") || found == UInt8(ascii: "#") else { return false }
    return offset > current.lowerBound && isBlank(at: offset - 1)
  }

  private func isHeadingLike() -> Bool {
    let start = skippingBlanks(from: current.lowerBound)
    return start < current.upperBound && byte(at: start) == UInt8(ascii: "[")
  }

  private func skippingBlanks(from offset: Int) -> Int {
    var start = offset
    while start < current.upperBound, isBlank(at: start) { start += 1 }
    return start
  }

  /// Without the CR of a CR LF, and without blanks at the end.
  private func trimmingEnd(_ range: Range<Int>) -> Range<Int> {
    var end = range.upperBound
    if end > range.lowerBound, byte(at: end - 1) == UInt8(ascii: "\r") { end -= 1 }
    while end > range.lowerBound, isBlank(at: end - 1) { end -= 1 }
    return range.lowerBound..<end
  }
}

/// libinih's reader: like fgets, a line or nil at the end.
func readLine(
  into buffer: UnsafeMutablePointer<CChar>?, capacity: Int32, reading: UnsafeMutableRawPointer?
) -> UnsafeMutablePointer<CChar>? {
  guard let buffer = unsafe buffer, let reading = unsafe reading else { return nil }
  let state = unsafe reading.assumingMemoryBound(to: INIReading.self)
  let room = unsafe UnsafeMutableBufferPointer(start: buffer, count: max(0, Int(capacity)))
  return unsafe state.pointee.nextLine(into: room) ? buffer : nil
}

/// libinih's handler: 1 means that the entry was taken; what is wrong with it is noted by us.
func handleEntry(
  reading: UnsafeMutableRawPointer?, section: UnsafePointer<CChar>?, name: UnsafePointer<CChar>?,
  value: UnsafePointer<CChar>?
) -> Int32 {
  guard let reading = unsafe reading, let section = unsafe section, let name = unsafe name,
    let value = unsafe value
  else { return 0 }
  let state = unsafe reading.assumingMemoryBound(to: INIReading.self)
  unsafe state.pointee.handle(section: section, name: name, value: value)
  return 1
}
