import FixedMemory
import LoRa
import Proofs
import Records

/// What a challenge with rules for beacons asks of a node.
public struct BeaconOrder: Sendable {
  public let number: UInt32
  public let nonce: Digest
  public let window: CoverageWindow
  public var policy: CoveragePolicy { window.policy }

  /// Nil for a challenge without such rules, and for numbers of 2^32 and more.
  public init?(_ challenge: Challenge) {
    guard let policy = challenge.coverage, let number = UInt32(exactly: challenge.number),
      number > 0,
      let window = CoverageWindow(
        issuedUTCMilliseconds: challenge.issuedUTCMilliseconds, policy: policy)
    else { return nil }
    self.number = number
    nonce = challenge.nonce
    self.window = window
  }
}

/// The agent's clocks at one moment.
public struct NodeTime: Equatable, Sendable {
  /// Since the boot began; never goes back.
  public let milliseconds: Int64
  /// Nil when it is not known.
  public let utcMilliseconds: Int64?
  public let uncertaintyMilliseconds: UInt64

  public init(milliseconds: Int64, utcMilliseconds: Int64?, uncertaintyMilliseconds: UInt64) {
    self.milliseconds = milliseconds
    self.utcMilliseconds = utcMilliseconds
    self.uncertaintyMilliseconds = uncertaintyMilliseconds
  }

  /// The clock is known, and as well as the rules ask for.
  public func isGoodEnough(for policy: CoveragePolicy) -> Bool {
    utcMilliseconds != nil
      && uncertaintyMilliseconds <= UInt64(policy.maximumUncertaintyMilliseconds)
  }
}

/// A beacon that the radio is to send.
public struct BeaconTransmission: Equatable, Sendable {
  public let number: UInt32
  public let isRetry: Bool
  /// When the first symbol goes out: milliseconds since the boot began.
  public let startMilliseconds: Int64
  /// Later than this it is not begun.
  public let latestMilliseconds: Int64
  public let frame: BeaconFrame
  public let frequencyHertz: UInt32
  public let spreadingFactor: UInt8
  public let timeOnAirMicroseconds: UInt32
  public let powerCentidecibelMilliwatts: Int32
}

public enum BeaconEvent: Sendable {
  /// A challenge whose hash stands in the log.
  case challenge(BeaconOrder)
  /// Nothing but time; at least each half second.
  case tick
  /// The intent leaf of this challenge is on the disk.
  case intentDurable(number: UInt32)
  /// The log cannot take the intent: its spool is full, or broken.
  case intentFailed(number: UInt32)
  /// The radio has sent it, or was told to and did not say (`isConfirmed` false). Power nil: not known.
  case transmitted(
    number: UInt32, startMilliseconds: Int64, powerCentidecibelMilliwatts: Int32?,
    isConfirmed: Bool)
  /// It was not sent, and is not on the air.
  case refused(number: UInt32, BeaconReason)
}

public enum BeaconAction: Equatable, Sendable {
  /// Append this leaf, and say when it is durable.
  case writeIntent(BeaconIntent)
  case transmit(BeaconTransmission)
  case writeSent(SentBeacon)
  case writeReveal(BeaconReveal)
  /// Append the event: number of the challenge or 0, why.
  case writeNotSent(number: UInt32, BeaconReason)
}

/// What one event leads to: at most one action for each beacon in hand, each reveal that is due, and one more.
public typealias BeaconActions = FixedArray<8, BeaconAction>
