import CBOR
import FixedMemory
import Foundation
import GRDB
import Identity
import Proofs
import Verifier

/// The keys of a gateway, from the first one to the one that signs now: each but the first is named by the
/// one before it (docs/identity.md, "The gateway's keys").
///
///     first key ──signs──▶ change, leaf i ──names──▶ second key ──signs──▶ change, leaf j ──▶ …
///     heads of 1 to i leaves                         heads of i + 1 to j leaves
///
/// Invariants: each change is signed by the key before it; indices grow; no key comes twice.
public struct OwnKeyChain: Equatable, Sendable {
  /// A key a year, for longer than anybody keeps a gateway: what is read and checked at every start.
  public static let maximumChangeCount = 256
  /// Changes of one answer: 20 of 183 bytes, the first key 34 and heads 3 are 3 697, within the 4 096
  /// that a device reads.
  public static let maximumAnswerChangeCount = 20

  public struct Change: Equatable, Sendable {
    /// The leaf that the change is.
    public let index: UInt64
    public let utcMilliseconds: Int64
    /// As the key before signed it.
    public let message: [UInt8]
    /// The key that signs from there on.
    public let key: PublicKey
  }

  public let firstKey: PublicKey
  public internal(set) var changes: [Change] = []

  /// A gateway that has had one key.
  public init(firstKey: PublicKey) { self.firstKey = firstKey }

  /// The key that signs now.
  public var newestKey: PublicKey { changes.last?.key ?? firstKey }

  /// All of them, oldest first.
  public var keys: [PublicKey] { [firstKey] + changes.map(\.key) }

  /// True for a key that the gateway has, or has had.
  public func has(keyWithHash hash: Digest) -> Bool { keys.contains { $0.hash == hash } }

  /// The key that signs heads of `size` leaves: the newest whose change is among them.
  public func key(ofHeadWithSize size: UInt64) -> PublicKey {
    changes.last { $0.index < size }?.key ?? firstKey
  }

  /// What the log of a store says; nil when there is no log yet. Every signature is checked.
  init?(stored database: Database) throws {
    guard let first = try Row.fetchOne(database, sql: "SELECT id, bytes FROM log WHERE id = 0")
    else { return nil }
    firstKey = try Self.firstKey(of: first)
    // The literal lets SQLite take the index of rare kinds, which leaves receipts out.
    let rows = try Row.fetchAll(
      database,
      sql: "SELECT id, bytes FROM log WHERE kind = ? AND kind <> 1 ORDER BY id LIMIT ?",
      arguments: [Int(GatewayLogLeaf.Kind.keyChange.rawValue), Self.maximumChangeCount + 1])
    for row in rows { changes.append(try Self.change(of: row, by: newestKey)) }
    let hashes = Set(keys.map(\.hash.hexadecimal))
    guard changes.count <= Self.maximumChangeCount, hashes.count == keys.count else {
      throw StoreDamage()
    }
  }

  private static func firstKey(of row: Row) throws -> PublicKey {
    let bytes = Array(row["bytes"] as Data)
    guard row["id"] as Int64 == 0,
      case .firstKey(let key) = try GatewayLogLeaf(decoding: bytes.span).document
    else { throw StoreDamage() }
    return PublicKey(ed25519: key)
  }

  private static func change(of row: Row, by key: PublicKey) throws -> Change {
    let bytes = Array(row["bytes"] as Data)
    let leaf = try GatewayLogLeaf(decoding: bytes.span)
    guard let index = UInt64(exactly: row["id"] as Int64),
      case .message(let message) = leaf.document
    else { throw StoreDamage() }
    let change: GatewayKeyChange
    do throws(Refusal) {
      change = try GatewayKeyChange(verifying: message, gatewayKey: key)
    } catch { throw StoreDamage() }
    return Change(
      index: index, utcMilliseconds: leaf.utcMilliseconds, message: message.array,
      key: change.newKey)
  }
}

extension GatewayStore {
  /// The keys of the gateway whose store this is; nil before its log has begun.
  public func keyChain() throws -> OwnKeyChain? {
    try database.read { try OwnKeyChain(stored: $0) }
  }
}

/// The chain as it is handed out: deterministic CBOR, [1, first key, [change, …]].
extension OwnKeyChain {
  /// The chain as somebody needs it who knows the key with this hash; nil when it is none of the chain. Has
  /// at most as many changes as one answer holds: who needs more asks again with the last key in it.
  public func part(fromKeyWithHash hash: Digest) -> OwnKeyChain? {
    guard let place = keys.firstIndex(where: { $0.hash == hash }) else { return nil }
    var part = OwnKeyChain(firstKey: keys[place])
    part.changes = Array(changes[place...].prefix(Self.maximumAnswerChangeCount))
    return part
  }

  public var encoded: [UInt8] {
    precondition(changes.count <= Self.maximumAnswerChangeCount, "more changes than an answer has")
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = encode(into: bytes.mutableSpan)
    bytes.removeLast(bytes.count - count)
    return bytes
  }

  private func encode(into bytes: consuming MutableSpan<UInt8>) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.arrayHead(count: 3)
    encoder.integer(1)
    encoder.byteString(firstKey.bytes.span)
    encoder.arrayHead(count: changes.count)
    for change in changes { encoder.byteString(change.message.span) }
    return encoder.byteCount
  }
}
