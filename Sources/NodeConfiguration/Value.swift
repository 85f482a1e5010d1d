import FixedMemory

/// A value that was read and found right. Text is not copied: it is the written one.
enum Value: Equatable {
  case flag(Bool)
  /// Milliseconds, bytes, a count, an address, or the index of a choice's word.
  case number(Int64)
  case never
  case text
  case publicKey(FixedBytes<32>)
}

extension ValueKind {
  /// Reads `text` as this kind, or throws the reason and writes the sentence that goes with it.
  func read(_ text: Span<UInt8>, message: inout Message) throws(Problem.Reason) -> Value {
    switch self {
    case .flag:
      if text.equals("yes") { return .flag(true) }
      if text.equals("no") { return .flag(false) }
    case .text(let limit):
      guard text.count <= limit else { throw tooLong(text, limit, &message) }
      return .text
    case .name:
      guard text.count <= Limits.nameByteCount else {
        throw tooLong(text, Limits.nameByteCount, &message)
      }
      if isName(text) { return .text }
    case .path:
      guard text.count <= Limits.pathByteCount else {
        throw tooLong(text, Limits.pathByteCount, &message)
      }
      return .text
    case .url:
      guard text.count <= Limits.urlByteCount else {
        throw tooLong(text, Limits.urlByteCount, &message)
      }
      if isGatewayURL(text) { return .text }
    case .publicKey:
      if let key = readPublicKey(text) { return .publicKey(key) }
    case .duration(let range):
      return try .number(readMeasure(text, .time, range, &message))
    case .size(let range):
      return try .number(readMeasure(text, .size, range, &message))
    case .frequency(let range):
      return try .number(readMeasure(text, .frequency, range, &message))
    case .labels:
      if areLabels(text) { return .text }
    case .count(let range):
      return try .number(readMeasure(text, .none, range, &message))
    case .countOrNever(let range):
      if text.equals("never") { return .never }
      return try .number(readMeasure(text, .none, range, &message))
    case .decimal(let decimals, let range, let unit):
      return try .number(readScaled(text, decimals, range, unit, &message))
    case .base64url(let limit):
      guard text.count <= limit else { throw tooLong(text, limit, &message) }
      var isWhole = true
      for index in text.indices where base64urlDigit(text[index]) == nil { isWhole = false }
      if isWhole { return .text }
    case .address:
      if let address = readAddress(text) { return .number(Int64(address)) }
    case .keyAddress:
      _ = try KeyAddress(text, message: &message)
      return .text
    case .choice(let choice):
      for index in 0..<choice.wordCount where text.equals(choice.word(index)) {
        return .number(Int64(index))
      }
      var nearest = NearestWord()
      for index in 0..<choice.wordCount { nearest.consider(choice.word(index), for: text) }
      if let word = nearest.word {
        message.write(quoted: text)
        message.write(" is not known: did you mean ")
        message.write(word)
        message.write("?")
        throw .wrongValue
      }
    }
    message.write(quoted: text)
    message.write(" is not ")
    writeAllowed(to: &message)
    throw .wrongValue
  }

  private func tooLong(_ text: Span<UInt8>, _ limit: Int, _ message: inout Message)
    -> Problem.Reason
  {
    message.write(quoted: text)
    message.write(" has ")
    message.write(decimal: Int64(text.count))
    message.write(" bytes, at most ")
    message.write(decimal: Int64(limit))
    message.write(" are allowed")
    return .outOfRange
  }

