import FixedMemory
import Foundation
import Proofs
import Simulation
import TestSupport
import Testing
import Verifier

/// Two boards with copies of one card, which is one key.
@Suite(.ownThreads, .timeLimit(.minutes(5))) struct CopiedCardTests {
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
    try copy.start()
    let id = try original.id()
    try waitUntil("a fork") { try !world.gateway.forks(of: id).isEmpty }

    // One of the two came second, and is told what to look for.
    // Whoever asked after the other had sent began an epoch, which closes the other's.
    let remedies = [
      "Find the second card or copy of this key", "a restored card, or a second one",
    ]
    try waitUntil("the uplink to say it") {
      try [original, copy].contains { node in
        try remedies.contains { try node.uplink?.journal.contains($0) ?? false }
      }
    }
    let fork = try #require(try world.gateway.forks(of: id).first)
    #expect(["fork", "closed-epoch"].contains(fork["name"]?.string))
    try checkThatBothVerify(fork, key: original.publicKey(), in: world)
    #expect(try world.gateway.get("/").body.contains("Two histories"))
    #expect(try world.gateway.device(id)?["forks"]?.unsigned == 1)
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
    try waitUntil("the original's epoch") { try world.gateway.end(of: id)?.epoch == 2 }
    try world.awaitAll(of: original)
    try copy.stop()
    // Nothing that the original signed in the closed epoch went out.
    let names = Set(try world.gateway.forks(of: id).compactMap { $0["name"]?.string })
    #expect(names == ["closed-epoch"])
    let beyond = Set(try copy.batches()).subtracting(try world.gateway.batches(of: id))
    #expect(!beyond.isEmpty)
  }
}
