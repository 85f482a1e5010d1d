import GRDB
import Synchronization

/// Keys under which nothing more is taken: revoked ones, and those that their node has given up for another.
/// In memory, since every batch asks; there are few. Follows the tables: read from them when the store is
/// opened, and added to when a transaction that closes a key has ended well.
final class ClosedKeys: Sendable {
  enum Reason {
    /// Its node has another key: what is held is still answered, and a fork is still kept.
    case succeeded
    /// The owner or the operator has said so: nothing is looked at any more.
    case revoked
  }

  private let reasons = Mutex<[Int64: Reason]>([:])

  init(_ database: Database) throws {
    var found: [Int64: Reason] = [:]
    let succeeded = try Int64.fetchAll(
      database,
      sql: """
        SELECT device.id FROM device JOIN node ON node.id = device.node
        WHERE node.device <> device.id
        """)
    for id in succeeded { found[id] = .succeeded }
    for id in try Int64.fetchAll(database, sql: "SELECT device FROM revocation") {
      found[id] = .revoked
    }
    reasons.withLock { $0 = found }
  }

  /// Why nothing more is taken under this device's key; nil while it is good.
  subscript(device: Int64) -> Reason? { reasons.withLock { $0[device] } }

  /// A revoked key stays that, also when its node has another one later.
  func close(_ device: Int64, as reason: Reason) {
    reasons.withLock { if $0[device] != .revoked { $0[device] = reason } }
  }
}
