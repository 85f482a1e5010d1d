import CLinux
import FixedMemory

/// The descriptors that every program is started with.
public enum StandardStream: Int32, Sendable {
  case output = 1
  case error = 2

  /// How long a reader that does not read may hold the program up.
  private static var patienceMilliseconds: Int64 { 5000 }

  /// What a pipe takes whole as soon as poll(2) says that it takes anything (PIPE_BUF, pipe(7)).
  private static var pieceByteCount: Int { 4096 }

  /// Writes all bytes. `EAGAIN` after 5 s without a reader, `EPIPE` when it has gone.
  ///
  /// Waits before each write: the stream is whoever's started the program, and a write to a full pipe that
  /// blocks would not end.
  public func write(_ bytes: Span<UInt8>) throws(SystemError) {
    var offset = 0
    while offset < bytes.count {
      guard try waitFor(rawValue, writable: true, milliseconds: Self.patienceMilliseconds) else {
        throw SystemError(errno: EAGAIN)
      }
      let count = min(bytes.count - offset, Self.pieceByteCount)
      let result = unsafe bytes.withUnsafeBufferPointer { buffer in
        unsafe cairn_file_write(
          rawValue, buffer.baseAddress.map { unsafe $0 + offset }, Int64(count))
      }
      // Somebody else has filled it meanwhile.
      if result == Int64(0 &- EAGAIN) { continue }
      offset += try checked(result)
    }
  }

  public func write(_ literal: StaticString) throws(SystemError) {
    try unsafe write(Span(_unsafeStart: literal.utf8Start, count: literal.utf8CodeUnitCount))
  }

  /// Writes what was built so far.
  public func write<let capacity: Int>(_ text: borrowing TextBuilder<capacity>)
    throws(SystemError)
  {
    try write(text.span)
  }
}
