/// Byte order, copying and comparing. Every stored integer of ours is little-endian, every integer in
/// a hash's input big-endian; both are written byte by byte, so that no memory layout is a format.
extension Span<UInt8> {
  /// The little-endian integer at `offset`. Outside the span is a bug of the caller.
  @inlinable
  public func loadLittleEndian<Value: FixedWidthInteger>(_: Value.Type, at offset: Int) -> Value {
    var value: Value = 0
    for index in 0..<(Value.bitWidth / 8) {
      value |= Value(truncatingIfNeeded: self[offset + index]) << Value(index * 8)
    }
    return value
  }

  public func equals(_ other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    for index in indices where self[index] != other[index] { return false }
    return true
  }

  /// Compares with the UTF-8 bytes of a literal.
  public func equals(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount else { return false }
    for index in indices {
      let byte = unsafe text.utf8Start[index]
      guard self[index] == byte else { return false }
    }
    return true
  }
}

extension MutableSpan<UInt8> {
  @_lifetime(self: copy self)
  public mutating func storeLittleEndian<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
    for index in 0..<(Value.bitWidth / 8) {
      self[offset + index] = UInt8(truncatingIfNeeded: value >> Value(index * 8))
    }
  }

  /// Copies all of `source` to `offset`. Too little room is a bug of the caller.
  @_lifetime(self: copy self)
  public mutating func copy(_ source: Span<UInt8>, to offset: Int = 0) {
    precondition(offset >= 0 && source.count <= count - offset, "copy past the end")
    unsafe source.withUnsafeBytes { from in
      unsafe withUnsafeMutableBytes { to in
        guard let to = to.baseAddress, let start = from.baseAddress else { return }
        unsafe (to + offset).copyMemory(from: start, byteCount: from.count)
      }
    }
  }
}
