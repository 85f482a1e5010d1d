import ArgumentParser
import Foundation
import GatewayServer
import GatewayStore
import Proofs

/// Gives the gateway another key, which the old one names in the gateway's log.
struct KeyRotate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate",
    abstract: "Give the gateway another key; the old one signs that it is the next.",
    discussion:
      "The gateway must be stopped first, and started again after. A change that was interrupted is "
      + "ended by this, or by the gateway's start.")

  @Option(help: ArgumentHelp("Folder of the store and the key.", valueName: "folder"))
  var data: String

  @Flag(help: "Say it as one JSON object.")
  var events = false

  func run() throws {
    do {
      try rotate()
    } catch let error as OperatorError {
      throw error.told()
    }
  }

  private func rotate() throws {
    guard FileManager.default.fileExists(atPath: data + "/gateway.sqlite") else {
      throw OperatorError(.data, "\(data) has no gateway.sqlite: it is not a gateway's folder")
    }
    let opened = try GatewayFolder.opened(
      data, admission: .open, challengeRules: ChallengeRules())
    let gateway = opened.gateway
    if opened.hasFinishedChange {
      try gateway.store.close()
      guard let change = gateway.keyChain.changes.last else { return }
      return say(from: former(of: gateway), to: change.key, leaf: change.index)
    }
    let files = GatewayKeyFiles(folder: data)
    do {
      let next = try files.nextKey(after: gateway.publicKey)
      guard !gateway.keyChain.has(keyWithHash: next.hash) else {
        throw OperatorError(
          .data,
          "\(data)/gateway.key.next is a key that this gateway has had, and a key never comes back: "
            + "move that file away, and rotate again")
      }
      let changed = try gateway.change(
        to: next, utcMilliseconds: Int64(Date().timeIntervalSince1970 * 1000))
      // On the disk with the log: from here on the new key is the gateway's.
      try files.finishChange()
      try gateway.store.close()
      say(from: gateway.publicKey, to: next, leaf: changed.index)
    } catch let failure as GatewayKeyFiles.Failure {
      throw GatewayFolder.error(failure, data)
    } catch let problem as Problem {
      throw OperatorError(.data, "\(data): \(problem.detail ?? "\(problem.code.meaning)")")
    }
    // Writes gateway.pub, and sees what the next start will see.
    let after = try GatewayFolder.open(data)
    try after.store.close()
  }

  private func former(of gateway: Gateway) -> PublicKey {
    gateway.keyChain.keys.dropLast().last ?? gateway.keyChain.firstKey
  }

  private func say(from former: PublicKey, to key: PublicKey, leaf: UInt64) {
    if events {
      StandardOutput.line(GatewayEvents.keyChange(from: former, to: key, leaf: leaf))
    } else {
      StandardOutput.line(
        "the key of this gateway is \(key.bytes.hexadecimal) now; leaf \(leaf) of its log says so. "
          + "Give \(data)/gateway.pub to new devices")
    }
  }
}
