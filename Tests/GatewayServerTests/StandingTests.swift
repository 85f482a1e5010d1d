import Archive
import CoverageStatistics
import CoverageVerifier
import FixedMemory
import Foundation
import GatewayStore
import Proofs
import Signers
import Testing

@testable import GatewayServer

/// A gateway with some hundred beacons: what nodes weigh over time, by the store, by an archive, and by HTTP.
@Suite(.timeLimit(.minutes(30))) struct StandingTests {
  private func world(_ fault: StandingWorld.Fault = .none, windows: Int? = nil) throws -> (
    TestServer, StandingWorld
  ) {
    let server = try TestServer(challengeRules: StandingWorld.rules)
    return (
      server,
      try StandingWorld(
        server.gateway, windows: windows ?? StandingWorld.windowCount, fault)
    )
  }

  private func failed(_ standing: NodeStanding) -> [String] {
    standing.checks.filter { $0.outcome == .failed }.map(\.name)
  }

  /// For Tests/Outside/coverage_statistics.py: archives stay where `CAIRN_ARCHIVES` says.
  private func leave(_ server: TestServer, as name: String) throws {
    guard let folder = ProcessInfo.processInfo.environment["CAIRN_ARCHIVES"] else { return }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    remove(folder + "/" + name)
    try FileManager.default.moveItem(atPath: try exported(server), toPath: folder + "/" + name)
  }

  private func exported(_ server: TestServer) throws -> String {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("cairn-standings-\(UUID().uuidString)").path
    var seed = FixedBytes<32>()
    seed[31] = 1
    var key = try FileKey(seed: seed)
    try server.gateway.store.export(to: ArchiveWriter(to: folder), signingWith: &key)
    return folder
  }

  @Test func nobodyIsLoweredWhereAllIsTrue() throws {
    let (server, world) = try world()
    try leave(server, as: "honest")
    let standings = try world.standings()
    let size = try server.gateway.logSize()
    #expect(standings.isComplete && standings.logSize == size)
    #expect(standings.judged.nodes.count == 8)
    for standing in standings.judged.nodes {
      #expect(failed(standing) == [], "\(standing.checks)")
      #expect(standing.weightPermille == 1_000)
      #expect(standing.counts.beacons == 48 && standing.counts.sound == 48)
      #expect(standing.counts.windows == 48 && standing.counts.skipped == 0)
      #expect(standing.counts.hearers <= standing.counts.listeners)
    }
    try limits(world, standings)
    // The same again, whatever was remembered meanwhile.
    let again = try world.standings()
    #expect(again.judged.nodes == standings.judged.nodes)
  }

  /// One more than is looked at, and nobody is judged; as many are.
  private func limits(_ world: StandingWorld, _ whole: PeriodStandings) throws {
    func judged(_ change: (inout CoverageSurvey.Limits) -> Void) throws -> JudgedPeriod {
      var limits = CoverageSurvey.Limits()
      change(&limits)
      return try world.gateway.store.standings(
        of: whole.due, atUTCMilliseconds: TestServer.now, limits: limits
      ).judged
    }
    let count = whole.judged.input.observations.count
    // Wherever the node stands that is one too many: sender, witness or listener.
    for nodes in 0..<7 { #expect(try judged { $0.nodes = nodes }.isTooLarge) }
    for less in [0, 1] {
      for found in [
        try judged { $0.nodes = 8 - less }, try judged { $0.beacons = 8 - less },
        try judged { $0.observations = count - less },
      ] {
        #expect(found.isTooLarge == (less == 1))
        #expect(found.nodes == (less == 1 ? [] : whole.judged.nodes))
      }
    }
  }

  @Test func aNodeThatIgnoresItsDrawIsLoweredByTheGatewayAndByAnArchiveOfIt() throws {
    let (server, world) = try world(.ignoresDraw(3))
    try leave(server, as: "ignores-draw")
    let standings = try world.standings()
    for node in world.nodes.indices {
      let standing = try world.standing(node, in: standings)
      #expect(standing.isLowered == (node == 3), "\(node): \(failed(standing))")
    }
    let own = try world.standing(3, in: standings)
    #expect(failed(own) == ["signal follows the drawn power, as sender"])
    #expect(own.weightPermille == 250)

    let folder = try exported(server)
    defer { remove(folder) }
    let report = try ArchiveVerifier(folder: folder).run()
    #expect(report.isGood, "\(report.findings.map { "\($0.name): \($0.what)" })")
    #expect(report.counts.periods == 1 && report.counts.standings == 8)
    #expect(report.counts.loweredStandings == 1)
    try changes(folder)
  }

  /// Whatever is changed in what the gateway says is told.
  private func changes(_ folder: String) throws {
    let path = folder + "/standings.cbor-seq"
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    func findings(_ bytes: Data) throws -> [Finding.Name: Int] {
      try bytes.write(to: URL(fileURLWithPath: path))
      return try ArchiveVerifier(folder: folder).run().findingCounts
    }
    let told = try #require(whole.range(of: Data("\"weightPermille\":250".utf8)))
    var changed = whole
    changed.replaceSubrange(told, with: Data("\"weightPermille\":999".utf8))
    #expect(try findings(changed) == [.standingDiffers: 1])
    let outcome = try #require(whole.range(of: Data("\"outcome\":\"failed\"".utf8)))
    changed = whole
    changed.replaceSubrange(outcome, with: Data("\"outcome\":\"passed\"".utf8))
    #expect(try findings(changed) == [.standingDiffers: 1])
    // Cut within the last item: that node is missing.
    #expect(
      try findings(whole.dropLast(1)) == [.standingsDamaged: 1, .standingDiffers: 1])
    // The whole file twice: the second half is out of order.
    #expect(try findings(whole + whole) == [.standingsDamaged: 8])
    try FileManager.default.removeItem(atPath: path)
    let report = try ArchiveVerifier(folder: folder).run()
    #expect(report.findingCounts == [.standingDiffers: 8])
    #expect(try findings(whole) == [:])
  }

  private func remove(_ folder: String) {
    do { try FileManager.default.removeItem(atPath: folder) } catch {
      // It was never made.
    }
  }

  @Test func whoSkipsTheDrawsItDoesNotLikeIsFoundByWindowsOfWhichNoLeafSpeaks() throws {
    let (server, world) = try world(.skipsWeakDraws(5))
    try leave(server, as: "skips-weak-draws")
    let standings = try world.standings()
    let own = try world.standing(5, in: standings)
    #expect(failed(own) == ["skipped windows are like the others"])
    // What was skipped behind its last reveal nobody knows yet.
    #expect((40...48).contains(own.counts.windows))
    #expect(own.counts.skipped == own.counts.windows - own.counts.beacons)
    #expect(own.counts.skipped > 10)
    #expect(try !world.standing(4, in: standings).isLowered)
  }

  @Test func whoWritesFalseRevealsForTheDrawsItSkipsIsFoundAllTheSame() throws {
    let (server, world) = try world(.hidesWeakDraws(5))
    try leave(server, as: "hides-weak-draws")
    let standings = try world.standings()
    let own = try world.standing(5, in: standings)
    #expect(failed(own) == ["skipped windows are like the others"])
    #expect((40...48).contains(own.counts.windows))
    #expect(own.counts.beacons == 48)
    #expect(own.counts.sound == own.counts.windows - own.counts.skipped)
    #expect(own.counts.skipped > 10)
    #expect(try !world.standing(4, in: standings).isLowered)
    // Whoever has all leaves at once finds the same as who gathers those that decide.
    let folder = try exported(server)
    defer { remove(folder) }
    let report = try ArchiveVerifier(folder: folder).run()
    #expect(report.isGood, "\(report.findings.map { "\($0.name): \($0.what)" })")
    #expect(report.counts.loweredStandings == 1)
  }

  @Test func whatANodeDidAtAnotherPlaceIsNotHeldAgainstIt() throws {
    let (server, world) = try world(.moves(7))
    try leave(server, as: "moves")
    let standings = try world.standings()
    let own = try world.standing(7, in: standings)
    #expect(!own.isLowered, "\(failed(own))")
    #expect(own.counts.sound == 48)
    // Half of its windows are of the place that it left.
    let whole = try world.standing(0, in: standings)
    #expect(own.counts.listened * 10 < whole.counts.listened * 7)
    #expect(own.latitudeE7 == Int32(473_000_000 + 8 * 90_000))
  }

  @Test func whomNobodyHearsIsLowered() throws {
    let (server, world) = try world(.isUnheard(2))
    try leave(server, as: "unheard")
    let own = try world.standing(2, in: try world.standings())
    #expect(
      failed(own) == [
        "who hears it is nearer than who does not", "those whom it hears hear it",
        "heard by independent nodes near the place",
      ])
    #expect(own.weightPermille == 15)
    #expect(own.counts.hearers == 0 && own.counts.listeners > 100)
  }

  @Test func onlyWindowsWhoseRevealIsDueAreLookedAt() throws {
    let (server, world) = try world()
    let due = { (count: Int64) in
      StandingWorld.begin + count * StandingWorld.windowMilliseconds + 5_000
    }
    #expect(try server.gateway.store.duePeriods(atUTCMilliseconds: due(1) - 1).isEmpty)
    let early = try world.standings(at: due(12))
    #expect(!early.isComplete)
    #expect(early.judged.nodes.allSatisfy { $0.counts.beacons == 12 })
    let late = try world.standings(at: due(48))
    #expect(late.isComplete && late.judged.nodes.allSatisfy { $0.counts.beacons == 48 })
    let asked = try server.gateway.store.duePeriods(
      atUTCMilliseconds: TestServer.now, containing: StandingWorld.begin)
    #expect(asked.map(\.name) == [late.due.name])
    let before = try server.gateway.store.duePeriods(
      atUTCMilliseconds: TestServer.now, containing: StandingWorld.begin - 1)
    let none = try server.gateway.store.standings(
      of: try #require(before.first), atUTCMilliseconds: TestServer.now)
    #expect(none.judged.nodes.isEmpty && !none.judged.isTooLarge)
  }

  @Test func anOperatorIsToldWhyItsNodeIsLowered() async throws {
    let (server, world) = try world(.ignoresDraw(3))
    let id = world.nodes[3].id
    try await server.application.test(.router) { client in
      let all = try await client.get("/v1/standings").json()
      let periods = all["periods"] as? [[String: Any]] ?? []
      #expect(periods.compactMap { $0["loweredCount"] as? Int } == [1])
      #expect((periods.first?["nodes"] as? [Any])?.count == 8)

      let one = try await client.get("/v1/devices/\(id)/coverage").json()
      let own = (one["periods"] as? [[String: Any]])?.first ?? [:]
      let standing = own["standing"] as? [String: Any] ?? [:]
      #expect(standing["weightPermille"] as? Int == 250)
      #expect(standing["failed"] as? [String] == ["signal follows the drawn power, as sender"])
      let checks = standing["checks"] as? [[String: Any]] ?? []
      #expect(checks.count == 13 && checks.allSatisfy { $0["words"] is String })
      let inputs = own["inputs"] as? [String: Any] ?? [:]
      let links = inputs["asSender"] as? [[String: Any]] ?? []
      #expect(links.count == 7)
      let counts = links.map { ($0["observations"] as? [Any])?.count ?? 0 }
      #expect(counts.reduce(0, +) == standing["listeners"] as? Int)
      #expect((inputs["draws"] as? [Any])?.count == 48)

      let list = try await client.get("/v1/coverage?device=\(id)&limit=1").json()
      let nodes = list["nodes"] as? [[String: Any]] ?? []
      let told = nodes.first?["standing"] as? [String: Any] ?? [:]
      #expect(told["lowered"] as? Bool == true)

      let page = try await client.get("/", accept: "text/html").text
      #expect(page.contains("Nodes over time: EU868"))
      #expect(page.contains("1 of 8 nodes is lowered"))
      #expect(page.contains("<b class=\"bad\">✘ lowered</b>"))
      #expect(page.contains("Does the radio send with the power it is told"))

      let past = try await client.get("/v1/standings?at=\(StandingWorld.begin)").json()
      #expect((past["periods"] as? [[String: Any]])?.first?["loweredCount"] as? Int == 1)
      #expect(try await client.get("/v1/standings?node=1").status == .badRequest)
      #expect(try await client.get("/v1/standings?at=soon").status == .badRequest)
      #expect(
        try await client.get("/v1/devices/\(String(repeating: "0", count: 64))/coverage").status
          == .notFound)
    }
    let standings = try world.standings()
    let text = StandingList.text([standings], hasColour: false)
    #expect(text.contains("LOWERED: 1 of "))
    #expect(!text.contains("\u{1b}"))
    #expect(StandingList.text([standings], hasColour: true).contains("\u{1b}[1;31m"))
    let own = try world.standing(3, in: standings)
    let detail = StandingList.text([standings], node: own.node, hasColour: false)
    // The period, headings, the node, and every check.
    #expect(detail.split(separator: "\n").count == 3 + own.checks.count)
    // Columns of numbers end at one place.
    let columns = text.split(separator: "\n").compactMap { line -> Int? in
      guard let place = line.range(of: "full: ") ?? line.range(of: "LOWERED: ") else { return nil }
      return line.distance(from: line.startIndex, to: place.lowerBound)
    }
    #expect(columns.count == 8 && Set(columns).count == 1)
  }
}
