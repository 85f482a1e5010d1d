import CLinux
import FixedMemory

/// A path of at most 255 bytes, as the kernel takes it: no NUL inside, one at the end.
///
/// Cairn's longest is a state directory and one of its own short names; socket paths are shorter still
/// (108 bytes with the NUL, unix(7)).
public struct FixedPath: Sendable {
  public static var maximumByteCount: Int { 255 }

  // One byte more than the longest path: the last NUL is always there.
  private var storage = InlineArray<256, UInt8>(repeating: 0)
  public private(set) var byteCount = 0

  /// Nil when it is empty, too long or has a NUL inside.
  public init?(_ bytes: Span<UInt8>) {
    guard !bytes.isEmpty, append(bytes) else { return nil }
  }

  /// A literal that fits: anything else is a bug.
  public init(_ literal: StaticString) {
    precondition((1...Self.maximumByteCount).contains(literal.utf8CodeUnitCount), "path too long")
    for index in 0..<literal.utf8CodeUnitCount {
      storage[index] = unsafe literal.utf8Start[index]
      precondition(storage[index] != 0, "NUL inside a path")
    }
    byteCount = literal.utf8CodeUnitCount
  }

  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { storage.span.extracting(0..<byteCount) }
  }

  /// `self/name`; nil when that is too long or has a NUL inside.
  public func appending(name: Span<UInt8>) -> FixedPath? {
    var longer = self
    guard !name.isEmpty, longer.append(slash: ()), longer.append(name) else { return nil }
    return longer
  }

  /// `self/name`; nil when that is too long.
  public func appending(name: StaticString) -> FixedPath? {
    var longer = self
    guard longer.append(slash: ()), longer.append(name) else { return nil }
    return longer
  }

  /// The path with a suffix at its last name; nil when that is too long.
  public func appending(suffix: StaticString) -> FixedPath? {
    var longer = self
    return longer.append(suffix) ? longer : nil
  }

  /// The path with a number's digits at its end; nil when that is too long.
  public func appending(decimal number: UInt16) -> FixedPath? {
    var digits = TextBuilder<5>()
    digits.append(number)
    var longer = self
    return longer.append(digits.span) ? longer : nil
  }

  /// The directory that holds the last name: what stands before the last slash, "/" or ".".
  public var directory: FixedPath {
    var shorter = self
    var end = byteCount
    while end > 0, storage[end - 1] != UInt8(ascii: "/") { end -= 1 }
    guard end > 0 else { return FixedPath(".") }
    while end > 1, storage[end - 1] == UInt8(ascii: "/") { end -= 1 }
    for index in end..<byteCount { shorter.storage[index] = 0 }
    shorter.byteCount = end
    return shorter
  }

  /// Calls `body` with the bytes and their NUL.
  @inline(__always)
  public func withPointer<Result>(_ body: (UnsafePointer<UInt8>) -> Result) -> Result {
    unsafe storage.span.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { stop("a path without storage") }
      return unsafe body(start)
    }
  }

  private mutating func append(slash: Void) -> Bool {
    if byteCount > 0, storage[byteCount - 1] == UInt8(ascii: "/") { return true }
    return append(byte: UInt8(ascii: "/"))
  }

  private mutating func append(byte: UInt8) -> Bool {
    guard byte != 0, byteCount < Self.maximumByteCount else { return false }
    storage[byteCount] = byte
    byteCount += 1
    return true
  }

  private mutating func append(_ bytes: Span<UInt8>) -> Bool {
    for index in bytes.indices {
      guard append(byte: bytes[index]) else { return false }
    }
    return true
  }

  private mutating func append(_ literal: StaticString) -> Bool {
    for index in 0..<literal.utf8CodeUnitCount {
      guard append(byte: unsafe literal.utf8Start[index]) else { return false }
    }
    return true
  }
}
