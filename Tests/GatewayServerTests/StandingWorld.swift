import Coverage
import CoverageStatistics
import CoverageVerifier
import FixedMemory
import Foundation
import GatewayStore
import Identity
import LoRa
import Proofs
import Records
import Testing

@testable import GatewayServer

/// Nodes on a line, 1 km apart, that send and hear beacons for one period at a gateway: every byte signed as boards
/// sign it. 115 dB at 1 km and 30 dB for ten times as far, hills that are the same both ways, 1.5 dB of fading.
final class StandingWorld {
  /// What one node does that it should not.
  enum Fault {
    case none
    /// It sends with all its power, whatever was drawn.
    case ignoresDraw(Int)
    /// It sends only when much power was drawn, and says nothing of the other windows.
    case skipsWeakDraws(Int)
    /// The same, with a false reveal for each of the other windows.
    case hidesWeakDraws(Int)
    /// Half way through it is enrolled at another place, and is there.
    case moves(Int)
    /// Nobody ever hears it.
    case isUnheard(Int)
  }

  static let windowMilliseconds: Int64 = 20_000
  static let windowCount = Int(CoveragePeriodName.windowCount)
  /// The last whole period before the server's time.
  static let begin =
    TestServer.now / (windowMilliseconds * Int64(windowCount)) * windowMilliseconds
    * Int64(windowCount) - windowMilliseconds * Int64(windowCount)

  static let policy: CoveragePolicy = {
    var policy = CoveragePolicy()
    policy.windowSeconds = 20
    policy.slotMilliseconds = 1_000
    policy.slotCount = 17
    policy.reserveSlotCount = 2
    policy.revealDelaySeconds = 5
    return policy
  }()

  static var rules: ChallengeRules {
    ChallengeRules(intervalSeconds: 20, coverage: ["EU868": policy])
  }

  /// What a node sent in a window.
  private struct Sent {
    let number: UInt32
    let frame: BeaconFrame
    let place: Rendezvous.Place
    let power: Int32
    let slot: Int
    let end: Int64
  }

  /// A chain that stands in a list.
  private final class Chain {
    let links: HashChain

    init(_ number: Int) {
      links = HashChain(secret: SHA256.hash([UInt8](repeating: UInt8(number), count: 32).span))
    }
  }

  let gateway: Gateway
  let nodes: [TestNode]
  private let chains: [Chain]
  private let fault: Fault
  private let plan = RegionPlan(.eu868)
  private let radio: RadioSetup
  private var pending: [[(milliseconds: Int64, bytes: [UInt8])]]
  private var places: [Int]

