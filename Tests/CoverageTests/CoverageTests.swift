import FixedMemory
import Foundation
import LoRa
import Proofs
import Records
import TestSupport
import Testing

@testable import Coverage

/// The lines of the example in docs/coverage-protocol.md, which somebody else's libraries compute as well.
struct DocumentedExample {
  private let lines: [String: String]

  init() throws {
    var root = URL(filePath: #filePath)
    for _ in 0..<3 { root.deleteLastPathComponent() }
    let text = try String(
      contentsOf: root.appending(path: "docs/coverage-protocol.md"), encoding: .utf8)
    var lines: [String: String] = [:]
    for line in text.split(separator: "\n") where line.hasPrefix("    ") {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      lines[parts[0].trimmingCharacters(in: .whitespaces)] =
        parts[1].trimmingCharacters(in: .whitespaces)
    }
    self.lines = lines
  }

  func text(_ name: String) throws -> String { try #require(lines[name], "\(name)") }
  func bytes(_ name: String) throws -> [UInt8] { hex(try text(name)) }
  func digest(_ name: String) throws -> Digest { try fixed(bytes(name)) }
  func number<Value: FixedWidthInteger>(_ name: String) throws -> Value {
    try #require(Value(try text(name)))
  }
}

@Suite struct ExampleTests {
  let example: DocumentedExample

  init() throws { example = try DocumentedExample() }

  private func order() throws -> BeaconOrder {
    let bytesChallenge = try example.bytes("challenge")
    let challenge = try Challenge(decoding: bytesChallenge.span)
    return try #require(BeaconOrder(challenge))
  }

  @Test func theChainIsTheDocumentedOne() throws {
    let chain = HashChain(secret: try example.digest("chain secret"))
    let anchor = chain.anchor
    #expect(try anchor == example.digest("anchor"))
    let index = try #require(HashChain.index(ofChallenge: 1_000, firstNumber: 7))
    #expect(try index == example.number("index"))
    let made = chain.link(index)
    let link = try #require(made)
    #expect(try link == example.digest("link"))
    #expect(HashChain.before(link, by: index) == anchor)
  }

  @Test func theChallengeHasThePolicyUnderItsSignature() throws {
    let bytesChallenge = try example.bytes("challenge")
    let challenge = try Challenge(decoding: bytesChallenge.span)
    var policy = CoveragePolicy()
    for index in 1..<12 { policy.channels[index] = 0 }
    #expect(challenge.coverage == policy && challenge.policy == 1)
    let text = try example.text("challenge")
    #expect(text.contains(try example.text("policy")))
  }

  @Test func theDrawIsTheDocumentedOne() throws {
    let order = try order()
    let draw = BeaconDraw(
      link: try example.digest("link"), nonce: order.nonce, keyHash: try example.digest("key hash"),
      number: order.number, policy: order.policy)
    #expect(try draw.seed == example.digest("seed"))
    #expect(try draw.slot == example.number("slot"))
    #expect(try draw.reserveSlot == example.number("reserve slot"))
    #expect(try draw.powerStep == example.number("power step"))
    let frame = draw.frame.bytes.span.indices.map { draw.frame.bytes[$0] }
    #expect(try frame == example.bytes("frame"))
    #expect(try Array(frame[8...]) == example.bytes("tag"))
    #expect(try draw.frame.hash == example.digest("frame hash"))
    #expect(draw.frame.shortNumber == 1_000)
  }

  @Test func theRendezvousIsTheDocumentedOne() throws {
    let order = try order()
    let made = Rendezvous(nonce: order.nonce, plan: RegionPlan(.eu868), policy: order.policy)
    let rendezvous = try #require(made)
    let slot: Int = try example.number("slot")
    let place = rendezvous.place(slot: slot)
    #expect(try place.channel == example.number("channel"))
    #expect(try place.frequencyHertz == example.number("frequency"))
    #expect(try place.spreadingFactor == example.number("spreading factor"))
    #expect(
      try Rendezvous.timeOnAirMicroseconds(spreadingFactor: place.spreadingFactor)
        == example.number("time on air"))
    for slot in [0, 1, 399] {
      let place = rendezvous.place(slot: slot)
      let text = "\(place.channel) \(place.frequencyHertz) \(place.spreadingFactor)"
      #expect(try text == example.text("rendezvous of slot \(slot)"))
    }
  }

  @Test func windowAndPowerAreTheDocumentedOnes() throws {
    let window = try order().window
    #expect(try window.startUTCMilliseconds == example.number("window start"))
    let slot: Int = try example.number("slot")
    #expect(try window.transmissionUTCMilliseconds(slot) == example.number("transmission"))
    #expect(try window.revealUTCMilliseconds == example.number("reveal from"))
    let transmitter = Transmitter(
      maximumCentidecibelMilliwatts: 1_400, antennaGainCentidecibels: 215,
      cableLossCentidecibels: 50)
    #expect(
      transmitter.output(
        step: try example.number("power step"), frequencyHertz: try example.number("frequency"),
        plan: RegionPlan(.eu868), policy: window.policy) == (try example.number("power")))
  }

