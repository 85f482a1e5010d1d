import FixedMemory
import LoRa

/// A frame from the air, with all that its radio told about it. What the radio did not tell is nil, and never a
/// guess.
public struct ReceivedFrame: Equatable, Sendable {
  /// What the radio says of the frame's checksum.
  public enum Checksum: UInt8, Sendable {
    /// There was one, and it is right.
    case right = 1
    /// There was one, and it is wrong: the bytes are not those that were sent.
    case wrong = 2
    /// The sender used none.
    case absent = 3
    /// The module gives frames with a right checksum, or without one, and does not tell which.
    case checkedByModule = 4
  }

  /// How the power figures came to be.
  public enum Correction: UInt8, Sendable {
    /// As the module's firmware computed them, by a method that its maker does not tell.
    case ofFirmware = 1
    /// SX126x: −value / 2 (data sheet rev. 2.1, section 13.5.3).
    case sx126x = 2
    /// SX1276 and relatives from 779 MHz up: −157 dBm and 16/15 (data sheet rev. 7, section 5.5.5).
    case sx127xHighBand = 3
    /// The same up to 525 MHz: −164 dBm.
    case sx127xLowBand = 4
    /// SX1272: −139 dBm.
    case sx1272 = 5
    /// A concentrator's packet forwarder, with the offset of its own configuration in it.
    case ofForwarder = 6
  }

  /// Invariant: what stands behind `byteCount` is zero.
  @usableFromInline var storage = FixedBytes<255>()
  public private(set) var byteCount: UInt8 = 0
  /// The channel that the radio was set to.
  public var frequencyHertz: UInt32 = 0
  public var spreadingFactor: UInt8 = 0
  public var bandwidth = Modulation.Bandwidth.khz125
  /// As the frame's header has it, where the radio tells that (chips), else the setting's (modules).
  public var codingRateDenominator: UInt8 = 5
  /// Power in the channel while the packet lasted, noise included.
  public var packetRSSICentidecibelMilliwatts: Int32?
  /// Power of the signal alone, where the radio measures it.
  public var signalRSSICentidecibelMilliwatts: Int32?
  public var snrCentidecibels: Int32?
  /// The sender's carrier against the radio's own: positive when it is higher.
  public var frequencyErrorHertz: Int32?
  /// When the reception's end was seen, by the clock that `step` was given.
  public var receivedMilliseconds: Int64 = 0
  public var checksum = Checksum.checkedByModule
  public var correction = Correction.ofFirmware

  /// Empty: a place for `step` to put a frame.
  public init() {}

  /// The frame as it was sent. Transparent for the reason given at `FixedBytes.span`.
  public var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    @_transparent
    borrowing get { storage.span.extracting(0..<Int(byteCount)) }
  }

  /// Adds a byte, and says whether there was room.
  public mutating func offer(byte: UInt8) -> Bool {
    guard byteCount < 255 else { return false }
    storage[Int(byteCount)] = byte
    byteCount += 1
    return true
  }

  /// Forgets the bytes.
  public mutating func removeBytes() {
    storage = FixedBytes()
    byteCount = 0
  }

  /// Takes over what is known from the setting alone.
  mutating func begin(_ setting: RadioSetting, atMilliseconds now: Int64) {
    self = ReceivedFrame()
    frequencyHertz = setting.frequencyHertz
    spreadingFactor = setting.modulation.spreadingFactor
    bandwidth = setting.modulation.bandwidth
    codingRateDenominator = setting.modulation.codingRateDenominator
    receivedMilliseconds = now
  }

  /// As a chip read it from the header: 1 to 4. Any other is no rate, and leaves the setting's.
  mutating func take(codingRate: UInt8) {
    if (1...4).contains(codingRate) { codingRateDenominator = codingRate + 4 }
  }
}
