import Archive
import CBOR
import FixedMemory
import Foundation
import GRDB
import Identity
import Proofs
import Records
import Signers
import Testing

@testable import GatewayStore

/// A folder that goes with the test.
final class ArchiveFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "cairn-archive-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    do { try FileManager.default.removeItem(atPath: path) } catch { print(error) }
  }

  func bytes(_ archive: String, _ file: ArchiveFormat.File) throws -> [UInt8] {
    try Array(Data(contentsOf: URL(fileURLWithPath: "\(path)/\(archive)/\(file.rawValue)")))
  }
}

/// A gateway's history with every kind of leaf.
struct ArchiveScenario {
  private(set) var gateway: Gateway
  private(set) var now = TestGateway.now
  /// Wait for use by whoever forges.
  let owner: TestOwner
  let plain: TestDevice
  private(set) var challenge: [UInt8] = []

  static func gatewayKey(_ number: UInt8) throws -> FileKey {
    var seed = FixedBytes<32>()
    seed[31] = number
    return try FileKey(seed: seed)
  }

  /// The key in force at the end.
  static func newestKey() throws -> FileKey { try gatewayKey(2) }

  static func challenge(
    _ number: UInt64, issued: Int64, by key: inout FileKey
  ) throws -> [UInt8] {
    let challenge = Challenge(
      algorithm: .ed25519, keyID: key.publicKey.keyID, number: number,
      issuedUTCMilliseconds: issued, validSeconds: 1200, region: FixedText(),
      nonce: SHA256.hash([UInt8(truncatingIfNeeded: number)].span))
    return try signedBytes(Challenge.maximumMessageByteCount) {
      try challenge.sign(with: &key, into: $0).byteCount
    }
  }

  static func challenge(_ number: UInt64, issued: Int64, by signer: UInt8) throws -> [UInt8] {
    var key = try gatewayKey(signer)
    return try challenge(number, issued: issued, by: &key)
  }

  static func keyChangeByStranger() throws -> [UInt8] {
    var stranger = try gatewayKey(9)
    let change = GatewayKeyChange(
      algorithm: .ed25519, keyID: stranger.publicKey.keyID, newKey: stranger.publicKey,
      nowUTCMilliseconds: 1)
    return try signed(change, with: &stranger)
  }

  static func challengeLeaf(_ message: [UInt8], at milliseconds: Int64) throws -> [UInt8] {
    let hash = try COSESign1.hash(of: message.span)
    return signedBytes(64) {
      LeafEncoding.challenge(milliseconds: milliseconds, challengeHash: hash.span, into: $0)
    }
  }

  /// Time goes on by ten seconds and more.
  private mutating func tick() -> Int64 {
    now += 11_000
    return now
  }

  init() throws {
    var first = try Self.gatewayKey(1)
    let store = try GatewayStore.inMemory()
    let before = try Gateway(store: store, key: try Self.gatewayKey(1))
    owner = try TestOwner()
    plain = try TestDevice(seed: 31)
    var second = try Self.gatewayKey(2)
    gateway = before
    try begin(before)
    challenge = try Self.challenge(1, issued: now, by: &first)
    try append(.message(.challenge, challenge), before)
    try receive(
      plain.seal([
        Self.challengeLeaf(challenge, at: 40), TestLeaf.clock(.gnss, utc: now - 500, at: 50),
        TestLeaf.reading([1, 2], at: 60),
      ]), before)
    try fork(before)
    _ = try before.change(to: second.publicKey, utcMilliseconds: tick())
    gateway = try Gateway(store: store, key: try Self.gatewayKey(2))
    try append(
      .message(.challenge, try Self.challenge(2, issued: now, by: &second)), gateway)
    try receive(plain.seal([TestLeaf.reading([3, 4], at: 70)]), gateway)
    try receive(plain.seal([TestLeaf.reading([4, 4], at: 80)]), gateway)
  }

  private mutating func append(_ entry: GatewayLog.Entry, _ gateway: Gateway) throws {
    let time = tick()
    try gateway.store.database.write {
      _ = try gateway.log.append(entry, utcMilliseconds: time, in: $0)
    }
  }

