/// Text for C: at most `capacity` bytes and a terminating zero.
struct CString<let capacity: Int> {
  private var storage = InlineArray<capacity, UInt8>(repeating: 0)
  private(set) var byteCount = 0

  /// False, and unchanged, when it does not fit with its zero.
  mutating func append(_ text: StaticString) -> Bool {
    guard text.utf8CodeUnitCount < capacity - byteCount else { return false }
    for index in 0..<text.utf8CodeUnitCount {
      storage[byteCount + index] = text.utf8Start[index]
    }
    byteCount += text.utf8CodeUnitCount
    return true
  }

  /// False, and unchanged, when it does not fit, or holds a zero.
  mutating func append(_ bytes: Span<UInt8>) -> Bool {
    guard bytes.count < capacity - byteCount else { return false }
    for index in bytes.indices where bytes[index] == 0 { return false }
    for index in bytes.indices { storage[byteCount + index] = bytes[index] }
    byteCount += bytes.count
    return true
  }

  mutating func removeLast() {
    precondition(byteCount > 0, "removeLast of empty text")
    byteCount -= 1
    storage[byteCount] = 0
  }

  var last: UInt8? { byteCount > 0 ? storage[byteCount - 1] : nil }

  func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    let span = storage.span
    return span.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { preconditionFailure("text without storage") }
      return UnsafeRawPointer(start).withMemoryRebound(to: CChar.self, capacity: capacity, body)
    }
  }
}

extension StaticString {
  /// The compiler ends literals with a zero.
  var cString: UnsafePointer<CChar> {
    UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
  }
}
