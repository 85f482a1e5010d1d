/// Text for C: at most `capacity` bytes with the terminating zero.
///
/// Invariant: what stands behind the text is zero.
public struct CString<let capacity: Int>: Sendable {
  private var storage = InlineArray<capacity, UInt8>(repeating: 0)
  public private(set) var byteCount = 0

  public init() {}

  /// False, and unchanged, when it does not fit with its zero, or holds one.
  public mutating func append(_ text: StaticString) -> Bool { append(text.bytes) }

  /// The same for bytes from elsewhere.
  public mutating func append(_ bytes: Span<UInt8>) -> Bool {
    guard bytes.count < capacity - byteCount else { return false }
    for index in bytes.indices where bytes[index] == 0 { return false }
    for index in bytes.indices { storage[byteCount + index] = bytes[index] }
    byteCount += bytes.count
    return true
  }

  /// Nothing to remove is a bug of the caller.
  public mutating func removeLast() {
    precondition(byteCount > 0, "removeLast of empty text")
    byteCount -= 1
    storage[byteCount] = 0
  }

  public var last: UInt8? { byteCount > 0 ? storage[byteCount - 1] : nil }

  /// Lends the text with its zero.
  @inline(__always)
  public func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    unsafe storage.span.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { stop("text without storage") }
      return unsafe UnsafeRawPointer(start).withMemoryRebound(
        to: CChar.self, capacity: capacity, body)
    }
  }
}

extension StaticString {
  /// The literal for C: the compiler ends literals with a zero.
  public var cString: UnsafePointer<CChar> {
    unsafe UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
  }
}
