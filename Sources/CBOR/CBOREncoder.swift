import FixedMemory

/// Writes deterministic CBOR (RFC 8949 section 4.2.1) into the caller's buffer: shortest heads,
/// definite lengths. Map keys come in the order of the calls: the caller keeps them sorted.
///
/// What does not fit is counted but not written, so that `byteCount` says how much was needed.
public struct CBOREncoder: ~Copyable, ~Escapable {
  private var bytes: MutableSpan<UInt8>

  /// Bytes needed so far. Larger than the buffer when `overflowed`.
  public private(set) var byteCount = 0

  @_lifetime(copy bytes)
  public init(_ bytes: consuming MutableSpan<UInt8>) { self.bytes = bytes }

  /// True when the buffer was too small: its content is then of no use.
  public var overflowed: Bool { byteCount > bytes.count }

  @_lifetime(self: copy self)
  private mutating func put(_ byte: UInt8) {
    if byteCount < bytes.count { bytes[byteCount] = byte }
    byteCount += 1
  }

  /// The head of an item: major type and argument in the shortest form (section 3).
  @_lifetime(self: copy self)
  private mutating func head(_ major: MajorType, _ argument: UInt64) {
    let type = major.rawValue << 5
    let extraByteCount: Int
    switch argument {
    case 0..<24:
      put(type | UInt8(argument))
      return
    case 24...0xff: extraByteCount = 1
    case 0x100...0xffff: extraByteCount = 2
    case 0x1_0000...0xffff_ffff: extraByteCount = 4
    default: extraByteCount = 8
    }
    // 24, 25, 26, 27 stand for 1, 2, 4, 8 bytes that follow.
    put(type | UInt8(24 + extraByteCount.trailingZeroBitCount))
    for index in 0..<extraByteCount {
      put(UInt8(truncatingIfNeeded: argument >> UInt64((extraByteCount - 1 - index) * 8)))
    }
  }

  @_lifetime(self: copy self)
  public mutating func unsigned(_ value: UInt64) { head(.unsigned, value) }

  @_lifetime(self: copy self)
  public mutating func integer(_ value: Int64) {
    if value >= 0 {
      head(.unsigned, UInt64(value))
    } else {
      head(.negative, UInt64(bitPattern: ~value))
    }
  }

  @_lifetime(self: copy self)
  public mutating func byteString(_ value: Span<UInt8>) {
    head(.byteString, UInt64(value.count))
    raw(value)
  }

  /// The head of a byte string whose `byteCount` bytes follow as `raw` or as items.
  @_lifetime(self: copy self)
  public mutating func byteStringHead(byteCount: Int) { head(.byteString, UInt64(byteCount)) }

  /// Text that the caller knows to be UTF-8.
  @_lifetime(self: copy self)
  public mutating func text(_ utf8: Span<UInt8>) {
    head(.text, UInt64(utf8.count))
    raw(utf8)
  }

  @_lifetime(self: copy self)
  public mutating func text(_ literal: StaticString) {
    head(.text, UInt64(literal.utf8CodeUnitCount))
    for index in 0..<literal.utf8CodeUnitCount { put(unsafe literal.utf8Start[index]) }
  }

  @_lifetime(self: copy self)
  public mutating func arrayHead(count: Int) { head(.array, UInt64(count)) }

  @_lifetime(self: copy self)
  public mutating func mapHead(count: Int) { head(.map, UInt64(count)) }

  @_lifetime(self: copy self)
  public mutating func tag(_ number: UInt64) { head(.tag, number) }

  @_lifetime(self: copy self)
  public mutating func boolean(_ value: Bool) { put(value ? 0xf5 : 0xf4) }

  @_lifetime(self: copy self)
  public mutating func null() { put(0xf6) }

  /// Bytes that are already CBOR, or the content of a string whose head was written.
  @_lifetime(self: copy self)
  public mutating func raw(_ encoded: Span<UInt8>) {
    if encoded.count <= bytes.count - byteCount { bytes.copy(encoded, to: byteCount) }
    byteCount += encoded.count
  }
}

/// The eight major types of RFC 8949 section 3.1.
public enum MajorType: UInt8, Sendable {
  case unsigned = 0
  case negative = 1
  case byteString = 2
  case text = 3
  case array = 4
  case map = 5
  case tag = 6
  case simple = 7
}
