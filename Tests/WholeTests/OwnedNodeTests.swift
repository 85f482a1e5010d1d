import FixedMemory
import Foundation
import Proofs
import Simulation
import TestSupport
import Testing

/// What an owner signs for a node, from site.ini to the gateway's answer.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct OwnedNodeTests {
  @Test func aNodeGoesOnUnderItsOwnersNewKeyAndTheOldOneIsRefused() throws {
    let owner = try WorldDesk()
    let world = try World(owners: [owner.publicKey()])
    let old = try world.node(serial: "one")
    old.sections = try owner.invite(for: world.gateway)
    try old.start()
    try world.awaitReadings(of: old)
    let node = try #require(try world.gateway.node(of: old))
    try old.stop()

    // Another board, which makes its own key before the owner names it.
    let new = try world.node(serial: "two")
    try new.startAgent().awaitWords(": boot ")
    try new.stop()
    new.sections = try owner.succession(of: node, from: old, to: new)
    try new.start()
    try world.awaitReadings(of: new)
    #expect(try world.gateway.node(of: new) == node)
    #expect(try world.gateway.node(of: old) == node)

    // The dead card was not so dead.
    try old.start()
    try old.awaitUplinkWords("This device's key is revoked, or another key has succeeded it.")
    try world.gateway.awaitRefusal("key-revoked")
    #expect(try world.gateway.device(old.id())?["closed"]?["why"]?.string == "succeeded")

    // By the node's id the new key answers, and it names both: what each of them signed is there.
    let shown = try #require(try world.gateway.device(node))
    #expect(try shown["device"]?.string == new.id())
    let keys = (shown["node"]?["devices"]?.elements ?? []).compactMap(\.string)
    #expect(try keys == [old.id(), new.id()])
    for key in keys { #expect(try !world.gateway.readings(of: key).isEmpty) }
    #expect(try !world.gateway.readings(of: node).isEmpty)
  }

  @Test func aMovedNodeIsTakenWithItsOwnersWordOnly() throws {
    let owner = try WorldDesk()
    let world = try World(owners: [owner.publicKey()])
    let board = try world.node(serial: "one")
    let invite = try owner.invite(for: world.gateway)
    board.sections = invite + WorldOwner.place(latitude: "40.6398")
    try board.start()
    try world.awaitBatches(1, of: board)
    let node = try #require(try world.gateway.node(of: board))
    #expect(try world.gateway.latitude(of: board) == "40.6398000")

    // Carried off, and the place in site.ini with it.
    try board.stop()
    board.sections = invite + WorldOwner.place(latitude: "48.1372")
    try board.start()
    try board.awaitUplinkWords("Place or radio have changed, and the owner has signed no move.")
    try world.gateway.awaitRefusal("move-required")
    #expect(try world.gateway.latitude(of: board) == "40.6398000")
    // Whose place is not settled, whose key is known: what it measures is taken.
    try world.awaitBatches(2, of: board)

    try board.stop()
    board.sections =
      try owner.move(of: node, for: world.gateway) + WorldOwner.place(latitude: "48.1372")
    try board.start()
    try waitUntil("the new place") {
      try world.gateway.latitude(of: board) == "48.1372000"
    } otherwise: {
      try board.uplink?.lastWords ?? ""
    }
    #expect(try world.gateway.node(of: board) == node)
    try world.awaitBatches(1, of: board)
  }
}

extension WorldGateway {
  /// The id of the node that a board is.
  func node(of board: WorldNode) throws -> String? {
    try device(board.id())?["node"]?["id"]?.string
  }

  func latitude(of board: WorldNode) throws -> String? {
    try device(board.id())?["node"]?["place"]?["latitude"]?.decimal
  }

  func readings(of id: String) throws -> [DemoJSON] {
    (try json("/v1/devices/\(id)/readings")["records"]?.elements ?? []).filter {
      $0["kind"]?.string == "reading"
    }
  }
}
