import Foundation
import Simulation
import TestSupport
import Testing

/// docs/operating.md, "Weeks without a network": more than the spool holds, by both policies.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct NoNetworkTests {
  /// Two weeks at a reading of sixteen values a minute: three times what 1 MiB holds.
  private let hours = 14 * 24

  /// A node that has delivered something, whose gateway then is away.
  private func cutOff(_ whenFull: String, _ world: World) throws -> (WorldNode, [WorldBatch]) {
    let node = try world.node(serial: "one")
    node.whenFull = whenFull
    try node.start()
    try world.awaitBatches(2, of: node)
    try node.stop()
    let held = try world.gateway.batches(of: node.id())
    try world.gateway.stop()
    return (node, held)
  }

  @Test func aFullSpoolStopsMeasuringAndSaysSoAndNothingSignedIsLost() throws {
    let world = try World()
    let (node, held) = try cutOff("stop", world)
    let signedHours = try node.pass(hours: hours)
    #expect(signedHours > 0 && signedHours < hours, "\(signedHours)")
    try node.startAgent()
    try node.startUplink()
    // What gave way or was refused is said, and what to do.
    try waitUntil("the status to say that measuring has stopped") {
      try (node.status()["toDo"]?.elements ?? []).contains {
        $0["name"]?.string == "spool-stopped"
      }
    }
    let full = try node.batches()
    #expect(full.first?.position == "0/0")

    try world.gateway.start([])
    let signed = try world.awaitAll(of: node)
    #expect(try world.gateway.batches(of: node.id()).starts(with: held))
    #expect(try world.gateway.batches(of: node.id()).starts(with: full))
    #expect((signed.last?.size ?? 0) >= (full.last?.size ?? .max))
    // Room again: it measures on, and a leaf tells what was not measured.
    try waitUntil("what was missed to be told") {
      try world.gateway.events("batch").flatMap { $0["gaps"]?.elements ?? [] }
        .contains { $0["reason"]?.string == "spool-full" }
    }
    #expect(try node.problem() == 0)
    #expect(try world.gateway.events("refused").isEmpty)
  }

  @Test func theOldestGiveWayAndALeafTellsWhichAndTheRestIsDeliveredInOrder() throws {
    let world = try World()
    let (node, held) = try cutOff("drop-oldest", world)
    #expect(try node.pass(hours: hours) == hours)
    let agent = try node.startAgent()
    try agent.awaitWords(": boot ")
    try node.startUplink()
    let kept = try node.wholeBatches()
    #expect(kept.count < hours && kept.count > hours / 8, "\(kept.count)")
    #expect(!Set(kept).contains(held[0]))
    let firstKept = try #require(try node.firstDeliverableLeaf())

    try world.gateway.start([])
    let signed = try world.awaitAll(of: node)
    let there = try world.gateway.batches(of: node.id())
    #expect(there.starts(with: held))
    // In order, each once, from the oldest that is left whole on; what is missing shows as missing. A batch that lost
    // its first leaves to the segment before is missing as a whole.
    #expect(there == there.sorted { $0.size < $1.size })
    #expect(there.dropFirst(held.count).starts(with: kept))
    #expect(Set(signed.drop { $0 != kept.first }).isSubset(of: Set(there)))
    // Which leaves are missing is told to the leaf.
    try waitUntil("what was lost to be told") {
      try world.gateway.events("batch").flatMap { $0["gaps"]?.elements ?? [] }
        .contains { $0["reason"]?.string == "spool-full" && $0["to"]?.unsigned == firstKept }
    }
    #expect(try world.gateway.forks(of: node.id()).isEmpty)
    #expect(try node.problem() == 0)
  }
}
