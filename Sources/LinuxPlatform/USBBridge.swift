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
  let servers: BusServers

  public init(
    path: FixedPath, timeoutMilliseconds: UInt32 = 100, marginMilliseconds: UInt32 = 3000
  ) {
    self.init(
      path: path, timeoutMilliseconds: timeoutMilliseconds,
      marginMilliseconds: marginMilliseconds,
      servers: BusServers(named: userID(named: Self.userName), own: effectiveUserID))
  }

  init(
    path: FixedPath, timeoutMilliseconds: UInt32, marginMilliseconds: UInt32, servers: BusServers
  ) {
    self.path = path
    self.timeoutMilliseconds = timeoutMilliseconds
    self.marginMilliseconds = marginMilliseconds
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

  /// How long an SPI transfer or a question for pins is waited for.
  var patienceMilliseconds: Int64 {
    Int64(Self.transferMilliseconds) + Int64(marginMilliseconds)
  }

  func check(_ status: Int32) throws(BusError) {
    guard let error = BusError(status: status) else { return }
    throw error == .system(errno: ENODEV) ? .disconnected : error
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

/// One chip on the SPI bus of a stick, in mode 0.
public struct USBBridgeSPIDevice: SPIDevice, ~Copyable {
  public let bridge: USBBridge
  public let select: UInt8
  private var client: BusSocketClient

  init(bridge: USBBridge, select: UInt8) {
    self.bridge = bridge
    self.select = select
    client = BusSocketClient(path: bridge.path, servers: bridge.servers)
  }

  public mutating func transfer(_ bytes: inout MutableSpan<UInt8>) throws(BusError) {
    guard !bytes.isEmpty else { return }
    guard bytes.count <= BusMessage.maximumTransferByteCount else {
      throw .system(errno: EMSGSIZE)
    }
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    let byteCount = BusMessage.spiRequest(select: select, bytes.span, into: &packet)
    try bridge.check(
      try client.exchange(
        &packet, byteCount: byteCount, into: &bytes,
        patienceMilliseconds: bridge.patienceMilliseconds))
  }

  /// Makes the pins in `changed` outputs with their level, or inputs where `outputs` has no bit, and says how D0
  /// to D15 stand: bit n is Dn. D0, D1, D2 and D4 can be changed; `changed` 0 only looks.
  public mutating func pins(changed: UInt8 = 0, outputs: UInt8 = 0, levels: UInt8 = 0)
    throws(BusError) -> UInt16
  {
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    let byteCount = BusMessage.pinRequest(
      changed: changed, outputs: outputs, levels: levels, into: &packet)
    var read = InlineArray<2, UInt8>(repeating: 0)
    var span = read.mutableSpan
    try bridge.check(
      try client.exchange(
        &packet, byteCount: byteCount, into: &span,
        patienceMilliseconds: bridge.patienceMilliseconds))
    return UInt16(read[0]) | UInt16(read[1]) << 8
  }
}
