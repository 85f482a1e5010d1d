import FixedMemory
import Foundation
import LinuxPlatform
import Proofs
import Signers
import TestSupport
import Testing

/// A node whose key is in a folder beside its state folder, as its site file says.
private func nodeWithMovedKey() throws -> DoctorNode {
  let node = try DoctorNode()
  try FileManager.default.createDirectory(
    atPath: node.node.path("keys"), withIntermediateDirectories: false)
  try FileManager.default.moveItem(
    atPath: node.node.path("agent/agent.key"), toPath: node.node.path("keys/node.key"))
  try name(node, "file:" + node.node.path("keys/node.key"))
  try node.write("passphrase", "correct horse battery\n")
  try node.setMode(0o600, of: "passphrase")
  return node
}

private func name(_ node: DoctorNode, _ address: String) throws {
  let path = node.node.path("site.ini")
  let kept = try String(contentsOfFile: path, encoding: .utf8)
  let plain = kept.split(separator: "[key]").first.map(String.init) ?? ""
  try node.write("site.ini", plain + "[key]\naddress = \(address)\n")
}

private func run(_ node: DoctorNode, _ words: String...) throws -> Ending {
  try Tool.run(words + node.node.options + ["--passphrase-file", node.node.path("passphrase")])
}

@Suite struct KeyAddressToolTests {
  @Test func aBackupIsOfTheKeyThatTheSiteFileNames() throws {
    let node = try nodeWithMovedKey()
    let key = node.node.path("keys/node.key")
    let before = try Data(contentsOf: URL(filePath: key))
    let made = try run(node, "key", "backup", "--to", node.node.path("backup"), "--json")
    #expect(made.status == 0, "\(made.error)")
    #expect(try made.json()["kid"] as? String == hexadecimal(node.node.publicKey.keyID))
    try node.remove("keys/node.key")
    let restored = try run(node, "key", "restore", node.node.path("backup"), "--json")
    #expect(restored.status == 0, "\(restored.error)")
    #expect(try restored.json()["file"] as? String == key)
    #expect(try Data(contentsOf: URL(filePath: key)) == before)
    #expect(!FileManager.default.fileExists(atPath: node.node.path("agent/agent.key")))
  }

  @Test func theCommandLineWinsOverTheSiteFile() throws {
    let node = try nodeWithMovedKey()
    #expect(try run(node, "key", "backup", "--to", node.node.path("backup")).status == 0)
    let other = "file:" + node.node.path("agent/agent.key")
    let missing = try run(
      node, "key", "backup", "--to", node.node.path("none"), "--key-address", other)
    #expect(missing.status == 69 && missing.error.contains("agent/agent.key"), "\(missing.error)")
    let restored = try run(
      node, "key", "restore", node.node.path("backup"), "--key-address", other)
    #expect(restored.status == 0, "\(restored.error)")
    #expect(FileManager.default.fileExists(atPath: node.node.path("agent/agent.key")))
  }

  @Test func whereTheKeyIsIsNeverGuessed() throws {
    let node = try nodeWithMovedKey()
    try name(node, "tpm:0x81010001")
    let refused = try run(node, "key", "backup", "--to", node.node.path("backup"))
    #expect(refused.status == 78 && refused.error.contains("TPM 2.0"), "\(refused.error)")
    #expect(!FileManager.default.fileExists(atPath: node.node.path("backup")))
    for (address, status) in [("tpm:1", 2), ("file:", 2), ("keys/node.key", 2)] as [(String, Int32)]
    {
      let ending = try run(
        node, "key", "backup", "--to", node.node.path("backup"), "--key-address", address)
      #expect(ending.status == status, "\(address): \(ending.error)")
    }
    try name(node, "file:" + node.node.path("agent/spool"))
    #expect(try run(node, "key", "backup", "--to", node.node.path("backup")).status == 78)
    try name(node, "file:" + node.node.path("keys"))
    let folder = try run(node, "key", "backup", "--to", node.node.path("backup"))
    #expect(folder.status == 77 && folder.error.contains("is not a file"), "\(folder.error)")
    // Commands that meet no private key take no address.
    #expect(try Tool.run(["status", "--key-address", "file:/k"] + node.node.options).status == 2)
  }

  @Test func aKeyElsewhereIsNotRestoredUnderARunningAgent() throws {
    let node = try nodeWithMovedKey()
    #expect(try run(node, "key", "backup", "--to", node.node.path("backup")).status == 0)
    try node.remove("keys/node.key")
    let lock = try FolderLock(
      of: node.node.fixedPath(node.node.folder.appending(path: "keys")))
    let ending = try run(node, "key", "restore", node.node.path("backup"))
    #expect(ending.status == 77 && ending.error.contains("an agent runs"), "\(ending.error)")
    lock.release()
    #expect(try run(node, "key", "restore", node.node.path("backup")).status == 0)
  }

  @Test func theDoctorSaysWhereTheKeyIsAndWhoSaysSo() throws {
    let node = try nodeWithMovedKey()
    let rows = try node.run()
    #expect(rows.state("key.address") == "ok")
    #expect(rows.reason("key.address").contains("keys/node.key, by the site file"))
    #expect(rows.state("key.content") == "ok")
    try name(node, "ecc608:i2c-1/0x60/0")
    let refused = try node.run()
    #expect(refused.state("key.address") == "not-checked")
    #expect(refused.list.contains { $0.id == "config.site" && $0.reason.contains("ATECC608") })
    try name(node, "file:" + node.node.path("agent/device.pub"))
    #expect(try node.run().state("key.address") == "failed")
    let plain = try DoctorNode().run()
    #expect(plain.state("key.address") == "ok")
    #expect(plain.reason("key.address").contains("agent/agent.key, where a key is unless"))
  }

  @Test func theConfigurationShowsTheAddressThatHolds() throws {
    let node = try DoctorNode()
    let usual = "address default file:" + node.node.path("agent/agent.key")
    let plain = try node.node.run("config", "show")
    #expect(plain.words.contains(usual), "\(plain.output)")
    for line in plain.lines { #expect(line.count <= 80, "\(line)") }
    let json = try node.node.run("config", "show", "--json").json()
    let values = try #require(json["values"] as? [[String: Any]])
    let key = values.first { $0["section"] as? String == "key" }
    #expect(key?["value"] as? String == "file:" + node.node.path("agent/agent.key"))
    #expect(key?["source"] as? String == "default")
    try name(node, "file:/k/key")
    #expect(try node.node.run("config", "show").words.contains("file:/k/key"))
  }
}
