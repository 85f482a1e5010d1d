import ArgumentParser
import Coverage
import CoverageVerifier
import FixedMemory
import Foundation
import Identity
import LoRa
import Proofs
import Records
import Signers

/// Measures verdicts about beacons on one processor, evidence and all, against bare signature checks.
struct MeasureCoverage: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "measure-coverage",
    abstract: "Measure verdicts about beacons against bare signature checks.",
    shouldDisplay: false)

  @Option(help: "Beacons, one of each challenge, all of one node.")
  var beacons = 2_000

  @Option(help: "Witnesses of each.")
  var witnesses = 8

  private static let issued: Int64 = 1_743_638_400_000
  private static let windowMilliseconds: Int64 = 900_000

  func validate() throws {
    guard (1...HashChain.linkCount - 1).contains(beacons), (0...1_000).contains(witnesses) else {
      throw ValidationError(
        "--beacons is a number from 1 to \(HashChain.linkCount - 1), --witnesses from 0 to 1000")
    }
  }

  func run() throws {
    var key = try FileKey(seed: FixedBytes<32>())
    let names = try measured(&key)
    let book = names.book
    // A signature as those of challenges are.
    let message = names.message
    let publicKey = key.publicKey
    var bare: [Double] = []
    var cold: [Double] = []
    var warm: [Double] = []
    for _ in 0..<5 {
      bare.append(
        try Self.seconds {
          for _ in 0..<500 { _ = try Challenge(verifying: message.span, gatewayKey: publicKey) }
        } / 500)
      let links = VerifiedLinks()
      cold.append(try Self.seconds { try judge(names.names, book, links) } / Double(beacons))
      warm.append(try Self.seconds { try judge(names.names, book, links) } / Double(beacons))
    }
    report(Self.median(bare), Self.median(cold), Self.median(warm))
  }

  private func judge(
    _ names: [BeaconName], _ book: CoverageBook, _ links: VerifiedLinks
  ) throws {
    for name in names {
      let verdict = CoverageVerdict.judge(book.evidence(name, links: links), links: links)
      guard verdict.outcome == .sound, verdict.witnesses.allSatisfy(\.counts) else {
        let reason = verdict.reason ?? verdict.witnesses.lazy.compactMap(\.reason).first
        throw OperatorError(
          .software,
          "a beacon and witnesses that keep the rules are \(reason?.rawValue ?? "not sound")"
        ).told()
      }
    }
  }

  private func report(_ bare: Double, _ cold: Double, _ warm: Double) {
    func line(_ name: String, _ seconds: Double) -> String {
      name.padding(toLength: 36, withPad: " ", startingAt: 0)
        + String(format: "%8.0f a second, %5.2f of one check", 1 / seconds, seconds / bare)
    }
    print(
      "\(beacons) beacons of one chain, \(witnesses) witnesses each: medians of five turns, one processor"
    )
    print(line("bare Ed25519 checks", bare))
    print(line("verdicts, the chain seen first", cold))
    print(line("verdicts, the chain seen before", warm))
  }

  private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

  private static func seconds(_ work: () throws -> Void) rethrows -> Double {
    func now() -> Double {
      var time = timespec()
      _ = clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
      return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
    let start = now()
    try work()
    return now() - start
  }

  // MARK: - What is judged

  private struct Measured {
    var book = CoverageBook()
    var names: [BeaconName] = []
    var message: [UInt8] = []
  }

  private func measured(_ gatewayKey: inout FileKey) throws -> Measured {
    var measured = Measured()
    let chain = HashChain(secret: SHA256.hash([1].span))
    let plan = RegionPlan(.eu868)
    guard
      let radio = RadioSetup(
        model: FixedText("SX1262"), region: FixedText("EU868"), transmitPowerHundredthsDBm: 1_400,
        antennaGainHundredthsDBi: 215, cableLossHundredthsDB: 50)
    else { return measured }
    var keys: [Digest] = []
    for number in 0...witnesses {
      keys.append(try enrol(number, chain.anchor, radio, &measured.book))
    }
    for number in 1...UInt32(clamping: beacons) {
      let issued = Self.issued + Int64(number) * Self.windowMilliseconds
      let challenge = Challenge(
        algorithm: .ed25519, keyID: gatewayKey.publicKey.keyID, number: UInt64(number),
        issuedUTCMilliseconds: issued, validSeconds: 1_800, region: FixedText("EU868"),
        coverage: CoveragePolicy(), nonce: SHA256.hash(Array("\(number)".utf8).span))
      let message = try Self.bytes(Challenge.maximumMessageByteCount) {
        try challenge.sign(with: &gatewayKey, into: $0).byteCount
      }
      measured.message = message
      try measured.book.add(challenge: message, logLeaf: UInt64(number))
      guard let order = BeaconOrder(challenge), let link = chain.link(Int(number)) else { continue }
      let draw = BeaconDraw(
        link: link, nonce: order.nonce, keyHash: keys[0], number: number, policy: order.policy)
      let beacon = PlayedBeacon(
        order: order, draw: draw, link: link, issued: issued, plan: plan, radio: radio,
        challengeHash: try COSESign1.hash(of: message.span))
      try beacon.play(keys, into: &measured.book)
      measured.names.append(BeaconName(keyHash: keys[0], number: number))
    }
    return measured
  }

  private func enrol(
    _ number: Int, _ anchor: Digest, _ radio: RadioSetup, _ book: inout CoverageBook
  ) throws -> Digest {
    var seed = FixedBytes<32>()
    seed[0] = UInt8(truncatingIfNeeded: number + 1)
    seed[1] = UInt8(truncatingIfNeeded: (number + 1) >> 8)
    let key = try FileKey(seed: seed).publicKey
    // 5 to 90 km north of the sender, and a little east of each other.
    let (column, row) = (max(0, number - 1) / 16, number > 0 ? (number - 1) % 16 + 1 : 0)
    let place = Place(
      latitudeE7: 473_000_000 + Int32(clamping: row) * 500_000,
      longitudeE7: 85_000_000 + Int32(clamping: column) * 10_000,
      altitudeCentimetres: nil, heightAboveGroundCentimetres: nil)
    book.add(
      Enrolment(
        version: 1, previous: nil, deviceKey: key, storage: .file,
        anchor: Anchor(firstLink: 1, value: anchor), place: place, radio: radio,
        validFromUTCMilliseconds: nil), loggedUTCMilliseconds: Self.issued)
    book.setNode(of: key.hash, node: key.hash, owner: nil)
    return key.hash
  }

  static func bytes(_ count: Int, _ encode: (consuming MutableSpan<UInt8>) throws -> Int) rethrows
    -> [UInt8]
  {
    var bytes = [UInt8](repeating: 0, count: count)
    let written = try encode(bytes.mutableSpan)
    return Array(bytes.prefix(written))
  }
}

