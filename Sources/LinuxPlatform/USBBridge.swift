import Buses
import CLinux
import FixedMemory

/// Buses behind a USB stick, which `cairn-usb` serves (docs/usb.md). What is read there is real: the socket is used
/// only when it is the user `cairn-usb` who serves it, or this program's own user.
public struct USBBridge: Sendable {
  public static var userName: StaticString { "cairn-usb" }
  /// The bridge itself ends an SPI transfer or a question for pins after this.
  public static var transferMilliseconds: UInt32 { 2000 }

  public let path: FixedPath
  /// What the bridge allows an I2C transfer.
  public let timeoutMilliseconds: UInt32
  /// How much longer we wait: others may be served first, and a hung stick is reset meanwhile.
  public let marginMilliseconds: UInt32
  /// How long an SPI transfer or a question for pins is waited for.
  public let patienceMilliseconds: Int64
  let servers: BusServers

  /// - `patienceMilliseconds`: of SPI and pins. A radio's loop has other work than to wait for a stick that hangs; nil:
  ///   as long as the bridge itself takes, and the margin.
  public init(
    path: FixedPath, timeoutMilliseconds: UInt32 = 100, marginMilliseconds: UInt32 = 3000,
    patienceMilliseconds: Int64? = nil
  ) {
    self.init(
      path: path, timeoutMilliseconds: timeoutMilliseconds,
      marginMilliseconds: marginMilliseconds, patienceMilliseconds: patienceMilliseconds,
      servers: BusServers(named: userID(named: Self.userName), own: effectiveUserID))
  }

  init(
    path: FixedPath, timeoutMilliseconds: UInt32, marginMilliseconds: UInt32,
    patienceMilliseconds: Int64? = nil, servers: BusServers
  ) {
    self.path = path
    self.timeoutMilliseconds = timeoutMilliseconds
    self.marginMilliseconds = marginMilliseconds
    self.patienceMilliseconds =
      patienceMilliseconds ?? Int64(Self.transferMilliseconds) + Int64(marginMilliseconds)
    self.servers = servers
  }

  /// The chip at a 7-bit address. Connects at its first transfer, so it never fails here.
  public func device(at address: UInt8) -> USBBridgeI2CDevice {
    USBBridgeI2CDevice(bridge: self, address: address)
  }

  /// The chip behind a chip select, 0 to 2, and the pins of the stick.
  public func spiDevice(select: UInt8) -> USBBridgeSPIDevice {
    USBBridgeSPIDevice(bridge: self, select: select)
  }

  /// The lines of a radio at the stick's pins.
  public func radioLines(_ pins: USBBridgeRadioPins) -> USBBridgeRadioLines {
    USBBridgeRadioLines(bridge: self, pins: pins)
  }

  func check(_ status: Int32) throws(BusError) {
    guard let error = BusError(status: status) else { return }
    throw error == .system(errno: ENODEV) ? .disconnected : error
  }

  /// Of SPI and pins. That the stick fails, in whatever way, is one reason of its own: EPROTO.
  func checkStick(_ status: Int32) throws(BusError) {
    try check(status == EIO ? EPROTO : status)
  }
}

/// One chip on the I2C bus of a stick. `disconnected` while the stick or its bridge is away; the next transfer
/// after they are back succeeds. `system(EACCES)` when somebody else serves the socket.
public struct USBBridgeI2CDevice: CombinedI2CDevice, ~Copyable {
  public let bridge: USBBridge
  public let address: UInt8
  private var client: BusSocketClient

  init(bridge: USBBridge, address: UInt8) {
    self.bridge = bridge
    self.address = address
    client = BusSocketClient(path: bridge.path, servers: bridge.servers)
  }

  public mutating func transfer(
    _ written: Span<UInt8>, into read: inout MutableSpan<UInt8>
  ) throws(BusError) {
    try bridge.check(
      try client.transfer(
        address: address, written, into: &read,
        timeoutMilliseconds: bridge.timeoutMilliseconds,
        marginMilliseconds: bridge.marginMilliseconds))
  }
}
