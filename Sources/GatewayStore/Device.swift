import FixedMemory
import Foundation
import GRDB
import Proofs
import Records
import Synchronization

/// A device whose key the gateway knows.
public struct Device: Equatable, Sendable {
  let id: Int64
  public let key: PublicKey
  /// SHA-256 of the public key: the device's name.
  public let keyHash: Digest
  /// When the gateway first saw the key, by its own clock.
  public let enrolledUTCMilliseconds: Int64

  static let columns = "id, key_hash, algorithm, public_key, enrolled_utc"
  static let qualifiedColumns =
    "device.id, device.key_hash, device.algorithm, device.public_key, device.enrolled_utc"

  init(_ row: Row) throws {
    guard let algorithm = SignatureAlgorithm(coseNumber: row["algorithm"]),
      let key = PublicKey(algorithm: algorithm, bytes: Array(row["public_key"] as Data).span),
      let keyHash = Digest(row["key_hash"] as Data)
    else { throw StoreDamage() }
    id = row["id"]
    self.key = key
    self.keyHash = keyHash
    enrolledUTCMilliseconds = row["enrolled_utc"]
  }

  static func find(_ database: Database, keyID: KeyID) throws -> Device? {
    let statement = try database.cachedStatement(
      sql: "SELECT \(columns) FROM device WHERE key_id = ?")
    return try Row.fetchOne(statement, arguments: [keyID.data]).map { try Device($0) }
  }

  static func find(_ database: Database, keyHash: Digest) throws -> Device? {
    try Row.fetchOne(
      database, sql: "SELECT \(columns) FROM device WHERE key_hash = ?", arguments: [keyHash.data]
    ).map { try Device($0) }
  }
}

/// Devices that have sent a batch lately, so that a batch does not wait for a transaction of its own
/// before its signature is checked. What is held of a device is never changed, and only keys that the
/// store has are held: a stranger can't fill this.
final class KnownDevices: Sendable {
  /// About 200 bytes each: 3 MB. All go when one more comes; they are back with their next batch.
  static let maximumCount = 16_384

  private let devices = Mutex<[UInt64: Device]>([:])

  subscript(keyID: KeyID) -> Device? {
    let device = devices.withLock { $0[Self.number(keyID)] }
    return device
  }

  func add(_ device: Device) {
    devices.withLock { devices in
      if devices.count >= Self.maximumCount { devices.removeAll() }
      devices[Self.number(device.key.keyID)] = device
    }
  }

  /// Every key identifier has one number, and every number one key identifier.
  private static func number(_ keyID: KeyID) -> UInt64 {
    keyID.span.loadLittleEndian(UInt64.self, at: 0)
  }
}
