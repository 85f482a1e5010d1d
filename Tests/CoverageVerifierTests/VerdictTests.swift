import Coverage
import FixedMemory
import Foundation
import Identity
import LoRa
import Proofs
import Records
import Testing

@testable import CoverageVerifier

@Suite struct BeaconVerdictTests {
  @Test func anHonestBeaconIsSoundAndItsWitnessesCount() throws {
    let verdict = try Scenario().verdict
    #expect(verdict.outcome == .sound && verdict.reason == nil)
    #expect(verdict.checks.allSatisfy { $0.outcome != .failed })
    #expect(verdict.checks.count >= 25)
    #expect(verdict.witnesses.map(\.counts) == [true, true])
    #expect(verdict.witnesses.map(\.weightPermille) == [1_000, 1_000])
    for witness in verdict.witnesses {
      // 0.05 degrees of latitude.
      #expect(witness.distanceMetres == 5_560)
      #expect(witness.checks.allSatisfy { $0.outcome != .failed })
    }
    #expect(!verdict.isSimulated)
  }

  @Test func aVerdictComesBackFromItsJSON() throws {
    let verdict = try Scenario().verdict
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let bytes = try encoder.encode(verdict)
    #expect(try JSONDecoder().decode(BeaconVerdict.self, from: bytes) == verdict)
    #expect(try encoder.encode(Scenario().verdict) == bytes)
  }

  @Test func theOrderOfTheEvidenceChangesNothing() throws {
    var scenario = try Scenario()
    let verdict = scenario.verdict
    scenario.evidence.witnesses.reverse()
    #expect(scenario.verdict == verdict)
  }

  private func reason(_ change: (inout Scenario) throws -> Void) throws -> VerdictReason? {
    var scenario = try Scenario()
    try change(&scenario)
    let verdict = scenario.verdict
    // What is refused has exactly one failed check, the last; and no witness of it counts.
    let failed = verdict.checks.filter { $0.outcome == .failed }
    #expect(failed.count == (verdict.reason == nil ? 0 : 1))
    if verdict.reason != nil {
      #expect(verdict.checks.last?.outcome == .failed)
      #expect(verdict.witnesses.allSatisfy { !$0.counts && $0.reason == .beaconRefused })
    }
    return verdict.reason
  }

