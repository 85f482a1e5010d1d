import CBOR
import FixedMemory

/// The last frames that the agent's radio heard, the oldest first (docs/agent-socket.md).
public struct HeardFrames: Equatable, Sendable {
  /// One frame, with what the radio told of it. Powers and ratios are hundredths of a decibel.
  public struct Frame: Equatable, Sendable {
    static var fieldCount: Int { 7 }

    /// Since the agent's start.
    public var milliseconds: Int64 = 0
    public var frequencyHertz: UInt32 = 0
    public var spreadingFactor: UInt8 = 0
    public var byteCount: UInt8 = 0
    /// Its first byte: 0xe0 is a beacon's.
    public var firstByte: UInt8 = 0
    public var rssiCentidecibelMilliwatts: Int32?
    public var snrCentidecibels: Int32?

    public init() {}
  }

  public static var capacity: Int { 8 }

  /// Of all kinds, in this boot: the last of `frames` is this one.
  public var count: UInt64 = 0
  public var frames = FixedArray<8, Frame>(filler: Frame())

  public init() {}

  public static func == (left: HeardFrames, right: HeardFrames) -> Bool {
    guard left.count == right.count, left.frames.count == right.frames.count else { return false }
    for index in left.frames.indices where left.frames[index] != right.frames[index] {
      return false
    }
    return true
  }

  func encode(into encoder: inout CBOREncoder) {
    encoder.unsigned(count)
    encoder.arrayHead(count: frames.count)
    for index in frames.indices {
      let frame = frames[index]
      encoder.arrayHead(count: Frame.fieldCount)
      encoder.integer(frame.milliseconds)
      encoder.unsigned(UInt64(frame.frequencyHertz))
      encoder.unsigned(UInt64(frame.spreadingFactor))
      encoder.unsigned(UInt64(frame.byteCount))
      encoder.unsigned(UInt64(frame.firstByte))
      encoder.optional(frame.rssiCentidecibelMilliwatts.map { Int64($0) })
      encoder.optional(frame.snrCentidecibels.map { Int64($0) })
    }
  }

  init(reading decoder: inout CBORDecoder) throws(CBORDecoder.Failure) {
    count = try decoder.unsigned()
    let found = try decoder.arrayHead()
    guard found <= Self.capacity else { throw .outOfRange }
    for _ in 0..<found {
      try decoder.expectArray(count: Frame.fieldCount)
      var frame = Frame()
      frame.milliseconds = try decoder.integer()
      guard frame.milliseconds >= 0 else { throw .outOfRange }
      frame.frequencyHertz = try decoder.unsigned(as: UInt32.self)
      frame.spreadingFactor = try decoder.unsigned(as: UInt8.self)
      frame.byteCount = try decoder.unsigned(as: UInt8.self)
      frame.firstByte = try decoder.unsigned(as: UInt8.self)
      frame.rssiCentidecibelMilliwatts = try decoder.optionalInt32()
      frame.snrCentidecibels = try decoder.optionalInt32()
      frames.append(frame)
    }
  }
}
