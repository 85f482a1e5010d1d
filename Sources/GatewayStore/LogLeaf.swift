import CBOR
import FixedMemory
import Foundation
import GRDB
import Identity
import Proofs

/// A leaf of the gateway's log as the store holds it.
public struct LogLeaf: Equatable, Sendable {
  public let index: UInt64
  public let kind: GatewayLogLeaf.Kind
  public let utcMilliseconds: Int64
  /// The leaf as it is hashed.
  public let bytes: [UInt8]
  /// What the leaf is about: the content of the byte string where it is one (a key, a message), else the
  /// CBOR array.
  public let document: [UInt8]

  init(index: UInt64, bytes: [UInt8]) throws {
    let leaf = try GatewayLogLeaf(decoding: bytes.span)
    self.index = index
    self.bytes = bytes
    kind = leaf.kind
    utcMilliseconds = leaf.utcMilliseconds
    switch leaf.document {
    case .firstKey(let key): document = key.array
    case .message(let message): document = message.array
    case .operatorRevocation, .fork:
      var decoder = CBORDecoder(bytes.span)
      _ = try decoder.arrayHead()
      for _ in 0..<3 { _ = try decoder.integer() }
      document = Array(bytes[decoder.offset...])
    }
  }

  /// The RFC 9162 hash of the leaf.
  public var hash: Digest { OpenSSLTreeHash.leafHash(bytes.span) }

  /// The hashes of the documents in it: of messages what names them, of the gateway's keys SHA-256.
  public var documentHashes: [Digest] {
    get throws {
      switch try GatewayLogLeaf(decoding: bytes.span).document {
      case .firstKey(let key): [SHA256.hash(key.span)]
      case .message(let message) where kind == .keyChange:
        [try COSESign1.hash(of: message), try GatewayKeyChange(decoding: message).newKey.hash]
      case .message(let message): [try COSESign1.hash(of: message)]
      case .operatorRevocation: []
      case .fork(let held, let sent):
        [try COSESign1.hash(of: held), try COSESign1.hash(of: sent)]
      }
    }
  }
}

extension GatewayLogLeaf.Kind {
  /// As the API has it.
  public var name: String {
    switch self {
    case .firstKey: "first-key"
    case .receipt: "receipt"
    case .challenge: "challenge"
    case .enrolment: "enrolment"
    case .revocation: "revocation"
    case .operatorRevocation: "operator-revocation"
    case .keyChange: "key-change"
    case .fork: "fork"
    }
  }
}

/// What came of a search for a leaf by a hash.
public enum LogSearch: Equatable, Sendable {
  case found(LogLeaf)
  case notInTheLog
  /// Not among the leaves whose names are known so far; the next search goes on from there.
  case goesOn(named: UInt64, size: UInt64)
}

extension GatewayStore {
  /// Leaves of one answer.
  public static let maximumLogLeafCount = 1000
  /// Leaves that one search gives their names: two rows of some 30 bytes each.
  static let maximumNamedCount: UInt64 = 8192

  /// Leaves of the gateway's log from `index` on.
  public func logLeaves(from index: UInt64, limit: Int) throws -> [LogLeaf] {
    guard let first = Int64(exactly: index) else { return [] }
    return try database.read { database in
      try Row.fetchAll(
        database, sql: "SELECT id, bytes FROM log WHERE id >= ? ORDER BY id LIMIT ?",
        arguments: [first, limit]
      ).map { try Self.leaf($0) }
    }
  }

  private static func leaf(_ row: Row) throws -> LogLeaf {
    guard let index = UInt64(exactly: row[0] as Int64) else { throw StoreDamage() }
    return try LogLeaf(index: index, bytes: Array(row[1] as Data))
  }

  /// The first leaf with this hash, or with a document of this hash. Names are put down when somebody looks
  /// for one, a part of the log each time.
  public func logLeaf(named hash: Digest) throws -> LogSearch {
    let (held, isWhole) = try database.read { database in
      (
        try Self.find(hash, database),
        try Self.namedSize(database) == GatewayLog.storedSize(database)
      )
    }
    if let held { return .found(held) }
    // Who asks for what is not there takes no turn of those who write.
    if isWhole { return .notInTheLog }
    let (named, size) = try database.write { database in
      let size = try GatewayLog.storedSize(database)
      return (try Self.name(upTo: size, database), size)
    }
    if let found = try database.read({ try Self.find(hash, $0) }) { return .found(found) }
    return named < size ? .goesOn(named: named, size: size) : .notInTheLog
  }

  /// Eight bytes may be alike by chance, or by somebody's great effort.
  private static func find(_ hash: Digest, _ database: Database) throws -> LogLeaf? {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT log.id, log.bytes FROM log_name JOIN log ON log.id = log_name.leaf
        WHERE log_name.name = ? ORDER BY log_name.leaf LIMIT 16
        """, arguments: [name(hash)])
    for row in rows {
      let leaf = try leaf(row)
      if try leaf.hash == hash || leaf.documentHashes.contains(hash) { return leaf }
    }
    return nil
  }

  /// How many leaves have their names.
  private static func namedSize(_ database: Database) throws -> UInt64 {
    let size = try Int64.fetchOne(database, sql: "SELECT size FROM log_named WHERE id = 1")
    guard let size, let named = UInt64(exactly: size) else { throw StoreDamage() }
    return named
  }

  /// Goes on where the last search ended; gives how many leaves have their names now.
  private static func name(upTo size: UInt64, _ database: Database) throws -> UInt64 {
    let first = try namedSize(database)
    guard first < size else { return first }
    let end = min(size, first + maximumNamedCount)
    let insert = try database.cachedStatement(
      sql: "INSERT OR IGNORE INTO log_name (name, leaf) VALUES (?, ?)")
    let rows = try Row.fetchCursor(
      database, sql: "SELECT id, bytes FROM log WHERE id >= ? AND id < ? ORDER BY id",
      arguments: [Int64(first), Int64(end)])
    while let row = try rows.next() {
      let leaf = try leaf(row)
      for hash in [leaf.hash] + (try leaf.documentHashes) {
        try insert.execute(arguments: [name(hash), Int64(leaf.index)])
      }
    }
    try database.execute(
      sql: "UPDATE log_named SET size = ? WHERE id = 1", arguments: [Int64(end)])
    return end
  }

  private static func name(_ hash: Digest) -> Data { hash.data.prefix(8) }
}