/// A beacon that keeps the rules, and those that hear it: their leaves. Boot time 0 is when its challenge was issued.
private struct PlayedBeacon {
  let order: BeaconOrder
  let draw: BeaconDraw
  let link: Digest
  let issued: Int64
  let plan: RegionPlan
  let radio: RadioSetup
  let challengeHash: Digest

  func play(_ keys: [Digest], into book: inout CoverageBook) throws {
    guard let rendezvous = Rendezvous(nonce: order.nonce, plan: plan, policy: order.policy) else {
      return
    }
    let place = rendezvous.place(slot: draw.slot)
    let power = Transmitter(radio).output(
      step: draw.powerStep, frequencyHertz: place.frequencyHertz, plan: plan, policy: order.policy)
    let airtime = Rendezvous.timeOnAirMicroseconds(spreadingFactor: place.spreadingFactor) ?? 0
    let start = order.window.transmissionUTCMilliseconds(draw.slot) - issued
    let due = order.window.revealUTCMilliseconds - issued
    let number = order.number
    let sent = SentBeacon(
      number: number, isRetry: false, startMilliseconds: start, timeOnAirMicroseconds: airtime,
      frequencyHertz: place.frequencyHertz, spreadingFactor: place.spreadingFactor,
      isConfirmed: true)
    let intent = BeaconIntent(number: number, frameHash: draw.frame.hash)
    let reveal = BeaconReveal(number: number, link: link, powerCentidecibelMilliwatts: power)
    let hash = challengeHash
    try add(
      [
        (.clock, clock),
        (
          .challenge,
          MeasureCoverage.bytes(100) {
            LeafEncoding.challenge(milliseconds: 1_000, challengeHash: hash.span, into: $0)
          }
        ),
        (
          .intent,
          MeasureCoverage.bytes(100) {
            LeafEncoding.intent(milliseconds: 2_000, intent, into: $0)
          }
        ),
        (
          .sent,
          MeasureCoverage.bytes(100) {
            LeafEncoding.sent(schema: 33, milliseconds: start + 2_000, sent, into: $0)
          }
        ),
        (
          .reveal,
          MeasureCoverage.bytes(100) {
            LeafEncoding.reveal(milliseconds: due, reveal, into: $0)
          }
        ),
      ], of: keys[0], receipt: issued + due, &book)
    let end = start + Int64(airtime) / 1_000
    for (place, key) in keys.enumerated().dropFirst() {
      try hear(key, place, end, rendezvous, &book)
    }
  }

