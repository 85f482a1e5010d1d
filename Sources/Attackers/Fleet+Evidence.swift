import Coverage
import CoverageVerifier
import LoRa
import Proofs
import Records

/// Leaves as they are archived, of what a fleet did.
extension Fleet {
  /// Milliseconds since boot at a moment.
  func boot(_ utc: Int64) -> Int64 { utc - FleetCourse.start }

  static func leaf<Value: Sendable>(
    _ index: Int, _ value: Value, at utc: Int64, receipt: Int64, standing: LogStanding = .sound,
    epoch: UInt64 = 0, isInClosedEpoch: Bool = false
  ) -> ArchivedLeaf<Value> {
    ArchivedLeaf(
      epoch: epoch, index: UInt64(index), boot: 1, milliseconds: utc - FleetCourse.start,
      value: value, standing: standing, receiptUTCMilliseconds: receipt,
      isInClosedEpoch: isInClosedEpoch)
  }

  /// A node's leaves of one window have numbers of their own.
  static func index(_ window: Int, _ place: Int) -> Int { window * 10_000 + place }

  /// All of the sender's own, and no witness yet.
  func evidence(_ transmission: Transmission) -> BeaconEvidence {
    let window = course.windows[transmission.window]
    let node = nodes[transmission.sender]
    func at(_ place: Int) -> Int { Self.index(transmission.window, place) }
    let reveal = window.order.window.revealUTCMilliseconds + 1_000
    let start = transmission.startUTC
    return BeaconEvidence(
      challenge: window.challenge, plan: course.plan, sender: node.evidence,
      challengeLeaves: [
        Self.leaf(
          at(1), window.challenge.hash, at: window.issued + 2_000, receipt: window.issued + 30_000)
      ],
      intents: [
        Self.leaf(
          at(2), BeaconIntent(number: window.number, frameHash: transmission.frame.hash),
          at: window.issued + 3_000, receipt: start + 600_000)
      ],
      sents: [
        Self.leaf(
          at(3),
          SentBeacon(
            number: window.number, isRetry: false, startMilliseconds: boot(start),
            timeOnAirMicroseconds: transmission.airtime, frequencyHertz: transmission.frequency,
            spreadingFactor: transmission.factor, isConfirmed: true), at: start + 2_000,
          receipt: start + 600_000)
      ],
      reveals: [
        Self.leaf(
          at(4),
          BeaconReveal(
            number: window.number, link: node.link(transmission.window),
            powerCentidecibelMilliwatts: transmission.power), at: reveal, receipt: reveal + 60_000)
      ], witnesses: [])
  }

  /// A witness leaf of what a radio said, or of what somebody says it said.
  func witness(
    _ heard: Heard, of transmission: Transmission, frame: BeaconFrame? = nil,
    receipt: Int64? = nil, place: Int = 0
  ) -> WitnessEvidence? {
    guard
      let reception = Reception(
        endMilliseconds: boot(heard.endUTC), uncertaintyMilliseconds: 2,
        frequencyHertz: transmission.frequency, spreadingFactor: transmission.factor,
        bandwidthHertz: 125_000, codingRateDenominator: 5,
        rssiCentidecibelMilliwatts: heard.rssi, signalCentidecibelMilliwatts: nil,
        snrCentidecibels: heard.snr, frequencyErrorHertz: heard.frequencyError)
    else { return nil }
    let leaf = Self.leaf(
      Self.index(transmission.window, 100 + transmission.sender * 4 + place),
      BeaconWitness(frame: (frame ?? transmission.frame).bytes, reception: reception),
      at: heard.endUTC + 5, receipt: receipt ?? heard.endUTC + 900_000)
    return WitnessEvidence(node: nodes[heard.witness].evidence, leaf: leaf)
  }
}
