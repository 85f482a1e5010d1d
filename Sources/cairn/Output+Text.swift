import FixedMemory
import Proofs
import Records

/// Numbers, times and columns for people.
extension Output {
  /// Blanks up to a column; one at least, when something stands there already.
  mutating func pad(to wanted: Int) {
    if column >= wanted, column > 0 { write(byte: UInt8(ascii: " ")) }
    while column < wanted { write(byte: UInt8(ascii: " ")) }
  }

  /// The name of a row, and blanks up to where rows' content begins.
  mutating func row(_ name: StaticString) {
    write(name, .heading)
    pad(to: Self.indentation)
  }

  /// Where the content of rows begins.
  static var indentation: Int { 10 }

  mutating func write(_ value: UInt64) {
    var text = TextBuilder<20>()
    text.append(value)
    write(text.span)
  }

  mutating func write(_ value: Int) {
    var text = TextBuilder<20>()
    text.append(Int64(value))
    write(text.span)
  }

  /// Right-aligned, so that it ends before `column`.
  mutating func write(_ value: UInt64, endingAt end: Int) {
    var text = TextBuilder<20>()
    text.append(value)
    pad(to: end - text.byteCount)
    write(text.span)
  }

  mutating func write(hex bytes: Span<UInt8>) {
    var text = TextBuilder<2>()
    for index in bytes.indices {
      text.removeAll()
      text.append(hex: bytes.extracting(index..<index + 1))
      write(text.span)
    }
  }

  mutating func write(address: UInt64) {
    var text = TextBuilder<18>()
    text.append("0x")
    text.append(hex: address, digits: 2)
    write(text.span)
  }

  /// Exactly `value` × 10 to `powerOfTen`.
  mutating func write(_ value: Int64, powerOfTen: Int8) {
    // 20 digits and sign, or 128 decimals, or 127 zeros behind.
    var text = TextBuilder<160>()
    text.append(fixedPoint: value, powerOfTen: powerOfTen)
    write(text.span)
  }

  /// Bytes from outside: what a terminal might take for a command is shown as a full stop.
  mutating func write(untrusted bytes: Span<UInt8>) {
    for index in bytes.indices { write(untrusted: bytes[index]) }
  }

  mutating func write(untrusted byte: UInt8) {
    write(byte: (0x20...0x7e).contains(byte) ? byte : UInt8(ascii: "."))
  }

  /// "1 leaf", "2 leaves".
  mutating func write(_ count: UInt64, _ one: StaticString, _ many: StaticString) {
    write(count)
    write(" ")
    write(count == 1 ? one : many)
  }

  /// How long something takes, in its two largest units: "3 min 12 s".
  mutating func write(duration milliseconds: Int64) {
    var text = TextBuilder<64>()
    text.append(duration: milliseconds)
    write(text.span)
  }

  /// Time since the boot leaf: "2d 03:04:05.678".
  mutating func write(logTime milliseconds: Int64) {
    let total = milliseconds.magnitude
    var text = TextBuilder<40>()
    if total >= 86_400_000 {
      text.append(total / 86_400_000)
      text.append("d ")
    }
    text.append(total / 3_600_000 % 24, digits: 2)
    text.append(":")
    text.append(total / 60_000 % 60, digits: 2)
    text.append(":")
    text.append(total / 1000 % 60, digits: 2)
    text.append(".")
    text.append(total % 1000, digits: 3)
    write(text.span)
  }

  /// "2026-11-23 02:05:11.250 UTC".
  mutating func write(utc milliseconds: Int64) {
    var text = TextBuilder<48>()
    text.append(utc: milliseconds, separator: " ")
    if Self.calendarMilliseconds.contains(milliseconds) { text.append(" UTC") }
    write(text.span)
  }

  /// From 1970 to the year 9999.
  static var calendarMilliseconds: Range<Int64> { 0..<253_402_300_800_000 }

  /// "64 MiB", "130.5 KiB", "12 bytes".
  mutating func write(byteCount count: UInt64) {
    var text = TextBuilder<40>()
    text.append(byteCount: count)
    write(text.span)
  }

  /// A digest's first bytes, enough to compare by eye.
  mutating func write(short digest: Digest) { write(hex: digest.span.extracting(0..<6)) }

  /// Text broken at blanks, each further line indented.
  mutating func paragraph(_ text: Span<UInt8>, indentation: Int) {
    var start = 0
    while start < text.count {
      var end = start
      while end < text.count, text[end] != UInt8(ascii: " ") { end += 1 }
      if start > 0 || column + end - start > width {
        blank(before: end - start, indentation: indentation)
      }
      write(text.extracting(start..<end))
      start = end + 1
    }
  }