  mutating func receive(_ batch: [UInt8], _ gateway: Gateway) throws {
    let answer = gateway.receive(batch, utcMilliseconds: tick())
    #expect(answer.isStored, "\(String(describing: answer.code))")
  }

  /// Enrolments of all kinds, revocations by owner and operator.
  private mutating func begin(_ gateway: Gateway) throws {
    let here = Place(
      latitudeE7: 1, longitudeE7: 2, altitudeCentimetres: nil, heightAboveGroundCentimetres: nil)
    let there = Place(
      latitudeE7: 3, longitudeE7: 4, altitudeCentimetres: nil, heightAboveGroundCentimetres: nil)
    _ = try gateway.enrol(try plain.enrolment, utcMilliseconds: tick())
    let (old, new, lost) = try (TestDevice(seed: 32), TestDevice(seed: 33), TestDevice(seed: 34))
    let later = now + 1_000_000
    let invite = try old.signedEnrolment(place: here, try owner.invite(to: gateway, expires: later))
    let node = try gateway.enrol(invite, utcMilliseconds: tick()).node
    let move = try owner.invite(to: gateway, node: node, expires: later)
    let moved = try old.signedEnrolment(
      version: 2, previous: try COSESign1.hash(of: invite.span), place: there, move)
    _ = try gateway.enrol(moved, utcMilliseconds: tick())
    try receive(try old.seal([TestLeaf.boot(), TestLeaf.schema(at: 1)]), gateway)
    let succession = try owner.succession(of: node, from: old.publicKey, to: new.publicKey)
    _ = try gateway.enrol(try new.signedEnrolment(succession), utcMilliseconds: now)
    try receive(try new.seal([TestLeaf.boot()]), gateway)
    let other = try gateway.enrol(
      try lost.signedEnrolment(try owner.invite(to: gateway, expires: later)), utcMilliseconds: now)
    _ = try gateway.revoke(
      try owner.revocation(of: lost.publicKey, node: other.node), utcMilliseconds: now)
    _ = try gateway.revoke(
      keyHash: new.publicKey.hash, reason: .compromised, utcMilliseconds: now)
    try receive(try plain.seal([TestLeaf.boot(), TestLeaf.schema(at: 2)]), gateway)
  }

  private mutating func fork(_ gateway: Gateway) throws {
    let card = plain.log
    try receive(try plain.seal([TestLeaf.reading([5, 5], at: 61)]), gateway)
    let end = plain.log
    plain.log = card
    let answer = gateway.receive(
      try plain.seal([TestLeaf.reading([6, 6], at: 61)]), utcMilliseconds: tick())
    #expect(answer.code == .fork)
    plain.log = end
  }

  /// Exports into a folder of this name.
  func export(_ folder: ArchiveFolder, _ name: String = "archive") throws {
    var key = try Self.newestKey()
    let writer = try ArchiveWriter(to: "\(folder.path)/\(name)")
    try gateway.store.export(to: writer, signingWith: &key)
  }
}

/// An archive taken apart, to be changed and put together again: by somebody who has no key, or by a gateway
/// that lies.
struct OpenArchive {
  var leaves: [[UInt8]]
  var keys: [[UInt8]]
  var batches: [(leaf: UInt64?, bytes: [UInt8])]
  var head: [UInt8]

  init(_ folder: ArchiveFolder, _ name: String = "archive") throws {
    leaves = try Self.items(try folder.bytes(name, .log))
    keys = try Self.items(try folder.bytes(name, .keys))
    batches = try Self.items(try folder.bytes(name, .batches)).map { item in
      var decoder = CBORDecoder(item.span)
      _ = try decoder.arrayHead()
      _ = try decoder.unsigned()
      let leaf = try decoder.skipNull() ? nil : decoder.unsigned()
      return (leaf, try decoder.byteString().array)
    }
    head = try folder.bytes(name, .head)
  }

  static func items(_ bytes: [UInt8]) throws -> [[UInt8]] {
    var decoder = CBORDecoder(bytes.span)
    var result: [[UInt8]] = []
    while !decoder.isAtEnd { result.append(try decoder.item().array) }
    return result
  }

