import Foundation
import GatewayStore
import Proofs
import Signers

/// The gateway's folder: `gateway.key` (mode 0600), `gateway.pub` (32 bytes) and `gateway.sqlite`.
enum GatewayFolder {
  /// Opens what is there and makes what is missing.
  static func open(_ folder: String, admission: Admission = .open) throws(OperatorError) -> Gateway
  {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o750])
    } catch {
      throw OperatorError(.data, "\(folder): \(error.localizedDescription)")
    }
    let store = try store(folder + "/gateway.sqlite")
    let key = try key(folder)
    return Gateway(store: store, key: key, admission: admission)
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

  private static func key(_ folder: String) throws(OperatorError) -> sending FileKey {
    let path = Array((folder + "/gateway.key").utf8)
    do throws(FileKey.Failure) {
      let key = try openedOrMade(path)
      try key.writePublicKey(to: Array((folder + "/gateway.pub").utf8).span)
      return key
    } catch {
      throw OperatorError(.data, "\(folder)/gateway.key: \(error)")
    }
  }

  private static func openedOrMade(_ path: [UInt8]) throws(FileKey.Failure) -> sending FileKey {
    do throws(FileKey.Failure) {
      return try FileKey(opening: path.span)
    } catch {
      guard error == .missing else { throw error }
      return try FileKey(creatingAt: path.span)
    }
  }
}
