import FixedMemory

/// Reads deterministic CBOR (RFC 8949 section 4.2.1) and refuses everything else: heads that are not
/// the shortest, indefinite lengths, floats, simple values other than false, true and null, text that
/// is not UTF-8. Map keys are read by the caller, who knows their order.
///
/// Works on untrusted bytes: no input traps, and nothing is read past the end.
public struct CBORDecoder: ~Escapable {
  public enum Failure: Error, Equatable {
    /// The bytes end inside an item.
    case truncated
    /// A number or length is not in its shortest form.
    case notShortest
    /// Indefinite lengths, floats, unassigned simple values: not in our formats.
    case notSupported
    /// An item of another type than the format has at this place.
    case unexpectedType
    /// Outside the range of the type asked for, or of the format.
    case outOfRange
    /// Text that is not UTF-8.
    case notUTF8
    /// Nested deeper than `maximumDepth`.
    case tooDeep
    /// Well-formed CBOR that is not what the format has at this place: another count, label or value.
    case outsideFormat
    /// A document of a version that this program does not know.
    case unknownVersion
    /// A signature algorithm that this program does not know.
    case unknownAlgorithm
    /// Bytes after the last item.
    case trailingBytes
  }

  /// Our deepest format is a batch: array, items, item, of which leaves nest three more.
  public static var maximumDepth: Int { 8 }

  private let bytes: Span<UInt8>

