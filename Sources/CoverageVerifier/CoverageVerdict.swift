import Coverage
import LoRa
import Proofs
import Records

/// The verdict about one beacon and its witnesses: a pure function of what is archived
/// (docs/coverage-protocol.md, "Verdict").
public enum CoverageVerdict {
  /// Between what an agent orders and what its radio does, and between a frame's end and its time stamp, beyond what
  /// the leaves say: an AT module at 9 600 baud takes so long.
  static let radioLatencyMilliseconds: Int64 = 100
  /// Of a witness with the sender's owner.
  static let sameOwnerPermille = 250
  /// Of a witness whose radio tells no SNR: half of the checks can't be made.
  static let withoutSNRPermille = 500

  /// `links` makes it quicker where it is the same one for many beacons, and changes nothing.
  public static func judge(
    _ evidence: BeaconEvidence, links: VerifiedLinks = VerifiedLinks()
  ) -> BeaconVerdict {
    var list = CheckList()
    var sender = SenderJudgement(evidence, links)
    let outcome: BeaconVerdict.Outcome
    var reason: VerdictReason?
    do throws(CheckList.Failed) {
      try sender.judge(&list)
      outcome = .sound
    } catch {
      reason = error.reason
      // Without a reveal nothing of the beacon was looked at yet.
      outcome = error.reason == .noReveal ? .pending : .refused
    }
    let witnesses = witnessVerdicts(evidence, sender, isSound: outcome == .sound)
    return BeaconVerdict(
      number: evidence.challenge.challenge.number, challenge: evidence.challenge.hash.hexadecimal,
      key: evidence.sender.keyHash.hexadecimal, node: evidence.sender.node?.hexadecimal,
      outcome: outcome, reason: reason, isSimulated: sender.isSimulated,
      derived: sender.derived, checks: list.checks, witnesses: witnesses,
      silentListeners: silentListeners(evidence, sender))
  }

  /// In the order of log places, so that the order of the evidence changes nothing.
  private static func witnessVerdicts(
    _ evidence: BeaconEvidence, _ sender: SenderJudgement, isSound: Bool
  ) -> [WitnessVerdict] {
    let ordered = evidence.witnesses.map { (key: $0.node.keyHash.hexadecimal, witness: $0) }
      .sorted { left, right in
        guard left.key == right.key else { return left.key < right.key }
        return left.witness.leaf.isBefore(right.witness.leaf)
      }
    var seen: Set<String> = []
    var verdicts: [WitnessVerdict] = []
    for (key, witness) in ordered {
      var judgement = WitnessJudgement(witness, of: sender, in: evidence)
      // A node that has had two keys is one witness.
      let name = witness.node.node?.hexadecimal ?? key
      let verdict = judgement.verdict(beaconIsSound: isSound, isDuplicate: seen.contains(name))
      // Only one that would count makes the others copies: a rebroadcast may have been heard first.
      if verdict.counts { seen.insert(name) }
      verdicts.append(verdict)
    }
    return verdicts
  }

  private static func silentListeners(
    _ evidence: BeaconEvidence, _ sender: SenderJudgement
  ) -> [String] {
    guard let derived = sender.derived else { return [] }
    let heard = Set(evidence.witnesses.map { $0.node.keyHash.hexadecimal })
    var silent: Set<String> = []
    for listener in evidence.listeners {
      let record = listener.leaf.value
      guard UInt64(record.number) == evidence.challenge.challenge.number,
        record.slots.contains(derived.slot), listener.leaf.standing == .sound
      else { continue }
      let isThere =
        switch record.mode {
        case .rendezvous, .everything: true
        case .fixed:
          record.frequencyHertz == derived.frequencyHertz
            && record.spreadingFactor == derived.spreadingFactor
        }
      let key = listener.keyHash.hexadecimal
      if isThere, !heard.contains(key), listener.keyHash != evidence.sender.keyHash {
        silent.insert(key)
      }
    }
    return silent.sorted()
  }
}

