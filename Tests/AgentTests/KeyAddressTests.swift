import FixedMemory
import Foundation
import LinuxPlatform
import Signers
import Testing

/// Where the agent has its key.
@Suite struct AgentKeyAddressTests {
  private func node(_ address: (AgentNode) -> String) throws -> AgentNode {
    let node = try AgentNode()
    try FileManager.default.createDirectory(
      atPath: node.path("keys"), withIntermediateDirectories: false)
    try node.writeSite("[key]\naddress = \(address(node))")
    return node
  }

  @Test func theKeyIsMadeAndKeptWhereItsAddressSays() throws {
    let node = try node { "file:" + $0.path("keys/node.key") }
    #expect(try node.runAgent().status == 0)
    #expect(!FileManager.default.fileExists(atPath: node.path("agent/agent.key")))
    let made = try Data(contentsOf: URL(filePath: node.path("keys/node.key")))
    let attributes = try FileManager.default.attributesOfItem(atPath: node.path("keys/node.key"))
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    // A second start takes it, and goes on with the log.
    #expect(try node.runAgent().status == 0)
    #expect(try Data(contentsOf: URL(filePath: node.path("keys/node.key"))) == made)
  }

  @Test func anAddressThatLeadsToNoKeyNeverBeginsAnotherNode() throws {
    let node = try AgentNode()
    #expect(try node.runAgent().status == 0)
    try FileManager.default.createDirectory(
      atPath: node.path("keys"), withIntermediateDirectories: false)
    try node.writeSite("[key]\naddress = file:\(node.path("keys/node.key"))")
    let lost = try node.runAgent()
    #expect(lost.status == 77 && lost.said.contains("keys/node.key: there is a spool and no key"))
    #expect(!FileManager.default.fileExists(atPath: node.path("keys/node.key")))
    // Moved there, it is the same node.
    try FileManager.default.moveItem(
      atPath: node.path("agent/agent.key"), toPath: node.path("keys/node.key"))
    #expect(try node.runAgent().status == 0)
  }

  @Test func whatIsNoFileOfAKeyIsRefused() throws {
    let folder = try node { "file:" + $0.path("keys") }
    let ending = try folder.runAgent()
    #expect(ending.status == 77 && ending.said.contains("is not a file"), "\(ending.said)")
    let chip = try node { _ in "tpm:0x81010001" }
    let refused = try chip.runAgent()
    #expect(refused.status == 78 && refused.said.contains("TPM 2.0"), "\(refused.said)")
    let publicKey = try node { "file:" + $0.path("agent/device.pub") }
    #expect(try publicKey.runAgent().status == 78)
    #expect(!FileManager.default.fileExists(atPath: publicKey.path("agent/device.pub")))
    let nowhere = try node { "file:" + $0.path("nowhere/key") }
    let missing = try nowhere.runAgent()
    #expect(missing.status == 77 && missing.said.contains("nowhere: no such folder"))
  }

  @Test func twoAgentsNeverSignWithOneKey() throws {
    let first = try node { "file:" + $0.path("keys/node.key") }
    let second = try AgentNode()
    try second.writeSite("[key]\naddress = file:\(first.path("keys/node.key"))")
    let running = try first.startAgent()
    _ = try first.connectOnceItListens()
    let ending = try second.startAgent()
    for _ in 0..<60_000 where ending.isRunning { usleep(1000) }
    let said = try ending.end()
    #expect(said.status == 77 && said.said.contains("another agent runs here"), "\(said.said)")
    #expect(!FileManager.default.fileExists(atPath: second.path("agent/device.pub")))
    #expect(try running.end().status == 0)
  }
}
