import FixedMemory
import Foundation
import GRDB
import Identity
import Proofs
import Verifier

/// A node as the store has it: who owns it, which key it has now, and what that key said last.
struct StoredNode {
  let id: Int64
  /// The device row of the key that the node has now.
  let device: Int64
  let rules: EnrolmentRules.Node
  /// The newest version under that key.
  let newest: Enrolment

  static func find(_ database: Database, hash: Digest) throws -> StoredNode? {
    try find(database, "node.hash = ?", [hash.data])
  }

  static func find(_ database: Database, id: Int64) throws -> StoredNode? {
    try find(database, "node.id = ?", [id])
  }

  /// The node that has, or had, this device's key; nil for a device from before there were enrolments.
  static func find(_ database: Database, ofDevice device: Int64) throws -> StoredNode? {
    try find(database, "node.id = (SELECT node FROM device WHERE id = ?)", [device])
  }

  private static func find(
    _ database: Database, _ condition: String, _ arguments: StatementArguments
  ) throws -> StoredNode? {
    let row = try Row.fetchOne(
      database,
      sql: """
        SELECT node.id, node.hash, node.owner, node.device, device.key_hash,
          enrolment.message, enrolment.hash AS enrolment_hash
        FROM node JOIN device ON device.id = node.device
          JOIN enrolment ON enrolment.device = node.device AND enrolment.node = node.id
        WHERE \(condition) ORDER BY enrolment.version DESC LIMIT 1
        """, arguments: arguments)
    return try row.map { try StoredNode($0) }
  }

  /// Every key that the node has had, in the order in which it got them. Keys are added, never taken away or
  /// moved: the place of one in this list stays.
  func allKeys(_ database: Database) throws -> [Device] {
    try Row.fetchAll(
      database,
      sql: """
        SELECT \(Device.columns) FROM device WHERE node = ?
        ORDER BY (SELECT min(enrolment.id) FROM enrolment
          WHERE enrolment.device = device.id AND enrolment.node = device.node), id
        """, arguments: [id]
    ).map { try Device($0) }
  }

  private init(_ row: Row) throws {
    let message = Array(row["message"] as Data)
    guard let hash = Digest(row["hash"] as Data), let keyHash = Digest(row["key_hash"] as Data),
      let newestHash = Digest(row["enrolment_hash"] as Data)
    else { throw StoreDamage() }
    var owner: PublicKey?
    if let bytes = row["owner"] as Data? {
      guard let key = FixedBytes<32>(bytes) else { throw StoreDamage() }
      owner = PublicKey(ed25519: key)
    }
    let newest = try EnrolmentMessage(decoding: message.span).enrolment
    id = row["id"]
    device = row["device"]
    self.newest = newest
    rules = EnrolmentRules.Node(
      id: hash, ownerKey: owner, keyHash: keyHash, version: newest.version,
      enrolmentHash: newestHash, place: newest.place, radio: newest.radio)
  }
}

/// What is shown of a device's node.
public struct NodeOverview: Equatable, Sendable {
  /// The node's id.
  public let node: Digest
  /// Whose invite the first enrolment has.
  public let owner: PublicKey?
  /// The newest version under the node's key.
  public let newest: Enrolment
  /// The key that the node has now.
  public let deviceKeyHash: Digest
  /// Every key that the node has had, the newest last: readings are signed under each.
  public let allKeyHashes: [Digest]

  init(_ stored: StoredNode, _ database: Database) throws {
    allKeyHashes = try stored.allKeys(database).map(\.keyHash)
    node = stored.rules.id
    owner = stored.rules.ownerKey
    newest = stored.newest
    deviceKeyHash = stored.rules.keyHash
  }
}
