import CBOR
import FixedMemory

/// The noise that the agent's radio has measured in the channels of its region's plan (docs/agent-socket.md).
public struct NoiseLevels: Equatable, Sendable {
  static var fieldCount: Int { 5 }

  /// Whether the agent can tell, and why not.
  public enum Source: UInt8, Sendable {
    case noRadio = 0
    /// It is not there, or not identified yet.
    case notKnown = 1
    case measured = 2
    /// A module whose firmware has no such reading.
    case module = 3
    /// A concentrator, whose packet forwarder does not tell it.
    case forwarder = 4
  }

  /// One channel that has been measured. Powers are hundredths of dBm.
  public struct Channel: Equatable, Sendable {
    static var fieldCount: Int { 8 }

    /// Its number in the region's plan.
    public var index: UInt8 = 0
    public var frequencyHertz: UInt32 = 0
    /// Measurements since the radio came; at least 1.
    public var count: UInt32 = 1
    /// Of the last one, since the agent's start.
    public var milliseconds: Int64 = 0
    public var lastCentidecibelMilliwatts: Int16 = 0
    /// These three of the last five measurements.
    public var medianCentidecibelMilliwatts: Int16 = 0
    public var lowestCentidecibelMilliwatts: Int16 = 0
    public var highestCentidecibelMilliwatts: Int16 = 0

    public init() {}
  }

  /// CN470 has most channels.
  public static var capacity: Int { 96 }

  /// Since the agent's start.
  public var uptimeMilliseconds: Int64 = 0
  /// A `RadioKind`; 0 before it is identified.
  public var kindNumber: UInt8 = 0
  /// A `Source`, or a number of a newer agent's.
  public var sourceNumber: UInt8 = 0
  /// Channels of the plan; 0 without a radio.
  public var planChannelCount: UInt8 = 0
  /// Those that have been measured, by their number.
  public var channels = FixedArray<96, Channel>(filler: Channel())

  public init() {}

  public var source: Source? { Source(rawValue: sourceNumber) }

  func encode(into encoder: inout CBOREncoder) {
    encoder.integer(uptimeMilliseconds)
    encoder.unsigned(UInt64(kindNumber))
    encoder.unsigned(UInt64(sourceNumber))
    encoder.unsigned(UInt64(planChannelCount))
    encoder.arrayHead(count: channels.count)
    for index in channels.indices {
      let channel = channels[index]
      encoder.arrayHead(count: Channel.fieldCount)
      encoder.unsigned(UInt64(channel.index))
      encoder.unsigned(UInt64(channel.frequencyHertz))
      encoder.unsigned(UInt64(channel.count))
      encoder.integer(channel.milliseconds)
      encoder.integer(Int64(channel.lastCentidecibelMilliwatts))
      encoder.integer(Int64(channel.medianCentidecibelMilliwatts))
      encoder.integer(Int64(channel.lowestCentidecibelMilliwatts))
      encoder.integer(Int64(channel.highestCentidecibelMilliwatts))
    }
  }

  init(reading decoder: inout CBORDecoder) throws(CBORDecoder.Failure) {
    uptimeMilliseconds = try decoder.integer()
    guard uptimeMilliseconds >= 0 else { throw .outOfRange }
    kindNumber = try decoder.unsigned(as: UInt8.self)
    sourceNumber = try decoder.unsigned(as: UInt8.self)
    planChannelCount = try decoder.unsigned(as: UInt8.self)
    let found = try decoder.arrayHead()
    guard found <= Self.capacity else { throw .outOfRange }
    for _ in 0..<found {
      let channel = try Channel(reading: &decoder)
      // Rising, so that none comes twice.
      guard channels.isEmpty || channels[channels.count - 1].index < channel.index else {
        throw .outOfRange
      }
      channels.append(channel)
    }
  }
}

extension NoiseLevels.Channel {
  fileprivate init(reading decoder: inout CBORDecoder) throws(CBORDecoder.Failure) {
    try decoder.expectArray(count: Self.fieldCount)
    index = try decoder.unsigned(as: UInt8.self)
    frequencyHertz = try decoder.unsigned(as: UInt32.self)
    count = try decoder.unsigned(as: UInt32.self)
    milliseconds = try decoder.integer()
    lastCentidecibelMilliwatts = try decoder.int16()
    medianCentidecibelMilliwatts = try decoder.int16()
    lowestCentidecibelMilliwatts = try decoder.int16()
    highestCentidecibelMilliwatts = try decoder.int16()
    let range = (lowest: lowestCentidecibelMilliwatts, highest: highestCentidecibelMilliwatts)
    guard count > 0, milliseconds >= 0, range.lowest <= range.highest,
      (range.lowest...range.highest).contains(lastCentidecibelMilliwatts),
      (range.lowest...range.highest).contains(medianCentidecibelMilliwatts)
    else { throw .outOfRange }
  }
}

extension CBORDecoder {
  @_lifetime(self: copy self)
  fileprivate mutating func int16() throws(Failure) -> Int16 {
    guard let value = Int16(exactly: try integer()) else { throw .outOfRange }
    return value
  }
}
