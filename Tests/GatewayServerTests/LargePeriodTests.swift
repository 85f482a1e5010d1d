import Archive
import Coverage
import CoverageStatistics
import FixedMemory
import Foundation
import GatewayStore
import Identity
import LoRa
import Proofs
import Records
import Signers
import Testing

@testable import GatewayServer

/// Many keys in a period: who takes room in it, and what is said when there is none.
@Suite(.timeLimit(.minutes(30))) struct LargePeriodTests {
  private static let windowCount = 4
  private static let strangerCount = 12

  private func world() throws -> (TestServer, StandingWorld) {
    let server = try TestServer(challengeRules: StandingWorld.rules)
    return (server, try StandingWorld(server.gateway, windows: Self.windowCount))
  }

  private func leaf(_ encode: (consuming MutableSpan<UInt8>) -> Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = encode(bytes.mutableSpan)
    return Array(bytes.prefix(count))
  }

  /// Enrolled keys with chains and reveals of every window, and one intent: what they drew is known, and nothing of
  /// theirs is sound.
  private func addStrangers(_ gateway: Gateway) throws {
    for number in 0..<Self.strangerCount {
      let node = try TestNode(seed: UInt8(150 + number))
      let chain = HashChain(
        secret: SHA256.hash([UInt8](repeating: UInt8(150 + number), count: 32).span))
      let place = Place(
        latitudeE7: 473_000_000, longitudeE7: 85_000_000, altitudeCentimetres: nil,
        heightAboveGroundCentimetres: nil)
      let enrolment = try node.enrolment(
        place: try #require(place), anchor: Anchor(firstLink: 1, value: chain.anchor))
      _ = try gateway.enrol(enrolment, utcMilliseconds: StandingWorld.begin - 60_000)
      let intent = BeaconIntent(number: 1, frameHash: Digest())
      var leaves = [leaf { LeafEncoding.intent(milliseconds: 5, intent, into: $0) }]
      for window in 1...Self.windowCount {
        let link = chain.link(window)
        let reveal = BeaconReveal(
          number: UInt32(window), link: try #require(link), powerCentidecibelMilliwatts: 1_000)
        leaves.append(leaf { LeafEncoding.reveal(milliseconds: 9, reveal, into: $0) })
      }
      let answer = gateway.receive(
        try node.sealed(leaves),
        utcMilliseconds: StandingWorld.begin + 10 * StandingWorld.windowMilliseconds)
      guard case .stored = answer else {
        Issue.record("\(answer)")
        return
      }
    }
  }

  private func remove(_ folder: String) {
    do { try FileManager.default.removeItem(atPath: folder) } catch {
      // It was never made.
    }
  }

  private func standings(_ world: StandingWorld, nodes: Int, beacons: Int) throws
    -> PeriodStandings
  {
    var limits = CoverageSurvey.Limits()
    (limits.nodes, limits.beacons) = (nodes, beacons)
    let due = try world.standings().due
    return try world.gateway.store.standings(
      of: due, atUTCMilliseconds: TestServer.now, limits: limits)
  }

  @Test func keysWithoutASoundBeaconTakeNoRoomInAPeriod() throws {
    let (server, world) = try world()
    let before = try world.standings().judged
    #expect(before.nodes.count == 8 && before.nodes.allSatisfy { $0.counts.sound == 4 })
    try addStrangers(server.gateway)
    let judged = try standings(world, nodes: 8, beacons: 8).judged
    #expect(!judged.isTooLarge)
    #expect(judged.nodes == before.nodes)
    #expect(judged.input.draws.count == before.input.draws.count)
    #expect(try world.standings().judged.nodes == before.nodes)

    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("cairn-strangers-\(UUID().uuidString)").path
    defer { remove(folder) }
    var seed = FixedBytes<32>()
    seed[31] = 1
    var key = try FileKey(seed: seed)
    try server.gateway.store.export(to: ArchiveWriter(to: folder), signingWith: &key)
    let report = try ArchiveVerifier(folder: folder).run()
    #expect(report.isGood, "\(report.findings.map { "\($0.name): \($0.what)" })")
    #expect(report.counts.beacons == 8 * 4 + Self.strangerCount * Self.windowCount)
    #expect(report.counts.standings == 8 && report.counts.largePeriods == 0)
    guard let kept = ProcessInfo.processInfo.environment["CAIRN_ARCHIVES"] else { return }
    try FileManager.default.createDirectory(atPath: kept, withIntermediateDirectories: true)
    remove(kept + "/strangers")
    try FileManager.default.copyItem(atPath: folder, toPath: kept + "/strangers")
  }

  @Test func ofAPeriodThatIsTooLargeNoWeightIsTold() throws {
    let (_, world) = try world()
    let large = try standings(world, nodes: 7, beacons: 8)
    #expect(large.judged.isTooLarge && large.judged.nodes.isEmpty)
    let whole = try standings(world, nodes: 8, beacons: 8)
    let own = try #require(whole.judged.nodes.first)
    let node = own.node
    let told = StandingJSON.standing(of: node, region: "EU868", in: [large]).line
    #expect(told.contains("\"tooLarge\":true") && told.hasSuffix("\"weightPermille\":null}"))
    let known = StandingJSON.standing(of: node, region: "EU868", in: [large, whole]).line
    #expect(known.contains("\"weightPermille\":\(own.weightPermille)"))
    #expect(StandingJSON.standing(of: node, region: "US915", in: [large]).line == "null")
    #expect(StandingJSON.standing(of: "", region: "EU868", in: [whole]).line == "null")

    let one = try #require(StandingJSON.whole(node, in: large)).line
    #expect(one.hasSuffix("\"standing\":null,\"inputs\":null}"))
    #expect(StandingJSON.whole("", in: whole) == nil)
    #expect(
      StandingList.text([large], hasColour: false).contains("what a node weighs is not known"))
    #expect(FleetPage.standings([large]).contains("what a node weighs is not known"))
  }
}
