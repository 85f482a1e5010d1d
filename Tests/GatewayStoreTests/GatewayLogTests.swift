import FixedMemory
import Foundation
import GRDB
import Identity
import Proofs
import Records
import Testing

@testable import GatewayStore

/// The gateway's own log: what is answered is in it, and it is one tree.
@Suite struct GatewayLogTests {
  private static func leaves(_ store: GatewayStore) throws -> [[UInt8]] {
    try store.database.read {
      try Data.fetchAll($0, sql: "SELECT bytes FROM log ORDER BY id").map { Array($0) }
    }
  }

  private static func kinds(_ store: GatewayStore) throws -> [UInt8] {
    try leaves(store).map { try GatewayLogLeaf(decoding: $0.span).kind.rawValue }
  }

  /// RFC 9162 section 2.1.1, as it stands there.
  private static func root(_ hashes: ArraySlice<Digest>) -> Digest {
    guard hashes.count > 1 else { return hashes.first ?? MerkleTree.emptyRoot }
    var split = 1
    while split * 2 < hashes.count { split *= 2 }
    let middle = hashes.startIndex + split
    return MerkleTree.nodeHash(root(hashes[..<middle]), root(hashes[middle...]))
  }

  private static func message(_ number: Int) throws -> [UInt8] {
    var key = try TestGateway.key()
    let challenge = Challenge(
      algorithm: .ed25519, keyID: key.publicKey.keyID, number: UInt64(number),
      issuedUTCMilliseconds: TestGateway.now, validSeconds: 1200, region: FixedText(),
      nonce: Digest())
    var bytes = [UInt8](repeating: 0, count: Challenge.maximumMessageByteCount)
    let signed = try challenge.sign(with: &key, into: bytes.mutableSpan)
    return Array(bytes.prefix(signed.byteCount))
  }

  private static func fill(_ gateway: Gateway, _ count: Int, _ message: [UInt8]) throws {
    try gateway.store.database.write { database in
      for number in 0..<count {
        try gateway.log.append(
          .message(.challenge, message), utcMilliseconds: TestGateway.now + Int64(number),
          in: database)
      }
    }
  }

  @Test func theFirstLeafIsTheGatewaysKeyAndEachReceiptIsOne() throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    try gateway.enrol(device)
    var receipts: [[UInt8]] = []
    for time in Int64(1)...3 {
      let answer = gateway.receive(try device.seal([TestLeaf.reading([1], at: time)]))
      receipts.append(try #require(answer.receipt))
    }
    let leaves = try Self.leaves(gateway.store)
    // The device's enrolment came before its receipts.
    #expect(leaves.count == 5)
    #expect(leaves[0].suffix(32) == gateway.publicKey.bytes.array[...])
    for (leaf, receipt) in zip(leaves.dropFirst(2), receipts) {
      #expect(leaf.suffix(receipt.count) == receipt[...])
    }
  }