  /// A blank, or the next line when what follows would not fit behind it.
  mutating func blank(before count: Int, indentation: Int) {
    if column + 1 + count > width, column > indentation {
      newLine()
      pad(to: indentation)
    } else if column > indentation {
      write(" ")
    }
  }

  mutating func paragraph(_ text: StaticString, indentation: Int = Output.indentation) {
    paragraph(text.bytes, indentation: indentation)
  }

  mutating func write(unit: Span<UInt8>) {
    var text = TextBuilder<32>()
    text.append(unit: unit, isUnicode: console.hasUnicode)
    write(text.span)
  }

  /// What a row holds, broken at blanks, and the line's end.
  mutating func finishRow(_ text: borrowing RowText) {
    paragraph(text.span, indentation: Self.indentation)
    newLine()
  }

  /// Another line of the same row.
  mutating func furtherLine(_ text: borrowing RowText) {
    pad(to: Self.indentation)
    finishRow(text)
  }

  mutating func writePlusMinus() { write(console.hasUnicode ? "\u{b1} " : "+/- ") }
}

/// The text of a row, gathered before it is broken into lines. `\u{1f}` is a blank at which no line ends:
/// between a number and its unit.
typealias RowText = TextBuilder<512>

/// What holds two words together on one line.
var glue: UInt8 { 0x1f }

extension TextBuilder {
  /// "3 min 12 s": at most two units, held together.
  mutating func append(duration milliseconds: Int64) {
    let total = milliseconds.magnitude
    let seconds = total / 1000
    if total < 1000 {
      append(total, unit: "ms")
    } else if seconds < 60 {
      append(seconds, unit: "s")
    } else if seconds < 3600 {
      append(seconds / 60, "min", seconds % 60, "s")
    } else if seconds < 86_400 {
      append(seconds / 3600, "h", seconds / 60 % 60, "min")
    } else {
      append(seconds / 86_400, "d", seconds / 3600 % 24, "h")
    }
  }

  private mutating func append(
    _ first: UInt64, _ firstUnit: StaticString, _ second: UInt64, _ secondUnit: StaticString
  ) {
    append(first, unit: firstUnit)
    guard second > 0 else { return }
    append(byte: glue)
    append(second, unit: secondUnit)
  }

  mutating func append(_ value: UInt64, unit: StaticString) {
    append(value)
    append(byte: glue)
    append(unit)
  }

  /// "1 leaf", "2 leaves".
  mutating func append(_ count: UInt64, _ one: StaticString, _ many: StaticString) {
    append(count, unit: count == 1 ? one : many)
  }

  mutating func append(byteCount count: UInt64) {
    switch count {
    case 0..<1024: append(count, unit: "bytes")
    case 1024..<(1 << 20): append(count, of: 1 << 10, "KiB")
    case (1 << 20)..<(1 << 30): append(count, of: 1 << 20, "MiB")
    default: append(count, of: 1 << 30, "GiB")
    }
  }

  /// With one decimal, rounded down, where it is not whole.
  private mutating func append(_ count: UInt64, of unit: UInt64, _ name: StaticString) {
    append(count / unit)
    let tenths = count % unit / (unit / 64) * 10 / 64
    if tenths > 0 {
      append(".")
      append(tenths)
    }
    append(byte: glue)
    append(name)
  }

  /// A digest's first bytes, enough to compare by eye.
  mutating func append(short digest: Digest) { append(hex: digest.span.extracting(0..<6)) }

  /// The date of the proleptic Gregorian calendar, from 1970 and for the years up to 9999; a time
  /// outside is told in milliseconds. By days of 400-year eras that begin in March, so that leap
  /// days come last.
  mutating func append(utc milliseconds: Int64, separator: StaticString) {
    guard Output.calendarMilliseconds.contains(milliseconds) else {
      append(milliseconds)
      append(" ms since 1970")
      return
    }
    let days = milliseconds / 86_400_000 + 719_468
    let era = days / 146_097
    let dayOfEra = days % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
    append(UInt64(year), digits: 4)
    append("-")
    append(UInt64(month < 10 ? month + 3 : month - 9), digits: 2)
    append("-")
    append(UInt64(dayOfYear - (153 * month + 2) / 5 + 1), digits: 2)
    append(separator)
    let time = UInt64(milliseconds % 86_400_000)
    append(time / 3_600_000, digits: 2)
    append(":")
    append(time / 60_000 % 60, digits: 2)
    append(":")
    append(time / 1000 % 60, digits: 2)
    guard time % 1000 > 0 else { return }
    append(".")
    append(time % 1000, digits: 3)
  }
}
