import Buses

/// A clock that tests turn by hand; also the delay of the drivers, so that a driver's wait is what
/// makes time pass for the models.
public final class HandCrankedClock {
  public var now: Int64

  public init(now: Int64 = 0) { self.now = now }
}

/// Waits by turning the clock.
public struct HandCrankedDelay: Delay {
  public let clock: HandCrankedClock
  public init(clock: HandCrankedClock) { self.clock = clock }
  public func sleep(milliseconds: UInt32) { clock.now += Int64(milliseconds) }
}

/// One chip of a virtual bus, in process: drivers against models without sockets.
public struct ModelI2CDevice: I2CDevice, ~Copyable {
  public let bus: VirtualI2CBus
  public let address: UInt8
  public let clock: HandCrankedClock
  /// Called before each transfer with its index, counted from 0: may set faults, or throw one.
  public let beforeTransfer: ((Int) throws(BusError) -> Void)?
  private var transferCount = 0

  public init(
    bus: VirtualI2CBus, address: UInt8, clock: HandCrankedClock,
    beforeTransfer: ((Int) throws(BusError) -> Void)? = nil
  ) {
    self.bus = bus
    self.address = address
    self.clock = clock
    self.beforeTransfer = beforeTransfer
  }

  public mutating func write(_ bytes: Span<UInt8>) throws(BusError) {
    _ = try transfer(bytes.indices.map { bytes[$0] }, readCount: 0)
  }

  public mutating func read(into bytes: inout MutableSpan<UInt8>) throws(BusError) {
    let reply = try transfer([], readCount: bytes.count)
    for index in bytes.indices { bytes[index] = reply[index] }
  }

  public mutating func writeRead(_ bytes: Span<UInt8>, into reply: inout MutableSpan<UInt8>)
    throws(BusError)
  {
    let answer = try transfer(bytes.indices.map { bytes[$0] }, readCount: reply.count)
    for index in reply.indices { reply[index] = answer[index] }
  }

  private mutating func transfer(_ bytes: [UInt8], readCount: Int) throws(BusError) -> [UInt8] {
    defer { transferCount += 1 }
    if let beforeTransfer { try beforeTransfer(transferCount) }
    return try bus.transfer(
      address: address, bytes: bytes, readCount: readCount, now: clock.now)
  }
}