  @Test func whatIsNotStoredIsNoLeaf() throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    try gateway.enrol(device)
    let first = try device.seal([TestLeaf.reading([1], at: 1)])
    _ = try device.seal([TestLeaf.reading([1], at: 2)])
    let third = try device.seal([TestLeaf.reading([1], at: 3)])
    #expect(gateway.receive(first).isStored)
    #expect(gateway.receive(first).isRepeated)
    #expect(gateway.receive(third).code == .gap)
    #expect(try Self.kinds(gateway.store) == [0, 3, 1])
  }

  @Test func aTransactionThatFailsLeavesNoLeafAndNoHole() throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    try gateway.enrol(device)
    let batches = try (Int64(0)..<3).map { try device.seal([TestLeaf.schema(UInt16($0), at: $0)]) }
    #expect(gateway.receive(batches[0]).isStored)
    let checked = try batches[1...].map { try gateway.check($0, utcMilliseconds: TestGateway.now) }
    try gateway.store.database.write {
      try $0.execute(
        sql: """
          CREATE TRIGGER failing BEFORE INSERT ON log WHEN NEW.id = 4
          BEGIN SELECT RAISE(ABORT, 'the disk is gone'); END
          """)
    }
    #expect(gateway.store(checked).allSatisfy { $0.problem != nil })
    #expect(try Self.kinds(gateway.store) == [0, 3, 1])
    #expect(try gateway.log.committedEnd(gateway.store).frontier.size == 3)
    #expect(try gateway.rows == [1, 0])
    try gateway.store.database.write { try $0.execute(sql: "DROP TRIGGER failing") }
    #expect(gateway.store(checked).allSatisfy { $0.isStored })
    #expect(try Self.kinds(gateway.store) == [0, 3, 1, 1, 1])
  }

  @Test func theTreeOfTheStoreIsThatOfItsLeaves() throws {
    let gateway = try TestGateway.make()
    let message = try Self.message(1)
    var size = 0
    for target in [1, 2, 255, 256, 257, 511, 512, 700, 1025] {
      try Self.fill(gateway, target - max(size, 1), message)
      if size == 0 {
        try gateway.store.database.write {
          try gateway.log.beginIfEmpty(utcMilliseconds: TestGateway.now, in: $0)
        }
      }
      size = target
      let hashes = try Self.leaves(gateway.store).map { MerkleTree.leafHash($0.span) }
      #expect(hashes.count == size)
      let expected = Self.root(hashes[...])
      #expect(try gateway.log.committedEnd(gateway.store).frontier.root() == expected)
      let stored = try gateway.store.database.read { try GatewayLog.storedEnd($0) }
      #expect(stored.frontier.root() == expected)
      #expect(stored.frontier == (try gateway.log.committedEnd(gateway.store).frontier))
    }
    // One row for each 256 leaves.
    let rows = try gateway.store.database.read {
      try Int.fetchOne($0, sql: "SELECT count(*) FROM log_subtree")
    }
    #expect(rows == 4)
  }

  @Test func everyProofOfASmallLogHolds() throws {
    let gateway = try TestGateway.make()
    try Self.fill(gateway, 66, try Self.message(1))
    let hashes = try Self.leaves(gateway.store).map { MerkleTree.leafHash($0.span) }
    let roots = (0...67).map { Self.root(hashes[..<$0]) }
    try gateway.store.database.read { database in
      for size in UInt64(1)...67 {
        for index in 0..<size {
          let path = try GatewayLog.path(ProofParts.inclusion(of: index, size: size), database)
          #expect(
            MerkleProof.includes(
              leafHash: hashes[Int(index)], index: index, size: size, path: path,
              root: roots[Int(size)]))
        }
        for older in 1...size {
          let path = try GatewayLog.path(ProofParts.consistency(from: older, to: size), database)
          #expect(
            MerkleProof.isConsistent(
              size1: older, root1: roots[Int(older)], size2: size, root2: roots[Int(size)],
              path: path))
        }
      }
    }
  }

  @Test func aProofOfALargeLogReadsFewRows() throws {
    let gateway = try TestGateway.make()
    let size: UInt64 = 66_000
    try Self.fill(gateway, Int(size) - 1, try Self.message(1))
    try gateway.store.database.read { database in
      let root = try GatewayLog.root(size: size, database)
      for index in [0, 1, 255, 256, 65_535, 65_536, 65_999] as [UInt64] {
        let parts = ProofParts.inclusion(of: index, size: size)
        let path = try GatewayLog.path(parts, database)
        let leaf = try Data.fetchOne(
          database, sql: "SELECT bytes FROM log WHERE id = ?", arguments: [Int64(index)])
        let hash = MerkleTree.leafHash(try #require(leaf).span)
        #expect(
          MerkleProof.includes(leafHash: hash, index: index, size: size, path: path, root: root))
        #expect(parts.count <= 17)
      }
      // Two levels above the leaves: 257 of the lower, one of the upper.
      let rows = try Int.fetchAll(
        database, sql: "SELECT count(*) FROM log_subtree GROUP BY level ORDER BY level")
      #expect(rows == [257, 1])
    }
  }

  @Test func aClockThatGoesBackIsHeldAndSaid() throws {
    let gateway = try TestGateway.make()
    let told = Told()
    gateway.log.whenClockGoesBack { told.add($0) }
    let message = try Self.message(1)
    let times = [0, 5, 3, 9, -20_000, -20_001, 10, -10_000, 11].map { TestGateway.now + $0 }
    for time in times {
      try gateway.store.database.write {
        _ = try gateway.log.append(.message(.challenge, message), utcMilliseconds: time, in: $0)
      }
    }
    let utcs = try Self.leaves(gateway.store).dropFirst().map {
      try GatewayLogLeaf(decoding: $0.span).utcMilliseconds - TestGateway.now
    }
    #expect(utcs == [0, 5, 5, 9, 9, 9, 10, 10, 11])
    #expect(told.all == [20_009, 10_010])
  }

  private final class Told: @unchecked Sendable {
    private let lock = NSLock()
    private var values: [Int64] = []
    var all: [Int64] { lock.withLock { values } }
    func add(_ value: Int64) { lock.withLock { values.append(value) } }
  }

  @Test func receiptsOfAStoreOfBeforeEnterInTheOrderOfArrival() throws {
    let gateway = try TestGateway.make()
    let one = try TestDevice(seed: 7)
    let other = try TestDevice(seed: 8)
    try gateway.enrol(one)
    try gateway.enrol(other)
    var receipts: [[UInt8]] = []
    for time in Int64(1)...3 {
      for device in [one, other] {
        let answer = gateway.receive(try device.seal([TestLeaf.reading([1], at: time)]))
        receipts.append(try #require(answer.receipt))
      }
    }
    try gateway.store.database.write { try $0.execute(sql: "DELETE FROM log") }
    let later = try TestGateway.make(gateway.store)
    let now = TestGateway.now + 1000
    try later.store.database.write { try later.log.beginIfEmpty(utcMilliseconds: now, in: $0) }
    let leaves = try Self.leaves(gateway.store)
    #expect(leaves.count == 7)
    for (leaf, receipt) in zip(leaves.dropFirst(), receipts) {
      #expect(leaf.suffix(receipt.count) == receipt[...])
      #expect(try GatewayLogLeaf(decoding: leaf.span).utcMilliseconds == now)
    }
    #expect(later.receive(try one.seal([TestLeaf.reading([1], at: 4)])).isStored)
    #expect(try Self.kinds(gateway.store).count == 8)
  }

  /// The power goes at each commit: what was answered by then is in the files of that moment.
  @Test func anAnsweredReceiptIsInTheLogAfterAnyPowerCut() throws {
    let folder = NSTemporaryDirectory() + "cairn-gateway-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { do { try FileManager.default.removeItem(atPath: folder) } catch { print(error) } }
    let gateway = try TestGateway.make(try GatewayStore(path: folder + "/gateway.sqlite"))
    let device = try TestDevice()
    try gateway.enrol(device)
    var answered: [[UInt8]] = []
    for time in Int64(0)..<24 {
      let batch = try device.seal([TestLeaf.reading([1], at: time)])
      answered.append(try #require(gateway.receive(batch).receipt))
      // Nothing is closed: what the kernel would have of both files now.
      try FileManager.default.createDirectory(
        atPath: folder + "/\(time)", withIntermediateDirectories: true)
      let copy = folder + "/\(time)/gateway.sqlite"
      for suffix in ["", "-wal"] {
        try FileManager.default.copyItem(
          atPath: folder + "/gateway.sqlite" + suffix, toPath: copy + suffix)
      }
      let store = try GatewayStore(path: copy)
      let found = Set(try Self.leaves(store))
      #expect(found.count == answered.count + 2)
      for receipt in answered {
        #expect(found.contains { $0.suffix(receipt.count) == receipt[...] })
      }
      let restarted = try TestGateway.make(store)
      let end = try restarted.log.committedEnd(store)
      #expect(end.frontier == (try gateway.log.committedEnd(gateway.store).frontier))
      try store.close()
    }
  }
}
