import FixedMemory

/// One rxpk of a PUSH_DATA: a LoRa frame that a concentrator has heard, with what its forwarder tells of it. What is
/// not told is nil.
public struct ReceivedPacket: Equatable, Sendable {
  /// The concentrator's clock at the frame's end, in microseconds; wraps after 71.6 minutes.
  public var concentratorMicroseconds: UInt32?
  public var frequencyHertz: UInt32 = 0
  public var spreadingFactor: UInt8 = 0
  public var bandwidthHertz: UInt32 = 0
  public var codingRateDenominator: UInt8 = 5
  /// Power in the channel, noise included; with the offset of the forwarder's own configuration in it.
  public var packetRSSICentidecibelMilliwatts: Int32?
  public var signalRSSICentidecibelMilliwatts: Int32?
  public var snrCentidecibels: Int32?
  public var frequencyErrorHertz: Int32?
  /// Nanoseconds since the last second of the GPS, 0 to 999 999 999.
  public var fineNanoseconds: UInt32?
  /// 1 right, 2 wrong, 3 absent, 4 not told: the numbers of `ReceivedFrame.Checksum`.
  public var checksum: UInt8 = 4
  /// Invariant: what stands behind `byteCount` is zero.
  @usableFromInline var storage = FixedBytes<255>()
  public internal(set) var byteCount: UInt8 = 0

  public init() {}

  /// The frame as it was sent. Transparent for the reason given at `FixedBytes.span`.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    @_transparent
    borrowing get { storage.span.extracting(0..<Int(byteCount)) }
  }
}
