import CBOR
import CoverageVerifier
import FixedMemory
import Foundation
import GRDB
import Identity
import Proofs
import Records

/// Fills a book with what the store has of some beacons, each thing once, within one transaction.
struct CoverageGatherer {
  private(set) var book = CoverageBook()
  private let database: Database
  private var devices: Set<Int64> = []
  private var witnessed: Set<UInt64> = []
  private var numbers: Set<UInt32> = []
  /// Rows of the log that speak of a device, by the beginning of its key's hash.
  private let documents: DeviceDocuments

  init(_ database: Database) throws {
    self.database = database
    documents = try DeviceDocuments(database)
  }

  /// Everything that the evidence about this beacon may need.
  mutating func gather(_ name: BeaconName) throws {
    if numbers.insert(name.number).inserted {
      try gatherChallenge(name.number)
      try take(.listen, UInt64(name.number))
    }
    if let device = try Device.find(database, keyHash: name.keyHash) { try gather(device) }
    let frame = CoverageLeaf.frameName(keyHash: name.keyHash, number: name.number)
    if witnessed.insert(frame).inserted { try take(.witness, frame) }
  }

  private mutating func gatherChallenge(_ number: UInt32) throws {
    let row = try Row.fetchOne(
      database,
      sql: """
        SELECT challenge.leaf, log.bytes FROM challenge JOIN log ON log.id = challenge.leaf
        WHERE challenge.number = ?
        """, arguments: [Int64(number)])
    guard let row else { return }
    guard let leaf = UInt64(exactly: row[0] as Int64) else { throw StoreDamage() }
    let message = try LogLeaf(index: leaf, bytes: Array(row[1] as Data)).document
    try book.add(challenge: message, logLeaf: leaf)
  }

  private static let columns = """
    coverage_leaf.kind, coverage_leaf.name, coverage_leaf.device, coverage_leaf.epoch,
    coverage_leaf.leaf, coverage_leaf.batch, coverage_leaf.beside, coverage_leaf.bytes,
    batch.boot, batch.simulated, batch.received_utc, device.key_hash
    FROM coverage_leaf
    JOIN batch ON batch.device = coverage_leaf.device AND batch.epoch = coverage_leaf.epoch
      AND batch.batch = coverage_leaf.batch
    JOIN device ON device.id = coverage_leaf.device
    """

