/// What tells one chip from another of its kind, as text for the schema leaf. Empty until the chip
/// has been identified.
public struct SerialNumber: Sendable {
  /// 48 bits as hexadecimal digits are 12 bytes, the longest of our chips; a prefix of 4 fits
  /// before it.
  public static var maximumByteCount: Int { 16 }

  private var storage = InlineArray<16, UInt8>(repeating: 0)
  public private(set) var count = 0

  /// Empty: not known.
  public init() {}

  /// `prefix`, then the lowest `digitCount` hexadecimal digits of `number`, highest first.
  init(prefix: StaticString, number: UInt64, digitCount: Int) {
    precondition(
      digitCount >= 0 && digitCount <= 16
        && prefix.utf8CodeUnitCount + digitCount <= Self.maximumByteCount,
      "serial number longer than its storage")
    for index in 0..<prefix.utf8CodeUnitCount { append(unsafe prefix.utf8Start[index]) }
    for index in 0..<digitCount {
      let digit = UInt8(truncatingIfNeeded: number >> UInt64((digitCount - 1 - index) * 4)) & 15
      append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
    }
  }

  private mutating func append(_ byte: UInt8) {
    storage[count] = byte
    count += 1
  }

  public var isEmpty: Bool { count == 0 }

  /// The text, ASCII.
  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { storage.span.extracting(0..<count) }
  }
}
