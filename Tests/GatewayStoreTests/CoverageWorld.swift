import Coverage
import CoverageVerifier
import FixedMemory
import GatewayStore
import Identity
import LoRa
import Proofs
import Records
import Testing

/// A gateway that asks for beacons, a node that sends one, and two that hear it: every byte signed as boards sign it.
/// Tests make one thing of it false.
final class CoverageWorld {
  static let issued = TestGateway.now + 10_000

  /// What is false.
  struct Change {
    var enrolsAnchorLate = false
    var enrolsPlace = true
    var hasChallengeLeaf = true
    var hasIntent = true
    var intendedHash: Digest?
    var hasSent = true
    var sentAway: Int64 = 0
    var sentFrequency: UInt32?
    var sentMicroseconds: UInt32?
    var hasReveal = true
    var revealLink: Digest?
    var revealPower: Int32 = 0
    var clockUncertainty: UInt64 = 20
    var hashBesideIntent = false
    var positionAway: Int32?
    /// Of both witnesses.
    var witnessRSSI: Int32 = -11_450
    var witnessSNR: Int32? = 100
    var witnessFactor: UInt8?
    var witnessError: Int32? = 1_000
    var witnessAway: Int64 = 0
    var witnessDelay: Int64 = 60_000
    var witnessLatitude: Int32 = 473_500_000
    var witnessFrame: FixedBytes<24>?
    var witnessCopies = 1
    var enrolsWitness = true
    /// Of another key: so many witness leaves in the beacon's name, and as many listen leaves, before the window.
    var floodLeaves = 0
    /// Frames in the beacon's name that each witness hears before the beacon.
    var garbageFrames = 0
  }

  let gateway: Gateway
  let sender: TestDevice
  let witnesses: [TestDevice]
  let listener: TestDevice
  let name: BeaconName
  let challenge: IssuedChallenge
  let order: BeaconOrder
  let draw: BeaconDraw

  static let policy = CoveragePolicy()

