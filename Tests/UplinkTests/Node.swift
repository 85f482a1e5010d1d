import DeviceLog
import FixedMemory
import Foundation
import LinuxPlatform
import Proofs
import Records
import Signers
import Spool
import TestSupport

/// What the agent leaves for the uplink: a key, a spool with sealed batches, a site file. In a folder of
/// its own, whose path is short because a socket stands below it.
final class Node {
  typealias Log = DeviceLog<FileStorage>

  let folder: String
  /// The private key's seed is this byte, 32 times.
  private(set) var seed: UInt8 = 5
  private var spoolCount: UInt8 = 0

  struct PathTooLong: Error {}

  /// With a key, and a site file that leads to a gateway on this port of loopback, whose key it may know.
  init(port: UInt16, gatewayKey: PublicKey? = nil) throws {
    folder = "/tmp/cairn-uplink-\(UInt32.random(in: 0 ... .max))"
    for name in ["agent", "uplink"] {
      try FileManager.default.createDirectory(
        atPath: folder + "/" + name, withIntermediateDirectories: true)
    }
    try """
    [gateway]
    url = http://127.0.0.1:\(port)
    \(gatewayKey.map { "public_key = " + Self.hexadecimal($0) } ?? "")

    # No wait of a test is as long: what ends in time has not been waited for.
    [delivery]
    connect_timeout = 5 min
    timeout = 1 h

    """.write(toFile: path("site.ini"), atomically: true, encoding: .utf8)
    try useKey(seed)
  }

  deinit {
    // What stays behind in /tmp is no failure of what was tested.
    do { try FileManager.default.removeItem(atPath: folder) } catch {}
  }

  func path(_ name: String) -> String { folder + "/" + name }

  var publicKeyFile: URL { URL(filePath: path("agent/device.pub")) }

  var options: [String] {
    ["--state", folder, "--run", folder, "--config", path("site.ini")]
  }

  func fixedPath(_ name: String) throws -> FixedPath {
    guard let path = FixedPath(Array(path(name).utf8).span) else { throw PathTooLong() }
    return path
  }

  private static func hexadecimal(_ key: PublicKey) -> String {
    (0..<key.bytes.count).map { index in
      (key.bytes[index] < 16 ? "0" : "") + String(key.bytes[index], radix: 16)
    }.joined()
  }

  func bytes(of name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: path(name))))
  }

  func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

  func key() throws -> FileKey {
    try FileKey(seed: fixed([UInt8](repeating: seed, count: 32)))
  }

  /// From here on the agent signs with another key.
  func useKey(_ seed: UInt8) throws {
    self.seed = seed
    let bytes = try key().publicKey.bytes
    let key = bytes.span
    try Data((0..<32).map { key[$0] }).write(to: publicKeyFile)
  }

  /// SHA-256 of the public key.
  func keyHash() throws -> [UInt8] {
    let hash = try key().publicKey.hash
    return (0..<32).map { hash[$0] }
  }

  func keyHashInHexadecimal() throws -> String {
    try keyHash().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// Formats a spool in the place of the one that may be there, as the agent does after an operator has
  /// taken the old one away.
  func makeSpool(epoch: UInt64) throws {
    let spool = try fixedPath("agent/spool")
    if FileManager.default.fileExists(atPath: path("agent/spool")) {
      try FileManager.default.removeItem(atPath: path("agent/spool"))
    }
    spoolCount += 1
    let segment: UInt32 = 16_384
    var storage = try FileStorage.create(
      at: spool, byteCount: SpoolLayout.segmentsOffset + 64 * UInt64(segment), mode: 0o640)
    try SpoolWriter<FileStorage>.format(
      &storage, spoolID: fixed([UInt8](repeating: spoolCount, count: 16)),
      segmentByteCount: segment)
    var log = try Log.recover(storage, policy: .dropOldest)
    try log.begin(epoch: epoch)
  }

  /// Begins an epoch in the spool that is there, as an agent does behind the gateway's head.
  func begin(epoch: UInt64) throws {
    var log = try Log.recover(
      FileStorage.openWhenFree(at: fixedPath("agent/spool")), policy: .dropOldest)
    try log.begin(epoch: epoch)
  }

  /// The names of all checkpoints that the spool has, by position.
  func checkpointHashes() throws -> [String: Digest] {
    let storage = try FileStorage.open(at: fixedPath("agent/spool"), access: .readOnly)
    var reader = try LogReader(opening: storage)
    var hashes: [String: Digest] = [:]
    while let batch = try reader.next() {
      hashes["\(batch.checkpoint.epoch)/\(batch.checkpoint.batch)"] = batch.sigStructureHash
    }
    return hashes
  }

  /// Seals batches of one leaf each, and answers with the sequence up to which may be read.
  @discardableResult func seal(_ count: Int = 1) throws -> UInt64 {
    var key = try key()
    var log = try Log.recover(
      FileStorage.openWhenFree(at: fixedPath("agent/spool")), policy: .dropOldest)
    log.begin(boot: log.state.boot + 1, flags: 0)
    for milliseconds in 0..<Int64(count) {
      var leaf = [UInt8](repeating: 0, count: 1024)
      let byteCount = LeafEncoding.fault(
        schema: 1, milliseconds: milliseconds, code: .notAcknowledged, count: 1,
        into: leaf.mutableSpan)
      try log.append(leaf: leaf.span.extracting(0..<byteCount), milliseconds: milliseconds)
      _ = try log.seal(with: &key)
    }
    return log.releasedThrough
  }
}
