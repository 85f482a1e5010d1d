import Coverage
import FixedMemory
import Identity
import LoRa
import Proofs
import Records
import Simulation
import Testing

@testable import CoverageVerifier

/// What archived bytes may say at its worst: a verdict comes out of it, and the same one each time.
@Suite struct HostileEvidenceTests {
  /// Numbers at which sums and products end.
  private struct Extremes {
    var random: SplitMix64

    mutating func chosen<Value>(_ all: [Value]) -> Value {
      all[Int(random.next() % UInt64(all.count))]
    }

    mutating func time() -> Int64 {
      chosen([0, 1, 1 << 53, .max, .max - 1, Scenario.issued, Int64(random.next() >> 1)])
    }

    mutating func utc() -> Int64 {
      chosen([.min, -1, 0, Scenario.issued, 1 << 53, .max, Int64(bitPattern: random.next())])
    }

    /// Powers and ratios as leaves may have them.
    mutating func power() -> Int32 {
      chosen([-30_000, -1, 0, 1, 10_000, Int32(random.next() % 40_001) - 30_000])
    }

    mutating func degrees(_ most: Int32) -> Int32 {
      chosen([-most, most, 0, 1, -1, Int32.random(in: -most...most, using: &random)])
    }

    mutating func standing() -> LogStanding {
      chosen([.sound, .sound, .sound, .badSignature, .notIncluded, .forked, .gapAround])
    }
  }

  private func leaf<Value>(_ old: ArchivedLeaf<Value>, _ value: Value, _ from: inout Extremes)
    -> ArchivedLeaf<Value>
  {
    ArchivedLeaf(
      epoch: from.chosen([0, 0, 0, .max]), index: from.chosen([old.index, 0, .max]),
      boot: from.chosen([1, 1, 1, 0, .max]), milliseconds: from.time(), value: value,
      standing: from.standing(),
      receiptUTCMilliseconds: from.chosen([old.receiptUTCMilliseconds, nil, from.utc()]),
      isInClosedEpoch: from.chosen([false, false, true]), isSimulated: from.chosen([true, false]))
  }

  private func spoil(_ node: inout NodeEvidence, _ from: inout Extremes) throws {
    if from.chosen([true, false]) {
      node.place = Place(
        latitudeE7: from.degrees(900_000_000), longitudeE7: from.degrees(1_800_000_000),
        altitudeCentimetres: from.chosen([nil, .min, .max, 0]),
        heightAboveGroundCentimetres: from.chosen([nil, 0, .max]))
    }
    if from.chosen([true, false, false]) {
      node.radio = RadioSetup(
        model: FixedText("SX1262"), region: FixedText("EU868"),
        transmitPowerHundredthsDBm: from.chosen([.min, .max, 0]),
        antennaGainHundredthsDBi: from.chosen([.min, .max, 0]),
        cableLossHundredthsDB: from.chosen([.min, .max, 0]))
    }
    if from.chosen([true, false]) {
      node.clocks = (0..<3).map { _ in
        ClockFix(
          epoch: from.chosen([0, .max]), boot: from.chosen([1, .max]), milliseconds: from.time(),
          sourceNumber: from.chosen([0, 1, 2, .max]), utcMilliseconds: from.utc(),
          uncertaintyMilliseconds: from.chosen([0, 300, .max, 1 << 40]))
      }
    }
    if from.chosen([true, false]) {
      node.positions = (0..<3).map { _ in
        PositionFix(
          utcMilliseconds: from.utc(), latitudeE7: from.degrees(900_000_000),
          longitudeE7: from.degrees(1_800_000_000),
          accuracyCentimetres: from.chosen([nil, .min, .max, -1, 100]))
      }
    }
    if from.chosen([true, false, false, false]) {
      node.revokedUTCMilliseconds = from.utc()
    }
    if from.chosen([true, false, false, false]) {
      node.anchors = node.anchors.map {
        EnrolledAnchor(
          anchor: Anchor(firstLink: from.chosen([0, 1, 10, .max]), value: $0.anchor.value),
          loggedUTCMilliseconds: from.utc())
      }
    }
  }