  static func radio() throws -> RadioSetup {
    try #require(
      RadioSetup(
        model: FixedText("SX1262"), region: FixedText("EU868"), transmitPowerHundredthsDBm: 1_400,
        antennaGainHundredthsDBi: 215, cableLossHundredthsDB: 50))
  }

  static func place(_ latitude: Int32) throws -> Place {
    try #require(
      Place(
        latitudeE7: latitude, longitudeE7: 85_000_000, altitudeCentimetres: nil,
        heightAboveGroundCentimetres: nil))
  }

  private static func leaf(_ encode: (consuming MutableSpan<UInt8>) -> Int) -> [UInt8] {
    signedBytes(1024) { encode($0) }
  }

  init(_ change: Change = Change(), store: GatewayStore? = nil) throws {
    let rules = ChallengeRules(coverage: ["EU868": Self.policy])
    gateway = try Gateway(
      store: store ?? .inMemory(), key: TestGateway.key(), challengeRules: rules)
    (sender, listener) = (try TestDevice(seed: 40), try TestDevice(seed: 43))
    witnesses = [try TestDevice(seed: 41), try TestDevice(seed: 42)]
    let chain = HashChain(secret: SHA256.hash([UInt8](repeating: 9, count: 32).span))
    let radio = try Self.radio()
    let enrolment = try sender.signedEnrolment(
      place: change.enrolsPlace ? Self.place(473_000_000) : nil,
      anchor: Anchor(firstLink: 1, value: chain.anchor), radio: radio)
    let late = change.enrolsAnchorLate ? 20_000 as Int64 : 0
    if late == 0 { _ = try gateway.enrol(enrolment, utcMilliseconds: TestGateway.now) }
    for (index, witness) in witnesses.enumerated() where change.enrolsWitness {
      let latitude = index == 0 ? change.witnessLatitude : 472_500_000
      _ = try gateway.enrol(
        witness.signedEnrolment(place: Self.place(latitude), radio: radio),
        utcMilliseconds: TestGateway.now)
    }
    _ = try gateway.enrol(listener.signedEnrolment(), utcMilliseconds: TestGateway.now)
    let region = ChallengeRegion("EU868")
    challenge = try gateway.challenge(for: try #require(region), utcMilliseconds: Self.issued)
    if late != 0 {
      _ = try gateway.enrol(enrolment, utcMilliseconds: TestGateway.now + late)
    }
    if !change.enrolsWitness {
      for witness in witnesses {
        _ = try gateway.enrol(
          witness.signedEnrolment(), utcMilliseconds: Self.issued + 3_600_000)
      }
    }
    let order = BeaconOrder(challenge.challenge)
    self.order = try #require(order)
    name = BeaconName(keyHash: sender.publicKey.hash, number: self.order.number)
    let link = chain.link(Int(self.order.number))
    draw = BeaconDraw(
      link: try #require(link), nonce: challenge.challenge.nonce, keyHash: name.keyHash,
      number: name.number, policy: Self.policy)
    try deliver(change, link: try #require(link))
  }

  /// Boot time 0 is `issued`.
  private func deliver(_ change: Change, link: Digest) throws {
    let plan = RegionPlan(.eu868)
    let rendezvous = Rendezvous(nonce: order.nonce, plan: plan, policy: Self.policy)
    let place = try #require(rendezvous).place(slot: draw.slot)
    let power = Transmitter(try Self.radio()).output(
      step: draw.powerStep, frequencyHertz: place.frequencyHertz, plan: plan, policy: Self.policy)
    let airtime = try #require(
      Rendezvous.timeOnAirMicroseconds(spreadingFactor: place.spreadingFactor))
    let start = order.window.transmissionUTCMilliseconds(draw.slot) - Self.issued
    try deliverSender(change, place, start, airtime)
    if change.floodLeaves > 0 { try deliverFlood(change.floodLeaves, place) }
    for witness in witnesses {
      try deliverWitness(witness, change, place, end: start + Int64(airtime) / 1_000)
    }
    try deliverListener()
    guard change.hasReveal else { return }
    let due = order.window.revealUTCMilliseconds - Self.issued
    let reveal = BeaconReveal(
      number: name.number, link: change.revealLink ?? link,
      powerCentidecibelMilliwatts: try #require(power) + change.revealPower)
    try take(
      sender.seal([Self.leaf { LeafEncoding.reveal(milliseconds: due, reveal, into: $0) }]),
      at: due + 60_000)
  }

  private func take(_ batch: [UInt8], at milliseconds: Int64) throws {
    let answer = gateway.receive(batch, utcMilliseconds: Self.issued + milliseconds)
    try #require(answer.isStored, "\(String(describing: answer.problem))")
  }

  private func head(_ change: Change) -> [[UInt8]] {
    var leaves = [
      TestLeaf.boot(),
      Self.leaf {
        LeafEncoding.clock(
          milliseconds: 100, source: .networkTime, utcMilliseconds: Self.issued + 100,
          uncertaintyMilliseconds: change.clockUncertainty, into: $0)
      },
    ]
    if let away = change.positionAway {
      leaves.append(
        Self.leaf {
          LeafEncoding.position(
            milliseconds: 200, source: .gnss, latitudeE7: 473_000_000 + Int64(away),
            longitudeE7: 85_000_000, altitudeCentimetres: nil, accuracyCentimetres: 300, into: $0)
        })
    }
    return leaves
  }

  private func deliverSender(
    _ change: Change, _ place: Rendezvous.Place, _ start: Int64, _ airtime: UInt32
  ) throws {
    var leaves = head(change)
    if change.hasChallengeLeaf {
      let message = challenge.message
      let hash = try COSESign1.hash(of: message.span)
      var bytes = [UInt8](repeating: 0, count: 100)
      let count = LeafEncoding.challenge(
        milliseconds: 1_000, challengeHash: hash.span, into: bytes.mutableSpan)
      leaves.append(Array(bytes.prefix(count)))
    }
    try take(sender.seal(leaves), at: 2_000)
    var leading: [(count: UInt64, hash: Digest)] = []
    var tail: [[UInt8]] = []
    // Nobody sees what stands before the intent.
    if change.hashBesideIntent {
      leading = sender.skip([TestLeaf.fault(.timedOut, at: 2_500)])
    }
    if change.hasIntent {
      let intent = BeaconIntent(
        number: name.number, frameHash: change.intendedHash ?? draw.frame.hash)
      tail.append(Self.leaf { LeafEncoding.intent(milliseconds: 3_000, intent, into: $0) })
    } else {
      tail.append(TestLeaf.fault(.timedOut, at: 3_000))
    }
    try take(sender.seal(tail, leading: leading), at: 4_000)
    guard change.hasSent else { return }
    let sent = SentBeacon(
      number: name.number, isRetry: false, startMilliseconds: start + change.sentAway,
      timeOnAirMicroseconds: change.sentMicroseconds ?? airtime,
      frequencyHertz: change.sentFrequency ?? place.frequencyHertz,
      spreadingFactor: place.spreadingFactor, isConfirmed: true)
    let at = start + change.sentAway + 2_000
    try take(
      sender.seal([
        Self.leaf { LeafEncoding.sent(schema: 33, milliseconds: at, sent, into: $0) }
      ]), at: at + 60_000)
  }

  /// With another tag: what the name tells is public from the challenge on.
  private func garbage(_ place: Rendezvous.Place, at end: Int64) throws -> [UInt8] {
    var bytes = draw.frame.bytes
    for index in 8..<24 { bytes[index] = 0x55 }
    let reception = Reception(
      endMilliseconds: end, uncertaintyMilliseconds: 2, frequencyHertz: place.frequencyHertz,
      spreadingFactor: place.spreadingFactor, bandwidthHertz: 125_000, codingRateDenominator: 5,
      rssiCentidecibelMilliwatts: -11_450, signalCentidecibelMilliwatts: nil,
      snrCentidecibels: 100, frequencyErrorHertz: nil)
    let record = BeaconWitness(frame: bytes, reception: try #require(reception))
    return Self.leaf {
      LeafEncoding.witness(schema: 33, milliseconds: end + 5, record, into: $0)
    }
  }

  private func deliverFlood(_ count: Int, _ place: Rendezvous.Place) throws {
    let flooder = try TestDevice(seed: 44)
    _ = try gateway.enrol(flooder.signedEnrolment(), utcMilliseconds: Self.issued + 1_000)
    var slots = SlotSet()
    slots.insert(draw.slot)
    let record = ListenRecord(
      number: name.number, mode: .rendezvous, slots: slots, noiseCentidecibelMilliwatts: nil)
    let listen = try #require(record)
    let leaves = try (0..<count).flatMap { _ in
      [
        try garbage(place, at: 4_000),
        Self.leaf { LeafEncoding.listen(schema: 33, milliseconds: 4_005, listen, into: $0) },
      ]
    }
    for first in stride(from: 0, to: leaves.count, by: 400) {
      try take(flooder.seal(Array(leaves[first..<min(first + 400, leaves.count)])), at: 5_000)
    }
  }

  private func deliverWitness(
    _ witness: TestDevice, _ change: Change, _ place: Rendezvous.Place, end: Int64
  ) throws {
    let end = end + change.witnessAway
    var leaves = head(Change(clockUncertainty: change.clockUncertainty))
    for number in 0..<change.garbageFrames {
      leaves.append(try garbage(place, at: end - Int64(1_000 - number)))
    }
    for copy in 0..<change.witnessCopies {
      let reception = Reception(
        endMilliseconds: end + Int64(copy), uncertaintyMilliseconds: 2,
        frequencyHertz: place.frequencyHertz,
        spreadingFactor: change.witnessFactor ?? place.spreadingFactor, bandwidthHertz: 125_000,
        codingRateDenominator: 5, rssiCentidecibelMilliwatts: change.witnessRSSI,
        signalCentidecibelMilliwatts: nil, snrCentidecibels: change.witnessSNR,
        frequencyErrorHertz: change.witnessError)
      let record = BeaconWitness(
        frame: change.witnessFrame ?? draw.frame.bytes, reception: try #require(reception))
      leaves.append(
        Self.leaf {
          LeafEncoding.witness(schema: 33, milliseconds: end + 5, record, into: $0)
        })
    }
    try take(witness.seal(leaves), at: end + change.witnessDelay)
  }

  private func deliverListener() throws {
    var slots = SlotSet()
    slots.insert(draw.slot)
    let record = ListenRecord(
      number: name.number, mode: .rendezvous, slots: slots, noiseCentidecibelMilliwatts: nil)
    let listen = try #require(record)
    let at = order.window.endUTCMilliseconds - Self.issued
    try take(
      listener.seal([
        TestLeaf.boot(),
        Self.leaf { LeafEncoding.listen(schema: 33, milliseconds: at, listen, into: $0) },
      ]), at: at + 1_000)
  }

  func judged() throws -> JudgedBeacon { try #require(try gateway.store.beacon(name)) }
}