extension CheckList {
  /// The standing of one leaf.
  mutating func standing<Value>(_ name: String, _ leaf: ArchivedLeaf<Value>) throws(Failed) {
    let figures = [
      VerdictCheck.Figure("epoch", leaf.epoch), VerdictCheck.Figure("leaf", leaf.index),
    ]
    let reason: VerdictReason =
      switch leaf.standing {
      case .sound, .notIncluded: .notIncluded
      case .badSignature: .badSignature
      case .forked: .fork
      case .gapAround: .gapAround
      }
    try check("\(name) stands in the log", leaf.standing == .sound, else: reason, figures)
    try check(
      "\(name) stands in an open epoch", !leaf.isInClosedEpoch, else: .closedEpoch, figures)
  }

  /// The node behind the key, at this moment.
  mutating func identity(_ node: NodeEvidence, _ moment: Int64) throws(Failed) {
    try check(
      "key is enrolled", node.node != nil, else: .unknownNode,
      [VerdictCheck.Figure("key", node.keyHash)])
    try check(
      "key is not revoked", node.revokedUTCMilliseconds.map { $0 > moment } ?? true,
      else: .revokedKey,
      [
        VerdictCheck.Figure("revoked", node.revokedUTCMilliseconds),
        VerdictCheck.Figure("window", moment),
      ])
  }

  /// The place that is enrolled, against what the node's own receiver says.
  mutating func place(_ node: NodeEvidence) throws(Failed) {
    guard let place = node.place else {
      return try check("place is enrolled", false, else: .positionUnknown)
    }
    try check(
      "place is enrolled", true, else: .positionUnknown,
      [
        VerdictCheck.Figure("latitude", place.latitudeE7),
        VerdictCheck.Figure("longitude", place.longitudeE7),
      ])
    guard !node.positions.isEmpty else {
      return notMade("place is where the receiver is", [VerdictCheck.Figure("fixes", 0)])
    }
    for (first, second) in zip(node.positions, node.positions.dropFirst()) {
      try speed(first, second)
    }
    for fix in node.positions {
      let metres = Geometry.surfaceMetres(
        (place.latitudeE7, place.longitudeE7), (fix.latitudeE7, fix.longitudeE7))
      let allowed = Self.standingMetres + Double(fix.accuracyMetres)
      try check(
        "place is where the receiver is", metres <= allowed, else: .positionMoved,
        [
          VerdictCheck.Figure("metres", Int64(metres)),
          VerdictCheck.Figure("allowed", Int64(allowed)),
        ])
    }
  }

  /// Farther from its enrolled place than this, less the receiver's own accuracy, a node has moved: antennas stand
  /// on masts beside the receiver, and places are written down from maps.
  private static let standingMetres = 100.0
  /// A fixed node's fixes wander; 100 m/s is none of a node's, whatever carries it.
  private static let largestSpeed = 100.0

  private mutating func speed(_ first: PositionFix, _ second: PositionFix) throws(Failed) {
    let metres = Geometry.surfaceMetres(
      (first.latitudeE7, first.longitudeE7), (second.latitudeE7, second.longitudeE7))
    let seconds =
      Double(max(1_000, second.utcMilliseconds.subtractingClamped(first.utcMilliseconds))) / 1_000
    let rest = max(0, metres - Double(first.accuracyMetres) - Double(second.accuracyMetres))
    try check(
      "fixes are within a plausible speed", rest / seconds <= Self.largestSpeed,
      else: .implausibleSpeed,
      [
        VerdictCheck.Figure("metres", Int64(metres)),
        VerdictCheck.Figure("seconds", Int64(seconds)),
      ])
  }
}

extension PositionFix {
  /// At most 10 km: who doesn't know where it is has no accuracy to claim.
  var accuracyMetres: Int64 { min(10_000, max(0, accuracyCentimetres ?? 0) / 100) }
}

extension Int64 {
  func subtractingClamped(_ other: Int64) -> Int64 {
    let (difference, isOutside) = subtractingReportingOverflow(other)
    return isOutside ? (self < other ? .min : .max) : difference
  }
}