  /// Leaves of all devices of this kind and name, and of their devices what they are understood by.
  private mutating func take(_ kind: LeafKind, _ name: UInt64) throws {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT \(Self.columns) WHERE coverage_leaf.kind = ? AND coverage_leaf.name = ?
        ORDER BY coverage_leaf.device, coverage_leaf.epoch, coverage_leaf.leaf
        """, arguments: [Int(kind.rawValue), Int64(bitPattern: name)])
    for row in rows {
      guard let hash = Digest(row["key_hash"] as Data),
        let device = try Device.find(database, keyHash: hash)
      else { throw StoreDamage() }
      try gather(device)
      try add(row)
    }
  }

  /// A device's documents, clocks, positions, gaps, and own beacons.
  private mutating func gather(_ device: Device) throws {
    guard devices.insert(device.id).inserted else { return }
    try documents.add(device.keyHash, to: &book)
    if let node = try StoredNode.find(database, ofDevice: device.id) {
      book.setNode(of: device.keyHash, node: node.rules.id, owner: node.rules.ownerKey?.hash)
    }
    let context = try Row.fetchCursor(
      database,
      sql: """
        SELECT epoch, boot, kind, leaf, bytes FROM context WHERE device = ? AND kind IN (?, ?)
        ORDER BY epoch, boot, kind, leaf
        """,
      arguments: [device.id, Int(LeafKind.clock.rawValue), Int(LeafKind.position.rawValue)])
    while let row = try context.next() {
      guard let kind = LeafKind(rawValue: row["kind"]) else { throw StoreDamage() }
      try book.add(
        CoverageLeaf(
          kind: kind, index: try Self.unsigned(row["leaf"]), isBehindHash: false,
          isBeforeHash: false, bytes: Array(row["bytes"] as Data), name: 0),
        of: CoverageBook.Source(
          keyHash: device.keyHash, epoch: try Self.unsigned(row["epoch"]), batch: 0,
          boot: try Self.unsigned(row["boot"]), isSimulated: false, receiptUTCMilliseconds: nil))
    }
    let own = try Row.fetchCursor(
      database,
      sql: """
        SELECT \(Self.columns) WHERE coverage_leaf.device = ? AND coverage_leaf.kind IN
          (\(Self.ownKinds.map { String($0.rawValue) }.joined(separator: ", ")))
        ORDER BY coverage_leaf.epoch, coverage_leaf.leaf
        """, arguments: [device.id])
    while let row = try own.next() { try add(row) }
  }

  private static let ownKinds: [LeafKind] = [.event, .challenge, .intent, .sent, .reveal]

  private mutating func add(_ row: Row) throws {
    guard let kind = LeafKind(rawValue: row["kind"]), let hash = Digest(row["key_hash"] as Data)
    else { throw StoreDamage() }
    let beside: Int = row["beside"]
    try book.add(
      CoverageLeaf(
        kind: kind, index: try Self.unsigned(row["leaf"]), isBehindHash: beside & 1 != 0,
        isBeforeHash: beside & 2 != 0, bytes: Array(row["bytes"] as Data),
        name: UInt64(bitPattern: row["name"])),
      of: CoverageBook.Source(
        keyHash: hash, epoch: try Self.unsigned(row["epoch"]),
        batch: try Self.unsigned(row["batch"]), boot: try Self.unsigned(row["boot"]),
        isSimulated: row["simulated"], receiptUTCMilliseconds: row["received_utc"]))
  }

  private static func unsigned(_ value: Int64) throws -> UInt64 {
    guard let value = UInt64(exactly: value) else { throw StoreDamage() }
    return value
  }
}

/// Enrolments, revocations and forks of the log.
private struct DeviceDocuments {
  private enum Document {
    case enrolment(Enrolment, utc: Int64)
    case revocation(utc: Int64)
    case fork(epoch: UInt64, batch: UInt64)
  }

  private var documents: [BeaconName: [Document]] = [:]

  private static func name(_ keyHash: Digest) -> BeaconName {
    BeaconName(keyHash: keyHash, number: 0)
  }

  init(_ database: Database) throws {
    let rows = try Row.fetchCursor(
      database,
      sql: "SELECT bytes FROM log WHERE kind <> 1 AND kind IN (3, 4, 5, 7) ORDER BY id")
    while let row = try rows.next() {
      let bytes = Array(row[0] as Data)
      let leaf = try GatewayLogLeaf(decoding: bytes.span)
      let utc = leaf.utcMilliseconds
      switch leaf.document {
      case .firstKey: break
      case .message(let message):
        if leaf.kind == .enrolment {
          let enrolment = try Enrolment.decode(message).enrolment
          append(.enrolment(enrolment, utc: utc), enrolment.deviceKey.hash)
        } else if leaf.kind == .revocation {
          append(.revocation(utc: utc), try Revocation(decoding: message).deviceKeyHash)
        }
      case .operatorRevocation(let hash, _): append(.revocation(utc: utc), hash)
      case .fork(let held, _):
        let checkpoint = try Checkpoint(decoding: held)
        guard let device = try Device.find(database, keyID: checkpoint.keyID) else { break }
        append(.fork(epoch: checkpoint.epoch, batch: checkpoint.batch), device.keyHash)
      }
    }
  }

  private mutating func append(_ document: Document, _ keyHash: Digest) {
    documents[Self.name(keyHash), default: []].append(document)
  }

  func add(_ keyHash: Digest, to book: inout CoverageBook) throws {
    for document in documents[Self.name(keyHash)] ?? [] {
      switch document {
      case .enrolment(let enrolment, let utc):
        book.add(enrolment, loggedUTCMilliseconds: utc)
      case .revocation(let utc): book.revoke(keyHash, utcMilliseconds: utc)
      case .fork(let epoch, let batch): book.addFork(of: keyHash, epoch: epoch, batch: batch)
      }
    }
  }
}
