import Foundation
import GatewayStore
import Proofs
import Signers

/// The gateway's folder: `gateway.key` (mode 0600), `gateway.pub` (32 bytes) and `gateway.sqlite`.
enum GatewayFolder {
  /// A gateway, and whether opening it has ended a change of its key that was interrupted.
  struct Opened {
    let gateway: Gateway
    let hasFinishedChange: Bool
  }

  /// Opens what is there and makes what is missing.
  static func open(_ folder: String, admission: Admission = .open) throws(OperatorError) -> Gateway
  {
    try opened(folder, admission: admission, challengeRules: ChallengeRules()).gateway
  }

  static func opened(
    _ folder: String, admission: Admission, challengeRules: ChallengeRules
  ) throws(OperatorError) -> Opened {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o750])
    } catch {
      throw OperatorError(.data, "\(folder): \(error.localizedDescription)")
    }
    let path = folder + "/gateway.sqlite"
    let store = try store(path)
    do {
      let files = GatewayKeyFiles(folder: folder)
      let opened = try files.open(try store.keyChain())
      let hasFinishedChange = opened.hasFinishedChange
      let gateway = try Gateway(
        store: store, key: opened.taken(), admission: admission, challengeRules: challengeRules)
      try gateway.beginLog(utcMilliseconds: Int64(Date().timeIntervalSince1970 * 1000))
      return Opened(gateway: gateway, hasFinishedChange: hasFinishedChange)
    } catch let failure as GatewayKeyFiles.Failure {
      throw error(failure, folder)
    } catch let problem as Problem {
      throw OperatorError(.data, "\(path): \(problem.detail ?? "\(problem.code.meaning)")")
    } catch {
      throw OperatorError(
        .data, "\(path): the gateway's log can't be read (\(error)); put back a copy of the store")
    }
  }

  /// What is wrong with a key file, and what to do.
  static func error(_ failure: GatewayKeyFiles.Failure, _ folder: String) -> OperatorError {
    if case .file(let name, let failure) = failure {
      return .keyFile(folder + "/" + name, failure)
    }
    return OperatorError(.data, sentence(failure, folder))
  }

  private static func sentence(_ failure: GatewayKeyFiles.Failure, _ folder: String) -> String {
    switch failure {
    case .file(let name, _): return "\(folder)/\(name) can't be used"
    case .notRenamed(let number):
      return "\(folder)/gateway.key.next could not become gateway.key: "
        + String(cString: strerror(number))
    case .missing(let expected):
      return "\(folder)/gateway.key is missing, and the log of this gateway is signed by the key "
        + "\(expected.bytes.hexadecimal): put that key file back. Another key can't go on with it"
    case .notTheNewest(let found, let expected, let isFormer):
      return "\(folder)/gateway.key is "
        + (isFormer ? "a former key of this gateway, " : "not a key of this gateway, ")
        + "\(found.bytes.hexadecimal); its log is signed by \(expected.bytes.hexadecimal) now: "
        + "put that key file back"
    }
  }

  private static func store(_ path: String) throws(OperatorError) -> GatewayStore {
    do throws(GatewayStore.Failure) {
      return try GatewayStore(path: path)
    } catch {
      switch error {
      case .newerVersion:
        throw OperatorError(
          .newerStore, "\(path) was made by a later version of cairn-gateway: use that one")
      case .inUse:
        throw OperatorError(
          .data, "\(path) is in use by another process: stop that gateway first")
      case .notUsable(let why): throw OperatorError(.data, "\(path): \(why)")
      }
    }
  }
}
