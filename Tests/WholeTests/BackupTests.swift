import Foundation
import Simulation
import TestSupport
import Testing

/// A board that has less than it had: its spool is lost, or a backup stands in its place.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct BackupTests {
  @Test func aLostSpoolIsANewEpochAndNothingIsSignedTwice() throws {
    let world = try World()
    let node = try world.node(serial: "one")
    try node.start()
    try world.awaitBatches(2, of: node)
    let id = try node.id()
    try node.stop()
    let before = try world.gateway.batches(of: id)
    let lost = try node.batches()
    try node.loseSpool()

    try node.start()
    try waitUntil("the next epoch") { try world.gateway.end(of: id)?.epoch == 1 }
    let signed = try world.awaitAll(of: node)
    #expect(Set(signed.map(\.position)).isDisjoint(with: lost.map(\.position)))
    let held = try world.gateway.batches(of: id)
    #expect(held.starts(with: before))
    #expect(Array(held.dropFirst(before.count)).starts(with: signed))
    #expect(try world.gateway.forks(of: id).isEmpty)
    #expect(try node.problem() == 0)
    // The first checkpoint of the epoch names the last one that was held.
    try node.awaitUplinkWords("hands it the gateway's head")
  }

  @Test func aKeyFromABackupAsksForItsPlaceAndGoesOnBehindTheGateway() throws {
    let world = try World()
    let node = try world.node(serial: "one")
    try node.start()
    try world.awaitBatches(1, of: node)
    let id = try node.id()
    let backup = try node.keyFile()
    // Epoch 1 was begun after the backup: the key in it knows nothing of that.
    try node.stop()
    try node.loseSpool()
    try node.start()
    try waitUntil("epoch 1") { try world.gateway.end(of: id)?.epoch == 1 }
    try node.stop()

    try node.restoreKeyAlone(backup)
    try node.start()
    try waitUntil("epoch 2") { try world.gateway.end(of: id)?.epoch == 2 }
    let signed = try world.awaitAll(of: node)
    #expect(signed.allSatisfy { $0.epoch == 2 })
    #expect(try node.id() == id)
    #expect(try world.gateway.forks(of: id).isEmpty)
  }

  @Test func aKeyFromABackupGoesOnAloneWhenNobodyAnswers() throws {
    let world = try World()
    let node = try world.node(serial: "one")
    try node.start()
    try world.awaitBatches(1, of: node)
    let id = try node.id()
    try node.stop()
    let backup = try node.keyFile()
    try world.gateway.stop()

    try node.restoreKeyAlone(backup)
    let agent = try node.startAgent()
    let uplink = try node.startUplink()
    // It waits for ten seconds at most, and says behind which epoch it goes on.
    try agent.awaitWords(", epoch 1,")
    let said = try uplink.journal
    #expect(said.contains("can't be asked for the head"), "\(said)")
    try waitUntil("batches") { try node.batches().count > 1 }

    try world.gateway.start([])
    try waitUntil("epoch 1") { try world.gateway.end(of: id)?.epoch == 1 }
    let signed = try world.awaitAll(of: node)
    #expect(signed.allSatisfy { $0.epoch == 1 })
    #expect(try world.gateway.forks(of: id).isEmpty)
  }

  @Test func aWholeStateFromBeforeEndsInALawfulEpochAndNoFork() throws {
    let world = try World()
    let node = try world.node(serial: "one")
    let (id, held) = try restoreOldCopy(node, in: world)
    try node.start()
    // Nothing on the card says that it was further; the gateway says it before anything is sent.
    try waitUntil("a lawful epoch") { try world.gateway.end(of: id)?.epoch == 1 }
    try checkLawful(node, id, held, in: world)
    try node.awaitUplinkWords("restored from an older copy")
    let said = try #require(node.agent).journal
    #expect(said.contains("restored from an older copy: the gateway has batch 0/"), "\(said)")
    // The next start finds its place at once.
    try node.stop()
    try node.start()
    try world.awaitBatches(2, of: node)
    try checkLawful(node, id, held, in: world)
    #expect(try !#require(node.uplink).journal.contains("restored"))
  }

  @Test func aWholeStateFromBeforeThatRanWithoutNetworkForLongEndsInALawfulEpochToo() throws {
    let world = try World()
    let node = try world.node(serial: "one")
    let (id, held) = try restoreOldCopy(node, in: world)
    // It signs further than the gateway has, and through a restart.
    for _ in 0..<2 {
      let agent = try node.startAgent()
      try agent.awaitWords(": boot ")
      try waitUntil("batches beyond the gateway's") { try node.batches().count > held.count + 2 }
      try node.stop()
    }
    let void = try node.batches()
    try node.start()
    try waitUntil("a lawful epoch") { try world.gateway.end(of: id)?.epoch == 1 }
    try checkLawful(node, id, held, in: world)
    // Nothing of it went out, and one leaf tells of all of it.
    let delivered = Set(try world.gateway.batches(of: id))
    #expect(void.filter { delivered.contains($0) }.allSatisfy { held.contains($0) })
    let gaps = try world.gateway.events("batch").flatMap { $0["gaps"]?.elements ?? [] }
    let told = gaps.filter { $0["reason"]?.string == "restored-copy" }
    #expect(told.count == 1, "\(gaps)")
    #expect((told.first?["to"]?.unsigned ?? 0) >= (void.last?.size ?? .max))
  }

  /// Ends with a copy from before in the place of what is there. Returns the node's id, and what the gateway has.
  private func restoreOldCopy(_ node: WorldNode, in world: World) throws -> (
    id: String, held: [WorldBatch]
  ) {
    try node.start()
    try world.awaitBatches(2, of: node)
    try node.stop()
    try node.backUp(to: world.folder + "/backup")
    try node.start()
    try world.awaitBatches(3, of: node)
    try node.stop()
    let id = try node.id()
    let held = try world.gateway.batches(of: id)
    try node.restore(world.folder + "/backup")
    return (id, held)
  }

  private func checkLawful(
    _ node: WorldNode, _ id: String, _ held: [WorldBatch], in world: World
  ) throws {
    let signed = try world.awaitAll(of: node).filter { $0.epoch == 1 }
    #expect(!signed.isEmpty)
    let all = try world.gateway.batches(of: id)
    #expect(all.starts(with: held))
    #expect(all.dropFirst(held.count).starts(with: signed))
    #expect(try world.gateway.forks(of: id).isEmpty)
    #expect(try world.gateway.events("refused").isEmpty)
    #expect(try node.problem() == 0)
  }
}
