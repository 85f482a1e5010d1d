import FixedMemory

/// Keys of `[system]` and `[wireless]`. They go to programs that are not Cairn's, so that nothing that those might take
/// for something else is let through.
extension BootFile {
  mutating func set(
    _ part: Part, _ text: Span<UInt8>, _ line: Int, problems: inout ProblemList
  ) {
    if text[0] == UInt8(ascii: "#") || text[0] == UInt8(ascii: ";") { return }
    guard text.isUTF8 else {
      return problems.refuse(
        .site, line: line, .notUTF8, "not UTF-8: save the file in that encoding")
    }
    var end = 0
    while end < text.count, text[end] != UInt8(ascii: "=") { end += 1 }
    var start = end + 1
    while start < text.count, isBlank(text[start]) { start += 1 }
    var nameEnd = min(end, text.count)
    while nameEnd > 0, isBlank(text[nameEnd - 1]) { nameEnd -= 1 }
    guard end < text.count, nameEnd > 0 else {
      return problems.refuse(
        .site, line: line, .malformedLine, "neither `[section]` nor `key = value`")
    }
    guard start < text.count else {
      return problems.refuse(
        .site, line: line, .emptyValue,
        "a key without a value: write one, or put # before the line for the default")
    }
    let name = text.extracting(0..<nameEnd)
    let value = text.extracting(start..<text.count)
    guard !hasControlCharacter(name), !hasControlCharacter(value) else {
      return problems.refuse(
        .site, line: line, .controlCharacter,
        "a control character: none may stand in a key or its value, tabs only around the =")
    }
    if part == .system, name.equals("host_name") {
      setHostName(value, line, problems: &problems)
    } else if part == .wireless, name.equals("name") {
      setNetwork(value, line, problems: &problems)
    } else if part == .wireless, name.equals("passphrase") {
      setPassphrase(value, line, problems: &problems)
    } else if part == .wireless, name.equals("country") {
      setCountry(value, line, problems: &problems)
    } else {
      problems.refuse(
        .site, line: line, .unknownKey,
        part == .system
          ? "unknown key in [system]: there is host_name"
          : "unknown key in [wireless]: there are name, passphrase and country")
    }
  }

  private mutating func setHostName(
    _ value: Span<UInt8>, _ line: Int, problems: inout ProblemList
  ) {
    guard hostName.isEmpty else { return refuseTwice(line, problems: &problems) }
    // RFC 1123 section 2.1: letters, digits and hyphens, none of those at an end.
    var isFit = (1...63).contains(value.count)
    for index in value.indices {
      let isInside = index > 0 && index < value.count - 1
      if !isLetterOrDigit(value[index]), !(isInside && value[index] == UInt8(ascii: "-")) {
        isFit = false
      }
    }
    guard isFit, let text = FixedText<63>(value) else {
      return problems.refuse(
        .site, line: line, .wrongValue,
        "host_name: 1 to 63 letters, digits and hyphens, with no hyphen at an end")
    }
    hostName = text
  }

  private mutating func setNetwork(_ value: Span<UInt8>, _ line: Int, problems: inout ProblemList) {
    guard wireless?.name.isEmpty ?? true else { return refuseTwice(line, problems: &problems) }
    guard let text = FixedText<32>(value) else {
      return problems.refuse(
        .site, line: line, .outOfRange, "name: a wireless network's name has at most 32 bytes")
    }
    wireless?.name = text
  }

  private mutating func setPassphrase(
    _ value: Span<UInt8>, _ line: Int, problems: inout ProblemList
  ) {
    guard wireless?.passphrase.isEmpty ?? true else {
      return refuseTwice(line, problems: &problems)
    }
    var isFit = (8...63).contains(value.count)
    for index in value.indices where !(0x20...0x7e).contains(value[index]) { isFit = false }
    guard isFit, let text = FixedText<63>(value) else {
      return problems.refuse(
        .site, line: line, .wrongValue, "passphrase: 8 to 63 printable ASCII characters")
    }
    wireless?.passphrase = text
  }

  private mutating func setCountry(_ value: Span<UInt8>, _ line: Int, problems: inout ProblemList) {
    guard wireless?.country.isEmpty ?? true else { return refuseTwice(line, problems: &problems) }
    var isFit = value.count == 2
    for index in value.indices where !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(value[index])
    {
      isFit = false
    }
    guard isFit, let text = FixedText<2>(value) else {
      return problems.refuse(
        .site, line: line, .wrongValue, "country: two capital letters of ISO 3166, such as DE")
    }
    wireless?.country = text
  }

  private func refuseTwice(_ line: Int, problems: inout ProblemList) {
    problems.refuse(.site, line: line, .duplicateKey, "this key stands above already")
  }

  private func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
  }

  private func hasControlCharacter(_ text: Span<UInt8>) -> Bool {
    for index in text.indices where text[index] < 0x20 || text[index] == 0x7f { return true }
    return false
  }

  private func isLetterOrDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }

  /// Looks at what belongs together, at the end.
  func finish(line: Int, problems: inout ProblemList) {
    guard let wireless else { return }
    if wireless.name.isEmpty || wireless.passphrase.isEmpty || wireless.country.isEmpty {
      problems.refuse(
        .site, line: max(1, line), .missingKey,
        "[wireless] needs name, passphrase and country, each once")
    }
  }
}
