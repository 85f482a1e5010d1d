/// Text for people and for text files, built in place: at most `capacity` bytes of UTF-8, never grows.
///
/// What does not fit is left out from there on, and `overflowed` says so: a line is then cut, never
/// continued with a piece missing from its middle.
public struct TextBuilder<let capacity: Int>: ~Copyable {
  @usableFromInline
  internal var storage = InlineArray<capacity, UInt8>(repeating: 0)
  public private(set) var byteCount = 0
  /// True when something was left out.
  public private(set) var overflowed = false

  public init() {}

  /// What was built so far.
  ///
  /// Transparent, because Swift 6.3.1 otherwise specialises this for one capacity with the builder passed
  /// by value, inlines that into a caller with a borrowed builder, and ends the copy before its span is
  /// used: the release build then shows what else was on the stack.
  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    @_transparent
    borrowing get { storage.span.extracting(0..<byteCount) }
  }

  public var isEmpty: Bool { byteCount == 0 }

  public mutating func removeAll() {
    byteCount = 0
    overflowed = false
  }

  /// One byte of UTF-8.
  public mutating func append(byte: UInt8) {
    guard !overflowed, byteCount < capacity else {
      overflowed = true
      return
    }
    storage[byteCount] = byte
    byteCount += 1
  }

  public mutating func append(_ literal: StaticString) {
    for index in 0..<literal.utf8CodeUnitCount { append(byte: unsafe literal.utf8Start[index]) }
  }

  /// Bytes that the caller knows to be UTF-8.
  public mutating func append(_ utf8: Span<UInt8>) {
    for index in utf8.indices { append(byte: utf8[index]) }
  }

  /// Bytes from outside, safe for a terminal: what is not printable ASCII becomes a full stop.
  public mutating func append(untrusted bytes: Span<UInt8>) {
    for index in bytes.indices {
      append(byte: (0x20...0x7e).contains(bytes[index]) ? bytes[index] : UInt8(ascii: "."))
    }
  }

  /// A decimal integer.
  public mutating func append(_ value: some FixedWidthInteger & SignedInteger) {
    append(fixedPoint: Int64(value), powerOfTen: 0)
  }

  /// A decimal integer.
  public mutating func append(_ value: some FixedWidthInteger & UnsignedInteger) {
    append(magnitude: UInt64(value), decimals: 0)
  }

  /// A decimal integer with leading zeros, so that it has at least `digits` digits: "07".
  public mutating func append(_ value: UInt64, digits: Int) {
    append(magnitude: value, atLeast: digits, decimals: 0)
  }

  /// `value` × 10 to `powerOfTen`, exactly: (−5, −3) is "-0.005", (12, 2) is "1200".
  public mutating func append(fixedPoint value: Int64, powerOfTen: Int8) {
    if value < 0 { append(byte: UInt8(ascii: "-")) }
    append(magnitude: value.magnitude, decimals: powerOfTen < 0 ? -Int(powerOfTen) : 0)
    guard powerOfTen > 0, value != 0 else { return }
    for _ in 0..<powerOfTen { append(byte: UInt8(ascii: "0")) }
  }

  /// Two lower-case hexadecimal digits for each byte.
  public mutating func append(hex bytes: Span<UInt8>) {
    for index in bytes.indices {
      append(hexDigit: bytes[index] >> 4)
      append(hexDigit: bytes[index] & 15)
    }
  }

  /// A number in hexadecimal, with at least `digits` digits and no prefix.
  public mutating func append(hex value: UInt64, digits: Int = 1) {
    let needed = (64 - value.leadingZeroBitCount + 3) / 4
    var position = max(needed, digits)
    while position > 0 {
      position -= 1
      append(
        hexDigit: position >= 16 ? 0 : UInt8(truncatingIfNeeded: value >> UInt64(position * 4)) & 15
      )
    }
  }

  private mutating func append(hexDigit digit: UInt8) {
    append(byte: digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
  }

  /// 20 digits are the longest UInt64.
  private mutating func append(magnitude: UInt64, atLeast: Int = 1, decimals: Int) {
    var digits = InlineArray<20, UInt8>(repeating: UInt8(ascii: "0"))
    var count = 0
    var rest = magnitude
    repeat {
      digits[count] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
      count += 1
    } while rest > 0
    var position = max(max(count, atLeast), decimals + 1)
    while position > 0 {
      position -= 1
      append(byte: position < count ? digits[position] : UInt8(ascii: "0"))
      if position == decimals, decimals > 0 { append(byte: UInt8(ascii: ".")) }
    }
  }
}
