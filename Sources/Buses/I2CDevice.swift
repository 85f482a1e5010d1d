/// One chip at one address on an I2C bus. The kernel arbitrates between the chips of a bus, so a
/// driver owns its device and never sees the bus.
///
///     write        S addr W [ack] byte [ack] … P
///     read         S addr R [ack] byte [ack] … byte [nack] P
///     writeRead    S addr W [ack] byte [ack] … Sr addr R [ack] byte … [nack] P
///
/// Every call ends: a bus that is held answers `timedOut` within the bus's bound.
public protocol I2CDevice: ~Copyable {
  mutating func write(_ bytes: Span<UInt8>) throws(BusError)
  mutating func read(into bytes: inout MutableSpan<UInt8>) throws(BusError)
  /// A write, then a read after a repeated start, with no stop between them.
  mutating func writeRead(_ bytes: Span<UInt8>, into reply: inout MutableSpan<UInt8>)
    throws(BusError)
}

/// What can go wrong on a bus, in electrical terms.
public enum BusError: Error, Equatable {
  /// The chip did not acknowledge: absent, unpowered or busy.
  case notAcknowledged
  /// The transfer did not end within its bound: a line is held low, or a chip stretches the clock.
  case timedOut
  /// Another master took the bus.
  case arbitrationLost
  /// The bus itself is gone: unplugged, or its simulator has ended.
  case disconnected
  /// The kernel's own reason.
  case system(errno: Int32)
}
