import FixedMemory

/// What the leaves of coverage hold (docs/coverage-protocol.md, "Leaves"). Powers and ratios are hundredths of a
/// decibel, times milliseconds since the boot began, frequencies hertz.

/// Kind 8: a beacon that is going to be sent. Durable before it is.
public struct BeaconIntent: Equatable, Sendable {
  /// Of the challenge: 1 to 2^32 - 1.
  public let number: UInt32
  /// SHA-256 of the frame: nobody learns from the log what is on the air.
  public let frameHash: FixedBytes<32>

  public init(number: UInt32, frameHash: FixedBytes<32>) {
    self.number = number
    self.frameHash = frameHash
  }
}

/// Kind 9: a beacon was sent. The leaf's schema is the radio.
public struct SentBeacon: Equatable, Sendable {
  public let number: UInt32
  /// True: in a slot of the reserve, after the first attempt came to nothing.
  public let isRetry: Bool
  public let startMilliseconds: Int64
  public let timeOnAirMicroseconds: UInt32
  public let frequencyHertz: UInt32
  public let spreadingFactor: UInt8
  /// The radio said that it has sent it. False: it was told to, and did not say.
  public let isConfirmed: Bool

  /// Start and factor are brought within what a record may hold.
  public init(
    number: UInt32, isRetry: Bool, startMilliseconds: Int64, timeOnAirMicroseconds: UInt32,
    frequencyHertz: UInt32, spreadingFactor: UInt8, isConfirmed: Bool
  ) {
    self.number = number
    self.isRetry = isRetry
    self.startMilliseconds = max(0, startMilliseconds)
    self.timeOnAirMicroseconds = timeOnAirMicroseconds
    self.frequencyHertz = frequencyHertz
    self.spreadingFactor = min(12, max(5, spreadingFactor))
    self.isConfirmed = isConfirmed
  }
}

/// Kind 10: the link of the hash chain from which everything about this beacon, and all before it, follows.
public struct BeaconReveal: Equatable, Sendable {
  public let number: UInt32
  public let link: FixedBytes<32>
  /// At the radio's output, as it was set; nil when it is not known any more.
  public let powerCentidecibelMilliwatts: Int32?

  /// A power that no record may hold is none that is known: such a leaf would be refused with all that is signed
  /// beside it.
  public init(number: UInt32, link: FixedBytes<32>, powerCentidecibelMilliwatts: Int32?) {
    self.number = number
    self.link = link
    let power = powerCentidecibelMilliwatts ?? 0
    self.powerCentidecibelMilliwatts =
      Reception.decibelRange.contains(power) ? powerCentidecibelMilliwatts : nil
  }
}

/// What a radio says of a frame that it heard.
public struct Reception: Equatable, Sendable {
  /// Powers and ratios that a record may hold: no radio comes near the ends.
  public static var decibelRange: ClosedRange<Int32> { -30_000...10_000 }
  public static var frequencyErrorRange: ClosedRange<Int32> { -1_000_000...1_000_000 }

  /// When the last symbol was in.
  public let endMilliseconds: Int64
  /// How far off that may be because of the way from the radio to the agent's clock.
  public let uncertaintyMilliseconds: UInt32
  public let frequencyHertz: UInt32
  public let spreadingFactor: UInt8
  public let bandwidthHertz: UInt32
  /// N of the coding rate 4/N.
  public let codingRateDenominator: UInt8
  /// Power in the channel while the packet was there, with the correction in it.
  public let rssiCentidecibelMilliwatts: Int32
  /// The signal's own power as the radio has it; nil where it does not tell.
  public let signalCentidecibelMilliwatts: Int32?
  public let snrCentidecibels: Int32?
  public let frequencyErrorHertz: Int32?
  /// Number of the `RSSICorrection`.
  public let correctionNumber: UInt64
  /// What was added to the radio's own figure.
  public let correctionCentidecibels: Int32

