import Coverage
import CoverageStatistics
import CoverageVerifier
import LoRa
import Proofs

/// One beacon with those who say to have heard it, as the verifier gets it.
struct Trial {
  /// Somebody's word that the beacon was heard.
  struct Claim {
    var witness: Int
    var evidence: WitnessEvidence
    /// The attack's, or about the attack's beacon: what is counted of it is what the attacker wanted.
    var isFalse: Bool
    var baseline: Baseline.Witness
  }

  var sender: Int
  var transmission: Transmission
  var evidence: BeaconEvidence
  var claims: [Claim] = []
  /// Listened, and has no witness leaf.
  var silent: [Int] = []
  var baseline = Baseline.Beacon()
}

/// What became of one claim.
struct Outcome {
  var sender: Int
  var witness: Int
  var isFalse: Bool
  /// By the verdict, thousandths; 0: refused.
  var weight: Int
  var reason: VerdictReason?
  var baseline: Baseline.Finding
}

extension Trial {
  /// By the real verifier; and what the statistics get of it.
  func judge(_ fleet: Fleet) -> (outcomes: [Outcome], observations: [CoveragePeriod.Observation]) {
    // In the order in which a verdict has them.
    let ordered = claims.sorted { left, right in
      let (first, second) = (left.evidence.node.keyHash, right.evidence.node.keyHash)
      for index in 0..<32 where first[index] != second[index] {
        return first[index] < second[index]
      }
      return (left.evidence.leaf.epoch, left.evidence.leaf.index)
        < (right.evidence.leaf.epoch, right.evidence.leaf.index)
    }
    var evidence = evidence
    evidence.witnesses = ordered.map(\.evidence)
    let verdict = CoverageVerdict.judge(evidence)
    var outcomes: [Outcome] = []
    var observations: [CoveragePeriod.Observation] = []
    var heard: Set<Int> = []
    for (claim, found) in zip(ordered, verdict.witnesses) {
      outcomes.append(
        Outcome(
          sender: sender, witness: claim.witness, isFalse: claim.isFalse,
          weight: found.weightPermille, reason: found.reason ?? verdict.reason,
          baseline: Baseline.finding(claim.baseline, of: baseline)))
      guard found.counts else { continue }
      heard.insert(claim.witness)
      let reception = claim.evidence.leaf.value.reception
      observations.append(
        observation(
          claim.witness,
          .init(
            signalCentidecibelMilliwatts: found.signalCentidecibelMilliwatts,
            snrCentidecibels: reception.snrCentidecibels,
            frequencyErrorHertz: reception.frequencyErrorHertz)))
    }
    guard verdict.outcome == .sound else { return (outcomes, []) }
    for listener in silent where !heard.contains(listener) {
      observations.append(observation(listener, nil))
    }
    return (outcomes, observations)
  }

  private func observation(_ witness: Int, _ reception: CoveragePeriod.Observation.Reception?)
    -> CoveragePeriod.Observation
  {
    CoveragePeriod.Observation(
      sender: sender, witness: witness,
      number: FleetCourse.firstNumber + UInt32(transmission.window),
      powerCentidecibelMilliwatts: transmission.power, spreadingFactor: transmission.factor,
      frequencyHertz: transmission.frequency, reception: reception)
  }
}

extension Fleet {
  /// What a fleet's own radios make of a beacon: those who hear it say so, and those who listened say that.
  mutating func trial(_ transmission: Transmission, isFalse: Bool = false) -> Trial {
    var trial = Trial(
      sender: transmission.sender, transmission: transmission, evidence: evidence(transmission))
    trial.baseline.powerDBM = Double(transmission.power) / 100
    trial.baseline.frequency = Double(transmission.frequency)
    for node in nodes.indices
    where node != transmission.sender && listens(node, to: transmission) {
      if let heard = hear(transmission, at: node) {
        if let claim = claim(heard, of: transmission, isFalse: isFalse) {
          trial.claims.append(claim)
        }
      } else if nodes[node].claim.metres(to: nodes[transmission.sender].claim) < Self.reach {
        trial.silent.append(node)
      }
    }
    return trial
  }

  mutating func claim(
    _ heard: Heard, of transmission: Transmission, isFalse: Bool, frame: BeaconFrame? = nil,
    receipt: Int64? = nil, place: Int = 0
  ) -> Trial.Claim? {
    guard
      let evidence = witness(
        heard, of: transmission, frame: frame, receipt: receipt, place: place)
    else { return nil }
    var baseline = Baseline.Witness()
    baseline.metres = nodes[heard.witness].claim.metres(to: nodes[transmission.sender].claim)
    baseline.rssiDBM = Double(heard.rssi) / 100
    baseline.gains = 2 * 2.15
    baseline.frequencyAwayHertz = abs(Double(heard.frequencyError))
    baseline.lateMilliseconds = Int(random.within(50...900))
    return Trial.Claim(
      witness: heard.witness, evidence: evidence, isFalse: isFalse, baseline: baseline)
  }
}
