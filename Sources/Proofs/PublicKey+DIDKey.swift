import FixedMemory

/// did:key (W3C Credentials Community Group, "The did:key Method v0.7", section 3.1): a key's name
/// that is the key itself. base58btc of the multicodec's varint and the key's bytes:
///
///     ed25519-pub 0xed    ed 01    32 bytes    47 digits
///     p256-pub 0x1200     80 24    33 bytes    48 digits
extension PublicKey {
  /// "did:key:z" 9, and at most 48 digits.
  public static var maximumDIDKeyByteCount: Int { 57 }

  /// ASCII.
  public var didKey: FixedText<57> {
    var number = InlineArray<35, UInt8>(repeating: 0)
    (number[0], number[1]) = algorithm.multicodec
    let numberByteCount = 2 + bytes.count
    for index in 0..<bytes.count { number[2 + index] = bytes.span[index] }
    var text = FixedText<57>(Self.didKeyPrefix)
    let digitCount = algorithm.base58DigitCount
    var digits = InlineArray<48, UInt8>(repeating: 0)
    // Long division by 58, the last digit first.
    for position in (0..<digitCount).reversed() {
      var remainder: UInt32 = 0
      for index in 0..<numberByteCount {
        remainder = remainder << 8 | UInt32(number[index])
        number[index] = UInt8(truncatingIfNeeded: remainder / 58)
        remainder %= 58
      }
      digits[position] = Self.base58Alphabet.bytes[Int(remainder)]
    }
    text.write(digits.span.extracting(0..<digitCount))
    return text
  }

  /// The key that a did:key names; nil when it is not the did:key of an Ed25519 or P-256 key.
  public init?(didKey text: Span<UInt8>) {
    let prefix = Self.didKeyPrefix.bytes
    let algorithm: SignatureAlgorithm
    switch text.count - prefix.count {
    case SignatureAlgorithm.ed25519.base58DigitCount: algorithm = .ed25519
    case SignatureAlgorithm.es256.base58DigitCount: algorithm = .es256
    default: return nil
    }
    guard text.extracting(0..<prefix.count).equals(prefix) else { return nil }
    let numberByteCount = 2 + algorithm.publicKeyByteCount
    var number = InlineArray<35, UInt8>(repeating: 0)
    for index in prefix.count..<text.count {
      guard let digit = Self.base58Digit(text[index]) else { return nil }
      var carry = digit
      for place in (0..<numberByteCount).reversed() {
        carry += UInt32(number[place]) * 58
        number[place] = UInt8(truncatingIfNeeded: carry)
        carry >>= 8
      }
      guard carry == 0 else { return nil }
    }
    guard (number[0], number[1]) == algorithm.multicodec else { return nil }
    self.init(algorithm: algorithm, bytes: number.span.extracting(2..<numberByteCount))
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

extension SignatureAlgorithm {
  /// The varint of the key's multicodec.
  fileprivate var multicodec: (UInt8, UInt8) {
    switch self {
    case .ed25519: (0xed, 0x01)
    case .es256: (0x80, 0x24)
    }
  }

  /// Always as many: 58^46 < 0xed × 256^33 and all of 34 bytes is below 58^47; 58^47 < 0x80 × 256^34 and
  /// all of 35 bytes that begin so is below 58^48.
  fileprivate var base58DigitCount: Int {
    switch self {
    case .ed25519: 47
    case .es256: 48
    }
  }
}
