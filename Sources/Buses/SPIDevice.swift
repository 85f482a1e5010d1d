/// One chip behind one chip select of an SPI bus, in the mode and at the speed that it was made with.
///
///     transfer    CS low, byte ↔ byte, …, CS high
///
/// Every call ends: within the bus's bound, or as soon as the clock has given every byte.
public protocol SPIDevice: ~Copyable {
  /// Sends all bytes, and replaces each by the one that came back meanwhile.
  mutating func transfer(_ bytes: inout MutableSpan<UInt8>) throws(BusError)
  /// As of `RadioLines`: 0 for a bus of the board.
  var waitedMilliseconds: Int64 { get }
}

extension SPIDevice where Self: ~Copyable {
  public var waitedMilliseconds: Int64 { 0 }
}
