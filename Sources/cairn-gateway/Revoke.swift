import ArgumentParser
import FixedMemory
import Foundation
import GatewayStore
import Identity
import Proofs

/// Refuses a device's key from here on, by the operator's own word.
struct Revoke: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Refuse a device's key from here on; what was received before stays.",
    discussion:
      "The gateway must be stopped first, and started again after: one process has a store.")

  @Option(help: ArgumentHelp("Folder of the store and the key.", valueName: "folder"))
  var data: String

  @Option(
    help: ArgumentHelp(
      "SHA-256 of the device's public key: 64 digits, or 16 at least.", valueName: "id"))
  var key: String

  @Option(
    help: ArgumentHelp(
      "lost (or stolen), retired, compromised, or unsaid.", valueName: "reason"))
  var reason: String

  func run() throws {
    do {
      try revoke()
    } catch let error as OperatorError {
      throw error.told()
    }
  }

  private func revoke() throws {
    let reason = try Self.reason(self.reason)
    guard FileManager.default.fileExists(atPath: data + "/gateway.sqlite") else {
      throw OperatorError(.data, "\(data) has no gateway.sqlite: it is not a gateway's folder")
    }
    let gateway = try GatewayFolder.open(data)
    guard case .found(let device) = try gateway.store.device(named: key) else {
      throw OperatorError(.configuration, "\(key) names no device, or more than one")
    }
    let revoked: Gateway.Revoked
    do throws(Problem) {
      revoked = try gateway.revoke(
        keyHash: device.keyHash, reason: reason,
        utcMilliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    } catch {
      throw OperatorError(.data, "\(error.detail ?? "\(error.code.meaning)")")
    }
    try gateway.store.close()
    let name = revoked.keyHash.hexadecimal
    StandardOutput.line(
      revoked.isNew ? "\(name) is revoked" : "\(name) was revoked before; nothing has changed")
  }

  static func reason(_ text: String) throws(OperatorError) -> RevocationReason {
    switch text {
    case "unsaid": .notSaid
    case "lost": .lostOrStolen
    case "retired": .retired
    case "compromised": .compromised
    default:
      throw OperatorError(
        .configuration, "reason is lost, retired, compromised or unsaid, not \(text)")
    }
  }
}
