/// One edge of an input line, as whoever watches the line has seen it.
public struct GPIOEdge: Equatable, Sendable {
  /// From off to on; on is the low level where the line is active low.
  public let isRising: Bool
  /// By CLOCK_MONOTONIC of the kernel.
  public let nanoseconds: UInt64
  /// Counts the line's edges from 1, those too that found no room in the buffer. It begins anew at 2^32.
  public let number: UInt32

  public init(isRising: Bool, nanoseconds: UInt64, number: UInt32) {
    self.isRising = isRising
    self.nanoseconds = nanoseconds
    self.number = number
  }
}

/// What a counter or a watcher needs of an input line.
public protocol GPIOInput: ~Copyable {
  /// The oldest edge that nobody has taken yet; nil when there is none now. Never waits.
  mutating func next() throws(BusError) -> GPIOEdge?
}
