import FixedMemory
import Foundation
import Proofs
import Simulation
import TestSupport
import Testing
import Verifier

/// Two boards with copies of one card, which is one key.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct CopiedCardTests {
  /// Number of `key-of-other-hardware` in docs/agent-socket.md.
  private let otherHardware: UInt64 = 2

  @Test func aCopyOnOtherHardwareSignsNothingAndSaysWhy() throws {
    let world = try World()
    let original = try world.node(serial: "one")
    try original.start()
    try world.awaitBatches(2, of: original)
    try original.stop()
    let copy = try world.copy(of: original, serial: "two")
    let before = try copy.batches()

    let agent = try copy.startAgent()
    try agent.awaitWords("cairn key adopt")
    let said = try agent.journal
    #expect(said.contains("board-one") && said.contains("board-two"), "\(said)")
    try copy.startUplink()
    #expect(try copy.problem() == otherHardware)
    let shown = try copy.cairn(["status"])
    #expect(shown.output.contains("cairn key adopt"), "\(shown)")
    // What the original signed is delivered from here too, and is no second history.
    try world.awaitAll(of: copy)
    try copy.stop()
    #expect(try copy.batches() == before)
    #expect(try world.gateway.forks(of: copy.id()).isEmpty)

    // The original goes on as if nothing had been.
    try original.start()
    try world.awaitBatches(2, of: original)
    #expect(try world.gateway.forks(of: original.id()).isEmpty)
  }

  @Test func twoCopiesThatNothingTellsApartAreAForkWithBothSignatures() throws {
    let world = try World()
    let original = try world.node(serial: nil)
    try original.start()
    try world.awaitBatches(2, of: original)
    try original.stop()
    let copy = try world.copy(of: original, serial: nil)
    try original.start()
    try copy.startAgent()
    let id = try original.id()

    // The copy's own uplink would ask where the log stands, and send nothing. Somebody else brings its batch.
    var second: WorldBatch?
    try waitUntil("two batches for one position") {
      let held = try world.gateway.batches(of: id)
      second = try copy.batches().first { batch in
        held.contains { $0.position == batch.position && $0.root != batch.root }
      }
      return second != nil
    }
    let position = try #require(second).position
    let export = copy.folder + "/export"
    let exported = try copy.cairn(["log", "export", position, "--to", export])
    #expect(exported.status == 0, "\(exported)")
    let batch = try Data(contentsOf: URL(filePath: export + "/batch.cbor"))
    #expect(try world.gateway.post(batch: [UInt8](batch)) == 409)
    let fork = try #require(try world.gateway.forks(of: id).first)
    #expect(fork["name"]?.string == "fork")
    try checkThatBothVerify(fork, key: original.publicKey(), in: world)
    #expect(try world.gateway.get("/").body.contains("Two histories"))
    #expect(try world.gateway.device(id)?["forks"]?.unsigned == 1)

    // The copy's uplink asks first: it begins an epoch of its own, and the original is told that its is closed.
    let closed = try world.gateway.end(of: id)?.epoch ?? 0
    try copy.startUplink()
    try waitUntil("the copy's epoch") { try world.gateway.end(of: id)?.epoch == closed + 1 }
    try world.gateway.awaitRefusal("closed-epoch")
    try original.awaitUplinkWords("another card or board signs with this key")
    // Both measure on, whatever the gateway takes.
    for node in [original, copy] {
      let count = try node.batches().count
      try waitUntil("\(node.folder) to sign more") { try node.batches().count > count }
    }

    // The copy is stopped; the way on is a new epoch.
    try copy.stop()
    try original.stop()
    try original.loseSpool()
    let forkCount = try world.gateway.forks(of: id).count
    let epoch = try world.gateway.end(of: id)?.epoch ?? 0
    try original.start()
    try waitUntil("a lawful epoch") { try world.gateway.end(of: id)?.epoch == epoch + 1 }
    try world.awaitAll(of: original)
    #expect(try world.gateway.forks(of: id).count == forkCount)
  }

  /// For anybody who has the two messages and the public key.
  private func checkThatBothVerify(_ fork: DemoJSON, key: PublicKey, in world: World) throws {
    let messages = try ["held", "sent"].map { hex(try #require(fork[$0]?.string)) }
    let checkpoints = try messages.map { try VerifiedCheckpoint(verifying: $0.span, key: key) }
    #expect(checkpoints[0].checkpoint.epoch == checkpoints[1].checkpoint.epoch)
    if fork["name"]?.string == "fork" {
      #expect(checkpoints[0].checkpoint.batch == checkpoints[1].checkpoint.batch)
    }
    #expect(checkpoints[0].sigStructureHash != checkpoints[1].sigStructureHash)
    for message in messages {
      let file = world.folder + "/checkpoint.cose"
      try Data(message).write(to: URL(filePath: file))
      let verdict = try WorldProgram.run(
        "cairn", ["verify", file, "--key", key.bytes.span.hexadecimal])
      #expect(verdict.status == 0, "\(verdict)")
    }
  }

  @Test func anAdoptedCopyIsTheNodeUntilTheOriginalBeginsAnEpochBehindIt() throws {
    let world = try World()
    let original = try world.node(serial: "one")
    try original.start()
    try world.awaitBatches(2, of: original)
    try original.stop()
    let copy = try world.copy(of: original, serial: "two")
    try copy.startAgent().awaitWords("cairn key adopt")
    try copy.startUplink()
    let adopted = try copy.cairn(["key", "adopt"])
    #expect(adopted.status == 0, "\(adopted)")
    let id = try copy.id()
    try waitUntil("the copy's epoch") { try world.gateway.end(of: id)?.epoch == 1 }
    #expect(try copy.problem() == 0)
    // It asked the gateway, and its epoch names the last checkpoint that is held.
    try copy.awaitUplinkWords("hands it the gateway's head")
    #expect(try world.gateway.forks(of: id).isEmpty)

    // The original wakes up after all: it finds another's epoch, and begins one behind it. The copy, which still
    // signs in the one before, is refused as closed, with the proof that both did.
    try original.start()
    try original.awaitUplinkWords("restored from an older copy")
    try world.gateway.awaitRefusal("closed-epoch")
    try copy.awaitUplinkWords("The gateway has more of this log than the device")
    try copy.awaitUplinkWords("another card or board signs with this key")
    try waitUntil("the original's epoch") { try world.gateway.end(of: id)?.epoch == 2 }
    try world.awaitAll(of: original)
    try copy.stop()
    // What was signed behind the end is kept for what it is, and nothing of it is in the log.
    let names = Set(try world.gateway.closedEpoch(of: id).compactMap { $0["name"]?.string })
    #expect(names == ["closed-epoch"])
    // Its operator is called no forker anywhere: only that the key still signs elsewhere is said.
    #expect(try world.gateway.forks(of: id).isEmpty)
    #expect(try world.gateway.device(id)?["forks"]?.unsigned == 0)
    let page = try world.gateway.get("/").body
    #expect(!page.contains("Two histories") && page.contains("goes on in a closed epoch"))
    let beyond = Set(try copy.batches()).subtracting(try world.gateway.batches(of: id))
    #expect(!beyond.isEmpty)
  }
}