  @Test func challengesAreJudged() throws {
    let other = Scenario.hash("another")
    #expect(
      try reason {
        let old = $0.evidence.challenge
        $0.evidence.challenge = ChallengeEvidence(
          challenge: old.challenge, hash: old.hash, isLogged: false)
      } == .challengeUnknown)
    #expect(
      try reason {
        let old = $0.evidence.challenge
        $0.evidence.challenge = ChallengeEvidence(
          challenge: old.challenge, hash: old.hash, isLogged: true, othersOfThisNumber: [other])
      } == .numberReused)
    #expect(
      try reason {
        let old = $0.evidence.challenge
        var challenge = old.challenge
        challenge.validSeconds = 1
        $0.evidence.challenge = ChallengeEvidence(
          challenge: challenge, hash: old.hash, isLogged: true)
      } == .challengeExpired)
    #expect(try reason { $0.evidence.challengeLeaves = [] } == .challengeNotLogged)
    #expect(
      try reason {
        $0.evidence.challengeLeaves = [Scenario.leaf(5, Scenario.hash("challenge"), at: 1_000)]
      } == .challengeNotLogged)
    #expect(
      try reason {
        $0.evidence.intents.append(
          Scenario.leaf(
            5, BeaconIntent(number: Scenario.number, frameHash: other), at: 1_300))
      } == .numberReused)
  }

  @Test func whoSendsIsJudged() throws {
    #expect(try reason { $0.evidence.sender.node = nil } == .unknownNode)
    #expect(
      try reason { $0.evidence.sender.revokedUTCMilliseconds = Scenario.issued } == .revokedKey)
    #expect(
      try reason { $0.evidence.sender.revokedUTCMilliseconds = Scenario.issued + 86_400_000 }
        == nil)
    #expect(try reason { $0.evidence.sender.place = nil } == .positionUnknown)
  }

  @Test func howTheLeavesStandIsJudged() throws {
    let standings: [(LogStanding, VerdictReason)] = [
      (.badSignature, .badSignature), (.notIncluded, .notIncluded), (.forked, .fork),
      (.gapAround, .gapAround),
    ]
    for (standing, expected) in standings {
      #expect(
        try reason { scenario in
          let intent = try #require(scenario.evidence.intents.first)
          scenario.evidence.intents = [
            Scenario.leaf(4, intent.value, at: 1_200, standing: standing)
          ]
        } == expected)
      #expect(
        try reason { scenario in
          let reveal = try #require(scenario.evidence.reveals.first)
          scenario.evidence.reveals = [
            Scenario.leaf(9, reveal.value, at: reveal.milliseconds, standing: standing)
          ]
        } == expected)
    }
    #expect(
      try reason { scenario in
        let intent = try #require(scenario.evidence.intents.first)
        scenario.evidence.intents = [
          Scenario.leaf(4, intent.value, at: 1_200, isInClosedEpoch: true)
        ]
      } == .closedEpoch)
  }

  @Test func whatTheSeedDecidesIsJudged() throws {
    #expect(try reason { $0.evidence.intents = [] } == .noIntent)
    #expect(try reason { $0.evidence.sents = [] } == .noSent)
    #expect(
      try reason { $0.evidence.sender.anchors = [] } == .chainNotValid)
    // A chain that was enrolled when the challenge was known already.
    #expect(
      try reason {
        $0.evidence.sender.anchors = [
          EnrolledAnchor(
            anchor: Anchor(firstLink: 40, value: Scenario.hash("late")),
            loggedUTCMilliseconds: Scenario.issued)
        ]
      } == .chainNotValid)
    #expect(
      try reason {
        $0.evidence.reveals = [
          $0.reveal(
            at: 22_600_000, number: Scenario.number, link: Scenario.hash("other"), power: nil)
        ]
      } == .chainMismatch)
    #expect(
      try reason {
        $0.evidence.intents = [
          Scenario.leaf(
            4, BeaconIntent(number: Scenario.number, frameHash: Scenario.hash("x")), at: 1_200)
        ]
      } == .tagMismatch)
    #expect(
      try reason {
        $0.evidence.sents = [$0.sent(start: $0.start, frequency: 868_950_000)]
      } == .channelMismatch)
    #expect(
      try reason { $0.evidence.sents = [$0.sent(start: $0.start, factor: 12)] }
        == .datarateMismatch)
    for (away, expected) in [(51, .powerMismatch), (-51, .powerMismatch), (50, nil)]
      as [(Int32, VerdictReason?)]
    {
      #expect(
        try reason {
          $0.evidence.reveals = [
            $0.reveal(
              at: 22_600_000, number: Scenario.number, link: $0.link, power: $0.power + away)
          ]
        } == expected)
    }
  }

  @Test func aBeaconWithoutARevealIsPendingAndALaterRevealLeadsToIt() throws {
    var scenario = try Scenario()
    scenario.evidence.reveals = []
    #expect(scenario.verdict.outcome == .pending)
    #expect(scenario.verdict.witnesses.allSatisfy { !$0.counts })
    let chain = HashChain(secret: Scenario.hash("chain"))
    let later = chain.link(34)
    scenario.evidence.reveals = [
      scenario.reveal(
        at: 30_000_000, number: Scenario.number + 3, link: try #require(later), power: 900)
    ]
    let verdict = scenario.verdict
    #expect(verdict.outcome == .sound)
    // Its power is another beacon's.
    #expect(
      verdict.checks.contains {
        $0.name == "power is the derived one" && $0.outcome == .notMade
      })
  }

  @Test func theRegionsRulesAreJudged() throws {
    #expect(
      try reason { $0.evidence.sents = [$0.sent(start: $0.start, microseconds: 999)] }
        == .dwellExceeded)
    #expect(
      try reason { scenario in
        scenario.evidence.airtimes = (0..<100).map {
          SentAirtime(
            startUTCMilliseconds: Scenario.issued + $0,
            frequencyHertz: scenario.place.frequencyHertz, microseconds: 370_688)
        }
      } == .dutyCycleExceeded)
    #expect(
      try reason { scenario in
        scenario.evidence.airtimes = (0..<100).map {
          SentAirtime(
            startUTCMilliseconds: Scenario.issued + $0, frequencyHertz: 869_525_000,
            microseconds: 370_688)
        }
      } == nil)
    #expect(try reason { $0.evidence.sender.radio = nil } == .outsidePlan)
  }

  @Test func whenItWasSentIsJudged() throws {
    #expect(try reason { $0.evidence.sender.clocks = [] } == .clockUnknown)
    #expect(
      try reason { $0.evidence.sender.clocks = [Scenario.clock(uncertainty: 301)] }
        == .clockUnknown)
    #expect(
      try reason { $0.evidence.sents = [$0.sent(start: $0.start - 421)] } == .outsideSlot)
    #expect(try reason { $0.evidence.sents = [$0.sent(start: $0.start - 419)] } == nil)
    #expect(
      try reason { $0.evidence.sents = [$0.sent(start: $0.start + 2_000)] } == .outsideSlot)
    // A retry that stands in the first slot, by its own word.
    #expect(
      try reason { scenario in
        let rendezvous = Rendezvous(
          nonce: scenario.order.nonce, plan: scenario.evidence.plan,
          policy: scenario.order.policy)
        let reserve = try #require(scenario.draw.reserveSlot)
        let place = try #require(rendezvous).place(slot: reserve)
        scenario.evidence.sents = [
          scenario.sent(
            start: scenario.start, frequency: place.frequencyHertz,
            factor: place.spreadingFactor,
            microseconds: Rendezvous.timeOnAirMicroseconds(
              spreadingFactor: place.spreadingFactor), isRetry: true)
        ]
      } == .outsideSlot)
    // A clock that was wound forward beyond what the receipt allows.
    #expect(
      try reason { scenario in
        let sent = try #require(scenario.evidence.sents.first)
        scenario.evidence.sents = [
          Scenario.leaf(
            6, sent.value, at: sent.milliseconds, receipt: Scenario.issued + scenario.start - 121)
        ]
      } == .clockUnknown)
  }

  @Test func simulatedBeaconsAreMarkedAndRefusedOnlyWhereTheRulesSaySo() throws {
    for isReal in [false, true] {
      var policy = CoveragePolicy()
      policy.refusesSimulated = isReal
      var scenario = try Scenario(policy: policy)
      let intent = try #require(scenario.evidence.intents.first)
      scenario.evidence.intents = [
        Scenario.leaf(4, intent.value, at: 1_200, isSimulated: true)
      ]
      #expect(scenario.verdict.isSimulated)
      #expect(scenario.verdict.reason == (isReal ? .simulated : nil))
    }
  }
}