  @Test func theLeavesAreTheDocumentedOnes() throws {
    let bytesLeafIntent = try example.bytes("leaf intent")
    let intent = try Leaf(decoding: bytesLeafIntent.span).intent()
    #expect(try intent.number == 1_000 && intent.frameHash == example.digest("frame hash"))
    let bytesLeafSent = try example.bytes("leaf sent")
    let sent = try Leaf(decoding: bytesLeafSent.span).sent()
    #expect(sent.startMilliseconds == 5_000_000 && sent.isConfirmed && !sent.isRetry)
    let bytesLeafReveal = try example.bytes("leaf reveal")
    let reveal = try Leaf(decoding: bytesLeafReveal.span).reveal()
    #expect(try reveal.link == example.digest("link"))
    let bytesLeafWitness = try example.bytes("leaf witness")
    let witness = try Leaf(decoding: bytesLeafWitness.span).witness()
    #expect(witness.reception.rssiCentidecibelMilliwatts == -11_250)
    #expect(witness.reception.snrCentidecibels == -450)
    #expect(witness.reception.frequencyErrorHertz == 812)
    let bytesLeafListen = try example.bytes("leaf listen")
    let listen = try Leaf(decoding: bytesLeafListen.span).listen()
    #expect((0..<1_024).filter { listen.slots.contains($0) } == Array(0...8))
    let bytesLeafFrame = try example.bytes("leaf frame")
    let frame = try Leaf(decoding: bytesLeafFrame.span).frame()
    #expect(frame.byteCount == 23 && frame.reception.correctionCentidecibels == -150)
  }
}

@Suite struct DerivationTests {
  @Test func everyLinkOfAChainLeadsToItsAnchor() throws {
    let chain = HashChain(secret: try fixed([UInt8](repeating: 5, count: 32)))
    let anchor = chain.anchor
    var link = anchor
    // From the anchor upwards: each link's hash is the one before.
    for index in [1, 2, 255, 256, 257, 512, 513, 65_535, 65_536] {
      let made = chain.link(index)
      let found = try #require(made)
      #expect(HashChain.before(found, by: index) == anchor, "\(index)")
      #expect(found != link)
      link = found
    }
    #expect(link == (try fixed([UInt8](repeating: 5, count: 32))))
    let outside = [chain.link(0), chain.link(65_537), chain.link(-1)]
    #expect(outside == [nil, nil, nil])
  }

  @Test func aChainServesItsOwnNumbersOnly() {
    #expect(HashChain.index(ofChallenge: 6, firstNumber: 7) == nil)
    #expect(HashChain.index(ofChallenge: 7, firstNumber: 7) == 1)
    #expect(HashChain.index(ofChallenge: 65_542, firstNumber: 7) == 65_536)
    #expect(HashChain.index(ofChallenge: 65_543, firstNumber: 7) == nil)
    #expect(HashChain.index(ofChallenge: .max, firstNumber: .max) == nil)
  }

  @Test func slotsAndStepsAreDrawnEvenly() throws {
    let policy = CoveragePolicy()
    var slots = [Int](repeating: 0, count: 400)
    var steps = [Int](repeating: 0, count: 4)
    var hash = Digest()
    let drawCount = 70_000
    for _ in 0..<drawCount {
      hash = SHA256.hash(hash.span)
      let draw = BeaconDraw(seed: hash, keyHash: hash, number: 1, policy: policy)
      slots[draw.slot] += 1
      steps[draw.powerStep] += 1
      let reserve = try #require(draw.reserveSlot)
      #expect((350..<400).contains(reserve))
    }
    #expect(slots[350...].allSatisfy { $0 == 0 })
    // Chi-square over 349 degrees of freedom stays below 440 with all but 1 in 1 000; the draws are fixed.
    let expected = Double(drawCount) / 350
    let chiSquare = slots[..<350].reduce(0.0) {
      $0 + (Double($1) - expected) * (Double($1) - expected) / expected
    }
    #expect(chiSquare < 440)
    #expect(steps.allSatisfy { abs($0 - drawCount / 4) < 600 })
  }

