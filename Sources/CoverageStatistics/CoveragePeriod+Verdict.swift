import CoverageVerifier

extension CoveragePeriod {
  /// Adds what a judged beacon says: who counts as a witness of it, and who listened and was silent. Of a beacon that
  /// is not sound nothing is added, and nothing of nodes that are not in `places`.
  ///
  /// - `places`: of each key's hash in hexadecimal digits, as verdicts have it, its node's place in `nodes`. Keys that
  ///   a node had one after the other have one place.
  public mutating func add(
    _ verdict: BeaconVerdict, of evidence: BeaconEvidence, places: [String: Int]
  ) {
    guard verdict.outcome == .sound, let derived = verdict.derived,
      let sender = places[verdict.key], let number = UInt32(exactly: verdict.number)
    else { return }
    func observation(_ witness: Int, _ reception: Observation.Reception?) -> Observation {
      Observation(
        sender: sender, witness: witness, number: number,
        powerCentidecibelMilliwatts: derived.powerCentidecibelMilliwatts,
        spreadingFactor: derived.spreadingFactor, frequencyHertz: derived.frequencyHertz,
        reception: reception)
    }
    for witness in verdict.witnesses where witness.counts {
      guard let place = places[witness.key] else { continue }
      let leaf = evidence.witnesses.first {
        $0.leaf.epoch == witness.epoch && $0.leaf.index == witness.leaf
          && $0.node.key == witness.key
      }
      guard let reception = leaf?.leaf.value.reception else { continue }
      observations.append(
        observation(
          place,
          .init(
            signalCentidecibelMilliwatts: witness.signalCentidecibelMilliwatts,
            snrCentidecibels: reception.snrCentidecibels,
            frequencyErrorHertz: reception.frequencyErrorHertz)))
    }
    for key in verdict.silentListeners {
      if let place = places[key] { observations.append(observation(place, nil)) }
    }
  }
}
