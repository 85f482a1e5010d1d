import CBOR
import FixedMemory
import Foundation
import GRDB
import Proofs
import Records
import Synchronization
import Verifier

/// A device whose key the gateway knows.
public struct Device: Equatable, Sendable {
  let id: Int64
  public let key: PublicKey
  /// SHA-256 of the public key: the device's name.
  public let keyHash: Digest
  /// When the gateway first saw the key, by its own clock.
  public let enrolledUTCMilliseconds: Int64

  static let columns = "id, key_hash, algorithm, public_key, enrolled_utc"

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
}

/// Devices that have sent a batch lately, so that a batch does not wait for a transaction of its own
/// before its signature is checked. The row of a device is never changed, and only keys that the store
/// has are held: a stranger can't fill this.
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

extension Gateway {
  /// What came of a key that was posted.
  public struct Enrolled: Equatable, Sendable {
    public let keyHash: Digest
    /// False when the key was known already: nothing has changed.
    public let isNew: Bool

    /// [1, SHA-256 of the public key], the body of the answer.
    public var answer: [UInt8] {
      var bytes = [UInt8](repeating: 0, count: 36)
      let count = encode(into: bytes.mutableSpan)
      precondition(count == 36, "array 1, version 1, hash 34")
      return bytes
    }

    private func encode(into bytes: consuming MutableSpan<UInt8>) -> Int {
      var encoder = CBOREncoder(bytes)
      encoder.arrayHead(count: 2)
      encoder.integer(1)
      encoder.byteString(keyHash.span)
      return encoder.byteCount
    }
  }

  /// Array 1, version 1, algorithm 3, key 2 + 133: room for keys that this version does not know.
  public static var maximumEnrolmentByteCount: Int { 256 }

  /// What an operator reads when nobody can hold the private half of a key that was posted.
  static let impossibleKeyDetail =
    "These bytes are not a public key: all zero, of small order, or no point of the curve. "
    + "Look at the key file of the device."

  /// Takes a public key: [1, algorithm, key]. Trust on first use: whoever posts it first is it.
  /// Refuses, as `malformed`, bytes that can't be anybody's key.
  public func enrol(_ body: [UInt8], utcMilliseconds: Int64) throws(Problem) -> Enrolled {
    let key = try Self.decodeKey(body.span)
    guard SignatureCheck.isPossibleKey(key, es256: ES256()) else {
      throw Problem(.malformed, detail: Self.impossibleKeyDetail)
    }
    let enrolled: Enrolled?
    do {
      enrolled = try store.database.writeWithoutTransaction { database in
        var result: Enrolled?
        try database.inTransaction(.immediate) {
          result = try enrol(key, utcMilliseconds: utcMilliseconds, database)
          return .commit
        }
        return result
      }
    } catch let problem as Problem {
      throw problem
    } catch {
      throw Problem(storageError: error)
    }
    guard let enrolled else { throw Problem(.unavailable) }
    return enrolled
  }

  private func enrol(_ key: PublicKey, utcMilliseconds: Int64, _ database: Database) throws
    -> Enrolled
  {
    if let known = try Device.find(database, keyID: key.keyID) {
      guard known.key == key else { throw Problem(.keyMismatch) }
      return Enrolled(keyHash: known.keyHash, isNew: false)
    }
    guard enrolment == .open else { throw Problem(.enrolmentRequired) }
    try database.execute(
      sql: """
        INSERT INTO device (key_hash, key_id, algorithm, public_key, enrolled_utc)
        VALUES (?, ?, ?, ?, ?)
        """,
      arguments: [
        key.hash.data, key.keyID.data, key.algorithm.coseNumber, key.bytes.data, utcMilliseconds,
      ])
    return Enrolled(keyHash: key.hash, isNew: true)
  }

  private static func decodeKey(_ body: Span<UInt8>) throws(Problem) -> PublicKey {
    guard body.count <= maximumEnrolmentByteCount else { throw Problem(.tooLarge) }
    do throws(CBORDecoder.Failure) {
      var decoder = CBORDecoder(body)
      let fieldCount = try decoder.arrayHead()
      guard try decoder.integer() == 1 else { throw .unknownVersion }
      guard fieldCount == 3 else { throw .outsideFormat }
      guard let algorithm = SignatureAlgorithm(coseNumber: try decoder.integer()) else {
        throw .unknownAlgorithm
      }
      guard let key = PublicKey(algorithm: algorithm, bytes: try decoder.byteString()) else {
        throw .outsideFormat
      }
      try decoder.finish()
      return key
    } catch {
      throw Problem(.init(error))
    }
  }
}