  func kind(_ index: Int) throws -> GatewayLogLeaf.Kind {
    let bytes = leaves[index]
    return try GatewayLogLeaf(decoding: bytes.span).kind
  }

  func index(of kind: GatewayLogLeaf.Kind, last: Bool = false) throws -> Int {
    let found = try leaves.indices.filter { try self.kind($0) == kind }
    return try #require(last ? found.last : found.first)
  }

  func message(_ index: Int) throws -> [UInt8] {
    let bytes = leaves[index]
    let leaf = try GatewayLogLeaf(decoding: bytes.span)
    guard case .message(let message) = leaf.document else { return [] }
    return message.array
  }

  func utc(_ index: Int) throws -> Int64 {
    let bytes = leaves[index]
    return try GatewayLogLeaf(decoding: bytes.span).utcMilliseconds
  }

  static func leaf(_ kind: GatewayLogLeaf.Kind, _ message: [UInt8], utc: Int64) -> [UInt8] {
    signedBytes(GatewayLogLeaf.maximumByteCount) {
      GatewayLogLeaf.encode(kind, message: message.span, utcMilliseconds: utc, into: $0)
    }
  }

  /// The root of these leaves.
  var root: Digest {
    var frontier = MerkleFrontier()
    for leaf in leaves { frontier.append(leafHash: MerkleTree.leafHash(leaf.span)) }
    return frontier.root()
  }

  /// A head of these leaves, as the gateway signs one.
  func signedHead(_ key: consuming FileKey, now: Int64? = nil) throws -> [UInt8] {
    var key = key
    let head = GatewayHead(
      algorithm: .ed25519, keyID: key.publicKey.keyID, size: UInt64(leaves.count),
      nowUTCMilliseconds: try now ?? utc(leaves.count - 1), root: root)
    return try signed(head, with: &key)
  }

  /// The lying gateway signs what it made of its log.
  mutating func sign() throws { head = try signedHead(try ArchiveScenario.newestKey()) }

  func write(_ folder: ArchiveFolder, _ name: String) throws {
    let path = "\(folder.path)/\(name)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let contents: [(ArchiveFormat.File, [UInt8])] = [
      (.log, leaves.flatMap { $0 }), (.keys, keys.flatMap { $0 }), (.head, head),
      (.batches, batches.flatMap { ArchiveFormat.item(ofBatch: $0.bytes, leaf: $0.leaf) }),
    ]
    for (file, bytes) in contents {
      try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(file.rawValue)"))
    }
  }

  func report(
    _ folder: ArchiveFolder, heads: [[UInt8]] = [], key: PublicKey? = nil
  ) throws -> ArchiveReport {
    try write(folder, "forged")
    let kept = heads.enumerated().map {
      ArchiveVerifier.KeptHead(file: "head \($0.offset)", bytes: $0.element)
    }
    return try ArchiveVerifier(folder: folder.path + "/forged", trustedKey: key, keptHeads: kept)
      .run()
  }
}

extension ArchiveReport {
  var names: [String] { findingCounts.keys.map(\.rawValue).sorted() }
}

// A key is handed on: a closure that captures one which a function has made is more than the compiler takes.

func signed(_ receipt: Receipt, with key: inout FileKey) throws -> [UInt8] {
  try signedBytes(Receipt.maximumMessageByteCount) { try receipt.sign(with: &key, into: $0) }
}

/// By the gateway's key of this number, which the receipt names then.
func signed(_ receipt: Receipt, by number: UInt8) throws -> [UInt8] {
  var key = try ArchiveScenario.gatewayKey(number)
  var receipt = receipt
  receipt.keyID = key.publicKey.keyID
  return try signed(receipt, with: &key)
}

func signed(_ change: GatewayKeyChange, with key: inout FileKey) throws -> [UInt8] {
  try signedBytes(GatewayKeyChange.maximumMessageByteCount) {
    try change.sign(with: &key, into: $0).byteCount
  }
}

func signed(_ head: GatewayHead, with key: inout FileKey) throws -> [UInt8] {
  try signedBytes(GatewayHead.maximumMessageByteCount) {
    try head.sign(with: &key, into: $0).byteCount
  }
}
