import FixedMemory

/// did:key (W3C Credentials Community Group, "The did:key Method v0.7", section 3.1): a key's name
/// that is the key itself. base58btc of the multicodec ed25519-pub, 0xed01 as its varint, and the
/// 32 bytes.
extension PublicKey {
  /// "did:key:z" 9, and 47 digits for 34 bytes that begin with 0xed.
  public static var didKeyByteCount: Int { 56 }

  /// ASCII.
  public var didKey: FixedText<56> {
    var number = InlineArray<34, UInt8>(repeating: 0)
    switch algorithm {
    case .ed25519: (number[0], number[1]) = (0xed, 0x01)
    }
    for index in 0..<32 { number[2 + index] = bytes[index] }
    var text = FixedText<56>(Self.didKeyPrefix)
    var digits = InlineArray<47, UInt8>(repeating: 0)
    // Long division by 58, the last digit first. 58^46 < 0xed × 256^33 and all below 58^47: always
    // 47 digits.
    for position in (0..<47).reversed() {
      var remainder: UInt32 = 0
      for index in 0..<34 {
        remainder = remainder << 8 | UInt32(number[index])
        number[index] = UInt8(truncatingIfNeeded: remainder / 58)
        remainder %= 58
      }
      digits[position] = Self.base58Alphabet.bytes[Int(remainder)]
    }
    text.write(digits.span)
    return text
  }

  /// The key that a did:key names; nil when it is not the did:key of an Ed25519 key.
  public init?(didKey text: Span<UInt8>) {
    let prefix = Self.didKeyPrefix.bytes
    guard text.count == Self.didKeyByteCount, text.extracting(0..<prefix.count).equals(prefix)
    else {
      return nil
    }
    var number = InlineArray<34, UInt8>(repeating: 0)
    for index in prefix.count..<text.count {
      guard let digit = Self.base58Digit(text[index]) else { return nil }
      var carry = digit
      for place in (0..<34).reversed() {
        carry += UInt32(number[place]) * 58
        number[place] = UInt8(truncatingIfNeeded: carry)
        carry >>= 8
      }
      guard carry == 0 else { return nil }
    }
    guard number[0] == 0xed, number[1] == 0x01 else { return nil }
    var bytes = FixedBytes<32>()
    for index in 0..<32 { bytes[index] = number[2 + index] }
    self.init(algorithm: .ed25519, bytes: bytes)
  }

  /// "z" is multibase's letter for base58btc.
  private static var didKeyPrefix: StaticString { "did:key:z" }

  /// Bitcoin's: digits and letters without 0, O, I and l.
  private static var base58Alphabet: StaticString {
    "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
  }

  private static func base58Digit(_ letter: UInt8) -> UInt32? {
    let alphabet = base58Alphabet.bytes
    for index in alphabet.indices where alphabet[index] == letter { return UInt32(index) }
    return nil
  }
}