  /// Nil for what is outside of what a record may hold.
  public init?(
    endMilliseconds: Int64, uncertaintyMilliseconds: UInt32, frequencyHertz: UInt32,
    spreadingFactor: UInt8, bandwidthHertz: UInt32, codingRateDenominator: UInt8,
    rssiCentidecibelMilliwatts: Int32, signalCentidecibelMilliwatts: Int32?,
    snrCentidecibels: Int32?, frequencyErrorHertz: Int32?, correctionNumber: UInt64 = 0,
    correctionCentidecibels: Int32 = 0
  ) {
    guard endMilliseconds >= 0, (5...12).contains(spreadingFactor),
      (5...8).contains(codingRateDenominator),
      Self.decibelRange.contains(rssiCentidecibelMilliwatts),
      Self.decibelRange.contains(signalCentidecibelMilliwatts ?? 0),
      Self.decibelRange.contains(snrCentidecibels ?? 0),
      Self.frequencyErrorRange.contains(frequencyErrorHertz ?? 0),
      Self.decibelRange.contains(correctionCentidecibels)
    else { return nil }
    self.endMilliseconds = endMilliseconds
    self.uncertaintyMilliseconds = uncertaintyMilliseconds
    self.frequencyHertz = frequencyHertz
    self.spreadingFactor = spreadingFactor
    self.bandwidthHertz = bandwidthHertz
    self.codingRateDenominator = codingRateDenominator
    self.rssiCentidecibelMilliwatts = rssiCentidecibelMilliwatts
    self.signalCentidecibelMilliwatts = signalCentidecibelMilliwatts
    self.snrCentidecibels = snrCentidecibels
    self.frequencyErrorHertz = frequencyErrorHertz
    self.correctionNumber = correctionNumber
    self.correctionCentidecibels = correctionCentidecibels
  }
}

/// How the radio's own figure became the RSSI of a leaf. Numbers never change their meaning.
public enum RSSICorrection: UInt8, Sendable {
  /// The figure is the radio's.
  case none = 0
  /// Base and slope of the SX127x data sheet.
  case sx127xFormula = 1
  /// An offset of the concentrator board, from its configuration.
  case boardOffset = 2
  /// The same, and one that goes with the temperature.
  case boardOffsetAndTemperature = 3
  /// An offset that the operator has measured.
  case calibrated = 4
}

/// Kind 11: a beacon of another node was heard. The leaf's schema is the radio.
public struct BeaconWitness: Equatable, Sendable {
  public let frame: FixedBytes<24>
  public let reception: Reception

  public init(frame: FixedBytes<24>, reception: Reception) {
    self.frame = frame
    self.reception = reception
  }
}

/// Kind 12: what a radio listened to in the window of a challenge. The leaf's schema is the radio.
public struct ListenRecord: Equatable, Sendable {
  public enum Mode: UInt8, Sendable {
    /// Channel and spreading factor of each slot, as the rendezvous has them.
    case rendezvous = 0
    /// One channel and one spreading factor.
    case fixed = 1
    /// All channels and spreading factors of the plan at once.
    case everything = 2
  }

  public let number: UInt32
  public let mode: Mode
  /// In mode `fixed` only.
  public let frequencyHertz: UInt32?
  public let spreadingFactor: UInt8?
  public let slots: SlotSet
  /// The power in the channel without a signal: the middle one of what was measured; nil: nothing was.
  public let noiseCentidecibelMilliwatts: Int32?

  /// Nil when channel and spreading factor do not go with the mode.
  public init?(
    number: UInt32, mode: Mode, frequencyHertz: UInt32? = nil, spreadingFactor: UInt8? = nil,
    slots: SlotSet, noiseCentidecibelMilliwatts: Int32?
  ) {
    guard (mode == .fixed) == (frequencyHertz != nil), (mode == .fixed) == (spreadingFactor != nil),
      (5...12).contains(spreadingFactor ?? 7),
      Reception.decibelRange.contains(noiseCentidecibelMilliwatts ?? 0)
    else { return nil }
    self.number = number
    self.mode = mode
    self.frequencyHertz = frequencyHertz
    self.spreadingFactor = spreadingFactor
    self.slots = slots
    self.noiseCentidecibelMilliwatts = noiseCentidecibelMilliwatts
  }
}

