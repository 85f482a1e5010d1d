import FixedMemory

/// Base64 (RFC 4648 section 4): written with padding, read with or without.
enum Base64 {
  /// Decodes into `bytes`, and returns how many came; nil for what is no base64, or does not fit. The alphabet of
  /// section 5 is read too.
  static func decode(_ text: Span<UInt8>, into bytes: inout FixedBytes<255>) -> Int? {
    var end = text.count
    while end > 0, text.count - end < 2, text[end - 1] == UInt8(ascii: "=") { end -= 1 }
    // With padding the whole has a multiple of four.
    guard end == text.count || text.count & 3 == 0, end & 3 != 1 else { return nil }
    var count = 0
    var word: UInt32 = 0
    var bitCount = 0
    for index in 0..<end {
      guard let value = value(text[index]) else { return nil }
      word = (word << 6 | UInt32(value)) & 0xffff
      bitCount += 6
      guard bitCount >= 8 else { continue }
      bitCount -= 8
      guard count < 255 else { return nil }
      bytes[count] = UInt8(truncatingIfNeeded: word >> UInt32(bitCount))
      count += 1
    }
    return count
  }

  static func append<let capacity: Int>(_ bytes: Span<UInt8>, to text: inout TextBuilder<capacity>)
  {
    var index = 0
    while index < bytes.count {
      let rest = bytes.count - index
      let word =
        UInt32(bytes[index]) << 16 | (rest > 1 ? UInt32(bytes[index + 1]) << 8 : 0)
        | (rest > 2 ? UInt32(bytes[index + 2]) : 0)
      text.append(byte: character(word >> 18))
      text.append(byte: character(word >> 12))
      text.append(byte: rest > 1 ? character(word >> 6) : UInt8(ascii: "="))
      text.append(byte: rest > 2 ? character(word) : UInt8(ascii: "="))
      index += 3
    }
  }

  private static func value(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
    case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
    default: nil
    }
  }

  private static func character(_ word: UInt32) -> UInt8 {
    let value = UInt8(truncatingIfNeeded: word & 63)
    switch value {
    case 0..<26: return UInt8(ascii: "A") + value
    case 26..<52: return UInt8(ascii: "a") + value - 26
    case 52..<62: return UInt8(ascii: "0") + value - 52
    case 62: return UInt8(ascii: "+")
    default: return UInt8(ascii: "/")
    }
  }
}