  init(_ gateway: Gateway, count: Int = 8, windows: Int = windowCount, _ fault: Fault = .none)
    throws
  {
    self.gateway = gateway
    self.fault = fault
    nodes = try (0..<count).map { try TestNode(seed: UInt8(60 + $0)) }
    chains = (0..<count).map { Chain($0) }
    radio = try #require(
      RadioSetup(
        model: FixedText("SX1262"), region: FixedText("EU868"), transmitPowerHundredthsDBm: 1_400,
        antennaGainHundredthsDBi: 215, cableLossHundredthsDB: 50))
    places = Array(0..<count)
    pending = Array(repeating: [], count: count)
    for node in 0..<count {
      let enrolment = try nodes[node].enrolment(
        place: place(node), anchor: Anchor(firstLink: 1, value: chains[node].links.anchor),
        radio: radio)
      _ = try gateway.enrol(enrolment, utcMilliseconds: Self.begin - 60_000)
      pending[node].append(
        (
          0,
          leaf {
            LeafEncoding.clock(
              milliseconds: 0, source: .networkTime, utcMilliseconds: Self.begin - 60_000,
              uncertaintyMilliseconds: 20, into: $0)
          }
        ))
    }
    for window in 0..<windows { try play(window) }
    for node in 0..<count {
      try deliver(node, at: Self.begin + Int64(windows + 1) * Self.windowMilliseconds)
    }
  }

  private func leaf(_ encode: (consuming MutableSpan<UInt8>) -> Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = encode(bytes.mutableSpan)
    return Array(bytes.prefix(count))
  }

  /// Boot time 0 is a minute before the first window.
  private func boot(_ utc: Int64) -> Int64 { utc - Self.begin + 60_000 }

  private func place(_ node: Int) throws -> Place {
    try #require(
      Place(
        latitudeE7: 473_000_000 + Int32(places[node]) * 90_000, longitudeE7: 85_000_000,
        altitudeCentimetres: nil, heightAboveGroundCentimetres: nil))
  }

  private func play(_ window: Int) throws {
    let issuedAt = Self.begin + Int64(window) * Self.windowMilliseconds - 10_000
    if case .moves(let node) = fault, window == Self.windowCount / 2 { try move(node, issuedAt) }
    let region = try #require(ChallengeRegion("EU868"))
    let issued = try gateway.challenge(for: region, utcMilliseconds: issuedAt)
    let found = BeaconOrder(issued.challenge)
    let order = try #require(found)
    var sent: [Int: Sent] = [:]
    for node in nodes.indices {
      sent[node] = try send(node, issued, order, at: issuedAt + 1_000)
    }
    for node in nodes.indices {
      for other in nodes.indices where other != node {
        guard let frame = sent[other], frame.slot != sent[node]?.slot else { continue }
        try hear(node, other, frame)
      }
      try listen(node, order, butNot: sent[node]?.slot)
      try deliver(node, at: order.window.endUTCMilliseconds + 1_000)
    }
  }

  private func move(_ node: Int, _ utc: Int64) throws {
    let held = try #require(
      try gateway.store.enrolments(
        ofNodeOf: found(node), after: 0, limit: 1
      ).first)
    places[node] += 1
    let enrolment = try nodes[node].enrolment(
      place: place(node), anchor: Anchor(firstLink: 1, value: chains[node].links.anchor),
      radio: radio,
      previous: held.hash)
    _ = try gateway.enrol(enrolment, utcMilliseconds: utc - 1_000)
  }

  private func found(_ node: Int) throws -> Device {
    guard case .found(let device) = try gateway.store.device(named: nodes[node].id) else {
      throw Missing()
    }
    return device
  }

  private struct Missing: Error {}

  /// Challenge, intent, sent and reveal leaves; nil when the node skips the window.
  private func send(_ node: Int, _ issued: IssuedChallenge, _ order: BeaconOrder, at utc: Int64)
    throws -> Sent?
  {
    let chained = chains[node].links.link(Int(order.number))
    let link = try #require(chained)
    let draw = BeaconDraw(
      link: link, nonce: order.nonce, keyHash: nodes[node].publicKey.hash, number: order.number,
      policy: Self.policy)
    if case .skipsWeakDraws(node) = fault, draw.powerStep >= 2 { return nil }
    if case .hidesWeakDraws(node) = fault, draw.powerStep >= 2 {
      let due = boot(order.window.revealUTCMilliseconds)
      let lie = BeaconReveal(
        number: order.number, link: draw.frame.hash, powerCentidecibelMilliwatts: nil)
      pending[node] += [(due, leaf { LeafEncoding.reveal(milliseconds: due, lie, into: $0) })]
      return nil
    }
    let rendezvous = Rendezvous(nonce: order.nonce, plan: plan, policy: Self.policy)
    let place = try #require(rendezvous).place(slot: draw.slot)
    let airtime = try #require(
      Rendezvous.timeOnAirMicroseconds(spreadingFactor: place.spreadingFactor))
    let power = try #require(
      Transmitter(radio).output(
        step: draw.powerStep, frequencyHertz: place.frequencyHertz, plan: plan,
        policy: Self.policy))
    let start = order.window.transmissionUTCMilliseconds(draw.slot)
    let hash = try COSESign1.hash(of: issued.message.span)
    let (first, told) = (boot(utc), boot(start) + 800)
    let record = SentBeacon(
      number: order.number, isRetry: false, startMilliseconds: boot(start),
      timeOnAirMicroseconds: airtime, frequencyHertz: place.frequencyHertz,
      spreadingFactor: place.spreadingFactor, isConfirmed: true)
    let due = boot(order.window.revealUTCMilliseconds)
    let intent = BeaconIntent(number: order.number, frameHash: draw.frame.hash)
    let reveal = BeaconReveal(
      number: order.number, link: link, powerCentidecibelMilliwatts: power)
    pending[node] += [
      (
        first,
        leaf { LeafEncoding.challenge(milliseconds: first, challengeHash: hash.span, into: $0) }
      ),
      (first + 1, leaf { LeafEncoding.intent(milliseconds: first + 1, intent, into: $0) }),
      (told, leaf { LeafEncoding.sent(schema: 33, milliseconds: told, record, into: $0) }),
      (due, leaf { LeafEncoding.reveal(milliseconds: due, reveal, into: $0) }),
    ]
    return Sent(
      number: order.number, frame: draw.frame, place: place, power: power, slot: draw.slot,
      end: start + Int64(airtime) / 1_000)
  }

  private func hear(_ node: Int, _ sender: Int, _ sent: Sent) throws {
    if case .isUnheard(sender) = fault { return }
    var power = sent.power
    if case .ignoresDraw(sender) = fault { power = 1_400 }
    let away = Double(abs(places[node] - places[sender]))
    let (low, high) = (min(node, sender), max(node, sender))
    let hill = Double((low * 7 + high * 13) % 11) * 2 - 10
    let mixed = UInt64(sent.number) &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(sender * 131 + node * 17_389)
    let fading = Double((mixed &* 0xbf58_476d_1ce4_e5b9) >> 40 & 0xffff) / 43_690
    let signal =
      Double(power) / 100 + 3.3 - 115 - 30 * log10(max(1, away)) - hill + fading
    let snr = Int32((min(10, signal + 117) * 4).rounded()) * 25
    guard snr >= SignalPower.lowestSNRCentidecibels(spreadingFactor: sent.place.spreadingFactor)
    else { return }
    let channel = 10 * log10(pow(10, signal / 10) + pow(10, -11.7))
    let error = Double((sender - node) * 700) * Double(sent.place.frequencyHertz) / 1e9
    let end = boot(sent.end)
    let reception = Reception(
      endMilliseconds: end, uncertaintyMilliseconds: 2,
      frequencyHertz: sent.place.frequencyHertz, spreadingFactor: sent.place.spreadingFactor,
      bandwidthHertz: 125_000, codingRateDenominator: 5,
      rssiCentidecibelMilliwatts: Int32((channel * 100).rounded()),
      signalCentidecibelMilliwatts: nil, snrCentidecibels: snr,
      frequencyErrorHertz: Int32(error.rounded()))
    let record = BeaconWitness(frame: sent.frame.bytes, reception: try #require(reception))
    pending[node].append(
      (end, leaf { LeafEncoding.witness(schema: 33, milliseconds: end, record, into: $0) }))
  }

  private func listen(_ node: Int, _ order: BeaconOrder, butNot own: Int?) throws {
    var slots = SlotSet()
    for slot in 0..<17 where slot != own { slots.insert(slot) }
    let record = ListenRecord(
      number: order.number, mode: .rendezvous, slots: slots, noiseCentidecibelMilliwatts: nil)
    let listen = try #require(record)
    let at = boot(order.window.endUTCMilliseconds)
    pending[node].append(
      (at, leaf { LeafEncoding.listen(schema: 33, milliseconds: at, listen, into: $0) }))
  }

  /// All that its board has written by then, in the order of time.
  private func deliver(_ node: Int, at utc: Int64) throws {
    let ready = pending[node].filter { $0.milliseconds <= boot(utc) }
      .sorted { $0.milliseconds < $1.milliseconds }
    guard !ready.isEmpty else { return }
    pending[node].removeAll { $0.milliseconds <= boot(utc) }
    let answer = gateway.receive(
      try nodes[node].sealed(ready.map(\.bytes)), utcMilliseconds: utc)
    guard case .stored = answer else { throw Refused(answer: "\(answer)") }
  }

  private struct Refused: Error {
    let answer: String
  }

  // MARK: - What is made of it

  func standings(at utc: Int64 = TestServer.now) throws -> PeriodStandings {
    let due = try gateway.store.duePeriods(atUTCMilliseconds: utc)
    #expect(due.count == 1)
    return try gateway.store.standings(of: try #require(due.first), atUTCMilliseconds: utc)
  }

  func standing(_ node: Int, in standings: PeriodStandings) throws -> NodeStanding {
    try #require(standings.judged.nodes.first { $0.keys.contains(nodes[node].id) })
  }
}
