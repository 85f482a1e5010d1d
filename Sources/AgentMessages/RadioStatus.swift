import CBOR

/// How the agent's radio is, as flat numbers: an item of the status (docs/agent-socket.md).
public struct RadioStatus: Equatable, Sendable {
  static var fieldCount: Int { 17 }

  /// Its line is open.
  public var isAttached = false
  /// A `RadioKind`; 0 before it is identified.
  public var kindNumber: UInt8 = 0
  /// A `RadioState`.
  public var stateNumber: UInt8 = 0
  /// What it listens to; nil while it is not set.
  public var frequencyHertz: UInt32?
  public var spreadingFactor: UInt8?
  /// Of all kinds, in this boot.
  public var frameCount: UInt64 = 0
  /// Witness leaves of this boot.
  public var witnessCount: UInt64 = 0
  /// Since the agent's start; nil: none came.
  public var lastFrameMilliseconds: Int64?
  public var lastRSSICentidecibelMilliwatts: Int32?
  public var lastSNRCentidecibels: Int32?
  /// A `FaultCode`; 0: none in this boot.
  public var lastFaultNumber: UInt16 = 0

  /// The site lets it transmit.
  public var transmits = false
  /// Sent leaves of this boot.
  public var sentCount: UInt64 = 0
  /// A `BeaconReason`: why the last beacon of this boot that was not sent was not; 0: each was sent, or none was due.
  public var lastReasonNumber: UInt8 = 0
  /// What is left of the hour in the sub-band that it is set to, in microseconds; nil: no such limit, or not set.
  public var airtimeLeftMicroseconds: UInt64?

  /// How far the clock may be off by now; nil: nobody has told the time in this boot.
  public var clockErrorMilliseconds: UInt64?
  /// What the last challenge with rules for beacons allows; nil: none came in this boot.
  public var clockLimitMilliseconds: UInt32?

  /// Not there, nothing heard.
  public init() {}

  func encode(into encoder: inout CBOREncoder) {
    encoder.arrayHead(count: Self.fieldCount)
    encoder.boolean(isAttached)
    encoder.unsigned(UInt64(kindNumber))
    encoder.unsigned(UInt64(stateNumber))
    if let frequencyHertz { encoder.unsigned(UInt64(frequencyHertz)) } else { encoder.null() }
    if let spreadingFactor { encoder.unsigned(UInt64(spreadingFactor)) } else { encoder.null() }
    encoder.unsigned(frameCount)
    encoder.unsigned(witnessCount)
    encoder.optional(lastFrameMilliseconds)
    encoder.optional(lastRSSICentidecibelMilliwatts.map { Int64($0) })
    encoder.optional(lastSNRCentidecibels.map { Int64($0) })
    encoder.unsigned(UInt64(lastFaultNumber))
    encoder.boolean(transmits)
    encoder.unsigned(sentCount)
    encoder.unsigned(UInt64(lastReasonNumber))
    if let left = airtimeLeftMicroseconds { encoder.unsigned(left) } else { encoder.null() }
    if let error = clockErrorMilliseconds { encoder.unsigned(error) } else { encoder.null() }
    if let limit = clockLimitMilliseconds {
      encoder.unsigned(UInt64(limit))
    } else {
      encoder.null()
    }
  }

  init(reading decoder: inout CBORDecoder) throws(CBORDecoder.Failure) {
    guard try decoder.arrayHead() == Self.fieldCount else { throw .outOfRange }
    isAttached = try decoder.boolean()
    kindNumber = try decoder.unsigned(as: UInt8.self)
    stateNumber = try decoder.unsigned(as: UInt8.self)
    frequencyHertz = try decoder.skipNull() ? nil : try decoder.unsigned(as: UInt32.self)
    spreadingFactor = try decoder.skipNull() ? nil : try decoder.unsigned(as: UInt8.self)
    frameCount = try decoder.unsigned()
    witnessCount = try decoder.unsigned()
    lastFrameMilliseconds = try decoder.skipNull() ? nil : try decoder.integer()
    if let milliseconds = lastFrameMilliseconds {
      guard milliseconds >= 0 else { throw .outOfRange }
    }
    lastRSSICentidecibelMilliwatts = try decoder.optionalInt32()
    lastSNRCentidecibels = try decoder.optionalInt32()
    lastFaultNumber = try decoder.unsigned(as: UInt16.self)
    transmits = try decoder.boolean()
    sentCount = try decoder.unsigned()
    lastReasonNumber = try decoder.unsigned(as: UInt8.self)
    airtimeLeftMicroseconds = try decoder.skipNull() ? nil : try decoder.unsigned()
    clockErrorMilliseconds = try decoder.skipNull() ? nil : try decoder.unsigned()
    clockLimitMilliseconds =
      try decoder.skipNull() ? nil : try decoder.unsigned(as: UInt32.self)
  }
}

extension CBOREncoder {
  @_lifetime(self: copy self)
  mutating func optional(_ value: Int64?) {
    if let value { integer(value) } else { null() }
  }
}

extension CBORDecoder {
  @_lifetime(self: copy self)
  mutating func optionalInt32() throws(Failure) -> Int32? {
    if try skipNull() { return nil }
    guard let value = Int32(exactly: try integer()) else { throw .outOfRange }
    return value
  }
}
