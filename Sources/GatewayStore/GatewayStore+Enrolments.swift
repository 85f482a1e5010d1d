import FixedMemory
import Foundation
import GRDB
import Identity
import Proofs

/// An enrolment as the store holds it.
public struct HeldEnrolment: Sendable {
  /// Where a list of them goes on.
  public let place: Int64
  public let keyHash: Digest
  /// SHA-256 of the Sig_structure: its name.
  public let hash: Digest
  public let receivedUTCMilliseconds: Int64
  public let message: [UInt8]
  public let enrolment: Enrolment
  /// The owner whose document is in it; nil without one.
  public let owner: PublicKey?

  init(_ row: Row) throws {
    place = row["id"]
    let message = Array(row["message"] as Data)
    guard let keyHash = Digest(row["key_hash"] as Data), let hash = Digest(row["hash"] as Data)
    else { throw StoreDamage() }
    self.keyHash = keyHash
    self.hash = hash
    self.message = message
    receivedUTCMilliseconds = row["received_utc"]
    let view = try EnrolmentMessage(decoding: message.span)
    enrolment = view.enrolment
    switch view.authorization {
    case .none: owner = nil
    case .invite(let invite): owner = invite.ownerKey
    case .succession(let succession): owner = succession.ownerKey
    }
  }
}

extension GatewayStore {
  /// Enrolments of one answer.
  public static let maximumEnrolmentCount = 500

  /// The newest enrolment message of this key, as it came; nil for a device from before there were any.
  public func newestEnrolment(of device: Device) throws -> [UInt8]? {
    try database.read { database in
      try Data.fetchOne(
        database,
        sql: "SELECT message FROM enrolment WHERE device = ? ORDER BY version DESC LIMIT 1",
        arguments: [device.id]
      ).map { Array($0) }
    }
  }

  /// Enrolments of the node that has, or had, this device's key, under all its keys, in the order in which
  /// they came.
  public func enrolments(ofNodeOf device: Device, after: Int64, limit: Int) throws
    -> [HeldEnrolment]
  {
    try database.read { database in
      try Row.fetchAll(
        database,
        sql: """
          SELECT enrolment.id, enrolment.hash, enrolment.received_utc, enrolment.message,
            device.key_hash
          FROM enrolment JOIN device ON device.id = enrolment.device
          WHERE enrolment.node = (SELECT node FROM device WHERE id = ?) AND enrolment.id > ?
          ORDER BY enrolment.id LIMIT ?
          """, arguments: [device.id, after, limit]
      ).map { try HeldEnrolment($0) }
    }
  }
}