  /// Offset of the next unread byte.
  public private(set) var offset = 0

  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>) { self.bytes = bytes }

  public var remainingByteCount: Int { bytes.count - offset }
  public var isAtEnd: Bool { offset == bytes.count }

  /// The major type of the next item, without reading it.
  public func peekMajorType() throws(Failure) -> MajorType {
    guard offset < bytes.count else { throw .truncated }
    guard let major = MajorType(rawValue: bytes[offset] >> 5) else { throw .notSupported }
    return major
  }

  /// The first byte of the next item, without reading it.
  private func firstByte() throws(Failure) -> UInt8 {
    guard offset < bytes.count else { throw .truncated }
    return bytes[offset]
  }

  @_lifetime(self: copy self)
  private mutating func head() throws(Failure) -> (major: MajorType, argument: UInt64) {
    let major = try peekMajorType()
    return (major, try argument(first: bytes[offset]))
  }

  @_lifetime(self: copy self)
  private mutating func head(_ expected: MajorType) throws(Failure) -> UInt64 {
    let first = try firstByte()
    guard first >> 5 == expected.rawValue else { throw .unexpectedType }
    return try argument(first: first)
  }

  /// Reads the head that begins with `first`. Most numbers and lengths of ours take one byte.
  @_lifetime(self: copy self)
  @inline(__always)
  private mutating func argument(first: UInt8) throws(Failure) -> UInt64 {
    let additional = first & 31
    guard additional >= 24 else {
      offset += 1
      return UInt64(additional)
    }
    return try longArgument(first: first)
  }

  @_lifetime(self: copy self)
  private mutating func longArgument(first: UInt8) throws(Failure) -> UInt64 {
    let additional = first & 31
    guard additional <= 27 else { throw .notSupported }
    // A simple value of two bytes, or a float: neither is in our formats.
    guard first >> 5 != MajorType.simple.rawValue else { throw .notSupported }
    let extraByteCount = 1 << Int(additional - 24)
    guard bytes.count - offset > extraByteCount else { throw .truncated }
    var argument: UInt64 = 0
    for index in 1...extraByteCount { argument = argument << 8 | UInt64(bytes[offset + index]) }
    let smallest: UInt64 =
      extraByteCount == 1 ? 24 : UInt64(1) << UInt64(extraByteCount * 4)
    guard argument >= smallest else { throw .notShortest }
    offset += 1 + extraByteCount
    return argument
  }

  @_lifetime(self: copy self)
  private mutating func length(_ expected: MajorType) throws(Failure) -> Int {
    let length = try head(expected)
    // An item takes at least one byte, so that a count beyond the rest is false whatever follows.
    guard length <= UInt64(bytes.count - offset) else { throw .truncated }
    return Int(length)
  }

  @_lifetime(self: copy self)
  public mutating func unsigned() throws(Failure) -> UInt64 { try head(.unsigned) }

  @_lifetime(self: copy self)
  public mutating func integer() throws(Failure) -> Int64 {
    let first = try firstByte()
    // Major types 0 and 1.
    guard first < 0x40 else { throw .unexpectedType }
    guard let value = Int64(exactly: try argument(first: first)) else { throw .outOfRange }
    return first < 0x20 ? value : ~value
  }

  /// An unsigned integer that fits the type asked for.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func unsigned<Value: FixedWidthInteger & UnsignedInteger>(
    as type: Value.Type
  ) throws(Failure) -> Value {
    guard let value = Value(exactly: try unsigned()) else { throw .outOfRange }
    return value
  }

  @_lifetime(copy self)
  @_lifetime(self: copy self)
  public mutating func byteString() throws(Failure) -> Span<UInt8> {
    let count = try length(.byteString)
    let start = offset
    offset += count
    return bytes.extracting(start..<start + count)
  }

  @_lifetime(copy self)
  @_lifetime(self: copy self)
  public mutating func text() throws(Failure) -> Span<UInt8> {
    let count = try length(.text)
    let start = offset
    guard isUTF8(bytes.extracting(start..<start + count)) else { throw .notUTF8 }
    offset += count
    return bytes.extracting(start..<start + count)
  }

  /// Refuses an array of another count.
  @_lifetime(self: copy self)
  public mutating func expectArray(count: Int) throws(Failure) {
    guard try arrayHead() == count else { throw .outsideFormat }
  }

  /// Refuses a map of another count.
  @_lifetime(self: copy self)
  public mutating func expectMap(count: Int) throws(Failure) {
    guard try mapHead() == count else { throw .outsideFormat }
  }

  /// Refuses another number: a label, a version, a fixed field.
  @_lifetime(self: copy self)
  public mutating func expectInteger(_ value: Int64) throws(Failure) {
    guard try integer() == value else { throw .outsideFormat }
  }

  /// Refuses another text.
  @_lifetime(self: copy self)
  public mutating func expectText(_ literal: StaticString) throws(Failure) {
    guard try text().equals(literal) else { throw .outsideFormat }
  }

  /// The number of items of the array that begins here.
  @_lifetime(self: copy self)
  public mutating func arrayHead() throws(Failure) -> Int { try length(.array) }

  /// The number of key and value pairs of the map that begins here.
  @_lifetime(self: copy self)
  public mutating func mapHead() throws(Failure) -> Int {
    let count = try length(.map)
    guard count <= (bytes.count - offset) / 2 else { throw .truncated }
    return count
  }

  @_lifetime(self: copy self)
  public mutating func tag() throws(Failure) -> UInt64 { try head(.tag) }

  @_lifetime(self: copy self)
  public mutating func boolean() throws(Failure) -> Bool {
    guard try peekMajorType() == .simple else { throw .unexpectedType }
    switch try head().argument {
    case 20: return false
    case 21: return true
    default: throw .unexpectedType
    }
  }

  /// Reads a null when one is next, and says whether it was.
  @_lifetime(self: copy self)
  public mutating func skipNull() throws(Failure) -> Bool {
    guard offset < bytes.count else { throw .truncated }
    guard bytes[offset] == 0xf6 else { return false }
    offset += 1
    return true
  }

  /// Reads one whole item of any kind and returns its bytes.
  @_lifetime(copy self)
  @_lifetime(self: copy self)
  public mutating func item() throws(Failure) -> Span<UInt8> {
    let start = offset
    try skipItem()
    return bytes.extracting(start..<offset)
  }

  /// Reads one whole item. Maps are refused here unless their keys are sorted and different.
  @_lifetime(self: copy self)
  public mutating func skipItem() throws(Failure) {
    let first = try firstByte()
    if first < 0x40 {
      // An integer, as nearly all of our items are.
      _ = try argument(first: first)
      return
    }
    var open = FixedArray<8, UInt64>(filler: 0)
    repeat {
      if !open.isEmpty { open[open.count - 1] -= 1 }
      let (major, argument) = try head()
      switch major {
      case .unsigned, .negative: break
      case .byteString, .text:
        guard argument <= UInt64(bytes.count - offset) else { throw .truncated }
        let end = offset + Int(argument)
        if major == .text, !isUTF8(bytes.extracting(offset..<end)) { throw .notUTF8 }
        offset = end
      case .array:
        guard argument <= UInt64(bytes.count - offset) else { throw .truncated }
        guard open.offer(argument) else { throw .tooDeep }
      case .map, .tag: throw .notSupported
      case .simple:
        guard (20...22).contains(argument) else { throw .notSupported }
      }
      while !open.isEmpty, open[open.count - 1] == 0 { _ = open.removeLast() }
    } while !open.isEmpty
  }

  /// Refuses bytes after the last item.
  public func finish() throws(Failure) {
    guard isAtEnd else { throw .trailingBytes }
  }
}