  @Test func theRendezvousKeepsToPlanSlotAndPolicy() throws {
    for raw in UInt8(1)...12 {
      guard let region = RegionPlan.Region(rawValue: raw) else { continue }
      let plan = RegionPlan(region)
      var policy = CoveragePolicy()
      policy.spreadingFactors = 0b1_1111_1110_0000
      policy.channels = FixedBytes()
      policy.channels[0] = 0b101
      let made = Rendezvous(nonce: Digest(), plan: plan, policy: policy)
      let rendezvous = try #require(made)
      for slot in 0..<400 {
        let place = rendezvous.place(slot: slot)
        #expect(place.channel == 0 || place.channel == 2)
        #expect(plan.frequencyHertz(channel: place.channel) == place.frequencyHertz)
        let airtime = try #require(
          Rendezvous.timeOnAirMicroseconds(spreadingFactor: place.spreadingFactor))
        #expect(airtime <= plan.maximumDwellMicroseconds ?? .max)
        #expect(airtime + 600_000 <= 2_000_000)
        #expect(plan.spreadingFactors.contains(place.spreadingFactor))
      }
    }
  }

  @Test func rulesWithoutAChannelOrFactorOfThePlanGiveNoRendezvous() {
    var policy = CoveragePolicy()
    policy.channels = FixedBytes()
    policy.channels[11] = 0x80
    #expect(Rendezvous(nonce: Digest(), plan: RegionPlan(.eu868), policy: policy) == nil)
    #expect(Rendezvous(nonce: Digest(), plan: RegionPlan(.cn470), policy: policy) != nil)
    policy = CoveragePolicy()
    policy.spreadingFactors = 1 << 12
    #expect(Rendezvous(nonce: Digest(), plan: RegionPlan(.us915), policy: policy) == nil)
    policy = CoveragePolicy()
    policy.slotMilliseconds = 650
    #expect(Rendezvous(nonce: Digest(), plan: RegionPlan(.eu868), policy: policy) == nil)
  }

  private static func frame(_ bytes: [UInt8]) -> BeaconFrame? { BeaconFrame(bytes.span) }

  @Test func whatIsNoBeaconIsNoFrame() {
    let frame = BeaconFrame(seed: Digest(), keyHash: Digest(), number: 65_537)
    let bytes = frame.bytes.span.indices.map { frame.bytes[$0] }
    #expect(Self.frame(bytes) == frame)
    #expect(frame.shortNumber == 1)
    #expect(Self.frame(Array(bytes[..<23])) == nil)
    #expect(Self.frame(bytes + [0]) == nil)
    for (place, value) in [(0, UInt8(0x40)), (0, 0xe1), (1, 0), (1, 2)] {
      var changed = bytes
      changed[place] = value
      #expect(Self.frame(changed) == nil)
    }
    var key = Digest()
    #expect(frame.mayBe(of: key))
    key[3] = 1
    #expect(!frame.mayBe(of: key))
  }

  @Test func aWindowIsTheFirstWholeOneAfterTheChallenge() throws {
    let policy = CoveragePolicy()
    for (issued, start) in [(0, 900_000), (899_999, 900_000), (900_000, 1_800_000)]
      as [(Int64, Int64)]
    {
      let window = try #require(CoverageWindow(issuedUTCMilliseconds: issued, policy: policy))
      #expect(window.startUTCMilliseconds == start)
      #expect(window.slot(atUTCMilliseconds: start - 1) == nil)
      #expect(window.slot(atUTCMilliseconds: start) == 0)
      #expect(window.slot(atUTCMilliseconds: start + 799_999) == 399)
      #expect(window.slot(atUTCMilliseconds: start + 800_000) == nil)
      #expect(window.revealUTCMilliseconds == start + 900_000 + 21_600_000)
    }
    #expect(CoverageWindow(issuedUTCMilliseconds: -1, policy: policy) == nil)
    #expect(CoverageWindow(issuedUTCMilliseconds: .max, policy: policy) == nil)
  }

  @Test func powerStaysBelowEveryLimit() {
    let policy = CoveragePolicy()
    let strong = Transmitter(
      maximumCentidecibelMilliwatts: 2_200, antennaGainCentidecibels: 600,
      cableLossCentidecibels: 25)
    let europe = RegionPlan(.eu868)
    // 16.15 - 6 + 0.25 = 10.40 dBm: 10, and three steps of 3 dB below.
    let powers = (0..<4).map {
      strong.output(step: $0, frequencyHertz: 868_100_000, plan: europe, policy: policy)
    }
    #expect(powers == [1_000, 700, 400, 100])
    #expect(
      strong.output(step: 0, frequencyHertz: 868_650_000, plan: europe, policy: policy) == nil)
    let america = RegionPlan(.us915)
    #expect(
      strong.output(step: 0, frequencyHertz: 902_300_000, plan: america, policy: policy) == 2_200)
    let dish = Transmitter(
      maximumCentidecibelMilliwatts: 2_200, antennaGainCentidecibels: 1_800,
      cableLossCentidecibels: 0)
    // 16.15 - 18 = -1.85: down to -2.
    #expect(
      dish.output(step: 0, frequencyHertz: 868_100_000, plan: europe, policy: policy) == -200)
  }
}
