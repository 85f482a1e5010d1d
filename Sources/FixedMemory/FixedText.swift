/// At most `capacity` bytes of UTF-8 text, in place. Never grows.
///
/// Two policies, by name: `init?` refuses what does not fit (values, paths), `write` keeps what
/// fits and remembers in `isCut` that something was left out (messages for people).
public struct FixedText<let capacity: Int>: Sendable {
  @usableFromInline var storage: InlineArray<capacity, UInt8>
  /// Bytes in use, not characters.
  public internal(set) var count = 0
  /// True when a `write` did not fit whole.
  public private(set) var isCut = false

  /// Empty.
  public init() { storage = InlineArray(repeating: 0) }

  /// A copy of `bytes`, or nil when they are more than `capacity`.
  public init?(_ bytes: Span<UInt8>) {
    guard bytes.count <= capacity else { return nil }
    self.init()
    write(bytes)
  }

  /// A literal. One that does not fit is a bug of the caller.
  public init(_ literal: StaticString) {
    self.init()
    write(literal)
    precondition(!isCut, "a literal longer than its FixedText")
  }

  public var isEmpty: Bool { count == 0 }

  /// The bytes in use. Transparent for the reason given at `FixedBytes.span`.
  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    @_transparent
    borrowing get { storage.span.extracting(0..<count) }
  }

  public mutating func removeAll() {
    count = 0
    isCut = false
  }

  /// Adds what fits of `bytes`; a character of several bytes is kept whole or left out.
  public mutating func write(_ bytes: Span<UInt8>) {
    var fitting = min(bytes.count, capacity - count)
    if fitting < bytes.count {
      isCut = true
      // Steps back from the middle of a character: trail bytes of UTF-8 are 10xxxxxx.
      while fitting > 0, bytes[fitting] & 0xc0 == 0x80 { fitting -= 1 }
    }
    for index in 0..<fitting { storage[count + index] = bytes[index] }
    count += fitting
  }

  /// Adds what fits of a literal.
  public mutating func write(_ literal: StaticString) { write(literal.bytes) }

  /// Adds what fits of bytes from outside, safe for a terminal: what is not printable ASCII becomes a full stop.
  public mutating func write(untrusted bytes: Span<UInt8>) {
    for index in bytes.indices {
      write(byte: (0x20...0x7e).contains(bytes[index]) ? bytes[index] : UInt8(ascii: "."))
    }
  }

  /// Adds one ASCII byte when it fits.
  public mutating func write(byte: UInt8) {
    guard count < capacity else {
      isCut = true
      return
    }
    storage[count] = byte
    count += 1
  }

  /// Adds a number in decimal.
  public mutating func write(decimal value: Int64) {
    if value < 0 { write(byte: UInt8(ascii: "-")) }
    // 20 digits: UInt64.max has as many.
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var rest = value.magnitude
    var first = digits.count
    repeat {
      first -= 1
      digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while rest > 0
    write(digits.span.extracting(first..<digits.count))
  }
}

extension FixedText: Equatable {
  /// The same bytes; whether something was cut does not matter.
  public static func == (left: FixedText, right: FixedText) -> Bool {
    left.span.equals(right.span)
  }
}
