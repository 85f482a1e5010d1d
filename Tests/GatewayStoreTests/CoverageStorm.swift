import Coverage
import FixedMemory
import GatewayStore
import Identity
import LoRa
import Proofs
import Records
import Simulation
import Testing

/// Boards that keep the rules of beacons about half of the time, at a gateway of windows of 20 seconds: from a seed, so
/// that what a store says of them and what an archive says can be compared.
final class CoverageStorm {
  static let policy: CoveragePolicy = {
    var policy = CoveragePolicy()
    policy.windowSeconds = 20
    policy.slotMilliseconds = 1_000
    policy.slotCount = 17
    policy.reserveSlotCount = 2
    policy.revealDelaySeconds = 5
    return policy
  }()

  /// A chain that several hold.
  private final class Chain {
    let links: HashChain

    init(_ number: Int) {
      links = HashChain(secret: SHA256.hash([UInt8](repeating: UInt8(number), count: 32).span))
    }
  }

  private struct Board {
    let device: TestDevice
    let chain: Chain
    var pending: [(milliseconds: Int64, bytes: [UInt8])] = []
    var lastMilliseconds: Int64 = 0
  }

  let gateway: Gateway
  private var random: SplitMix64
  private var boards: [Board] = []
  private(set) var now = TestGateway.now
  private let plan = RegionPlan(.eu868)

  init(seed: UInt64, boardCount: Int = 4, store: GatewayStore? = nil) throws {
    random = SplitMix64(seed: seed)
    gateway = try Gateway(
      store: store ?? .inMemory(), key: TestGateway.key(),
      challengeRules: ChallengeRules(intervalSeconds: 20, coverage: ["EU868": Self.policy]))
    for number in 0..<boardCount {
      let device = try TestDevice(seed: 100 + UInt8(number))
      let chain = Chain(number)
      let place = try CoverageWorld.place(473_000_000 + Int32(number) * 500_000)
      _ = try gateway.enrol(
        device.signedEnrolment(
          place: place, anchor: Anchor(firstLink: 1, value: chain.links.anchor),
          radio: CoverageWorld.radio()), utcMilliseconds: now)
      boards.append(Board(device: device, chain: chain))
    }
  }

  private func isChosen(_ percent: UInt64) -> Bool { random.next() % 100 < percent }

  private func number(_ range: ClosedRange<Int64>) -> Int64 {
    Int64.random(in: range, using: &random)
  }

  private func leaf(_ encode: (consuming MutableSpan<UInt8>) -> Int) -> [UInt8] {
    signedBytes(1024) { encode($0) }
  }

  private func add(_ board: Int, at milliseconds: Int64, _ bytes: [UInt8]) {
    boards[board].pending.append((milliseconds, bytes))
  }

  /// One window: a challenge, what the boards make of it, and some of their batches.
  func round() throws {
    now += 20_000
    let region = try #require(ChallengeRegion("EU868"))
    let issued = try gateway.challenge(for: region, utcMilliseconds: now)
    let found = BeaconOrder(issued.challenge)
    let order = try #require(found)
    for board in boards.indices { try play(board, issued, order) }
    for board in boards.indices where isChosen(85) { try deliver(board) }
  }

  /// Boot time 0 is `TestGateway.now`.
  private func play(_ board: Int, _ issued: IssuedChallenge, _ order: BeaconOrder) throws {
    let at = now - TestGateway.now
    if isChosen(80) {
      add(
        board, at: at,
        leaf {
          LeafEncoding.clock(
            milliseconds: at, source: isChosen(95) ? .networkTime : .none,
            utcMilliseconds: now + (isChosen(95) ? 0 : number(-3_000...3_000)),
            uncertaintyMilliseconds: isChosen(95) ? 20 : 500, into: $0)
        })
    }
    if isChosen(40) {
      add(
        board, at: at + 10,
        leaf {
          LeafEncoding.position(
            milliseconds: at + 10, source: .gnss,
            latitudeE7: 473_000_000 + Int64(board) * 500_000 + (isChosen(99) ? 100 : 90_000),
            longitudeE7: 85_000_000, altitudeCentimetres: nil, accuracyCentimetres: 300, into: $0)
        })
    }
    if isChosen(90) {
      let message = issued.message
      let hash = try COSESign1.hash(of: message.span)
      add(
        board, at: at + 100,
        leaf {
          LeafEncoding.challenge(milliseconds: at + 100, challengeHash: hash.span, into: $0)
        })
    }
    try send(board, order, at + 200)
    let window = order.window
    var slots = SlotSet()
    for slot in 0..<17 where isChosen(80) { slots.insert(slot) }
    let record = ListenRecord(
      number: order.number, mode: .rendezvous, slots: slots, noiseCentidecibelMilliwatts: nil)
    let listen = try #require(record)
    let end = window.endUTCMilliseconds - TestGateway.now
    add(
      board, at: end,
      leaf { LeafEncoding.listen(schema: 33, milliseconds: end, listen, into: $0) })
  }

