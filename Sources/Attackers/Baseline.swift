import CoverageVerifier
import Foundation

/// What the best-known network's verifier looked at, for one beacon and one witness of it. Its rules, as far as they
/// tell an attack from an honest report: an order of checks, of which the first that fails decides.
///
/// Its times are those of arrival, its seeds rest on public entropy and on bytes that the sender chooses, its power is
/// what the sender says; it reads no SNR, no datarate of the witness, no time stamp, and no archive of signed leaves.
struct Baseline {
  /// Of the beacon's report.
  struct Beacon {
    var isEnrolled = true
    /// Of the entropy that it names, when the report arrives: at most 180.
    var entropyAgeSeconds = 20
    /// Six hours have passed since the key's last beacon.
    var isInNewInterval = true
    /// Payload, channel and datarate follow from the entropy and the sender's own bytes.
    var followsEntropy = true
    var powerDBM = 14.0
    var frequency = 868_100_000.0
  }

  struct Witness {
    var isEnrolled = true
    var isSender = false
    var isSecondOfItsKey = false
    /// Against the first report of the beacon, in milliseconds.
    var lateMilliseconds = 400
    /// The sender's report came first of all.
    var beaconCameFirst = true
    var hasThePayload = true
    var frequencyAwayHertz = 0.0
    /// Between the claimed places.
    var metres = 0.0
    var rssiDBM = 0.0
    /// Of both antennas.
    var gains = 4.3
  }

  static let entropySeconds = 180
  static let lateAfterBeacon = 4_000
  static let lateAfterWitness = 1_500
  static let frequencyHertz = 100_000.0
  /// Eight cells of 11th resolution: 24.9 m of edge, 50 m from one to the next.
  static let leastMetres = 8 * 50.0
  static let mostMetres = 101_000.0
  /// So many witnesses of a beacon are rewarded, in the order of arrival.
  static let rewarded = 14

  static func counts(_ beacon: Beacon) -> Bool {
    beacon.isEnrolled && (0...entropySeconds).contains(beacon.entropyAgeSeconds)
      && beacon.isInNewInterval && beacon.followsEntropy
  }

  enum Finding: Equatable {
    case counts
    case tooNear
    /// For its power alone: so many half decibels above the limit, rounded up.
    case tooLoud(halfDecibels: Int)
    case refused
  }

  static func counts(_ witness: Witness, of beacon: Beacon) -> Bool {
    finding(witness, of: beacon) == .counts
  }

  static func finding(_ witness: Witness, of beacon: Beacon) -> Finding {
    guard counts(beacon), witness.isEnrolled, !witness.isSender, !witness.isSecondOfItsKey,
      witness.lateMilliseconds
        <= (witness.beaconCameFirst ? lateAfterBeacon : lateAfterWitness),
      witness.hasThePayload, witness.frequencyAwayHertz <= frequencyHertz,
      witness.metres < mostMetres
    else { return .refused }
    guard witness.metres >= leastMetres else { return .tooNear }
    let way = 4 * Double.pi * max(1, witness.metres) * beacon.frequency / 2.998e8
    let above = witness.rssiDBM - beacon.powerDBM - witness.gains + 20 * log10(way)
    return above <= 0 ? .counts : .tooLoud(halfDecibels: Int((2 * above).rounded(.up)))
  }
}

/// A beacon counts only of who has lately been a witness that counts, and a witness only of who has lately sent a
/// beacon that counts. Honest nodes have.
struct BaselineReciprocity {
  private var hasHeard: Set<Int> = []
  private var wasHeard: Set<Int> = []
  private let honest: Int

  init(_ outcomes: [Outcome], honest: Int) {
    self.honest = honest
    for outcome in outcomes where outcome.baseline == .counts {
      hasHeard.insert(outcome.witness)
      wasHeard.insert(outcome.sender)
    }
  }

  func finding(_ outcome: Outcome) -> Baseline.Finding {
    let isKnown =
      (outcome.sender < honest || hasHeard.contains(outcome.sender))
      && (outcome.witness < honest || wasHeard.contains(outcome.witness))
    return isKnown ? outcome.baseline : .refused
  }
}
