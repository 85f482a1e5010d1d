import FixedMemory
import Foundation
import Proofs
import Simulation
import TestSupport
import Testing

/// Nodes that a gateway does not take: why stands in the uplink's journal, the board measures on, and after
/// mending all of it is delivered.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct RefusedNodeTests {
  /// Waits for the refusal, looks that the board measures on, mends, and looks that everything comes.
  private func check(
    _ board: WorldNode, _ world: World, _ document: [UInt8]?, isRefusedAs name: String,
    saying words: String, mendedBy good: [UInt8]
  ) throws {
    board.sections = document.map { WorldOwner.section($0) } ?? ""
    try board.start()
    try board.awaitUplinkWords(words)
    try world.gateway.awaitRefusal(name)
    let count = try board.batches().count
    try waitUntil("\(name): the board to measure on") { try board.batches().count > count + 1 }
    #expect(try board.problem() == 0)
    #expect(try board.deliveredBatches().isEmpty)
    #expect(try world.gateway.device(board.id()) == nil)

    try board.stop()
    board.sections = WorldOwner.section(good)
    try board.start()
    let signed = try world.awaitAll(of: board)
    #expect(try world.gateway.batches(of: board.id()).starts(with: signed))
    #expect(signed.first?.position == "0/0")
    try board.stop()
  }

  @Test func anInviteThatIsOverOrUsedOrForElsewhereIsRefusedUntilThereIsAGoodOne() throws {
    let owner = WorldOwner(seed: 40)
    let world = try World(owners: [owner.publicKey()])
    let key = try world.gateway.publicKey()
    let board = try world.node(serial: "one")
    let first = try owner.invite(for: key)
    try check(
      board, world, owner.invite(for: key, validMilliseconds: -1000), isRefusedAs: "invite-expired",
      saying: "The invite's time is over.", mendedBy: first)
    let second = try owner.invite(for: key)
    try check(
      world.node(serial: "two"), world, first, isRefusedAs: "invite-used",
      saying: "The invite is good for one enrolment, and another one has used it.",
      mendedBy: second)
    try check(
      world.node(serial: "three"), world, owner.invite(for: owner.publicKey()),
      isRefusedAs: "invite-foreign", saying: "The invite is for another gateway.",
      mendedBy: owner.invite(for: key))
  }

  @Test func aStrangersInviteSuccessionAndEnrolmentAreRefusedWithTheirReasons() throws {
    let (owner, stranger) = (WorldOwner(seed: 40), WorldOwner(seed: 41))
    let world = try World(owners: [owner.publicKey()])
    let key = try world.gateway.publicKey()
    try check(
      world.node(serial: "one"), world, nil, isRefusedAs: "enrolment-required",
      saying: "This gateway takes no device without an invite.", mendedBy: owner.invite(for: key))
    try check(
      world.node(serial: "two"), world, stranger.invite(for: key), isRefusedAs: "owner-unknown",
      saying: "The gateway takes no nodes of this owner.", mendedBy: owner.invite(for: key))

    // Somebody who would have the node of a good board.
    let good = try world.node(serial: "three")
    good.sections = WorldOwner.section(try owner.invite(for: key))
    try good.start()
    try world.awaitBatches(1, of: good)
    let node = try #require(try world.gateway.node(of: good))
    let thief = try world.node(serial: "four")
    try thief.startAgent().awaitWords(": boot ")
    try thief.stop()
    try check(
      thief, world,
      stranger.succession(node: fixed(hex(node)), from: good.publicKey(), to: thief.publicKey()),
      isRefusedAs: "succession-foreign",
      saying: "The succession is not for this node and key, or not by its owner.",
      mendedBy: owner.invite(for: key))
    #expect(try world.gateway.node(of: good) == node)
    try world.awaitBatches(1, of: good)
  }

  @Test func theEnrolmentOfAnotherKeyEnrolsNobodyElse() throws {
    let world = try World()
    let other = try world.node(serial: "one")
    try other.start()
    try world.awaitBatches(1, of: other)
    let board = try world.node(serial: "two")
    let agent = try board.startAgent()
    try agent.awaitWords(": boot ")
    let theirs = try Data(contentsOf: URL(filePath: other.folder + "/agent/enrolment.cose"))
    try theirs.write(to: URL(filePath: board.folder + "/agent/enrolment.cose"))
    try board.startUplink()
    // Whoever is named in the answer is not this device.
    try board.awaitUplinkWords("not a gateway")
    #expect(try world.gateway.device(board.id()) == nil)
    try waitUntil("the board to measure on") { try board.batches().count > 2 }

    // The agent's next start writes its own again.
    try board.stop()
    try board.start()
    let signed = try world.awaitAll(of: board)
    #expect(try world.gateway.batches(of: board.id()).starts(with: signed))
  }

  @Test func aRevokedKeyIsRefusedAndTheBoardMeasuresOn() throws {
    let owner = try WorldDesk()
    let world = try World(owners: [owner.publicKey()])
    let board = try world.node(serial: "one")
    board.sections = try owner.invite(for: world.gateway)
    try board.start()
    try world.awaitReadings(of: board)
    let node = try #require(try world.gateway.node(of: board))
    let id = try board.id()
    #expect(try world.gateway.revoke(owner.revocation(of: node, key: board)) == 200)
    try board.awaitUplinkWords("This device's key is revoked, or another key has succeeded it.")
    let held = try world.gateway.batches(of: id)
    let count = try board.batches().count
    try waitUntil("the board to measure on") { try board.batches().count > count + 1 }
    // What was received before stays; nothing comes to it.
    #expect(try world.gateway.batches(of: id) == held)
    #expect(try world.gateway.device(id)?["closed"]?["by"]?.string == "owner")
    #expect(try !world.gateway.readings(of: id).isEmpty)
    try board.stop()

    // The node goes on with another key, which its owner names.
    let next = try world.node(serial: "two")
    try next.startAgent().awaitWords(": boot ")
    try next.stop()
    next.sections = try owner.succession(of: node, from: board, to: next)
    try next.start()
    let signed = try world.awaitAll(of: next)
    #expect(try world.gateway.batches(of: next.id()).starts(with: signed))
    #expect(try world.gateway.node(of: next) == node)
  }
}
