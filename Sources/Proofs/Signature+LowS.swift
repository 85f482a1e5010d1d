import FixedMemory

/// Of every ECDSA signature (r, s) there is a twin (r, n − s) that verifies as well, and that anybody can
/// make. One of the two is taken: the one with s in the lower half.
extension FixedBytes<64> {
  /// ES256: true when s, the last 32 bytes, is at most half of the group's order n.
  public var hasLowS: Bool {
    for index in 0..<32 {
      let (byte, limit) = (self[32 + index], p256HalfOrder[index])
      if byte != limit { return byte < limit }
    }
    return true
  }

  /// ES256: the signature itself, or its twin when s is in the upper half. For signers.
  public var withLowS: FixedBytes<64> {
    guard !hasLowS else { return self }
    var result = self
    var borrow: Int16 = 0
    for index in (0..<32).reversed() {
      let difference = Int16(p256Order[index]) - Int16(self[32 + index]) - borrow
      borrow = difference < 0 ? 1 : 0
      result[32 + index] = UInt8(truncatingIfNeeded: difference)
    }
    return result
  }
}

/// n, the order of P-256's group (SEC 2 section 2.4.2), most significant byte first.
private var p256Order: InlineArray<32, UInt8> {
  [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
  ]
}

/// n / 2, rounded down.
private var p256HalfOrder: InlineArray<32, UInt8> {
  [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
  ]
}
