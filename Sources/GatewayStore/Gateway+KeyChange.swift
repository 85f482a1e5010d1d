import FixedMemory
import Foundation
import GRDB
import Proofs
import Signers

extension Gateway {
  /// A gateway can't be made with another key than its log ends with.
  public enum Failure: Error, Equatable {
    /// The key is not the one that the gateway's log says signs now.
    case keyIsNotTheNewest(expected: PublicKey)
  }

  /// What a change of the key left in the log.
  public struct KeyChanged: Equatable, Sendable {
    /// The leaf that the change is.
    public let index: UInt64
    public let change: [UInt8]
    /// The last head that the old key has signed: of all leaves before the change.
    public let lastHead: [UInt8]
  }

  /// Lets the old key sign its last head and its word that `newKey` signs from here on, and keeps both in
  /// one transaction. From then on this gateway signs nothing: the next one is opened with the new key.
  public func change(to newKey: PublicKey, utcMilliseconds: Int64) throws(Problem) -> KeyChanged {
    guard !keyChain.has(keyWithHash: newKey.hash) else {
      throw Problem(.keyMismatch, detail: "The gateway has, or has had, this key.")
    }
    guard keyChain.changes.count < OwnKeyChain.maximumChangeCount else {
      throw Problem(
        .rateLimited,
        detail: "The key was changed \(OwnKeyChain.maximumChangeCount) times: no more are kept."
      )
    }
    let changed = try writing(utcMilliseconds) { database throws in
      (value: try change(to: newKey, utcMilliseconds, database), closed: nil)
    }
    isRetired.withLock { $0 = true }
    return changed
  }

  private func change(to newKey: PublicKey, _ now: Int64, _ database: Database) throws
    -> KeyChanged
  {
    let end = try log.end(in: database)
    let utc = max(now, end.utcMilliseconds)
    let head = try signedHead(
      size: end.frontier.size, root: end.frontier.root(by: OpenSSLTreeHash.self),
      utcMilliseconds: utc)
    let change = GatewayKeyChange(
      algorithm: publicKey.algorithm, keyID: publicKey.keyID, newKey: newKey,
      nowUTCMilliseconds: utc)
    let message = signed(maximumByteCount: GatewayKeyChange.maximumMessageByteCount) {
      (signer: inout FileKey, bytes) throws(SigningFailure) in
      try change.sign(with: &signer, into: bytes).byteCount
    }
    guard let message else { throw Problem(signingFailed: ()) }
    try database.execute(
      sql: "INSERT INTO log_head (size, message) VALUES (?, ?)",
      arguments: [Int64(end.frontier.size), Data(head)])
    let place = try log.append(.message(.keyChange, message), utcMilliseconds: utc, in: database)
    return KeyChanged(index: place.index, change: message, lastHead: head)
  }
}

extension Problem {
  /// The gateway's key did not sign: the device comes again.
  init(signingFailed: Void) {
    self.init(.unavailable, detail: "The gateway could not sign.", retryAfterSeconds: 60)
  }
}
