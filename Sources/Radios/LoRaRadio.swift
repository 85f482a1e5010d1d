import FixedMemory

/// A LoRa radio, whatever it is made of. Hand-cranked: a request only notes what is wanted, `step` does a little of
/// it and returns what has become of it. So one loop serves a radio beside all else, and a test turns it by hand.
///
///     begin ──► identified ──► configure ──► configured = listening ──► received, received …
///                                  ▲                │ transmit ──► transmitted, listening again
///                                  └────────────────┘ measureNoise ──► noise, listening again
///
/// A configured radio that has nothing else to do listens. What a loop does with a radio:
///
///     loop:  wait until nextStep, or until the port is readable (DIO1 rises)
///            repeat step until it returns nil
///
/// Rules for every implementation:
/// 1. No call waits longer than `RadioBounds.stepMilliseconds`. What takes longer is taken up again by the next step.
/// 2. Every request ends in one event: its own, or `failed` with it. Each command has a time, each retry a bound.
/// 3. Deafness is looked for: while it listens, the radio's status is asked for at least every
///    `RadioBounds.statusPollMilliseconds`, whatever comes or does not. Where an interrupt line tells of frames, its
///    level is read in each step, and again after the interrupt was cleared: an edge alone is never waited for.
/// 4. After `RadioBounds.failuresBeforeReset` failures in a row the radio is reset, identified and set anew by itself,
///    which `reset` tells. After `RadioBounds.resetsBeforeFailed` resets without success it is `failed`, touches its
///    bus no more, and waits for `begin`.
/// 5. Bytes from the radio never trap, and never make a frame that is not whole.
/// 6. A transmission is never repeated by the driver: it may have been on the air.
public protocol LoRaRadio: ~Copyable {
  /// Which radio, once it is identified: by what it answers, never by its address or USB id.
  var identity: RadioIdentity? { get }
  /// Nil until it is identified.
  var capabilities: RadioCapabilities? { get }
  var state: RadioState { get }
  /// The setting that the radio listens and sends with, once it is configured.
  var setting: RadioSetting? { get }
  var counts: RadioCounts { get }
  /// When the last transmission's command had reached the radio, or may have; nil: the radio can't have sent it.
  var frameHandedOverMilliseconds: Int64? { get }

  /// Identifies the radio and puts it into a known state; after a failure too. Ends in `identified` or `failed`.
  mutating func begin(atMilliseconds now: Int64)
  /// Ends in `configured`; the radio then listens. A setting that is already there ends at once, too.
  mutating func configure(_ setting: RadioSetting, atMilliseconds now: Int64) throws(RadioRefusal)
  /// Sends one frame with the present setting; budget and rules are the caller's. Ends in `transmitted`, or in
  /// `failed`: then it may have been on the air all the same.
  mutating func transmit(_ bytes: Span<UInt8>, atMilliseconds now: Int64) throws(RadioRefusal)
  /// The power in the channel now. Ends in `noise`.
  mutating func measureNoise(atMilliseconds now: Int64) throws(RadioRefusal)

  /// Does what can be done now, and returns the next event; nil when there is none. With `received`, the frame is in
  /// `frame`, which is untouched by every other event.
  mutating func step(atMilliseconds now: Int64, frame: inout ReceivedFrame) -> RadioEvent?
  /// When `step` is due at the latest, without anything that comes from the radio.
  func nextStep(atMilliseconds now: Int64) -> Int64
}

/// The bounds that every radio keeps.
public enum RadioBounds {
  /// No call waits longer: what a line of 9600 baud needs for 32 bytes, twice over, and 30 ms for a converter.
  public static var stepMilliseconds: Int64 { 100 }
  /// What a radio's serial line is opened with, for a converter that is slow to take bytes.
  public static var lineMarginMilliseconds: UInt32 { 30 }
  /// A radio that went deaf is found within this time and one more command's.
  public static var statusPollMilliseconds: Int64 { 60_000 }
  /// After so long without a frame the setting is written anew: a radio can answer as always and be deaf.
  public static var silenceBeforeRenewalMilliseconds: Int64 { 900_000 }
  public static var failuresBeforeReset: UInt8 { 3 }
  public static var resetsBeforeFailed: UInt8 { 3 }
}

public enum RadioState: UInt8, Sendable {
  /// Nobody has called `begin`.
  case unknown = 0
  /// Being identified, or reset.
  case starting
  /// Identified, without a setting.
  case ready
  case configuring
  case listening
  case transmitting
  case measuring
  /// Given up: `begin` tries anew.
  case failed
}

/// What was asked of a radio.
public enum RadioRequest: UInt8, Sendable {
  case begin = 1
  case configure
  case transmit
  case measureNoise
  /// What the driver does by itself: listening and asking for the status.
  case listen
}

/// What has become of a request, or has come from the air.
public enum RadioEvent: Equatable, Sendable {
  case identified
  case configured
  /// The frame is where `step` was told to put it.
  case received
  case transmitted(TransmissionReport)
  case noise(rssiCentidecibelMilliwatts: Int32)
  /// The request ended without success. The state says whether the radio is of use still.
  case failed(RadioRequest, RadioFailure)
  /// The radio is not in reception although it should be, and perhaps since this time. It is set anew, or reset:
  /// `configured` or `failed` follows.
  case deaf(sinceMilliseconds: Int64)
  /// The radio was reset for this reason, and is set anew; listening again comes as `configured`.
  case reset(RadioFailure)
  /// Something is not as it should be, and the radio is used all the same.
  case noticed(RadioFailure)
}

/// What is known of a transmission.
public struct TransmissionReport: Equatable, Sendable {
  /// Not before this time, by the clock that `step` was given: the last byte of the command was handed over then.
  public let startedMilliseconds: Int64
  /// When the radio's word of the end came.
  public let endedMilliseconds: Int64
  /// Computed from setting and length.
  public let airtimeMicroseconds: UInt32
  /// What was set: radios do not measure it.
  public let powerCentidecibelMilliwatts: Int32

  public init(
    startedMilliseconds: Int64, endedMilliseconds: Int64, airtimeMicroseconds: UInt32,
    powerCentidecibelMilliwatts: Int32
  ) {
    self.startedMilliseconds = startedMilliseconds
    self.endedMilliseconds = endedMilliseconds
    self.airtimeMicroseconds = airtimeMicroseconds
    self.powerCentidecibelMilliwatts = powerCentidecibelMilliwatts
  }
}

/// What a radio has seen since it was made. Every count stays at its largest value.
public struct RadioCounts: Equatable, Sendable {
  public internal(set) var received: UInt32 = 0
  public internal(set) var transmitted: UInt32 = 0
  /// Frames with a wrong checksum, where the radio tells of them.
  public internal(set) var checksumWrong: UInt32 = 0
  /// Lines or frames that are cut, too long, or say nothing possible.
  public internal(set) var garbled: UInt32 = 0
  /// Commands without an answer in time.
  public internal(set) var unanswered: UInt32 = 0
  public internal(set) var resets: UInt32 = 0
  public internal(set) var deaf: UInt32 = 0

  public init() {}

  static func count(_ counter: inout UInt32) {
    if counter < .max { counter += 1 }
  }
}