  private var clock: [UInt8] {
    MeasureCoverage.bytes(100) {
      LeafEncoding.clock(
        milliseconds: 100, source: .networkTime, utcMilliseconds: issued + 100,
        uncertaintyMilliseconds: 20, into: $0)
    }
  }

  private func hear(
    _ key: Digest, _ place: Int, _ end: Int64, _ rendezvous: Rendezvous, _ book: inout CoverageBook
  ) throws {
    let channel = rendezvous.place(slot: draw.slot)
    let reception = Reception(
      endMilliseconds: end, uncertaintyMilliseconds: 2, frequencyHertz: channel.frequencyHertz,
      spreadingFactor: channel.spreadingFactor, bandwidthHertz: 125_000, codingRateDenominator: 5,
      rssiCentidecibelMilliwatts: -11_450, signalCentidecibelMilliwatts: nil,
      snrCentidecibels: -400, frequencyErrorHertz: 900)
    guard let reception else { return }
    let record = BeaconWitness(frame: draw.frame.bytes, reception: reception)
    let leaf = MeasureCoverage.bytes(200) {
      LeafEncoding.witness(schema: 33, milliseconds: end + 5, record, into: $0)
    }
    try add([(.clock, clock), (.witness, leaf)], of: key, receipt: issued + end + 60_000, &book)
  }

  /// In a boot of its own: number and boot are the challenge's.
  private func add(
    _ leaves: [(kind: LeafKind, bytes: [UInt8])], of key: Digest, receipt: Int64,
    _ book: inout CoverageBook
  ) throws {
    let source = CoverageBook.Source(
      keyHash: key, epoch: 0, batch: UInt64(order.number), boot: UInt64(order.number),
      isSimulated: false, receiptUTCMilliseconds: receipt)
    for (place, leaf) in leaves.enumerated() {
      let name: UInt64 =
        switch leaf.kind {
        case .challenge: CoverageLeaf.challengeName(challengeHash)
        case .witness:
          (2..<8).reduce(0) { $0 << 8 | UInt64(draw.frame.bytes[$1]) }
        default: UInt64(order.number)
        }
      try book.add(
        CoverageLeaf(
          kind: leaf.kind, index: UInt64(order.number) * 8 + UInt64(place), isBehindHash: false,
          isBeforeHash: false, bytes: leaf.bytes, name: name), of: source)
    }
  }
}
