import Foundation
import Simulation
import TestSupport
import Testing

/// docs/operating.md, "The card is dead": with the operator's tool alone.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct DeadCardTests {
  @Test func aKeyFromItsBackupIsTheSameNodeOnAnotherCardWhenItIsAdopted() throws {
    let owner = try WorldDesk()
    let world = try World(owners: [owner.publicKey()])
    let node = try world.node(serial: "one")
    node.sections = try owner.invite(for: world.gateway)
    try node.start()
    try world.awaitReadings(of: node)
    let id = try node.id()
    let name = try #require(try world.gateway.node(of: node))
    let passphrase = try world.passphraseFile()
    let backup = world.folder + "/node.backup"
    let kept = try node.cairn(["key", "backup", "--to", backup] + passphrase)
    #expect(kept.status == 0, "\(kept)")
    try node.stop()
    let held = try world.gateway.batches(of: id)
    let lost = try node.batches()

    // Nothing of the old card is there; the board is the same.
    try node.changeCard(serial: "two")
    let restored = try node.cairn(["key", "restore", backup] + passphrase)
    #expect(restored.status == 0, "\(restored)")
    let agent = try node.startAgent()
    try node.startUplink()
    try agent.awaitWords("cairn key adopt")
    let shown = try node.cairn(["status"])
    #expect(shown.output.contains("cairn key adopt"), "\(shown)")
    let adopted = try node.cairn(["key", "adopt"])
    #expect(adopted.status == 0, "\(adopted)")

    try waitUntil("the next epoch") { try world.gateway.end(of: id)?.epoch == 1 }
    let signed = try world.awaitAll(of: node)
    #expect(Set(signed.map(\.position)).isDisjoint(with: lost.map(\.position)))
    #expect(try world.gateway.batches(of: id).starts(with: held))
    #expect(try world.gateway.node(of: node) == name)
    #expect(try world.gateway.forks(of: id).isEmpty)
    #expect(try world.gateway.events("refused").allSatisfy { $0["name"]?.string != "fork" })
    #expect(try node.problem() == 0)
    // The enrolment goes on in its versions, though the card that counted them is gone.
    try waitUntil("the gateway's word on the enrolment") {
      try node.enrolment()["answer"]?["taken"]?.isTrue == true
    } otherwise: {
      try node.enrolment().line
    }
    #expect(try node.enrolment()["answer"]?["node"]?.string == name)
  }

  @Test func aWrongPassphraseOpensNothingAndLeavesNoKeyBehind() throws {
    let world = try World()
    let node = try world.node(serial: "one")
    try node.start()
    let backup = world.folder + "/node.backup"
    let right = try world.passphraseFile()
    #expect(try node.cairn(["key", "backup", "--to", backup] + right).status == 0)
    try node.stop()
    try node.changeCard(serial: "two")
    let wrong = try world.passphraseFile("another pile of stones")
    let restored = try node.cairn(["key", "restore", backup] + wrong)
    #expect(restored.status == 77, "\(restored)")
    #expect(!FileManager.default.fileExists(atPath: node.folder + "/agent/agent.key"))
  }

  @Test func withoutABackupTheOwnerNamesTheNextKeyByWhatTheGatewayShowsOfTheOldOne() throws {
    let owner = try WorldDesk()
    let world = try World(owners: [owner.publicKey()])
    let node = try world.node(serial: "one")
    node.sections = try owner.invite(for: world.gateway)
    try node.start()
    try world.awaitReadings(of: node)
    let old = try node.id()
    let name = try #require(try world.gateway.node(of: node))
    try node.stop()

    // The same board, an empty card: its agent makes another key, which nobody knows.
    try node.changeCard(serial: "two")
    node.sections = ""
    try node.start()
    try world.gateway.awaitRefusal("enrolment-required")
    // The uplink tells the agent a moment later than the gateway notes it.
    try waitUntil("the refusal in `cairn status`") {
      try node.cairn(["status"]).output.contains("takes no device without an invite")
    }
    try node.stop()
    let count = try node.batches().count
    #expect(count > 0)

    // Nobody has the old public key any more: the gateway shows its hash.
    node.sections = try owner.succession(of: name, fromKeyHash: "sha256:" + old, to: node)
    try node.start()
    let signed = try world.awaitAll(of: node)
    // What was measured before the owner's word is delivered too.
    #expect(signed.first?.position == "0/0")
    #expect(try world.gateway.node(of: node) == name)
    let keys = try world.gateway.device(name)?["node"]?["devices"]?.elements ?? []
    #expect(try keys.compactMap(\.string) == [old, node.id()])
    #expect(try world.gateway.device(old)?["closed"]?["why"]?.string == "succeeded")
    #expect(try !world.gateway.readings(of: old).isEmpty)
    try world.awaitReadings(of: node)
  }
}

extension World {
  /// The option that names a file with this passphrase.
  func passphraseFile(_ words: String = "a pile of stones") throws -> [String] {
    let path = folder + "/passphrase-\(UInt32.random(in: 0 ... .max))"
    guard
      FileManager.default.createFile(
        atPath: path, contents: Data((words + "\n").utf8),
        attributes: [.posixPermissions: 0o600])
    else { throw WorldProblem("the passphrase can't be written") }
    return ["--passphrase-file", path]
  }
}

extension WorldNode {
  /// An empty card in the same board.
  func changeCard(serial: String) throws {
    for name in ["agent", "uplink"] {
      try FileManager.default.removeItem(atPath: folder + "/" + name)
      try FileManager.default.createDirectory(
        atPath: folder + "/" + name, withIntermediateDirectories: true)
    }
    try "card-\(serial)\n".write(
      toFile: folder + "/card-serial", atomically: true, encoding: .utf8)
  }

  func enrolment() throws -> DemoJSON {
    let (status, output, errors) = try cairn(["enrol", "--json"])
    guard status == 0 else { throw WorldProblem("cairn enrol: \(status) \(errors)") }
    return try DemoJSON(output.trimmingCharacters(in: .newlines))
  }
}

extension WorldDesk {
  /// For an old key that nobody has any more.
  func succession(of node: String, fromKeyHash old: String, to new: WorldNode) throws -> String {
    "[enrolment]\n"
      + (try owner(
        "succeed",
        ["--node", node, "--old", old, "--new", new.folder + "/agent/device.pub"]))
  }
}
