import Buses
import FixedMemory

/// How fast the chip clocks its I2C bus. Stretched clocks are not waited for at any speed.
public enum CH341Speed: UInt8, Sendable {
  case kilohertz20 = 0
  case kilohertz100 = 1
  case kilohertz400 = 2
  case kilohertz750 = 3
}

/// Why a transfer through the bridge failed.
public enum BridgeFailure: Error, Equatable, Sendable {
  /// On the bus behind the stick.
  case bus(BusError)
  /// Between us and the stick.
  case usb(USBFailure)
  /// The stick answered with another number of bytes than the commands give.
  case garbage(expected: Int, received: Int)
  /// What was asked for can't be done on this bridge.
  case unsupported
}

/// A CH341 in its I2C and SPI mode (1a86:5512): one I2C bus, one SPI bus, and pins, by packets of 32 bytes.
///
/// Invariants: a reply never answers another packet than its own: after any failure what is left in the chip is
/// thrown away, and a stop is sent, before the next transfer. A byte that was not acknowledged is never
/// passed over, and bytes read are handed out only after the bus was seen to be free again.
public struct CH341<Transport: USBTransport & ~Copyable>: ~Copyable {
  /// A packet takes 3 ms at 100 kHz and goes over in 1: what takes longer than this hangs.
  static var packetTimeoutMilliseconds: Int64 { 250 }
  /// Throwing away what is left: a packet that is there comes at once.
  static var drainTimeoutMilliseconds: UInt32 { 20 }
  static var drainedPacketLimit: Int { 8 }

  var transport: Transport
  let speed: CH341Speed
  private(set) var isOpen = false
  /// How often it was brought into its first state: all pins were inputs then.
  private(set) var beginningCount: UInt64 = 0
  var needsRecovery = false
  /// D0 to D5: which are outputs, and their levels.
  var outputs: UInt8 = 0
  var levels: UInt8 = 0x3f
  /// Pins that have been a chip select.
  var selected: UInt8 = 0
  /// The reply to the last packet.
  var reply = InlineArray<32, UInt8>(repeating: 0)

  public init(transport: consuming Transport, speed: CH341Speed) {
    self.transport = transport
    self.speed = speed
  }

  /// Looks for the stick and brings it into a known state. One that is there and does not answer stays open, so
  /// that it can be reset.
  public mutating func open(now: () -> Int64) throws(BridgeFailure) {
    isOpen = false
    do throws(USBFailure) { try transport.open() } catch { throw .usb(error) }
    isOpen = true
    do throws(BridgeFailure) { try begin(now: now) } catch {
      if error == .usb(.disconnected) { close() }
      throw error
    }
  }

  public mutating func close() {
    transport.close()
    isOpen = false
  }

  /// Resets the port of a stick that hangs; false when it has to be looked for anew.
  public mutating func reset(now: () -> Int64) -> Bool {
    do throws(USBFailure) { try transport.reset() } catch {
      close()
      return false
    }
    do throws(BridgeFailure) { try begin(now: now) } catch {
      if error == .usb(.disconnected) { close() }
      return isOpen
    }
    return true
  }

  /// Pins are inputs after a reset, whatever they were before.
  private mutating func begin(now: () -> Int64) throws(BridgeFailure) {
    beginningCount += 1
    outputs = 0
    levels = 0x3f
    selected = 0
    needsRecovery = true
    drain()
    try letGoOfBus(deadline: now() + Self.packetTimeoutMilliseconds, now: now)
    needsRecovery = false
  }

  /// Sets the speed anew, in case the chip has lost it, and sends a stop.
  private mutating func letGoOfBus(deadline: Int64, now: () -> Int64) throws(BridgeFailure) {
    var packet = CH341Packet(CH341Command.i2cStream)
    packet.append(CH341Command.i2cSet | speed.rawValue)
    packet.append(CH341Command.i2cStop)
    packet.append(CH341Command.i2cEnd)
    try exchange(packet, deadline: deadline, now: now)
  }

  /// Before each transfer: what an earlier one left behind is thrown away, and the bus is let go.
  mutating func recoverIfNeeded(deadline: Int64, now: () -> Int64) throws(BridgeFailure) {
    guard isOpen else { throw .usb(.absent) }
    guard needsRecovery else { return }
    do throws(USBFailure) { try transport.clearStall() } catch {
      if error == .disconnected { throw .usb(error) }
    }
    drain()
    try letGoOfBus(deadline: deadline, now: now)
    try releaseChipSelects(deadline: deadline, now: now)
    needsRecovery = false
  }

  private mutating func drain() {
    for _ in 0..<Self.drainedPacketLimit {
      var span = reply.mutableSpan
      do throws(USBFailure) {
        let count = try transport.receive(
          into: &span, timeoutMilliseconds: Self.drainTimeoutMilliseconds)
        if count == 0 { return }
      } catch { return }
    }
  }

  /// Sends a packet and takes its reply into `reply`, which must have exactly the bytes that its commands give.
  /// A packet that is begun gets its whole time: a short deadline never makes a sound stick look hung.
  mutating func exchange(
    _ packet: CH341Packet, deadline: Int64, now: () -> Int64, replyIs isWhole: (Int) -> Bool
  ) throws(BridgeFailure) {
    let isRecovering = needsRecovery
    needsRecovery = true
    let byteCount = packet.count
    let bytes = packet.bytes
    guard now() < deadline else { throw .bus(.timedOut) }
    do throws(USBFailure) {
      try transport.send(
        bytes.span.extracting(0..<byteCount),
        timeoutMilliseconds: UInt32(Self.packetTimeoutMilliseconds))
    } catch { throw .usb(error) }
    if packet.replyCount > 0 {
      let count: Int
      do throws(USBFailure) {
        var span = reply.mutableSpan
        count = try transport.receive(
          into: &span, timeoutMilliseconds: UInt32(Self.packetTimeoutMilliseconds))
      } catch { throw .usb(error) }
      guard isWhole(count) else {
        throw .garbage(expected: packet.replyCount, received: count)
      }
    }
    needsRecovery = isRecovering
  }

  mutating func exchange(_ packet: CH341Packet, deadline: Int64, now: () -> Int64)
    throws(BridgeFailure)
  {
    let expected = packet.replyCount
    try exchange(packet, deadline: deadline, now: now, replyIs: { $0 == expected })
  }

  /// Whether a stick of this kind has come or gone since the last call.
  public mutating func hasChanged() -> Bool { transport.hasChanged() }

  /// Which stick it is, for people.
  public var place: FixedText<160> { transport.place }
  public var kernelDriver: FixedText<32> { transport.kernelDriver }
}
