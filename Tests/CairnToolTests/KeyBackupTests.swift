import FixedMemory
import Foundation
import LinuxPlatform
import Proofs
import Signers
import TestSupport
import Testing

/// A node with a private key, bound to a board, in epoch 7, and a passphrase's file.
private func nodeWithKey() throws -> TestNode {
  let node = try TestNode()
  let key = try TestNode.key()
  let board = Array("10000000abcdef01".utf8)
  let path = Array(node.path("agent/agent.key").utf8)
  let hardware = HardwareIdentity(board: board.span, card: Span())
  try key.restore(to: path.span, epoch: 7, hardware: hardware)
  let secret = node.folder.appending(path: "passphrase")
  try Data("correct horse battery\n".utf8).write(to: secret)
  try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: secret.path)
  return node
}

private func run(_ node: TestNode, _ words: String...) throws -> Ending {
  try Tool.run(words + node.options + ["--passphrase-file", node.path("passphrase")])
}

/// What stands in a node's key file, as the agent opens it.
private struct Kept {
  let epoch: UInt64
  let hardware: HardwareIdentity
  let publicKey: PublicKey

  init(_ node: TestNode) throws {
    let path = Array(node.path("agent/agent.key").utf8)
    let key = try FileKey(opening: path.span)
    (epoch, hardware, publicKey) = (key.epoch, key.hardware, key.publicKey)
  }
}

/// Puts a key where the agent has its own.
private func put(_ key: borrowing FileKey, epoch: UInt64, in node: TestNode) throws {
  let path = Array(node.path("agent/agent.key").utf8)
  try key.restore(to: path.span, epoch: epoch, hardware: HardwareIdentity())
}

private func keyFile(_ node: TestNode) throws -> String {
  try String(contentsOf: node.folder.appending(path: "agent/agent.key"), encoding: .utf8)
}

private func remove(_ node: TestNode, _ name: String) throws {
  try FileManager.default.removeItem(atPath: node.path(name))
}

@Test func aKeyComesBackWithItsEpochAndHardware() throws {
  let node = try nodeWithKey()
  let key = try TestNode.key()
  let before = try keyFile(node)
  let kept = try run(node, "key", "backup", "--to", node.path("backup"), "--json")
  #expect(kept.status == 0, "\(kept.error)")
  let json = try kept.json()
  #expect(json["epoch"] as? Int == 7 && json["board"] as? String == "10000000abcdef01")
  #expect(json["card"] is NSNull && json["kid"] as? String == hexadecimal(key.publicKey.keyID))
  #expect(try keyFile(node) == before)
  try remove(node, "agent/agent.key")
  let restored = try run(node, "key", "restore", node.path("backup"))
  #expect(restored.status == 0, "\(restored.error)")
  #expect(restored.words.contains("without a spool") && restored.words.contains("cairn key adopt"))
  #expect(try keyFile(node) == before)
  let attributes = try FileManager.default.attributesOfItem(atPath: node.path("agent/agent.key"))
  #expect(attributes[.posixPermissions] as? Int == 0o600)
  // As the agent opens it, where the folder is its user's.
  #expect(try Kept(node).epoch == 7)
}

@Test func aKeyThatIsThereIsNeverLost() throws {
  let node = try nodeWithKey()
  let key = try TestNode.key()
  _ = try run(node, "key", "backup", "--to", node.path("backup"))
  // The same key, further on: nothing to do.
  try put(key, epoch: 9, in: node)
  let later = try run(node, "key", "restore", node.path("backup"), "--json")
  #expect(try later.json()["result"] as? String == "was-there")
  #expect(try Kept(node).epoch == 9)
  // Behind: the epoch only grows, and the hardware stays that of the file.
  try put(key, epoch: 2, in: node)
  let behind = try run(node, "key", "restore", node.path("backup"), "--json")
  #expect(try behind.json()["result"] as? String == "epoch-raised")
  #expect(try Kept(node).epoch == 7)
  #expect(try Kept(node).hardware.board.isEmpty)
  // Another one, or what is no key.
  let other = try FileKey(seed: fixed([UInt8](repeating: 6, count: 32)))
  try put(other, epoch: 0, in: node)
  let foreign = try run(node, "key", "restore", node.path("backup"))
  #expect(foreign.status == 77 && foreign.error.contains("another node's key"))
  #expect(try Kept(node).publicKey == other.publicKey)
  try Data("nothing".utf8).write(to: node.folder.appending(path: "agent/agent.key"))
  let damaged = try run(node, "key", "restore", node.path("backup"))
  #expect(damaged.status == 77 && damaged.error.contains("left as it is"))
  #expect(try keyFile(node) == "nothing")
}