  private func spoil(_ scenario: inout Scenario, _ from: inout Extremes) throws {
    var evidence = scenario.evidence
    if from.chosen([true, false]) { try spoil(&evidence.sender, &from) }
    if from.chosen([true, false]) {
      evidence.sents = evidence.sents.map { old in
        leaf(
          old,
          SentBeacon(
            number: old.value.number, isRetry: from.chosen([true, false]),
            startMilliseconds: from.time(), timeOnAirMicroseconds: from.chosen([0, .max, 113_152]),
            frequencyHertz: from.chosen([0, .max, old.value.frequencyHertz]),
            spreadingFactor: from.chosen([5, 12]), isConfirmed: true), &from)
      }
    }
    if from.chosen([true, false, false]) {
      evidence.reveals = evidence.reveals.map { old in
        leaf(
          old,
          BeaconReveal(
            number: from.chosen([old.value.number, .max, old.value.number + 65_535]),
            link: old.value.link,
            powerCentidecibelMilliwatts: from.chosen([nil, from.power()])), &from)
      }
    }
    if from.chosen([true, false, false]) {
      evidence.intents = evidence.intents.map { leaf($0, $0.value, &from) }
      evidence.challengeLeaves = evidence.challengeLeaves.map { leaf($0, $0.value, &from) }
    }
    evidence.airtimes = (0..<3).map { _ in
      SentAirtime(
        startUTCMilliseconds: from.utc(), frequencyHertz: from.chosen([868_100_000, 0, .max]),
        microseconds: from.chosen([0, .max]))
    }
    evidence.witnesses = try evidence.witnesses.flatMap { old in
      var node = old.node
      if from.chosen([true, false]) { try spoil(&node, &from) }
      let reception = Reception(
        endMilliseconds: from.chosen([from.time(), old.leaf.value.reception.endMilliseconds]),
        uncertaintyMilliseconds: from.chosen([0, .max]),
        frequencyHertz: from.chosen([0, .max, scenario.place.frequencyHertz]),
        spreadingFactor: from.chosen([5, 12, scenario.place.spreadingFactor]),
        bandwidthHertz: from.chosen([0, .max, 125_000]),
        codingRateDenominator: from.chosen([5, 8]),
        rssiCentidecibelMilliwatts: from.power(), signalCentidecibelMilliwatts: nil,
        snrCentidecibels: from.chosen([nil, from.power()]),
        frequencyErrorHertz: from.chosen([nil, -1_000_000, 1_000_000, 0]))
      let value = BeaconWitness(
        frame: old.leaf.value.frame, reception: reception ?? old.leaf.value.reception)
      let spoilt = WitnessEvidence(node: node, leaf: leaf(old.leaf, value, &from))
      return from.chosen([[spoilt], [spoilt, spoilt], [old, spoilt], []])
    }
    scenario.evidence = evidence
  }

  /// Margins, distances and times at the ends of what a challenge may ask for.
  private func policy(_ from: inout Extremes) -> CoveragePolicy {
    var policy = CoveragePolicy()
    policy.maximumUncertaintyMilliseconds = from.chosen([0, 300, 900])
    policy.freeSpaceMarginCentidecibels = from.chosen([0, 10_000])
    policy.snrMarginCentidecibels = from.chosen([0, 10_000])
    policy.minimumDistanceMetres = from.chosen([0, 300])
    policy.maximumDistanceMetres = from.chosen([20_100_000, 100_000])
    policy.frequencyTolerancePPM = from.chosen([0, .max])
    policy.powerStepCentidecibels = from.chosen([1, 1_000])
    policy.powerStepCount = from.chosen([1, 16])
    policy.reserveSlotCount = from.chosen([0, 50])
    policy.refusesSimulated = from.chosen([true, false])
    return policy
  }

