import Buses
import CLinux
import FixedMemory

/// A bus whose chips are models in the simulator. Data from it is always flagged as simulated.
///
/// One SOCK_SEQPACKET connection for each device; a packet is one deterministic CBOR array:
///
///     request   [address, bytes to write, count to read, timeout in milliseconds]
///     reply     [status, bytes read]
///     status    0 done · 1 not acknowledged · 2 timed out · 3 arbitration lost · else the system's errno
///
/// Bytes to write, then a repeated start, then the bytes read; either may be missing, both too.
public struct VirtualBus: Sendable {
  /// A packet, request or reply, in either direction.
  public static var maximumPacketByteCount: Int { 4096 }
  /// Array head, status of 5 bytes at most, head of a byte string of 3: what is left for the bytes, and
  /// in a request address (2), count (3) and timeout (5) besides.
  public static var maximumTransferByteCount: Int { 4000 }

  public let path: FixedPath
  /// What the simulated bus itself allows a transfer.
  public let timeoutMilliseconds: UInt32
  /// How much longer we wait for the answer: the simulator may have to be scheduled first.
  public let marginMilliseconds: UInt32

  public init(
    path: FixedPath, timeoutMilliseconds: UInt32 = 100, marginMilliseconds: UInt32 = 2000
  ) {
    self.path = path
    self.timeoutMilliseconds = timeoutMilliseconds
    self.marginMilliseconds = marginMilliseconds
  }

  /// The chip at a 7-bit address. Connects at its first transfer, so it never fails here.
  public func device(at address: UInt8) -> VirtualI2CDevice {
    VirtualI2CDevice(bus: self, address: address)
  }
}

/// One modelled chip. When the simulator has gone its transfers fail with `disconnected`; the next one
/// connects anew.
public struct VirtualI2CDevice: I2CDevice, ~Copyable {
  public let bus: VirtualBus
  public let address: UInt8
  private var client: BusSocketClient

  init(bus: VirtualBus, address: UInt8) {
    self.bus = bus
    self.address = address
    client = BusSocketClient(path: bus.path)
  }

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

  private mutating func transfer(_ written: Span<UInt8>, into read: inout MutableSpan<UInt8>)
    throws(BusError)
  {
    guard
      written.count <= VirtualBus.maximumTransferByteCount,
      read.count <= VirtualBus.maximumTransferByteCount
    else { throw .system(errno: EMSGSIZE) }
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    let byteCount = BusMessage.i2cRequest(
      address: address, written, readCount: read.count,
      timeoutMilliseconds: bus.timeoutMilliseconds, into: &packet)
    let status = try client.exchange(
      &packet, byteCount: byteCount, into: &read,
      patienceMilliseconds: Int64(bus.timeoutMilliseconds) + Int64(bus.marginMilliseconds))
    if let error = BusError(status: status) { throw error }
  }
}