/// Slots of a window, at most 1 024: bit j mod 8 of byte j / 8 is slot j. The last byte in use is not zero.
public struct SlotSet: Equatable, Sendable {
  /// Slots of the longest window: 128 bytes leave seven eighths of a leaf to the rest.
  public static var maximumSlotCount: Int { 1024 }

  private var bytes = FixedBytes<128>()
  public private(set) var byteCount = 0

  public init() {}

  /// Nil for more than 128 bytes, and for a last byte of zero.
  public init?(_ source: Span<UInt8>) {
    guard source.count <= 128 else { return nil }
    if source.count > 0 { guard source[source.count - 1] != 0 else { return nil } }
    for index in source.indices { bytes[index] = source[index] }
    byteCount = source.count
  }

  public mutating func insert(_ slot: Int) {
    precondition(slot >= 0 && slot < Self.maximumSlotCount, "a slot outside of any window")
    bytes[slot / 8] |= 1 << UInt8(slot % 8)
    byteCount = max(byteCount, slot / 8 + 1)
  }

  /// A slot that is not there is no mistake.
  public mutating func remove(_ slot: Int) {
    guard contains(slot) else { return }
    bytes[slot / 8] &= ~(1 << UInt8(slot % 8))
    while byteCount > 0, bytes[byteCount - 1] == 0 { byteCount -= 1 }
  }

  public func contains(_ slot: Int) -> Bool {
    guard slot >= 0, slot < Self.maximumSlotCount else { return false }
    return bytes[slot / 8] & 1 << UInt8(slot % 8) != 0
  }

  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { bytes.span.extracting(0..<byteCount) }
  }
}

/// Kind 13: a LoRaWAN frame that was handed on. The leaf's schema is the radio.
public struct ForwardedFrame: Equatable, Sendable {
  /// SHA-256 of the frame.
  public let hash: FixedBytes<32>
  public let byteCount: UInt8
  public let reception: Reception

  public init(hash: FixedBytes<32>, byteCount: UInt8, reception: Reception) {
    self.hash = hash
    self.byteCount = byteCount
    self.reception = reception
  }
}

/// Why a beacon was not sent, in events of code 12. Numbers never change their meaning.
public enum BeaconReason: UInt8, Sendable {
  /// No challenge with rules for beacons came.
  case noChallenge = 1
  /// The clock is not known, or not well enough.
  case noClock = 2
  /// The share of the hour is spent, or not known.
  case airtimeSpent = 3
  /// The region asks for listen-before-talk, which is not built.
  case listenBeforeTalk = 4
  /// The radio was sending something else.
  case radioBusy = 5
  /// There is no radio, or it does not answer.
  case radioGone = 6
  /// The challenge is none of those that the enrolled chain serves.
  case chainNotValid = 7
  /// Rules and region have no channel or datarate in common.
  case noChannel = 8
  /// The slots had passed before it could be sent.
  case tooLate = 9
  /// The log could not make the intent durable.
  case notDurable = 10
  /// The radio said that it could not send it.
  case radioFailed = 11
  /// The plan or the radio has no such power or frequency.
  case notAllowed = 12
  /// The agent was started anew after it had handed it to the radio, and before it was told what became of it.
  case outcomeUnknown = 13
  /// Another challenge has had its link: the gateway was restored, or is another. A new chain begins.
  case linkUsed = 14
}

/// Why frames became no leaves, in events of code 13. Numbers never change their meaning.
public enum FrameRefusal: UInt8, Sendable {
  /// Copies of a kept frame within one time on air, or more of them than are kept.
  case copies = 1
  /// Other frames filled the table: a flood.
  case tableFull = 2
  /// More LoRaWAN frames than leaves are written for.
  case rateLimited = 3
  /// A concentrator heard them, and the agent did not take them from `cairn-forwarder` in time.
  case lostOnTheWay = 4
}

/// Why a radio was reset, in events of code 16. Numbers never change their meaning.
public enum RadioResetReason: UInt8, Sendable {
  case deaf = 1
  /// It did not answer in time.
  case silent = 2
  /// It was in another state than it was put into.
  case wrongState = 3
  /// It started anew by itself.
  case restarted = 4
}
