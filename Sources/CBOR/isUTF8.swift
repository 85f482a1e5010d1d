/// True for well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
func isUTF8(_ bytes: Span<UInt8>) -> Bool {
  var index = 0
  while index < bytes.count {
    let lead = bytes[index]
    let trailCount: Int
    // The range of the second byte excludes overlong forms, surrogates and what is too large.
    var second: ClosedRange<UInt8> = 0x80...0xbf
    switch lead {
    case 0x00...0x7f:
      index += 1
      continue
    case 0xc2...0xdf: trailCount = 1
    case 0xe0: (trailCount, second) = (2, 0xa0...0xbf)
    case 0xed: (trailCount, second) = (2, 0x80...0x9f)
    case 0xe1...0xef: trailCount = 2
    case 0xf0: (trailCount, second) = (3, 0x90...0xbf)
    case 0xf1...0xf3: trailCount = 3
    case 0xf4: (trailCount, second) = (3, 0x80...0x8f)
    default: return false
    }
    guard bytes.count - index > trailCount else { return false }
    guard second.contains(bytes[index + 1]) else { return false }
    if trailCount >= 2 {
      for trail in 2...trailCount {
        guard bytes[index + trail] & 0xc0 == 0x80 else { return false }
      }
    }
    index += 1 + trailCount
  }
  return true
}
