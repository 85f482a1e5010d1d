import FixedMemory

/// True for `https://HOST[:PORT][/PATH]` and the same with `http://`: what curl and a person read
/// alike. No user, query or fragment; characters of a path are those that need no escape, and
/// escapes.
func isGatewayURL(_ text: Span<UInt8>) -> Bool {
  var offset: Int
  if hasPrefix(text, "https://") {
    offset = 8
  } else if hasPrefix(text, "http://") {
    offset = 7
  } else {
    return false
  }
  let hostStart = offset
  if offset < text.count, text[offset] == UInt8(ascii: "[") {
    offset += 1
    while offset < text.count, isAddressDigit(text[offset]) { offset += 1 }
    guard offset - hostStart > 2, offset < text.count, text[offset] == UInt8(ascii: "]") else {
      return false
    }
    offset += 1
  } else {
    while offset < text.count, isHostByte(text[offset]) { offset += 1 }
    guard offset > hostStart else { return false }
  }
  if offset < text.count, text[offset] == UInt8(ascii: ":") {
    offset += 1
    var port = 0
    let portStart = offset
    while offset < text.count, let digit = decimalDigit(text[offset]), offset - portStart < 5 {
      port = port * 10 + digit
      offset += 1
    }
    guard port >= 1, port <= 65535 else { return false }
  }
  guard offset < text.count else { return true }
  guard text[offset] == UInt8(ascii: "/") else { return false }
  while offset < text.count {
    guard isPathByte(text[offset]) else { return false }
    offset += 1
  }
  return true
}

/// True when the address is without TLS.
func isPlainHTTP(_ text: Span<UInt8>) -> Bool { hasPrefix(text, "http://") }

func hasPrefix(_ text: Span<UInt8>, _ prefix: StaticString) -> Bool {
  let count = prefix.utf8CodeUnitCount
  return text.count >= count && text.extracting(0..<count).equals(prefix)
}

private func decimalDigit(_ byte: UInt8) -> Int? {
  guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
  return Int(byte - UInt8(ascii: "0"))
}

private func isLetter(_ byte: UInt8) -> Bool {
  let lower = byte | 0x20
  return lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z")
}

private func isHostByte(_ byte: UInt8) -> Bool {
  isLetter(byte) || decimalDigit(byte) != nil || byte == UInt8(ascii: "-")
    || byte == UInt8(ascii: ".")
}

private func isAddressDigit(_ byte: UInt8) -> Bool {
  let lower = byte | 0x20
  return decimalDigit(byte) != nil || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".")
    || (lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "f"))
}

private func isPathByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
    UInt8(ascii: "~"), UInt8(ascii: "%"):
    true
  default: isLetter(byte) || decimalDigit(byte) != nil
  }
}
