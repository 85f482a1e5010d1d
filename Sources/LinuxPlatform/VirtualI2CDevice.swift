import Buses
import FixedMemory

/// A bus whose chips are models in the simulator. Data from it is always flagged as simulated.
///
/// One SOCK_SEQPACKET connection for each device; `BusMessage` has the packets.
public struct VirtualBus: Sendable {
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
public struct VirtualI2CDevice: CombinedI2CDevice, ~Copyable {
  public let bus: VirtualBus
  public let address: UInt8
  private var client: BusSocketClient

  init(bus: VirtualBus, address: UInt8) {
    self.bus = bus
    self.address = address
    client = BusSocketClient(path: bus.path)
  }

  public mutating func transfer(
    _ written: Span<UInt8>, into read: inout MutableSpan<UInt8>
  ) throws(BusError) {
    let status = try client.transfer(
      address: address, written, into: &read, timeoutMilliseconds: bus.timeoutMilliseconds,
      marginMilliseconds: bus.marginMilliseconds)
    if let error = BusError(status: status) { throw error }
  }
}
