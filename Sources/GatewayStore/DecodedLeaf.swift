import CBOR
import Records

/// A verified leaf as a person or a program wants to see it: decoded from the signed bytes by the
/// schema and the clock that were in force.
public struct DecodedLeaf: Equatable, Sendable {
  public let epoch: UInt64
  /// Index in the device's log.
  public let index: UInt64
  public let boot: UInt64
  /// Since the boot leaf.
  public let milliseconds: Int64
  public let time: LeafTime
  public let isSimulated: Bool
  public let content: Content

  public enum Content: Equatable, Sendable {
    case boot(agentVersion: String, board: String)
    case reading(Sensor, [Measurement])
    /// A reading that can't be told: no schema leaf is held, or the values are not the schema's.
    case unreadable(reason: String)
    case schema(Sensor, quantities: [String])
    case fault(Sensor, code: UInt64, name: String, count: UInt64)
    /// What is missing, and says so: measurements (milliseconds) or leaves (indices).
    case gap(name: String, sensor: Sensor, from: UInt64, to: UInt64, count: UInt64, reason: String)
    /// `count`: how often since the leaf before; nil where the event has no such number.
    case event(code: UInt64, name: String, sensor: Sensor, device: String?, count: UInt64?)
    /// A contact's state since so many milliseconds after the boot, or the state that was found.
    case contact(code: UInt64, name: String, Contact)
    /// The button was pressed, the last time so many milliseconds after the boot.
    case button(code: UInt64, name: String, milliseconds: Int64, count: UInt64)
    case clock(source: String, utcMilliseconds: Int64, uncertaintyMilliseconds: UInt64)
    case position(Position)
    /// A LoRaWAN frame that a radio heard.
    case frame(Sensor, Frame)
    /// Frames that became no leaves.
    case framesRefused(code: UInt64, name: String, sensor: Sensor, reason: String, count: UInt64)
    /// A kind that this version shows only as a number.
    case other(kind: UInt64)
  }

  /// A contact's new state.
  public struct Contact: Equatable, Sendable {
    public let contact: String
    public let isOn: Bool
    public let milliseconds: Int64
    public let count: UInt64
    public let isTamper: Bool
  }

  /// What a radio says of a LoRaWAN frame; its bytes are not told.
  public struct Frame: Equatable, Sendable {
    /// SHA-256 of the frame, in hexadecimal.
    public let hash: String
    public let byteCount: UInt8
    public let frequencyHertz: UInt32
    public let spreadingFactor: UInt8
    public let bandwidthHertz: UInt32
    /// dBm and dB.
    public let rssi: ScaledInteger
    public let snr: ScaledInteger?
    /// The network server has signed that it got it.
    public let hasReceipt: Bool
  }

  /// One value of a reading.
  public struct Measurement: Equatable, Sendable {
    /// SenML name and unit (RFC 8428).
    public let name: String
    public let unit: String
    /// Nil where the chip gave none.
    public let value: ScaledInteger?
  }

  /// Where the board is (WGS 84).
  public struct Position: Equatable, Sendable {
    public let source: String
    /// Degrees.
    public let latitude: ScaledInteger
    public let longitude: ScaledInteger
    /// Metres; nil when unknown.
    public let altitude: ScaledInteger?
    public let accuracy: ScaledInteger?
  }
}

/// What a schema leaf says of the sensor behind a schema number.
public struct Sensor: Equatable, Sendable {
  public let schema: UInt16
  /// Empty when no schema leaf is held.
  public let chip: String
  public let bus: String
}

/// What UTC it was at a leaf.
public enum LeafTime: Equatable, Sendable {
  /// From the clock leaf with this index: the newest one of the same boot at or before the leaf, or else
  /// the first one after it.
  case known(utcMilliseconds: Int64, uncertaintyMilliseconds: UInt64, clockLeaf: UInt64)
  case unknown(reason: String)

  public static let noClock = LeafTime.unknown(reason: "no clock leaf in this boot")
}

/// Names of numbers in leaves; a number that this version does not know is its own name.
enum RecordName {
  static func fault(_ code: UInt64) -> String {
    guard let known = UInt8(exactly: code).flatMap({ FaultCode(rawValue: $0) }) else {
      return "fault-\(code)"
    }
    return kebab("\(known)")
  }

  static func event(_ code: UInt64) -> String {
    guard let known = UInt8(exactly: code).flatMap({ EventCode(rawValue: $0) }) else {
      return "event-\(code)"
    }
    return kebab("\(known)")
  }

  static func frameRefusal(_ number: UInt64) -> String {
    guard let known = UInt8(exactly: number).flatMap({ FrameRefusal(rawValue: $0) }) else {
      return "reason-\(number)"
    }
    return kebab("\(known)")
  }

  static func gapReason(_ number: UInt64) -> String {
    guard let known = UInt8(exactly: number).flatMap({ GapReason(rawValue: $0) }) else {
      return "reason-\(number)"
    }
    return kebab("\(known)")
  }

  static func source(_ number: UInt64) -> String {
    guard let known = UInt8(exactly: number).flatMap({ FixSource(rawValue: $0) }) else {
      return "source-\(number)"
    }
    return kebab("\(known)")
  }

  /// notAcknowledged → not-acknowledged
  private static func kebab(_ name: String) -> String {
    var result = ""
    for character in name {
      if character.isUppercase { result += "-" }
      result += character.lowercased()
    }
    return result
  }
}
