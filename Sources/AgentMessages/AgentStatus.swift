import CBOR
import FixedMemory

/// How the agent is, as flat numbers. The order is the one of docs/agent-socket.md.
public struct AgentStatus: Equatable, Sendable {
  /// Items of the message after version and type.
  static var fieldCount: Int { 16 }

  /// UTF-8, at most 32 bytes.
  public var agentVersion = FixedArray<32, UInt8>(filler: 0)

  /// A version of at most 32 bytes; a longer one is cut.
  public mutating func setAgentVersion(_ version: StaticString) {
    agentVersion.removeAll()
    for index in 0..<min(version.utf8CodeUnitCount, 32) {
      agentVersion.append(unsafe version.utf8Start[index])
    }
  }
  /// Boot count of the log: starts of the agent.
  public var boot: UInt64 = 0
  /// Since the agent's start, at most 2^63 - 1.
  public var uptimeMilliseconds: Int64 = 0
  public var sensorCount: UInt16 = 0
  /// Sensors whose last measurement was a fault.
  public var failingSensorCount: UInt16 = 0
  public var epoch: UInt64 = 0
  /// The newest batch that is sealed in this epoch; nil before the first.
  public var lastBatch: UInt64?
  /// Leaves of this epoch, sealed or not.
  public var leafCount: UInt64 = 0
  /// The spool's sequence up to which the uplink may read.
  public var releasedSequence: UInt64 = 0
  /// The spool's sequence up to which a receipt that the agent has verified covers everything.
  public var deliveredSequence: UInt64 = 0
  public var spoolUsedByteCount: UInt64 = 0
  public var spoolByteCount: UInt64 = 0
  /// Some sensor is a chip model.
  public var isSimulated = false
  /// An `AgentProblem`, or a number of a newer agent's; 0 is none.
  public var problem: UInt16 = 0

  /// GPIO lines that can't be had or are gone, and have no row in the log.
  public var failingLines = FailingLines()

  /// Nil without a radio of the agent's own.
  public var radio: RadioStatus?

  /// Everything zero, nothing sealed.
  public init() {}

  func encode(into encoder: inout CBOREncoder) {
    encoder.textOfVersion(agentVersion)
    encoder.unsigned(boot)
    precondition(uptimeMilliseconds >= 0, "an uptime before the start")
    encoder.integer(uptimeMilliseconds)
    encoder.unsigned(UInt64(sensorCount))
    encoder.unsigned(UInt64(failingSensorCount))
    encoder.unsigned(epoch)
    if let lastBatch { encoder.unsigned(lastBatch) } else { encoder.null() }
    encoder.unsigned(leafCount)
    encoder.unsigned(releasedSequence)
    encoder.unsigned(deliveredSequence)
    encoder.unsigned(spoolUsedByteCount)
    encoder.unsigned(spoolByteCount)
    encoder.boolean(isSimulated)
    encoder.unsigned(UInt64(problem))
    encoder.unsigned(UInt64(failingLines.rawValue))
    if let radio { radio.encode(into: &encoder) } else { encoder.null() }
  }

  init(reading decoder: inout CBORDecoder) throws(CBORDecoder.Failure) {
    let version = try decoder.text()
    for index in version.indices {
      guard agentVersion.offer(version[index]) else { throw .outOfRange }
    }
    boot = try decoder.unsigned()
    uptimeMilliseconds = try decoder.integer()
    guard uptimeMilliseconds >= 0 else { throw .outOfRange }
    sensorCount = try decoder.unsigned(as: UInt16.self)
    failingSensorCount = try decoder.unsigned(as: UInt16.self)
    epoch = try decoder.unsigned()
    lastBatch = try decoder.skipNull() ? nil : try decoder.unsigned()
    leafCount = try decoder.unsigned()
    releasedSequence = try decoder.unsigned()
    deliveredSequence = try decoder.unsigned()
    spoolUsedByteCount = try decoder.unsigned()
    spoolByteCount = try decoder.unsigned()
    isSimulated = try decoder.boolean()
    problem = try decoder.unsigned(as: UInt16.self)
    failingLines = FailingLines(rawValue: try decoder.unsigned(as: UInt16.self))
    radio = try decoder.skipNull() ? nil : RadioStatus(reading: &decoder)
  }
}

/// GPIO lines that the agent wants and can't use. Pulses are not among them: their faults are leaves.
public struct FailingLines: Equatable, Sendable {
  /// A bit for each line; bits of a newer agent's may be among them.
  public private(set) var rawValue: UInt16

  public init(rawValue: UInt16 = 0) { self.rawValue = rawValue }

  public var isEmpty: Bool { rawValue == 0 }

  public mutating func insert(_ lines: FailingLines) { rawValue |= lines.rawValue }

  /// The site's contacts in their order: bits 0 to 3.
  public static func contact(_ index: Int) -> FailingLines {
    precondition((0..<4).contains(index), "a site has four contacts at most")
    return FailingLines(rawValue: 1 << UInt16(index))
  }

  public static var button: FailingLines { FailingLines(rawValue: 1 << 4) }
  public static var led: FailingLines { FailingLines(rawValue: 1 << 5) }
}

extension CBOREncoder {
  @_lifetime(self: copy self)
  fileprivate mutating func textOfVersion(_ text: FixedArray<32, UInt8>) {
    var bytes = FixedBytes<32>()
    for index in text.indices { bytes[index] = text[index] }
    self.text(bytes.span.extracting(0..<text.count))
  }
}

/// What is wrong with the agent as a whole, the worst first. Faults of sensors stand in the log instead.
public enum AgentProblem: UInt16, Sendable {
  /// Reading or writing the spool failed; nothing is sealed any more.
  case storageFailed = 1
  /// The key was made on other hardware; nothing is signed before `cairn key adopt`.
  case keyOfOtherHardware = 2
  /// The spool is full of what is not delivered, and its policy is `stop`.
  case spoolStopped = 3
  /// The spool is full of what is not delivered, and the oldest is dropped.
  case spoolDropping = 4
  /// No sensor is configured, or none was found.
  case noSensor = 5
  /// The last receipt was refused.
  case receiptRefused = 6

  /// What it is and what to do, for `status`.
  public var explanation: StaticString {
    switch self {
    case .storageFailed:
      "The spool cannot be read or written. Look at the card and the journal; a worn card is replaced."
    case .keyOfOtherHardware:
      "This key was made on another board or card. If that one is retired, run `cairn key adopt`."
    case .spoolStopped:
      "The spool is full and measuring has stopped. Mend delivery, or allow `drop-oldest`."
    case .spoolDropping: "The spool is full and loses its oldest readings. Mend delivery."
    case .noSensor: "No sensor answers. Run `cairn doctor`."
    case .receiptRefused:
      "The gateway's receipt is not valid for this device. Look at the gateway's address and key."
    }
  }
}
