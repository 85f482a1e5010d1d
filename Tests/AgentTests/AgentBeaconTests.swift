import AgentMessages
import Coverage
import CoverageVerifier
import FixedMemory
import Foundation
import Identity
import LinuxPlatform
import LoRa
import Proofs
import Records
import Simulation
import TestSupport
import Testing

/// The agent sends beacons, with everything that decides whether they count.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct AgentBeaconTests {
  /// Challenges from the chain's first on, until a beacon of one was sent: a busy machine misses a slot, and says so.
  private func sendOne(_ bench: BeaconBench, from first: UInt64) throws -> BeaconBench.Given {
    for number in first..<(first + 5) {
      let given = try bench.give(number)
      let short = UInt32(number)
      let isOver = try bench.untilLog { _ in
        try !bench.sents(short).isEmpty || !bench.reasons(short).isEmpty
      }
      try #require(isOver)
      if try !bench.sents(short).isEmpty { return given }
    }
    throw NotSent(reasons: try bench.leaves().compactMap { try $0.notSent()?.reason })
  }

  struct NotSent: Error { let reasons: [BeaconReason] }

  @Test func aChallengeBecomesABeaconWhoseLeavesGiveASoundVerdict() throws {
    let bench = try BeaconBench()
    try bench.untilReady()
    #expect(try bench.enrolment().anchor == nil)
    let record = try bench.beginChain(5)
    let chain = HashChain(secret: record.secret)
    let anchor = Anchor(firstLink: 6, value: chain.anchor)
    #expect(record.firstNumber == 6)
    #expect(try bench.enrolment().anchor == anchor)
    #expect(try bench.enrolment().version == record.enrolmentVersion)
    #expect(try posixMode(bench.node.path("agent/agent.chain")) == 0o600)
    let logged = BeaconBench.utc

    let given = try sendOne(bench, from: 6)
    let number = UInt32(given.challenge.number)
    let isRevealed = try bench.untilLog {
      try $0.contains { try $0.reveal()?.value.number == number }
    }
    try #require(isRevealed)
    #expect(try bench.agent.end().status == 0)

    let order = try given.order
    let index = try #require(HashChain.index(ofChallenge: number, firstNumber: 6))
    let found = chain.link(index)
    let link = try #require(found)
    let keyHash = try bench.node.deviceKey().hash
    let draw = BeaconDraw(
      link: link, nonce: order.nonce, keyHash: keyHash, number: number, policy: order.policy)
    // On the air is what was drawn, once, with the intent in the log's file before.
    let expected = (0..<24).map { draw.frame.bytes[$0] }
    #expect(bench.model.transmitted.filter { $0.bytes == expected }.count == 1)
    #expect(!bench.wasIntentThere.isEmpty && bench.wasIntentThere.allSatisfy { $0 })
    let frame = try #require(bench.model.transmitted.last)
    #expect(frame.tuning.syncWord == 0x34 && frame.tuning.preambleSymbolCount == 8)

    let evidence = try evidence(bench, given, anchor: anchor, logged: logged)
    let reveal = try #require(evidence.reveals.first { $0.value.number == number })
    let clock = try #require(evidence.sender.clocks.last { $0.milliseconds <= reveal.milliseconds })
    let revealed = clock.utcMilliseconds + reveal.milliseconds - clock.milliseconds
    #expect(revealed >= order.window.revealUTCMilliseconds)
    #expect(
      reveal.value.powerCentidecibelMilliwatts == Int32(frame.tuning.powerDecibelMilliwatts) * 100)
    let verdict = CoverageVerdict.judge(evidence)
    #expect(verdict.outcome == .sound, "\(verdict)")
  }

  @Test func aBeaconByAPacketForwarderGivesASoundVerdictToo() throws {
    let bench = try BeaconBench(isForwarded: true)
    try bench.untilReady()
    let record = try bench.beginChain(5)
    let chain = HashChain(secret: record.secret)
    let anchor = Anchor(firstLink: 6, value: chain.anchor)
    let logged = BeaconBench.utc
    let given = try sendOne(bench, from: 6)
    let number = UInt32(given.challenge.number)
    let isRevealed = try bench.untilLog {
      try $0.contains { try $0.reveal()?.value.number == number }
    }
    try #require(isRevealed)
    #expect(try bench.agent.end().status == 0)
    let index = try #require(HashChain.index(ofChallenge: number, firstNumber: 6))
    let found = chain.link(index)
    let order = try given.order
    let draw = BeaconDraw(
      link: try #require(found), nonce: order.nonce, keyHash: try bench.node.deviceKey().hash,
      number: number, policy: order.policy)
    let expected = (0..<24).map { draw.frame.bytes[$0] }
    let sent = bench.asked.filter { PacketForwarder.bytes(of: $0) == expected }
    #expect(sent.count == 1 && bench.wasIntentThere.allSatisfy { $0 })
    #expect(sent.first?["imme"] as? Bool == true && sent.first?["datr"] as? String == "SF7BW125")
    let leaf = try #require(try bench.sents(number).first)
    #expect(leaf.value.isConfirmed)
    let verdict = CoverageVerdict.judge(
      try evidence(bench, given, anchor: anchor, logged: logged))
    #expect(verdict.outcome == .sound, "\(verdict)")
  }

  private func posixMode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  /// What an archive has, with a gateway that had the enrolment in its log at that moment.
  private func evidence(
    _ bench: BeaconBench, _ given: BeaconBench.Given, anchor: Anchor, logged: Int64
  ) throws -> BeaconEvidence {
    let number = UInt32(given.challenge.number)
    let leaves = try bench.leaves()
    let enrolment = try bench.enrolment()
    let sender = NodeEvidence(
      keyHash: try bench.node.deviceKey().hash, node: filled(1), place: enrolment.place,
      radio: enrolment.radio,
      anchors: [EnrolledAnchor(anchor: anchor, loggedUTCMilliseconds: logged - 10_000)],
      clocks: try leaves.compactMap { try $0.clock() })
    func received<Value>(_ leaf: ArchivedLeaf<Value>) -> ArchivedLeaf<Value> {
      ArchivedLeaf(
        epoch: leaf.epoch, index: leaf.index, boot: leaf.boot, milliseconds: leaf.milliseconds,
        value: leaf.value, standing: .sound, receiptUTCMilliseconds: BeaconBench.utc)
    }
    return BeaconEvidence(
      challenge: ChallengeEvidence(challenge: given.challenge, hash: given.hash, isLogged: true),
      plan: RegionPlan(.eu868), sender: sender,
      challengeLeaves: try leaves.compactMap { try $0.challenge() }.map(received),
      intents: try leaves.compactMap { try $0.intent() }.filter { $0.value.number == number }
        .map(received),
      sents: try bench.sents(number).map(received),
      reveals: try leaves.compactMap { try $0.reveal() }.map(received), witnesses: [])
  }

  @Test func aNodeThatGoesToAnotherGatewayBeginsAnotherChainAndSendsByIt() throws {
    let bench = try BeaconBench()
    try bench.untilReady()
    let old = try bench.beginChain(5)
    let given = try sendOne(bench, from: 9_000)
    let tried = UInt32(given.challenge.number)
    let isRevealed = try bench.untilLog {
      try $0.contains { try $0.reveal()?.value.number == tried }
    }
    try #require(isRevealed)
    bench.kill()
    try bench.restart()
    // The next gateway's numbers: each has a link that is known by now.
    var record = old
    for number in UInt64(100)..<120 where record.secret == old.secret {
      let next = try bench.give(number)
      let end = try next.order.window.endUTCMilliseconds
      _ = try bench.until { try bench.chain().secret != old.secret || BeaconBench.utc > end }
      record = try bench.chain()
    }
    try #require(record.secret != old.secret)
    #expect((101...120).contains(record.firstNumber))
    let refused = UInt32(record.firstNumber - 1)
    #expect(try bench.untilLog { _ in try bench.reasons(refused) == [.linkUsed] })
    let chain = HashChain(secret: record.secret)
    let anchor = Anchor(firstLink: record.firstNumber, value: chain.anchor)
    #expect(try bench.enrolment().anchor == anchor)
    let second = try sendOne(bench, from: record.firstNumber)
    let number = UInt32(second.challenge.number)
    let index = try #require(
      HashChain.index(ofChallenge: number, firstNumber: record.firstNumber))
    let found = chain.link(index)
    let draw = BeaconDraw(
      link: try #require(found), nonce: try second.order.nonce,
      keyHash: try bench.node.deviceKey().hash, number: number, policy: try second.order.policy)
    let sent = try #require(bench.model.transmitted.last)
    #expect(sent.bytes == (0..<24).map { draw.frame.bytes[$0] })
  }

  @Test func anAgentThatIsKilledBeforeItsSlotSendsTheSameFrameOnce() throws {
    let bench = try BeaconBench()
    try bench.untilReady()
    let record = try bench.beginChain(5)
    let given = try bench.give(6)
    bench.kill()
    #expect(bench.model.transmitted.isEmpty)
    try bench.restart()
    try bench.send(given)
    let isOver = try bench.untilLog { _ in
      try !bench.sents(6).isEmpty || !bench.reasons(6).isEmpty
    }
    #expect(isOver)
    // Too late for both slots on a busy machine, or sent once: never two, and never another.
    #expect(bench.model.transmitted.count == (try bench.sents(6).count))
    let hashes = try bench.leaves().compactMap { try $0.intent()?.value }.map(\.frameHash)
    #expect(!hashes.isEmpty && hashes.allSatisfy { $0 == hashes.first })
    let bytes = try bench.node.bytes(of: "agent/agent.chain")
    #expect(try ChainRecord(decoding: bytes.span).secret == record.secret)
  }

  @Test func anAgentThatIsKilledWhileItSendsDoesNotSendAgain() throws {
    let bench = try BeaconBench()
    try bench.untilReady()
    _ = try bench.beginChain(5)
    var given: BeaconBench.Given?
    bench.onTransmit = { bench.kill() }
    for number in UInt64(6)..<11 where bench.model.transmitted.isEmpty {
      given = try bench.give(number)
      _ = try bench.untilLog { _ in
        if !bench.model.transmitted.isEmpty { return true }
        return try !bench.reasons(UInt32(number)).isEmpty
      }
    }
    let sent = try #require(given)
    #expect(bench.model.transmitted.count == 1)
    bench.onTransmit = nil
    try bench.restart()
    try bench.send(sent)
    let number = UInt32(sent.challenge.number)
    #expect(try bench.untilLog { _ in try bench.reasons(number) == [.outcomeUnknown] })
    // Until both slots are over.
    let end = try sent.order.window.endUTCMilliseconds
    #expect(try bench.until { BeaconBench.utc > end })
    #expect(bench.model.transmitted.count == 1)
    // What was sent counts in the hour of the next run.
    let bytes = try bench.node.bytes(of: "agent/airtime.cbor")
    let airtime = try AirtimeRecord(decoding: bytes.span)
    #expect(airtime.attemptedNumber == number)
    #expect(airtime.spentMicroseconds.indices.contains { airtime.spentMicroseconds[$0] > 0 })
  }
}
