import Buses
import CLinux
import FixedMemory

/// A chip whose three kinds of transfer are one: bytes out, a repeated start, bytes in. Either may be missing.
public protocol CombinedI2CDevice: I2CDevice, ~Copyable {
  mutating func transfer(_ written: Span<UInt8>, into read: inout MutableSpan<UInt8>)
    throws(BusError)
}

extension CombinedI2CDevice where Self: ~Copyable {
  public mutating func write(_ bytes: Span<UInt8>) throws(BusError) {
    var nothing = MutableSpan<UInt8>()
    try transfer(bytes, into: &nothing)
  }

  public mutating func read(into bytes: inout MutableSpan<UInt8>) throws(BusError) {
    guard !bytes.isEmpty else { return }
    try transfer(Span<UInt8>(), into: &bytes)
  }

  public mutating func writeRead(_ bytes: Span<UInt8>, into reply: inout MutableSpan<UInt8>)
    throws(BusError)
  {
    try transfer(bytes, into: &reply)
  }
}

extension BusSocketClient {
  /// One transfer with a chip on an I2C bus that another process serves; returns the status. What the two kinds of
  /// served bus share, and all that they may share: which of them a chip is on says whether it is simulated.
  mutating func transfer(
    address: UInt8, _ written: Span<UInt8>, into read: inout MutableSpan<UInt8>,
    timeoutMilliseconds: UInt32, marginMilliseconds: UInt32
  ) throws(BusError) -> Int32 {
    guard
      written.count <= BusMessage.maximumTransferByteCount,
      read.count <= BusMessage.maximumTransferByteCount
    else { throw .system(errno: EMSGSIZE) }
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    let byteCount = BusMessage.i2cRequest(
      address: address, written, readCount: read.count, timeoutMilliseconds: timeoutMilliseconds,
      into: &packet)
    return try exchange(
      &packet, byteCount: byteCount, into: &read,
      patienceMilliseconds: Int64(timeoutMilliseconds) + Int64(marginMilliseconds))
  }
}