@Suite struct WitnessVerdictTests {
  let scenario: Scenario

  init() throws { scenario = try Scenario() }

  private func reason(_ change: (inout NodeEvidence) throws -> Void) throws -> VerdictReason? {
    var node = try scenario.north()
    try change(&node)
    return try scenario.reason(scenario.witness(node))
  }

  @Test func whoHeardItIsJudged() throws {
    #expect(try reason { $0.node = nil } == .unknownNode)
    #expect(try reason { $0.revokedUTCMilliseconds = 0 } == .revokedKey)
    #expect(try reason { $0.node = scenario.evidence.sender.node } == .selfWitness)
    #expect(try reason { $0.keyHash = scenario.evidence.sender.keyHash } == .selfWitness)
    var changed = scenario
    let node = try scenario.north()
    changed.evidence.witnesses = try [
      scenario.witness(node),
      scenario.witness(node, end: scenario.start + scenario.airtime + 1, index: 8),
    ]
    #expect(changed.verdict.witnesses.map(\.reason) == [nil, .duplicate])
  }

  @Test func aWitnessOfTheSameOwnerWeighsLess() throws {
    var node = try scenario.north()
    node.owner = scenario.evidence.sender.owner
    var changed = scenario
    changed.evidence.witnesses = [try scenario.witness(node)]
    #expect(changed.verdict.witnesses.map(\.weightPermille) == [250])
    changed.evidence.witnesses = [try scenario.witness(node, rssi: -7_500, snr: nil)]
    #expect(changed.verdict.witnesses.map(\.weightPermille) == [0])
    changed.evidence.witnesses = [try scenario.witness(node, rssi: -11_000, snr: nil)]
    #expect(changed.verdict.witnesses.map(\.weightPermille) == [125])
  }

