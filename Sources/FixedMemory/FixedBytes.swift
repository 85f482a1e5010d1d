/// A value of exactly `count` bytes: a hash, a key, a signature. Inlinable for the reason given at
/// `FixedArray`.
public struct FixedBytes<let count: Int>: Sendable {
  public var storage: InlineArray<count, UInt8>

  /// All bytes zero.
  @inlinable public init() { storage = InlineArray(repeating: 0) }

  /// The bytes of `source`, or nil when it has another length.
  @inlinable
  public init?(_ source: Span<UInt8>) {
    guard source.count == count else { return nil }
    self.init()
    for index in source.indices { storage[index] = source[index] }
  }

  // Transparent, because Swift 6.3.1 may otherwise return a span of a copy on the stack of the getter when
  // a generic function hands the value on to another: seen with value generics, with optimisation only.
  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    @_transparent
    borrowing get { storage.span }
  }

  public var mutableSpan: MutableSpan<UInt8> {
    @_lifetime(&self)
    @inlinable
    mutating get { storage.mutableSpan }
  }

  public subscript(index: Int) -> UInt8 {
    @inlinable get { storage[index] }
    @inlinable set { storage[index] = newValue }
  }

  @inlinable
  public var isZero: Bool {
    var union: UInt8 = 0
    for index in 0..<count { union |= storage[index] }
    return union == 0
  }
}

extension FixedBytes: Equatable {
  @inlinable
  public static func == (left: FixedBytes, right: FixedBytes) -> Bool {
    var difference: UInt8 = 0
    for index in 0..<count { difference |= left.storage[index] ^ right.storage[index] }
    return difference == 0
  }
}
