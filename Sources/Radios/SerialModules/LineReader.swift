import FixedMemory

/// Finds the lines in a module's bytes, one byte at a time. CR, LF and both in either order end a line; empty ones
/// are passed over. A line that is too long, or has a byte in it that is no printable ASCII, is passed over whole and
/// counted: what stands around a lost or flipped byte is not trusted.
///
/// Invariant: `text` holds the bytes of the line that is being read, or of the complete one until the next byte.
struct LineReader: ~Copyable {
  /// The longest line: an LA66 writes "Data: (HEX:)" and three characters for each of 255 bytes, 777.
  static var maximumByteCount: Int { 800 }

  private var storage = InlineArray<800, UInt8>(repeating: 0)
  private var count = 0
  private var isComplete = false
  /// The line has a byte in it that no text has, or is too long.
  private var isSpoilt = false
  /// When the line's first byte came.
  private(set) var beganAt: Int64 = 0
  /// A module writes a line in one go: after so long a silence within one, its rest is lost.
  private static var longestGapMilliseconds: Int64 { 500 }
  private var lastByteAt: Int64 = 0
  /// Lines that were passed over.
  private(set) var spoiltCount: UInt32 = 0

  init() {}

  /// The complete line, without its end.
  var line: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { storage.span.extracting(0..<count) }
  }

  /// True while there are bytes of a line whose end has not come.
  var isInsideLine: Bool { !isComplete && (count > 0 || isSpoilt) }

  /// Takes one byte; true when it ends a line that is worth a look.
  mutating func receive(_ byte: UInt8, atMilliseconds now: Int64) -> Bool {
    if isComplete { clear() }
    if isInsideLine, now - lastByteAt > Self.longestGapMilliseconds {
      RadioCounts.count(&spoiltCount)
      clear()
    }
    lastByteAt = now
    switch byte {
    case 0x0a, 0x0d:
      if isSpoilt {
        RadioCounts.count(&spoiltCount)
        clear()
        return false
      }
      isComplete = count > 0
      return isComplete
    case 0x20...0x7e:
      guard !isSpoilt, count < Self.maximumByteCount else {
        isSpoilt = true
        return false
      }
      if count == 0 { beganAt = now }
      storage[count] = byte
      count += 1
    // A module that starts may put zeros on its line.
    case 0 where count == 0 && !isSpoilt: break
    default: isSpoilt = true
    }
    return false
  }

  /// Forgets what has come of a line.
  mutating func clear() {
    count = 0
    isComplete = false
    isSpoilt = false
  }
}
