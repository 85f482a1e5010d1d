import FixedMemory
import Foundation
import Proofs
import Simulation
import TestSupport

/// An owner at a desk: a sealed key in a folder of its own, and the operator's tool. What it prints is pasted into
/// site.ini as it stands.
final class WorldDesk {
  private let folder: String

  private var file: String { folder + "/owner.key" }
  private var passphrase: [String] { ["--passphrase-file", folder + "/passphrase"] }

  /// Makes the key.
  init() throws {
    folder = "/tmp/cairn-desk-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    guard
      FileManager.default.createFile(
        atPath: folder + "/passphrase", contents: Data("a pile of stones\n".utf8),
        attributes: [.posixPermissions: 0o600])
    else { throw WorldProblem("the passphrase can't be written") }
    _ = try owner("new", [])
  }

  deinit {
    do { try FileManager.default.removeItem(atPath: folder) } catch {}
  }

  /// What `cairn owner` writes to standard output.
  func owner(_ command: String, _ arguments: [String]) throws -> String {
    let (status, output, errors) = try WorldProgram.run(
      "cairn", ["owner", command, file] + arguments + passphrase)
    guard status == 0 else { throw WorldProblem("cairn owner \(command): \(status) \(errors)") }
    return output
  }

  func publicKey() throws -> PublicKey {
    let shown = try DemoJSON(
      owner("show", ["--json"]).trimmingCharacters(in: .newlines))
    let bytes = hex(shown["publicKey"]?.string ?? "")
    guard let key = PublicKey(algorithm: .ed25519, bytes: bytes.span) else {
      throw WorldProblem("cairn owner show gives no key: \(shown.line)")
    }
    return key
  }

  // The sections of site.ini.

  func invite(for gateway: WorldGateway) throws -> String {
    "[enrolment]\n"
      + (try owner("invite", ["--gateway", gateway.folder + "/gateway.pub", "--expires", "1h"]))
  }

  func move(of node: String, for gateway: WorldGateway) throws -> String {
    "[enrolment]\n"
      + (try owner(
        "move",
        ["--node", node, "--gateway", gateway.folder + "/gateway.pub", "--expires", "1h"]))
  }

  func succession(of node: String, from old: WorldNode, to new: WorldNode) throws -> String {
    "[enrolment]\n"
      + (try owner(
        "succeed",
        [
          "--node", node, "--old", old.folder + "/agent/device.pub", "--new",
          new.folder + "/agent/device.pub",
        ]))
  }

  /// The message that is posted to a gateway.
  func revocation(of node: String, key board: WorldNode) throws -> [UInt8] {
    let target = folder + "/revocation-\(UInt32.random(in: 0 ... .max))"
    _ = try owner(
      "revoke",
      [
        "--node", node, "--key", board.folder + "/agent/device.pub", "--reason", "lost", "--to",
        target,
      ])
    return Array(try Data(contentsOf: URL(filePath: target)))
  }
}