  private func send(_ board: Int, _ order: BeaconOrder, _ at: Int64) throws {
    let link = boards[board].chain.links.link(Int(order.number))
    let draw = BeaconDraw(
      link: try #require(link), nonce: order.nonce,
      keyHash: boards[board].device.publicKey.hash, number: order.number, policy: Self.policy)
    let rendezvous = Rendezvous(nonce: order.nonce, plan: plan, policy: Self.policy)
    let place = try #require(rendezvous).place(slot: draw.slot)
    let airtime = Rendezvous.timeOnAirMicroseconds(spreadingFactor: place.spreadingFactor) ?? 0
    let start = order.window.transmissionUTCMilliseconds(draw.slot) - TestGateway.now
    if isChosen(90) {
      let hash = isChosen(95) ? draw.frame.hash : Digest()
      add(
        board, at: at,
        leaf {
          LeafEncoding.intent(
            milliseconds: at, BeaconIntent(number: order.number, frameHash: hash), into: $0)
        })
    }
    for _ in 0..<(isChosen(85) ? 1 : isChosen(50) ? 0 : 2) {
      let sent = SentBeacon(
        number: order.number, isRetry: isChosen(3),
        startMilliseconds: max(0, start + (isChosen(90) ? 0 : number(-4_000_000...9_000))),
        timeOnAirMicroseconds: airtime,
        frequencyHertz: place.frequencyHertz, spreadingFactor: place.spreadingFactor,
        isConfirmed: true)
      let told = start + number(500...3_000)
      add(
        board, at: told,
        leaf { LeafEncoding.sent(schema: 33, milliseconds: told, sent, into: $0) })
    }
    let power = Transmitter(try CoverageWorld.radio()).output(
      step: draw.powerStep, frequencyHertz: place.frequencyHertz, plan: plan, policy: Self.policy)
    if isChosen(75) {
      let due = order.window.revealUTCMilliseconds - TestGateway.now
      let told = isChosen(90) ? due : max(0, due - number(0...40_000))
      let reveal = BeaconReveal(
        number: order.number, link: isChosen(95) ? try #require(link) : Digest(),
        powerCentidecibelMilliwatts: isChosen(90) ? power : nil)
      add(board, at: told, leaf { LeafEncoding.reveal(milliseconds: told, reveal, into: $0) })
    }
    for other in boards.indices where other != board && isChosen(60) {
      try hear(other, draw, place, end: start + Int64(airtime) / 1_000)
    }
  }

  private func hear(
    _ board: Int, _ draw: BeaconDraw, _ place: Rendezvous.Place, end: Int64
  ) throws {
    let end = max(0, end + (isChosen(90) ? 0 : number(-2_000...2_000)))
    let reception = Reception(
      endMilliseconds: end, uncertaintyMilliseconds: 2, frequencyHertz: place.frequencyHertz,
      spreadingFactor: place.spreadingFactor, bandwidthHertz: 125_000, codingRateDenominator: 5,
      rssiCentidecibelMilliwatts: isChosen(85) ? -11_450 : Int32(number(-30_000...10_000)),
      signalCentidecibelMilliwatts: nil,
      snrCentidecibels: isChosen(85) ? 100 : Int32(number(-30_000...10_000)),
      frequencyErrorHertz: isChosen(50) ? 900 : nil)
    let record = BeaconWitness(frame: draw.frame.bytes, reception: try #require(reception))
    for _ in 0..<(isChosen(95) ? 1 : 2) {
      add(
        board, at: end + 5,
        leaf { LeafEncoding.witness(schema: 33, milliseconds: end + 5, record, into: $0) })
    }
  }

  /// All that its board has written by now; now and then it leaves some out, and tells of it or not.
  func deliver(_ board: Int) throws {
    let time = now - TestGateway.now
    var leaves = boards[board].pending.filter { $0.milliseconds <= time }
    boards[board].pending.removeAll { $0.milliseconds <= time }
    guard !leaves.isEmpty else { return }
    leaves.sort { $0.milliseconds < $1.milliseconds }
    // A late leaf is written late: times never go back.
    let device = boards[board].device
    var bytes = leaves.filter { $0.milliseconds >= boards[board].lastMilliseconds }.map(\.bytes)
    boards[board].lastMilliseconds = leaves.last?.milliseconds ?? 0
    if device.log.frontier.size == 0 { bytes.insert(TestLeaf.boot(), at: 0) }
    guard !bytes.isEmpty else { return }
    var leading: [(count: UInt64, hash: Digest)] = []
    if device.log.batch > 0, isChosen(15) {
      let first = device.log.frontier.size
      leading = device.skip([TestLeaf.fault(.timedOut, at: boards[board].lastMilliseconds)])
      if isChosen(50) {
        let at = boards[board].lastMilliseconds
        bytes.append(
          leaf {
            LeafEncoding.gap(
              .leavesDropped, schema: 0, milliseconds: at, from: first, to: first + 1, count: 1,
              reason: .spoolFull, into: $0)
          })
      }
    }
    let batch = try device.seal(bytes, leading: leading)
    let answer = gateway.receive(batch, utcMilliseconds: now + number(0...900))
    try #require(answer.isStored, "\(String(describing: answer.problem))")
  }

  func deliverAll() throws { for board in boards.indices { try deliver(board) } }
}
