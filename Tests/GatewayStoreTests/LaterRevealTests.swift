import Archive
import Coverage
import CoverageVerifier
import FixedMemory
import Identity
import Proofs
import Records
import Testing

@testable import GatewayStore

/// Reveals of later numbers, which a log may have in any number and which may all stand in no log.
@Suite struct LaterRevealTests {
  private static let most = CoverageBook.maximumLaterRevealCount

  /// A beacon whose own reveal never came.
  private func world() throws -> CoverageWorld {
    var change = CoverageWorld.Change()
    change.hasReveal = false
    return try CoverageWorld(change)
  }

  private func reveals(_ away: ClosedRange<Int>, of world: CoverageWorld) throws -> [[UInt8]] {
    let chain = HashChain(secret: SHA256.hash([UInt8](repeating: 9, count: 32).span))
    let due = world.order.window.revealUTCMilliseconds - CoverageWorld.issued
    var leaves: [[UInt8]] = []
    for number in away.map({ Int(world.name.number) + $0 }) {
      let link = chain.link(number)
      let reveal = BeaconReveal(
        number: UInt32(number), link: try #require(link), powerCentidecibelMilliwatts: 1_000)
      leaves.append(
        signedBytes(1024) { LeafEncoding.reveal(milliseconds: due, reveal, into: $0) })
    }
    return leaves
  }

  private func falseReveals(_ away: Range<Int>, of world: CoverageWorld) -> [[UInt8]] {
    let due = world.order.window.revealUTCMilliseconds - CoverageWorld.issued
    return away.map { away in
      let reveal = BeaconReveal(
        number: world.name.number + UInt32(away), link: SHA256.hash([UInt8(away & 255)].span),
        powerCentidecibelMilliwatts: 1_000)
      return signedBytes(1024) { LeafEncoding.reveal(milliseconds: due, reveal, into: $0) }
    }
  }

  /// Challenges of later windows, so that an archive has their reveals.
  private func challenge(_ count: Int, of world: CoverageWorld) throws {
    for window in 1...count {
      let region = ChallengeRegion("EU868")
      let issued = try world.gateway.challenge(
        for: try #require(region), utcMilliseconds: CoverageWorld.issued + Int64(window) * 900_000)
      #expect(issued.challenge.number == UInt64(world.name.number) + UInt64(window))
    }
  }

  /// When the reveals of a hundred windows are due.
  private func take(_ batch: [UInt8], _ world: CoverageWorld) throws {
    let at = world.order.window.revealUTCMilliseconds + 100 * 900_000
    let answer = world.gateway.receive(batch, utcMilliseconds: at)
    try #require(answer.isStored, "\(String(describing: answer.problem))")
  }

  @Test func aRevealBehindUnsoundOnesIsFoundByStoreAndArchive() throws {
    let (world, last) = (try world(), 70)
    try challenge(last, of: world)
    // Nobody knows what stands before each.
    for away in 1..<last {
      let leading = world.sender.skip([TestLeaf.fault(.timedOut, at: 20_000_000)])
      try take(world.sender.seal(reveals(away...away, of: world), leading: leading), world)
    }
    try take(world.sender.seal(reveals(last...last, of: world)), world)
    let verdict = try world.judged().verdict
    #expect(verdict.reason == nil)
    // Others of the same page bring their own reveals into the same book.
    let page = try world.gateway.store.beacons(CoverageQuery())
    #expect(page.count == last + 1 && page.first?.verdict == verdict)

    let folder = try ArchiveFolder()
    var key = try TestGateway.key()
    try world.gateway.store.export(
      to: ArchiveWriter(to: "\(folder.path)/archive"), signingWith: &key)
    let report = try ArchiveVerifier(folder: folder.path + "/archive").run()
    let told = report.findings.filter { $0.severity != .warning }.map { "\($0.name) \($0.what)" }
    #expect(told.isEmpty, "\(told)")
    #expect(report.counts.beacons == last + 1)
    #expect(report.counts.soundBeacons == 1)
  }

  @Test func aForkBehindManyRevealsMakesNoBeaconReadThemAll() throws {
    let world = try world()
    let before = world.sender.log
    for first in stride(from: 1, to: Self.most + 200, by: 400) {
      try take(world.sender.seal(falseReveals(first..<first + 400, of: world)), world)
    }
    world.sender.log = before
    let other = try world.sender.seal([TestLeaf.fault(.timedOut, at: 30_000_000)])
    let answer = world.gateway.receive(
      other, utcMilliseconds: CoverageWorld.issued + 200_000_000)
    #expect(answer.code == .fork)
    #expect(try world.judged().verdict.reason == .fork)

    var query = CoverageQuery()
    query.limit = CoverageQuery.maximumLimit
    try world.gateway.store.database.read { database in
      var gatherer = CoverageGatherer(database, links: VerifiedLinks())
      try gatherer.gather(world.name)
      #expect(gatherer.laterRevealCount == Self.most)
      let names = try GatewayStore.names(query, database)
      #expect(names.count == CoverageQuery.maximumLimit)
      for name in names.prefix(20) { try gatherer.gather(name) }
      #expect(gatherer.laterRevealCount <= Self.most * 21)
    }
  }
}
