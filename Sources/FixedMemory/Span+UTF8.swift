extension Span<UInt8> {
  /// True for well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above
  /// U+10FFFF.
  public var isUTF8: Bool {
    var index = 0
    while index < count {
      let lead = self[index]
      let trailCount: Int
      // The range of the second byte leaves out overlong forms, surrogates and what is too large.
      var second: ClosedRange<UInt8> = 0x80...0xbf
      switch lead {
      case 0x00...0x7f: trailCount = 0
      case 0xc2...0xdf: trailCount = 1
      case 0xe0: (trailCount, second) = (2, 0xa0...0xbf)
      case 0xed: (trailCount, second) = (2, 0x80...0x9f)
      case 0xe1...0xef: trailCount = 2
      case 0xf0: (trailCount, second) = (3, 0x90...0xbf)
      case 0xf1...0xf3: trailCount = 3
      case 0xf4: (trailCount, second) = (3, 0x80...0x8f)
      default: return false
      }
      guard count - index > trailCount else { return false }
      var trail = 1
      while trail <= trailCount {
        let allowed = trail == 1 ? second : 0x80...0xbf
        guard allowed.contains(self[index + trail]) else { return false }
        trail += 1
      }
      index += 1 + trailCount
    }
    return true
  }
}