@Test func aKeyIsNotRestoredUnderARunningAgentNorBesideAnothersLog() throws {
  let node = try nodeWithKey()
  _ = try run(node, "key", "backup", "--to", node.path("backup"))
  try remove(node, "agent/agent.key")
  let lock = try FolderLock(of: node.fixedPath(node.folder.appending(path: "agent")))
  let running = try run(node, "key", "restore", node.path("backup"))
  #expect(running.status == 77 && running.error.contains("an agent runs in this folder"))
  lock.release()
  try node.makeSpool()
  try Data([UInt8](repeating: 1, count: 32)).write(
    to: node.folder.appending(path: "agent/device.pub"))
  let foreign = try run(node, "key", "restore", node.path("backup"))
  #expect(foreign.status == 77 && foreign.error.contains("the log of another key"))
  #expect(!FileManager.default.fileExists(atPath: node.path("agent/agent.key")))
  try FileManager.default.removeItem(at: node.folder.appending(path: "agent/device.pub"))
  let restored = try run(node, "key", "restore", node.path("backup"))
  #expect(restored.status == 0 && restored.words.contains("goes on with the spool"))
}

@Test func aBackupIsRefusedWhereItCanNotBeRight() throws {
  let node = try nodeWithKey()
  let backup = node.path("backup")
  #expect(try run(node, "key", "backup").status == 2)
  #expect(try run(node, "key", "backup", "--to", backup).status == 0)
  let before = try Data(contentsOf: URL(filePath: backup))
  let again = try run(node, "key", "backup", "--to", backup)
  #expect(again.status == 77 && again.error.contains("never overwritten"))
  #expect(try Data(contentsOf: URL(filePath: backup)) == before)
  #expect(try run(node, "key", "backup", "--to", node.path("no/such/folder")).status == 2)
  let owner = try Tool.run(["owner", "show", backup])
  #expect(owner.status == 77 && owner.error.contains("the key of a device"))
  let vectors = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Vectors/sealed")
  let gateway = try run(node, "key", "restore", vectors.appending(path: "gateway.txt").path)
  #expect(gateway.status == 77 && gateway.error.contains("the key of a gateway"))
  try FileManager.default.setAttributes(
    [.posixPermissions: 0o644], ofItemAtPath: node.path("agent/agent.key"))
  let open = try run(node, "key", "backup", "--to", node.path("other"))
  #expect(open.status == 77 && open.error.contains("others may know it"))
  try remove(node, "agent/agent.key")
  #expect(try run(node, "key", "backup", "--to", node.path("other")).status == 69)
  let nowhere = try Tool.run([
    "key", "restore", backup, "--state", node.path("nowhere"), "--run", node.folder.path,
    "--passphrase-file", node.path("passphrase"),
  ])
  #expect(nowhere.status == 77 && nowhere.error.contains("no such folder"))
  try Data("correct horse batterz\n".utf8).write(to: URL(filePath: node.path("passphrase")))
  let wrong = try run(node, "key", "restore", backup)
  #expect(wrong.status == 77 && wrong.error.contains("wrong passphrase, or the file is damaged"))
  #expect(!FileManager.default.fileExists(atPath: node.path("agent/agent.key")))
}

@Test(.enabled(if: getuid() == 0, "only root may give a file to somebody"))
func rootGivesARestoredKeyToTheFoldersOwner() throws {
  let node = try nodeWithKey()
  _ = try run(node, "key", "backup", "--to", node.path("backup"))
  try remove(node, "agent/agent.key")
  #expect(chown(node.path("agent"), 1234, 4321) == 0)
  #expect(try run(node, "key", "restore", node.path("backup")).status == 0)
  let attributes = try FileManager.default.attributesOfItem(atPath: node.path("agent/agent.key"))
  #expect(attributes[.ownerAccountID] as? Int == 1234)
  #expect(attributes[.groupOwnerAccountID] as? Int == 4321)
  #expect(attributes[.posixPermissions] as? Int == 0o600)
  // And reads it again, though it is not root's.
  #expect(try run(node, "key", "backup", "--to", node.path("second")).status == 0)
}