  private func readMeasure(
    _ text: Span<UInt8>, _ units: UnitFamily, _ range: ClosedRange<Int64>,
    _ message: inout Message
  ) throws(Problem.Reason) -> Int64 {
    var digits = 0
    while digits < text.count, isDigit(text[digits]) { digits += 1 }
    guard digits > 0 else {
      message.write(quoted: text)
      message.write(" is not ")
      writeAllowed(to: &message)
      throw .wrongValue
    }
    var unitStart = digits
    while unitStart < text.count, text[unitStart] == UInt8(ascii: " ") { unitStart += 1 }
    let unit = text.extracting(unitStart..<text.count)
    guard let factor = units.factor(unit) else {
      message.write(quoted: text)
      switch units {
      case .none: message.write(" has more than a whole number: write only digits")
      case .time, .size, .frequency:
        message.write(unit.isEmpty ? " lacks a unit: " : " has an unknown unit: ")
        message.write(units.list)
      }
      throw unit.isEmpty ? .missingUnit : .unknownUnit
    }
    let value = readDecimal(text.extracting(0..<digits))
    let (product, overflow) = value.multipliedReportingOverflow(by: factor)
    guard !overflow, range.contains(product) else {
      message.write(quoted: text)
      message.write(" is out of range: ")
      writeAllowed(to: &message)
      throw .outOfRange
    }
    return product
  }
}

extension ValueKind {
  /// A sign, digits, a point and more digits, and the unit after a blank or not: 12.5 m.
  private func readScaled(
    _ text: Span<UInt8>, _ decimals: Int, _ range: ClosedRange<Int64>, _ unit: StaticString,
    _ message: inout Message
  ) throws(Problem.Reason) -> Int64 {
    let isNegative = text[0] == UInt8(ascii: "-")
    var value: Int64 = 0
    var digitCount = 0
    var decimalCount: Int?
    var end = isNegative ? 1 : 0
    while end < text.count {
      if isDigit(text[end]) {
        // Eleven digits are beyond every range, and far from 2^63.
        if digitCount < 17 { value = value * 10 + Int64(text[end] - UInt8(ascii: "0")) }
        digitCount += 1
        if let count = decimalCount { decimalCount = count + 1 }
      } else if text[end] == UInt8(ascii: "."), decimalCount == nil, digitCount > 0 {
        decimalCount = 0
      } else {
        break
      }
      end += 1
    }
    while end < text.count, text[end] == UInt8(ascii: " ") { end += 1 }
    let written = text.extracting(end..<text.count)
    guard digitCount > 0, decimalCount != 0, (decimalCount ?? 0) <= decimals,
      written.equals(unit)
    else {
      message.write(quoted: text)
      message.write(" is not ")
      writeAllowed(to: &message)
      let isUnitMissing = digitCount > 0 && written.isEmpty && unit.utf8CodeUnitCount > 0
      throw isUnitMissing ? .missingUnit : .wrongValue
    }
    for _ in (decimalCount ?? 0)..<decimals where digitCount < 17 {
      value *= 10
      digitCount += 1
    }
    if isNegative { value = -value }
    guard digitCount < 17, range.contains(value) else {
      message.write(quoted: text)
      message.write(" is out of range: ")
      writeAllowed(to: &message)
      throw .outOfRange
    }
    return value
  }
}

private func isDigit(_ byte: UInt8) -> Bool {
  byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
}

private func isLowerCaseLetter(_ byte: UInt8) -> Bool {
  byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")
}

/// The number that digits stand for; more than 18 of them are larger than any range here.
private func readDecimal(_ digits: Span<UInt8>) -> Int64 {
  var value: Int64 = 0
  for index in digits.indices {
    guard value <= 99_999_999_999_999_999 else { return Int64.max }
    value = value * 10 + Int64(digits[index] - UInt8(ascii: "0"))
  }
  return value
}

/// A name of a bus, a port or a sensor: it becomes part of headings, labels and status lines.
func isName(_ text: Span<UInt8>) -> Bool {
  guard !text.isEmpty, text.count <= Limits.nameByteCount else { return false }
  for index in text.indices {
    let byte = text[index]
    let isMark = byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    guard isLowerCaseLetter(byte) || isDigit(byte) || (index > 0 && isMark) else { return false }
  }
  return true
}

