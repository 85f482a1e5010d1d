import FixedMemory
import Foundation
import GRDB
import Identity
import Proofs
import Verifier

extension Gateway {
  /// What came of a revocation.
  public struct Revoked: Equatable, Sendable {
    public let keyHash: Digest
    public let reason: RevocationReason
    /// False when the key was revoked already: nothing has changed.
    public let isNew: Bool
  }

  /// Takes an owner's revocation message: from here on nothing is taken under the device's key.
  /// What was received before stays.
  public func revoke(_ message: [UInt8], utcMilliseconds: Int64) throws(Problem) -> Revoked {
    let revocation: Revocation
    do throws(Refusal) {
      revocation = try Revocation(verifying: message.span)
    } catch {
      throw Problem(error)
    }
    return try writing(utcMilliseconds) { database throws in
      guard let device = try Device.find(database, keyHash: revocation.deviceKeyHash) else {
        throw Problem(.unknownKey)
      }
      guard let node = try StoredNode.find(database, ofDevice: device.id) else {
        throw Problem(.revocationForeign)
      }
      do throws(Refusal) {
        try EnrolmentRules.check(revocation, of: node.rules, isKeyOfNode: true)
      } catch {
        throw Problem(error)
      }
      return try keep(
        device, revocation.reason, message: message, .message(.revocation, message),
        utcMilliseconds, database
      )
    }
  }

  /// The operator's own revocation: needs nobody's signature, and is a leaf of the gateway's log.
  public func revoke(
    keyHash: Digest, reason: RevocationReason, utcMilliseconds: Int64
  ) throws(Problem) -> Revoked {
    try writing(utcMilliseconds) { database throws in
      guard let device = try Device.find(database, keyHash: keyHash) else {
        throw Problem(.unknownKey)
      }
      return try keep(
        device, reason, message: nil,
        .operatorRevocation(deviceKeyHash: device.keyHash, reason: reason), utcMilliseconds,
        database)
    }
  }

  /// The first word counts: a key is revoked once.
  private func keep(
    _ device: Device, _ reason: RevocationReason, message: [UInt8]?, _ entry: GatewayLog.Entry,
    _ utcMilliseconds: Int64, _ database: Database
  ) throws -> (value: Revoked, closed: (device: Int64, reason: ClosedKeys.Reason)?) {
    let held = try Int.fetchOne(
      database, sql: "SELECT reason FROM revocation WHERE device = ?", arguments: [device.id])
    if let held {
      guard let first = UInt8(exactly: held).flatMap({ RevocationReason(rawValue: $0) }) else {
        throw StoreDamage()
      }
      return (Revoked(keyHash: device.keyHash, reason: first, isNew: false), nil)
    }
    try database.execute(
      sql: """
        INSERT INTO revocation (device, reason, received_utc, message) VALUES (?, ?, ?, ?)
        """,
      arguments: [device.id, Int(reason.rawValue), utcMilliseconds, message.map { Data($0) }])
    try log.append(entry, utcMilliseconds: utcMilliseconds, in: database)
    return (
      Revoked(keyHash: device.keyHash, reason: reason, isNew: true), (device.id, .revoked)
    )
  }
}
