import CBOR
import FixedMemory

/// The messages between `cairn-forwarder` and the agent (docs/forwarder.md): one deterministic CBOR array each,
/// [version, type, …].
public enum ForwarderMessage {
  public static var version: UInt64 { 1 }
  public static var maximumByteCount: Int { 512 }

  public enum Kind: UInt64, Sendable {
    case frame = 1
    case transmit = 2
    case outcome = 3
    case gateway = 4
    case lost = 5
    case sending = 6
  }

  /// A frame that a gateway has heard.
  public struct Frame: Equatable, Sendable {
    public var gateway: UInt64
    /// When the forwarder's datagram came: CLOCK_BOOTTIME.
    public var receivedMilliseconds: Int64
    public var packet: ReceivedPacket

    public init(gateway: UInt64, receivedMilliseconds: Int64, packet: ReceivedPacket) {
      self.gateway = gateway
      self.receivedMilliseconds = receivedMilliseconds
      self.packet = packet
    }
  }

  /// A gateway came, or has not been heard for a minute.
  public struct Gateway: Equatable, Sendable {
    public var identifier: UInt64
    /// Of the protocol, 1 or 2.
    public var version: UInt8
    public var isPresent: Bool

    public init(identifier: UInt64, version: UInt8, isPresent: Bool) {
      self.identifier = identifier
      self.version = version
      self.isPresent = isPresent
    }
  }

  /// An agent asks a gateway to send a frame at once.
  public struct Transmit: Equatable, Sendable {
    /// The asker's own number, which comes back with the outcome.
    public var number: UInt32
    /// 0: whichever gateway asked last.
    public var gateway: UInt64
    public var packet: TransmitPacket

    public init(number: UInt32, gateway: UInt64, packet: TransmitPacket) {
      self.number = number
      self.gateway = gateway
      self.packet = packet
    }
  }

  /// What has become of it.
  public struct Outcome: Equatable, Sendable {
    /// The asker's.
    public let number: UInt32
    public let outcome: TransmitOutcome
    /// What was used instead of the power that was asked for; nil: it is not known, or was not told.
    public let powerDecibelMilliwatts: Int32?

    /// A power that no concentrator has is not known.
    public init(number: UInt32, outcome: TransmitOutcome, powerDecibelMilliwatts: Int32? = nil) {
      self.number = number
      self.outcome = outcome
      let isPower = TransmitAnswer.powerRange.contains(powerDecibelMilliwatts ?? 0)
      self.powerDecibelMilliwatts = isPower ? powerDecibelMilliwatts : nil
    }
  }

  /// The network server has a gateway send: it hears nothing meanwhile. CLOCK_BOOTTIME.
  public struct Sending: Equatable, Sendable {
    public var gateway: UInt64
    public var fromMilliseconds: Int64
    public var toMilliseconds: Int64

    public init(gateway: UInt64, fromMilliseconds: Int64, toMilliseconds: Int64) {
      self.gateway = gateway
      self.fromMilliseconds = fromMilliseconds
      self.toMilliseconds = toMilliseconds
    }
  }

  /// What came, decoded.
  public enum Decoded: Equatable, Sendable {
    case frame(Frame)
    case transmit(Transmit)
    case outcome(Outcome)
    case gateway(Gateway)
    case sending(Sending)
    /// So many frames were not handed over, since the reader was slow; beginning with the first connection.
    case lost(UInt64)
    /// A request to transmit whose values are none that can be sent; its number is known.
    case invalidTransmit(number: UInt32)
  }
}
