import FixedMemory

/// True for `https://HOST[:PORT][/PATH]` and `mqtts://HOST[:PORT]`, and either without its s: what a library and
/// a person read alike. No user, query or fragment; characters of a path are those that need no escape, and
/// escapes.
func isGatewayURL(_ text: Span<UInt8>) -> Bool {
  var offset: Int
  if hasPrefix(text, "https://") {
    offset = 8
  } else if hasPrefix(text, "http://") {
    offset = 7
  } else if hasPrefix(text, "mqtts://") {
    offset = 8
  } else if hasPrefix(text, "mqtt://") {
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
  // A broker has no paths.
  if isMQTT(text) { return offset + 1 == text.count }
  while offset < text.count {
    guard isPathByte(text[offset]) else { return false }
    offset += 1
  }
  return true
}

/// True for the address of an MQTT broker.
func isMQTT(_ text: Span<UInt8>) -> Bool {
  hasPrefix(text, "mqtts://") || hasPrefix(text, "mqtt://")
}

/// True when the address is without TLS.
func isUnencrypted(_ text: Span<UInt8>) -> Bool {
  hasPrefix(text, "http://") || hasPrefix(text, "mqtt://")
}

/// True when an address without TLS never leaves this board: localhost, [::1] or 127.0.0.0/8.
func isLoopback(_ text: Span<UInt8>) -> Bool {
  guard isUnencrypted(text) else { return false }
  var end = 7
  let isBracketed = end < text.count && text[end] == UInt8(ascii: "[")
  let last = isBracketed ? UInt8(ascii: "]") : UInt8(ascii: ":")
  while end < text.count, text[end] != last, text[end] != UInt8(ascii: "/") { end += 1 }
  let host = text.extracting(7..<end)
  return host.equals(isBracketed ? "[::1" : "localhost") || isLoopbackIPv4(host)
}

/// 127, and three more numbers of at most 255.
private func isLoopbackIPv4(_ host: Span<UInt8>) -> Bool {
  var number = 0
  var digitCount = 0
  var dotCount = 0
  for index in host.indices {
    if let digit = decimalDigit(host[index]) {
      number = number * 10 + digit
      digitCount += 1
      guard number <= 255, digitCount <= 3 else { return false }
    } else {
      guard host[index] == UInt8(ascii: "."), digitCount > 0 else { return false }
      guard dotCount > 0 || number == 127 else { return false }
      dotCount += 1
      (number, digitCount) = (0, 0)
    }
  }
  return dotCount == 3 && digitCount > 0
}

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
