import Buses
import CLinux
import FixedMemory

/// One chip on the SPI bus of a stick, in mode 0. Errors as of `USBBridgeI2CDevice`; `system(EPROTO)` when the stick
/// fails, and not the chip.
public struct USBBridgeSPIDevice: SPIDevice, ~Copyable {
  public let bridge: USBBridge
  public let select: UInt8
  public private(set) var waitedMilliseconds: Int64 = 0
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
    let started = SystemClock().bootMilliseconds()
    defer { waitedMilliseconds += SystemClock().bootMilliseconds() - started }
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    let byteCount = BusMessage.spiRequest(select: select, bytes.span, into: &packet)
    try bridge.checkStick(
      try client.exchange(
        &packet, byteCount: byteCount, into: &bytes,
        patienceMilliseconds: bridge.patienceMilliseconds))
  }

  /// Makes the pins in `changed` outputs with their level, or inputs where `outputs` has no bit, and says how D0
  /// to D15 stand: bit n is Dn. D0, D1, D2 and D4 can be changed; `changed` 0 only looks.
  public mutating func pins(changed: UInt8 = 0, outputs: UInt8 = 0, levels: UInt8 = 0)
    throws(BusError) -> UInt16
  {
    try client.pins(bridge, changed: changed, outputs: outputs, levels: levels)
  }
}

extension BusSocketClient {
  mutating func pins(_ bridge: USBBridge, changed: UInt8, outputs: UInt8, levels: UInt8)
    throws(BusError) -> UInt16
  {
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    let byteCount = BusMessage.pinRequest(
      changed: changed, outputs: outputs, levels: levels, into: &packet)
    var read = InlineArray<2, UInt8>(repeating: 0)
    var span = read.mutableSpan
    try bridge.checkStick(
      try exchange(
        &packet, byteCount: byteCount, into: &span,
        patienceMilliseconds: bridge.patienceMilliseconds))
    return UInt16(read[0]) | UInt16(read[1]) << 8
  }
}
