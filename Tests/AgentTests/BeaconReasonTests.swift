import AgentMessages
import Coverage
import FixedMemory
import Foundation
import LoRa
import Proofs
import Records
import Simulation
import TestSupport
import Testing

/// Each beacon that is not sent has its reason in the log, and is not on the air.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct BeaconReasonTests {
  /// Windows of four seconds: nothing is sent in them.
  private static var shortPolicy: CoveragePolicy {
    var policy = BeaconBench.policy
    policy.windowSeconds = 4
    policy.slotMilliseconds = 2_000
    policy.revealDelaySeconds = 1
    policy.maximumUncertaintyMilliseconds = 900
    return policy
  }

  private func isTold(
    _ reasons: [BeaconReason], _ number: UInt32, _ bench: BeaconBench
  ) throws -> Bool {
    try bench.untilLog { _ in try bench.reasons(number) == reasons }
  }

  @Test func aChallengeBeforeTheChainABadClockAndAnOldChallengeAreTold() throws {
    let bench = try BeaconBench()
    try bench.untilReady()
    _ = try bench.beginChain(5)
    #expect(try isTold([.chainNotValid], 5, bench))
    var strict = Self.shortPolicy
    strict.maximumUncertaintyMilliseconds = 0
    _ = try bench.give(6, policy: strict)
    _ = try bench.give(7, issued: BeaconBench.utc - 3_600_000)
    #expect(try isTold([.tooLate], 7, bench))
    #expect(try isTold([.noClock], 6, bench))
    var empty = Self.shortPolicy
    empty.spreadingFactors = 1 << 12
    _ = try bench.give(8, policy: empty)
    #expect(try isTold([.noChannel], 8, bench))
    #expect(bench.model.transmitted.isEmpty)
  }

  @Test func aRegionThatAsksForListenBeforeTalkSendsNothing() throws {
    let bench = try BeaconBench(region: "KR920")
    try bench.untilReady()
    _ = try bench.beginChain(5)
    _ = try bench.give(6)
    #expect(try isTold([.listenBeforeTalk], 6, bench))
    #expect(bench.model.transmitted.isEmpty)
  }

  @Test func aModuleThatRefusesToSendIsTriedTwiceAndTold() throws {
    let bench = try BeaconBench()
    try bench.untilReady()
    _ = try bench.beginChain(5)
    // Commands before the one that sends go through.
    bench.model.refusesToSend = true
    _ = try bench.give(6)
    #expect(try isTold([.radioFailed], 6, bench))
    #expect(bench.model.commands.filter { $0.hasPrefix("AT+PSEND") }.count == 2)
    #expect(bench.model.transmitted.isEmpty)
    #expect(try bench.sents(6).isEmpty)
  }

  @Test func aModuleThatIsSilentIsGone() throws {
    let bench = try BeaconBench()
    try bench.untilReady()
    _ = try bench.beginChain(5)
    bench.model.fault = .silent
    _ = try bench.give(6)
    #expect(try isTold([.radioGone], 6, bench))
    #expect(bench.model.transmitted.isEmpty)
  }

  /// The hour's share of all sub-bands, spent by the run before.
  @Test(arguments: [true, false]) func airtimeThatIsSpentOrNotKnownSendsNothing(
    isSpent: Bool
  ) throws {
    let bench = try BeaconBench()
    try bench.untilReady()
    _ = try bench.beginChain(5)
    let path = bench.node.path("agent/airtime.cbor")
    let bytes = Array(try Data(contentsOf: URL(filePath: path)))
    bench.kill()
    if isSpent {
      var record = try AirtimeRecord(decoding: bytes.span)
      for band in record.spentMicroseconds.indices {
        record.spentMicroseconds[band] = 3_600_000_000
      }
      var buffer = [UInt8](repeating: 0, count: 128)
      let count = record.encode(into: buffer.mutableSpan)
      try Data(buffer[..<count]).write(to: URL(filePath: path))
    } else {
      try Data(bytes.dropLast()).write(to: URL(filePath: path))
    }
    try bench.restart()
    _ = try bench.give(6)
    #expect(try isTold([.airtimeSpent], 6, bench))
    #expect(bench.model.transmitted.isEmpty)
    let spent = try bench.leaves().compactMap { try $0.event(.airtimeSpent) }
    #expect(!spent.isEmpty && spent.allSatisfy { $0[1] > 0 && $0[2] > 0 }, "\(spent)")
    // 61.7 ms at SF7, in one of the plan's sub-bands.
    let plan = RegionPlan(.eu868)
    #expect(
      spent.allSatisfy { told in
        plan.subBands.indices.contains { UInt64(plan.subBands[$0].fromHertz) == told[0] }
      })
  }

  @Test func aDamagedChainIsSaidAndLeftAlone() throws {
    let bench = try BeaconBench()
    try bench.untilReady()
    _ = try bench.beginChain(5)
    let anchor = try bench.enrolment().anchor
    #expect(try bench.agent.end().status == 0)
    let path = bench.node.path("agent/agent.chain")
    var bytes = Array(try Data(contentsOf: URL(filePath: path)))
    bytes[20] ^= 1
    try Data(bytes).write(to: URL(filePath: path))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    try bench.restart(expecting: "is damaged: no beacon is sent")
    _ = try bench.give(6)
    #expect(try isTold([.chainNotValid], 6, bench))
    #expect(Array(try Data(contentsOf: URL(filePath: path))) == bytes)
    #expect(try bench.enrolment().anchor == anchor)
    #expect(try bench.agent.end().status == 0)
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
    try bench.restart(expecting: "others can read or replace it")
    #expect(try bench.enrolment().anchor == anchor)
  }

  @Test func nothingIsTransmittedWithoutTheWordForIt() throws {
    let node = try AgentNode(
      site: """
        [radio]
        model = RAK3172
        region = EU868
        transmit_power = 14 dBm
        antenna_gain = 2.15 dBi
        transmit = yes
        """)
    let ending = try node.runAgent()
    #expect(ending.status == 78 && ending.said.contains("transmit"), "\(ending.said)")
  }
}
