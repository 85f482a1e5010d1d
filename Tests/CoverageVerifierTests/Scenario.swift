import Coverage
import FixedMemory
import Identity
import LoRa
import Proofs
import Records
import Testing

@testable import CoverageVerifier

/// One beacon and two witnesses of it, all of which is right; tests then make one thing false.
struct Scenario {
  static let issued: Int64 = 1_743_638_400_000
  static let number: UInt32 = 40

  var evidence: BeaconEvidence
  let order: BeaconOrder
  let draw: BeaconDraw
  let place: Rendezvous.Place
  let power: Int32
  let airtime: Int64
  let link: Digest

  /// Made once: a chain is 65 536 hashes. The link is that of number 40, when the first is of number 10.
  private static let chain: (anchor: Digest, link: Digest?) = {
    let chain = HashChain(secret: hash("chain"))
    return (chain.anchor, chain.link(31))
  }()

  static func hash(_ text: String) -> Digest { SHA256.hash(Array(text.utf8).span) }

  static func place(_ latitude: Int32, _ longitude: Int32) throws -> Place {
    try #require(
      Place(
        latitudeE7: latitude, longitudeE7: longitude, altitudeCentimetres: nil,
        heightAboveGroundCentimetres: nil))
  }

  static func radio(gain: Int16 = 215, power: Int16 = 1_400) throws -> RadioSetup {
    try #require(
      RadioSetup(
        model: FixedText("SX1262"), region: FixedText("EU868"), transmitPowerHundredthsDBm: power,
        antennaGainHundredthsDBi: gain, cableLossHundredthsDB: 50))
  }

  /// Boot time 0 is the moment at which the challenge was issued.
  static func clock(uncertainty: UInt64 = 20) -> ClockFix {
    ClockFix(
      epoch: 0, boot: 1, milliseconds: 100, sourceNumber: 2, utcMilliseconds: issued + 100,
      uncertaintyMilliseconds: uncertainty)
  }

  static func node(_ name: String, latitude: Int32, longitude: Int32) throws -> NodeEvidence {
    NodeEvidence(
      keyHash: hash(name), node: hash("node of " + name), owner: hash("owner of " + name),
      place: try place(latitude, longitude), radio: try radio(), clocks: [clock()])
  }

  static func leaf<Value: Sendable>(
    _ index: UInt64, _ value: Value, at milliseconds: Int64, receipt: Int64? = nil,
    standing: LogStanding = .sound, isSimulated: Bool = false, isInClosedEpoch: Bool = false,
    epoch: UInt64 = 0
  ) -> ArchivedLeaf<Value> {
    ArchivedLeaf(
      epoch: epoch, index: index, boot: 1, milliseconds: milliseconds, value: value,
      standing: standing, receiptUTCMilliseconds: receipt ?? issued + milliseconds + 60_000,
      isInClosedEpoch: isInClosedEpoch, isSimulated: isSimulated)
  }

  init(policy: CoveragePolicy = CoveragePolicy(), region: RegionPlan.Region = .eu868) throws {
    let challenge = Challenge(
      algorithm: .ed25519, keyID: KeyID(), number: UInt64(Self.number),
      issuedUTCMilliseconds: Self.issued, validSeconds: 1_800, region: FixedText("EU868"),
      coverage: policy, nonce: Self.hash("nonce"))
    order = try #require(BeaconOrder(challenge))
    let plan = RegionPlan(region)
    var sender = try Self.node("sender", latitude: 473_000_000, longitude: 85_000_000)
    link = try #require(Self.chain.link)
    sender.anchors = [
      EnrolledAnchor(
        anchor: Anchor(firstLink: 10, value: Self.chain.anchor),
        loggedUTCMilliseconds: Self.issued - 1)
    ]
    draw = BeaconDraw(
      link: link, nonce: challenge.nonce, keyHash: sender.keyHash, number: Self.number,
      policy: policy)
    let rendezvous = Rendezvous(nonce: challenge.nonce, plan: plan, policy: policy)
    place = try #require(rendezvous).place(slot: draw.slot)
    power = try #require(
      Transmitter(try Self.radio()).output(
        step: draw.powerStep, frequencyHertz: place.frequencyHertz, plan: plan, policy: policy))
    let start = order.window.transmissionUTCMilliseconds(draw.slot) - Self.issued
    let microseconds = try #require(
      Rendezvous.timeOnAirMicroseconds(spreadingFactor: place.spreadingFactor))
    airtime = Int64(microseconds) / 1_000
    let hash = Self.hash("challenge")
    evidence = BeaconEvidence(
      challenge: ChallengeEvidence(challenge: challenge, hash: hash, isLogged: true), plan: plan,
      sender: sender, challengeLeaves: [Self.leaf(3, hash, at: 1_000)],
      intents: [
        Self.leaf(
          4, BeaconIntent(number: Self.number, frameHash: draw.frame.hash), at: 1_200)
      ],
      sents: [], reveals: [], witnesses: [])
    evidence.sents = [sent(start: start)]
    let due = order.window.revealUTCMilliseconds - Self.issued
    evidence.reveals = [reveal(at: due, number: Self.number, link: link, power: power)]
    evidence.witnesses = try [
      witness(Self.node("north", latitude: 473_500_000, longitude: 85_000_000)),
      witness(Self.node("south", latitude: 472_500_000, longitude: 85_000_000)),
    ]
  }

  var start: Int64 { order.window.transmissionUTCMilliseconds(draw.slot) - Self.issued }

  func sent(
    start: Int64, frequency: UInt32? = nil, factor: UInt8? = nil, microseconds: UInt32? = nil,
    isRetry: Bool = false
  ) -> ArchivedLeaf<SentBeacon> {
    let factor = factor ?? place.spreadingFactor
    let computed = Rendezvous.timeOnAirMicroseconds(spreadingFactor: place.spreadingFactor) ?? 0
    return Self.leaf(
      6,
      SentBeacon(
        number: Self.number, isRetry: isRetry, startMilliseconds: start,
        timeOnAirMicroseconds: microseconds ?? computed,
        frequencyHertz: frequency ?? place.frequencyHertz, spreadingFactor: factor,
        isConfirmed: true), at: start + 2_000)
  }

  func reveal(at milliseconds: Int64, number: UInt32, link: Digest, power: Int32?)
    -> ArchivedLeaf<BeaconReveal>
  {
    Self.leaf(
      9, BeaconReveal(number: number, link: link, powerCentidecibelMilliwatts: power),
      at: milliseconds)
  }

  /// 12 dB below free space of 5.6 km, and noise of -117 dBm.
  func witness(
    _ node: NodeEvidence, end: Int64? = nil, receipt: Int64? = nil, rssi: Int32 = -11_450,
    snr: Int32? = 100, frequency: UInt32? = nil, error: Int32? = 1_000, factor: UInt8? = nil,
    bandwidth: UInt32 = 125_000, frame: FixedBytes<24>? = nil, index: UInt64 = 7,
    standing: LogStanding = .sound, isSimulated: Bool = false
  ) throws -> WitnessEvidence {
    let end = end ?? start + airtime
    let reception = Reception(
      endMilliseconds: end, uncertaintyMilliseconds: 2,
      frequencyHertz: frequency ?? place.frequencyHertz,
      spreadingFactor: factor ?? place.spreadingFactor, bandwidthHertz: bandwidth,
      codingRateDenominator: 5, rssiCentidecibelMilliwatts: rssi,
      signalCentidecibelMilliwatts: nil, snrCentidecibels: snr, frequencyErrorHertz: error)
    let leaf = Self.leaf(
      index,
      BeaconWitness(frame: frame ?? draw.frame.bytes, reception: try #require(reception)),
      at: end + 5, receipt: receipt, standing: standing, isSimulated: isSimulated)
    return WitnessEvidence(node: node, leaf: leaf)
  }

  var verdict: BeaconVerdict { CoverageVerdict.judge(evidence) }

  /// The reason of the first witness.
  func reason(_ witness: WitnessEvidence) throws -> VerdictReason? {
    var evidence = evidence
    evidence.witnesses = [witness]
    return try #require(CoverageVerdict.judge(evidence).witnesses.first).reason
  }

  func north() throws -> NodeEvidence {
    try Self.node("north", latitude: 473_500_000, longitude: 85_000_000)
  }
}