/// One to three labels of GPIO chips with blanks between.
private func areLabels(_ text: Span<UInt8>) -> Bool {
  var count = 0
  var isFitting = true
  forEachWord(of: text) { word in
    count += 1
    if word.count > Limits.chipLabelByteCount { isFitting = false }
  }
  return isFitting && count >= 1 && count <= 3
}

/// Hands over what stands between blanks.
func forEachWord(of text: Span<UInt8>, _ body: (Span<UInt8>) -> Void) {
  var start = 0
  while start < text.count {
    var end = start
    while end < text.count, text[end] != UInt8(ascii: " ") { end += 1 }
    if end > start { body(text.extracting(start..<end)) }
    start = end + 1
  }
}

private func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}

/// The 7-bit addresses that the I2C specification (UM10204, section 3.1.12) leaves to chips: 0x08
/// to 0x77.
private func readAddress(_ text: Span<UInt8>) -> UInt8? {
  guard text.count == 4, text[0] == UInt8(ascii: "0"), text[1] == UInt8(ascii: "x"),
    let high = hexadecimalDigit(text[2]), let low = hexadecimalDigit(text[3])
  else { return nil }
  let address = high << 4 | low
  return address >= 0x08 && address <= 0x77 ? address : nil
}

/// 64 hexadecimal digits, or base64url (RFC 4648 section 5) of 32 bytes: 43 characters, `=` after
/// them or not.
private func readPublicKey(_ text: Span<UInt8>) -> FixedBytes<32>? {
  var key = FixedBytes<32>()
  if text.count == 64 {
    for index in 0..<32 {
      guard let high = hexadecimalDigit(text[2 * index]),
        let low = hexadecimalDigit(text[2 * index + 1])
      else { return nil }
      key[index] = high << 4 | low
    }
    return key
  }
  guard text.count == 43 || (text.count == 44 && text[43] == UInt8(ascii: "=")) else { return nil }
  var span = key.mutableSpan
  return decodeBase64url(text.extracting(0..<43), into: &span) == 32 ? key : nil
}

/// Base64url without padding (RFC 4648 section 5) of whole bytes. Nil when a character or the last bits are
/// not of it, or the bytes don't fit.
func decodeBase64url(_ text: Span<UInt8>, into bytes: inout MutableSpan<UInt8>) -> Int? {
  var bits: UInt32 = 0
  var bitCount = 0
  var filled = 0
  for index in text.indices {
    guard let sextet = base64urlDigit(text[index]) else { return nil }
    bits = bits << 6 | UInt32(sextet)
    bitCount += 6
    guard bitCount >= 8 else { continue }
    bitCount -= 8
    guard filled < bytes.count else { return nil }
    bytes[filled] = UInt8(truncatingIfNeeded: bits >> UInt32(bitCount))
    filled += 1
  }
  // What is left over must be less than a character, and zero, or one message had several spellings.
  guard bitCount < 6, bits & (1 << UInt32(bitCount) - 1) == 0 else { return nil }
  return filled
}

func base64urlDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
  case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
  case UInt8(ascii: "-"): 62
  case UInt8(ascii: "_"): 63
  default: nil
  }
}

/// What a kind promises: a value of another kind is a mistake in `KeyTable` or beside it.
extension Value {
  var flag: Bool {
    guard case .flag(let flag) = self else { stop("a key's value is no flag") }
    return flag
  }

  var number: Int64 {
    guard case .number(let number) = self else { stop("a key's value is no number") }
    return number
  }

  var key: FixedBytes<32> {
    guard case .publicKey(let key) = self else { stop("a key's value is no public key") }
    return key
  }
}

/// A copy of text whose length the table has bounded.
func fixed<let capacity: Int>(_ text: Span<UInt8>) -> FixedText<capacity> {
  guard let copy = FixedText<capacity>(text) else { stop("a bound in KeyTable is too large") }
  return copy
}