  @Test func whereItStandsIsJudged() throws {
    #expect(try reason { $0.place = nil } == .positionUnknown)
    #expect(try reason { $0.place = try Scenario.place(473_010_000, 85_000_000) } == .tooNear)
    #expect(try reason { $0.place = try Scenario.place(483_000_000, 85_000_000) } == .tooFar)
    func fix(_ seconds: Int64, _ latitude: Int32, accuracy: Int64 = 300) -> PositionFix {
      PositionFix(
        utcMilliseconds: Scenario.issued + seconds * 1_000, latitudeE7: latitude,
        longitudeE7: 85_000_000, accuracyCentimetres: accuracy)
    }
    #expect(try reason { $0.positions = [fix(0, 473_500_500), fix(60, 473_499_500)] } == nil)
    #expect(try reason { $0.positions = [fix(0, 473_520_000)] } == .positionMoved)
    #expect(
      try reason { $0.positions = [fix(0, 473_500_000), fix(10, 473_700_000)] }
        == .implausibleSpeed)
  }

  @Test func howTheLeafStandsIsJudged() throws {
    let node = try scenario.north()
    for (standing, expected) in [
      (.badSignature, .badSignature), (.notIncluded, .notIncluded), (.forked, .fork),
      (.gapAround, .gapAround),
    ] as [(LogStanding, VerdictReason)] {
      #expect(try scenario.reason(scenario.witness(node, standing: standing)) == expected)
    }
    var frame = scenario.draw.frame.bytes
    frame[23] ^= 1
    #expect(try scenario.reason(scenario.witness(node, frame: frame)) == .tagMismatch)
  }

  @Test func whatTheRadioSaysIsJudged() throws {
    let node = try scenario.north()
    let factor = scenario.place.spreadingFactor
    func reason(_ witness: WitnessEvidence) throws -> VerdictReason? {
      try scenario.reason(witness)
    }
    #expect(
      try reason(scenario.witness(node, factor: factor == 7 ? 8 : 7)) == .datarateDiffers)
    #expect(try reason(scenario.witness(node, bandwidth: 250_000)) == .datarateDiffers)
    #expect(
      try reason(scenario.witness(node, frequency: scenario.place.frequencyHertz + 200_000))
        == .frequencyError)
    #expect(try reason(scenario.witness(node, error: 31_300)) == .frequencyError)
    #expect(try reason(scenario.witness(node, error: -31_300)) == .frequencyError)
    #expect(try reason(scenario.witness(node, error: nil)) == nil)
    // The least that the factor takes, less 3 dB; noise of -117 dBm.
    let least = SignalPower.lowestSNRCentidecibels(spreadingFactor: factor) - 300
    #expect(try reason(scenario.witness(node, rssi: -11_690, snr: least)) == nil)
    #expect(try reason(scenario.witness(node, rssi: -11_690, snr: least - 1)) == .snrTooLow)
    // Noise of -91 dBm is loud, and possible; of -79 dBm it is not, nor one of -127 dBm.
    #expect(try reason(scenario.witness(node, rssi: -9_000, snr: -500)) == nil)
    // 556 m away, where free space allows it.
    var near = node
    near.place = try Scenario.place(473_050_000, 85_000_000)
    #expect(try reason(scenario.witness(near, rssi: -7_800, snr: -500)) == .impossibleNoise)
    #expect(try reason(scenario.witness(node, rssi: -12_500, snr: 400)) == .impossibleNoise)
  }

  @Test func aSignalAboveFreeSpaceIsRefused() throws {
    let node = try scenario.north()
    let loss = Geometry.freeSpaceLossCentidecibels(
      metres: 5_560, frequencyHertz: scenario.place.frequencyHertz)
    // Gains of 1.65 dB at both ends, and 6 dB of margin. At 30 dB of SNR the channel's power is the signal's.
    let most = scenario.power + 165 + 165 - loss + 600
    #expect(try scenario.reason(scenario.witness(node, rssi: most, snr: 3_000)) == nil)
    #expect(
      try scenario.reason(scenario.witness(node, rssi: most + 1, snr: 3_000)) == .aboveFreeSpace)
  }

  @Test func whenItWasHeardIsJudged() throws {
    let node = try scenario.north()
    let end = scenario.start + scenario.airtime
    // Both uncertainties of 20 ms, the radio's 2, and 100.
    for away in [-142, 0, 142] as [Int64] {
      #expect(try scenario.reason(scenario.witness(node, end: end + away)) == nil)
    }
    for away in [-144, 144, 2_000, -2_000] as [Int64] {
      #expect(
        try scenario.reason(scenario.witness(node, end: end + away)) == .outsideSlot, "\(away)")
    }
    #expect(try reason { $0.clocks = [] } == .clockUnknown)
    #expect(try reason { $0.clocks = [Scenario.clock(uncertainty: 100_000)] } == .clockUnknown)
  }

  @Test func onlyWhatHasAReceiptBeforeTheRevealCounts() throws {
    let node = try scenario.north()
    let due = scenario.order.window.revealUTCMilliseconds
    #expect(try scenario.reason(scenario.witness(node, receipt: due - 1)) == nil)
    #expect(try scenario.reason(scenario.witness(node, receipt: due)) == .afterReveal)
    // A device that reveals early ends the time for everybody.
    var early = scenario
    early.evidence.reveals = [
      scenario.reveal(
        at: scenario.start + 60_000, number: Scenario.number, link: scenario.link,
        power: scenario.power)
    ]
    let readable = try #require(early.evidence.reveals.first?.receiptUTCMilliseconds)
    #expect(try early.reason(scenario.witness(node, receipt: readable - 1)) == nil)
    #expect(try early.reason(scenario.witness(node, receipt: readable)) == .afterReveal)
  }

  private func listener(
    _ name: String, _ mode: ListenRecord.Mode, slot: Int, frequency: UInt32? = nil
  )
    throws -> ListenEvidence
  {
    var slots = SlotSet()
    slots.insert(slot)
    let record = ListenRecord(
      number: Scenario.number, mode: mode, frequencyHertz: frequency,
      spreadingFactor: frequency == nil ? nil : scenario.place.spreadingFactor, slots: slots,
      noiseCentidecibelMilliwatts: nil)
    return ListenEvidence(
      keyHash: Scenario.hash(name), leaf: Scenario.leaf(8, try #require(record), at: 900_000))
  }

  @Test func whoListenedAndHeardNothingIsListed() throws {
    let slot = scenario.draw.slot
    let frequency = scenario.place.frequencyHertz
    var listeners: [ListenEvidence] = []
    listeners.append(try listener("east", .rendezvous, slot: slot))
    listeners.append(try listener("west", .rendezvous, slot: slot + 1))
    listeners.append(try listener("north", .rendezvous, slot: slot))
    listeners.append(try listener("sender", .everything, slot: slot))
    listeners.append(try listener("here", .fixed, slot: slot, frequency: frequency))
    listeners.append(try listener("there", .fixed, slot: slot, frequency: frequency + 1))
    #expect(silent(listeners) == ["east", "here"].map { Scenario.hash($0).hexadecimal }.sorted())
  }

  private func silent(_ listeners: [ListenEvidence]) -> [String] {
    var evidence = scenario.evidence
    evidence.listeners = listeners
    return CoverageVerdict.judge(evidence).silentListeners
  }
}

@Suite struct GeometryTests {
  @Test func distancesAreThoseOfASphere() throws {
    let equator = try Scenario.place(0, 0)
    // A degree of a circle of 6 371 008.8 m, half of the circle, and across the date line.
    #expect(Geometry.distanceMetres(equator, try Scenario.place(10_000_000, 0)) == 111_195)
    #expect(
      Geometry.distanceMetres(equator, try Scenario.place(0, 1_800_000_000)) == 20_015_114)
    #expect(
      Geometry.distanceMetres(
        try Scenario.place(0, 1_795_000_000), try Scenario.place(0, -1_795_000_000)) == 111_195)
    let high = Place(
      latitudeE7: 0, longitudeE7: 0, altitudeCentimetres: 30_000,
      heightAboveGroundCentimetres: 1_000)
    let low = Place(
      latitudeE7: 0, longitudeE7: 0, altitudeCentimetres: 1_000, heightAboveGroundCentimetres: nil)
    #expect(Geometry.distanceMetres(try #require(high), try #require(low)) == 300)
  }

  /// 12 dBm at 508 m and 867.900024 MHz with gains of 8 dB at both ends: -57.334 dBm.
  @Test func freeSpaceLossIsThatOfAWorkedExample() {
    let loss = Geometry.freeSpaceLossCentidecibels(metres: 508, frequencyHertz: 867_900_024)
    #expect(1_200 + 800 + 800 - loss == -5_733)
  }

  @Test func everyReasonHasItsRowInTheSpecification() throws {
    var root = URL(filePath: #filePath)
    for _ in 0..<3 { root.deleteLastPathComponent() }
    let text = try String(
      contentsOf: root.appending(path: "docs/coverage-protocol.md"), encoding: .utf8)
    for reason in VerdictReason.allCases {
      #expect(
        text.contains("\(reason.rawValue) |") || text.contains("\(reason.rawValue),")
          || text.contains("\(reason.rawValue);"), "\(reason.rawValue)")
    }
  }
}