  @Test(arguments: 0..<8) func noFigureEndsTheProgram(_ part: UInt64) throws {
    var outcomes: Set<String> = []
    for seed in part * 60..<part * 60 + 60 {
      var from = Extremes(random: SplitMix64(seed: seed))
      var scenario = try Scenario(policy: policy(&from))
      try spoil(&scenario, &from)
      let verdict = scenario.verdict
      outcomes.insert(verdict.outcome.rawValue + (verdict.reason?.rawValue ?? ""))
      for witness in verdict.witnesses {
        #expect((0...1_000).contains(witness.weightPermille), "seed \(seed)")
        #expect(!witness.counts || verdict.outcome == .sound, "seed \(seed)")
        if let metres = witness.distanceMetres {
          // Half around the world, and the difference of two altitudes.
          #expect((0...70_000_000).contains(metres), "seed \(seed)")
        }
        outcomes.insert("witness " + (witness.reason?.rawValue ?? "counts"))
      }
      // Of one node one leaf counts at most.
      let counted = verdict.witnesses.filter(\.counts).map { $0.node ?? $0.key }
      #expect(counted.count == Set(counted).count, "seed \(seed)")
      #expect(try BeaconVerdict(json: verdict.json) == verdict, "seed \(seed)")
      // The order of lists says nothing. In one place of a log stands one leaf.
      let places = Set(verdict.witnesses.map { "\($0.key) \($0.epoch) \($0.leaf)" })
      guard places.count == verdict.witnesses.count else { continue }
      scenario.evidence.witnesses.reverse()
      scenario.evidence.airtimes.reverse()
      #expect(try scenario.verdict.json == verdict.json, "seed \(seed)")
    }
    // It is about many things.
    #expect(outcomes.count > 10)
  }

  @Test func distancesHoldAtPolesAndAtTheDateLine() throws {
    let pole = try Scenario.place(900_000_000, 0)
    let samePole = try Scenario.place(900_000_000, 1_800_000_000)
    #expect(Geometry.distanceMetres(pole, samePole) == 0)
    let east = try Scenario.place(0, 1_799_999_000)
    let west = try Scenario.place(0, -1_799_999_000)
    #expect(Geometry.distanceMetres(east, west) == 22)
    let opposite = try Scenario.place(-900_000_000, 0)
    #expect(Geometry.distanceMetres(pole, opposite) == 20_015_114)
    let front = try Scenario.place(0, 0)
    let back = try Scenario.place(0, 1_800_000_000)
    #expect(Geometry.distanceMetres(front, back) == 20_015_114)
    #expect(Geometry.distanceMetres(front, front) == 0)
  }

  @Test func aNodeThatHasHadTwoKeysIsOneWitness() throws {
    var scenario = try Scenario()
    let first = try scenario.north()
    var second = first
    second.keyHash = Scenario.hash("its next key")
    scenario.evidence.witnesses = try [scenario.witness(first), scenario.witness(second)]
    let verdict = scenario.verdict
    #expect(verdict.witnesses.map(\.counts).filter { $0 }.count == 1)
    #expect(verdict.witnesses.compactMap(\.reason) == [.duplicate])
  }

  @Test func lessNoiseThanAnyReceiverHasIsRefusedAtEverySNR() throws {
    let scenario = try Scenario()
    let north = try scenario.north()
    // -131 dBm of noise in 125 kHz.
    #expect(
      try scenario.reason(scenario.witness(north, rssi: -12_000, snr: 1_100)) == .impossibleNoise)
    #expect(
      try scenario.reason(scenario.witness(north, rssi: -30_000, snr: 1_000)) == .impossibleNoise)
    // A radio's SNR ends at some 10 dB, so that strong signals leave too much.
    #expect(try scenario.reason(scenario.witness(north, rssi: -10_500, snr: 1_000)) == nil)
  }

  @Test func linksThatAreRememberedGiveTheSameAnswers() throws {
    let chain = HashChain(secret: Scenario.hash("secret"))
    let other = HashChain(secret: Scenario.hash("another"))
    let links = VerifiedLinks()
    for index in [700, 1, 256, 257, 511, 512, 699, 701, 2_000, 700, 65_536] {
      let found = chain.link(index)
      let link = try #require(found)
      #expect(links.leads(link, at: index, to: chain.anchor))
      #expect(!links.leads(link, at: index - 1, to: chain.anchor))
      #expect(!links.leads(link, at: index + 1, to: chain.anchor))
      #expect(!links.leads(link, at: index, to: other.anchor))
      let otherFound = other.link(index)
      let foreign = try #require(otherFound)
      #expect(!links.leads(foreign, at: index, to: chain.anchor))
    }
    #expect(links.leads(chain.anchor, at: 0, to: chain.anchor))
    #expect(!links.leads(chain.anchor, at: -1, to: chain.anchor))
    #expect(!links.leads(chain.anchor, at: 65_537, to: chain.anchor))
  }
}
