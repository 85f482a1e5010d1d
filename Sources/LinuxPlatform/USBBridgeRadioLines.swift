import Buses
import CLinux
import FixedMemory

/// Which pins of a stick are a radio's lines, as numbers: 2 is D2. Nil: not wired.
public struct USBBridgeRadioPins: Equatable, Sendable {
  /// D0, D1, D2 or D4, less the chip select.
  public var reset: UInt8?
  /// SX1272 is reset by the high level, every other chip by the low one.
  public var isResetActiveHigh: Bool
  public var busy: UInt8?
  public var interrupt: UInt8?
  /// High while the antenna is at the receiver (RXEN); as `reset`.
  public var receive: UInt8?

  public init(
    reset: UInt8? = nil, isResetActiveHigh: Bool = false, busy: UInt8? = nil,
    interrupt: UInt8? = nil, receive: UInt8? = nil
  ) {
    self.reset = reset
    self.isResetActiveHigh = isResetActiveHigh
    self.busy = busy
    self.interrupt = interrupt
    self.receive = receive
  }
}

/// Why a stick is of no use now.
public enum USBBridgeAbsence: Equatable, Sendable {
  /// Nobody serves the socket: cairn-usb does not run.
  case bridge
  /// Another user than `cairn-usb` serves it.
  case foreign
  /// The bridge says that no such stick is plugged in.
  case stick
  /// The stick is there, and fails or hangs.
  case failing
}

/// The lines of a radio chip at the pins of a stick. No edge of them wakes anybody: the interrupt is looked at every
/// `lookMilliseconds`. `disconnected` also when the stick was reset meanwhile: its pins are inputs again then, and the
/// chip is to be begun anew. The bridge tells that to the connection that made them outputs: where that was given up,
/// because a reply was late or senseless, nobody knows, and `disconnected` is the next answer.
public struct USBBridgeRadioLines: RadioLines, ~Copyable {
  /// A look is one question on USB, of two packets.
  public static var lookMilliseconds: Int64 { 20 }

  public let bridge: USBBridge
  public let pins: USBBridgeRadioPins
  public private(set) var waitedMilliseconds: Int64 = 0
  private var client: BusSocketClient
  /// The present connection made pins outputs.
  private var hasOutputs = false
  /// A connection that had was given up, and nobody was told yet.
  private var hasLostOutputs = false

  init(bridge: USBBridge, pins: USBBridgeRadioPins) {
    self.bridge = bridge
    self.pins = pins
    client = BusSocketClient(path: bridge.path, servers: bridge.servers)
  }

  /// Asks for the pins and tells why that fails; nil when the stick answers. Chip and stick stay as they are.
  public mutating func absence() -> USBBridgeAbsence? {
    do throws(BusError) {
      _ = try ask()
      return nil
    } catch {
      switch error {
      case .disconnected: return isServed ? .stick : .bridge
      case .system(errno: EACCES): return .foreign
      case .notAcknowledged, .timedOut, .arbitrationLost, .system: return .failing
      }
    }
  }

  /// Somebody listens there.
  private var isServed: Bool {
    do throws(SocketFailure) {
      _ = try UnixConnection(connectingTo: bridge.path)
      return true
    } catch { return false }
  }

  public mutating func holdReset(_ isHeld: Bool) throws(BusError) -> Bool {
    guard let reset = pins.reset else { return false }
    try set(reset, isHigh: isHeld == pins.isResetActiveHigh)
    return true
  }

  public mutating func isBusy() throws(BusError) -> Bool {
    try level(pins.busy) ?? false
  }

  public mutating func isInterrupted() throws(BusError) -> Bool? {
    try level(pins.interrupt)
  }

  public mutating func enableReceiver(_ isOn: Bool) throws(BusError) {
    guard let receive = pins.receive else { return }
    try set(receive, isHigh: isOn)
  }

  private mutating func level(_ pin: UInt8?) throws(BusError) -> Bool? {
    guard let pin else { return nil }
    return try ask() & 1 << UInt16(pin) != 0
  }

  private mutating func set(_ pin: UInt8, isHigh: Bool) throws(BusError) {
    let bit = UInt8(1) << pin
    _ = try ask(changed: bit, levels: isHigh ? bit : 0)
  }

  private mutating func ask(changed: UInt8 = 0, levels: UInt8 = 0) throws(BusError) -> UInt16 {
    let started = SystemClock().bootMilliseconds()
    defer { waitedMilliseconds += SystemClock().bootMilliseconds() - started }
    if hasLostOutputs {
      hasLostOutputs = false
      throw .disconnected
    }
    do throws(BusError) {
      let pins = try client.pins(bridge, changed: changed, outputs: changed, levels: levels)
      if changed != 0 { hasOutputs = true }
      return pins
    } catch {
      if hasOutputs, !client.isConnected {
        // What is told as `disconnected` now needs not be told again.
        (hasOutputs, hasLostOutputs) = (false, error != .disconnected)
      }
      throw error == .system(errno: ECONNRESET) ? .disconnected : error
    }
  }
}
