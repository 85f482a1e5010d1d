/// A serial line, without flow control. Reads never wait: a program waits with poll.
public protocol SerialPort: ~Copyable {
  /// Bytes that have arrived, at most the size of the buffer; 0 when there are none now.
  mutating func read(into bytes: inout MutableSpan<UInt8>) throws(BusError) -> Int
  /// Writes all bytes or throws `timedOut`.
  mutating func write(_ bytes: Span<UInt8>) throws(BusError)
}
