import DeviceLog
import FixedMemory
import Foundation
import LinuxPlatform
import Proofs
import Records
import Signers
import Spool
import TestSupport

/// A node's files in a folder of their own, made by the same code as the agent's.
final class TestNode {
  typealias Log = DeviceLog<FileStorage>

  let folder: URL
  let publicKey: PublicKey

  struct PathTooLong: Error {}

  /// With a key and no spool.
  init() throws {
    folder = URL(filePath: "/tmp/cairn-tool-\(UUID().uuidString.prefix(8))")
    for name in ["agent", "uplink"] {
      try FileManager.default.createDirectory(
        at: folder.appending(path: name), withIntermediateDirectories: true)
    }
    publicKey = try Self.key().publicKey
    try bytes(of: publicKey.bytes).write(to: folder.appending(path: "agent/device.pub"))
  }

  deinit {
    // What stays behind in /tmp is no failure of what was tested.
    do { try FileManager.default.removeItem(at: folder) } catch {}
  }

  static func key() throws -> FileKey { try FileKey(seed: fixed([UInt8](repeating: 5, count: 32))) }

  var spool: URL { folder.appending(path: "agent/spool") }

  func path(_ name: String) -> String { folder.appending(path: name).path }

  /// The options that lead to this node. There is no site file unless a test writes one.
  var options: [String] {
    ["--state", folder.path, "--run", folder.path, "--config", path("site.ini")]
  }

  func run(_ words: String...) throws -> Ending { try Tool.run(words + options) }

  private func bytes(of key: PublicKeyBytes) -> Data {
    Data((0..<key.count).map { key.span[$0] })
  }

  func fixedPath(_ url: URL) throws -> FixedPath {
    guard let path = FixedPath(Array(url.path.utf8).span) else { throw PathTooLong() }
    return path
  }

  /// Formats a spool.
  func makeSpool(segmentCount: UInt64 = 16, segmentByteCount: UInt32 = 16_384) throws {
    Tool.spawning.lock()
    defer { Tool.spawning.unlock() }
    var storage = try FileStorage.create(
      at: fixedPath(spool),
      byteCount: SpoolLayout.segmentsOffset + segmentCount * UInt64(segmentByteCount), mode: 0o640)
    try SpoolWriter<FileStorage>.format(
      &storage, spoolID: fixed([UInt8](repeating: 7, count: 16)), segmentByteCount: segmentByteCount
    )
  }

  /// Goes on with the log: `body` appends, and what it leaves open stays so.
  func write(
    policy: Log.FullPolicy = .dropOldest, _ body: (inout Log, inout FileKey) throws -> Void
  ) throws {
    Tool.spawning.lock()
    defer { Tool.spawning.unlock() }
    var key = try Self.key()
    var log = try Log.recover(FileStorage.openWhenFree(at: fixedPath(spool)), policy: policy)
    if log.recovery == .new { try log.begin(epoch: 0) }
    try body(&log, &key)
  }

  /// Two batches of one boot: boot and schemas, then readings of two sensors, the second of which
  /// fails.
  func writeSmallLog() throws {
    try makeSpool()
    try write { log, key in
      try log.beginBoot(1)
      try log.appendSchema(1, at: 10)
      try log.appendReading(1, at: 1000, [2134, -5, nil])
      _ = try log.seal(with: &key)
      try log.appendReading(1, at: 2000, [2135, 101_325_0, 7])
      try log.appendFault(2, .notAcknowledged, count: 12, at: 3000)
      _ = try log.seal(with: &key)
    }
  }
}

extension DeviceLog where Storage == FileStorage {
  mutating func append(at milliseconds: Int64, _ encode: (inout [UInt8]) -> Int) throws {
    var buffer = [UInt8](repeating: 0, count: 1100)
    let count = encode(&buffer)
    try append(leaf: buffer.span.extracting(0..<count), milliseconds: milliseconds)
  }

  mutating func beginBoot(_ boot: UInt64, flags: UInt64 = 0) throws {
    begin(boot: boot, flags: flags)
    try append(at: 0) {
      LeafEncoding.boot(
        milliseconds: 0, bootCount: boot, agentVersion: "0.1.0",
        programHash: [UInt8](repeating: 1, count: 32).span, board: Array("bench".utf8).span,
        configurationHash: [UInt8](repeating: 2, count: 32).span, flags: flags, claims: Span(),
        into: $0.mutableSpan)
    }
  }

  /// temperature in hundredths, pressure in tenths, and something in thousands.
  mutating func appendSchema(_ schema: UInt16, at milliseconds: Int64, serial: String = "cal-1")
    throws
  {
    var quantities = Quantities(
      filler: Quantity(name: "temperature", unit: "Cel", powerOfTen: -2))
    quantities.append(Quantity(name: "temperature", unit: "Cel", powerOfTen: -2))
    quantities.append(Quantity(name: "pressure", unit: "Pa", powerOfTen: -1))
    quantities.append(Quantity(name: "light", unit: "lx", powerOfTen: 3))
    try append(at: milliseconds) {
      LeafEncoding.schema(
        schema: schema, milliseconds: milliseconds, quantities: quantities, chip: "BME280",
        bus: Array("i2c-1".utf8).span, address: 0x76, serialNumber: Array(serial.utf8).span,
        into: $0.mutableSpan)
    }
  }

  mutating func appendReading(_ schema: UInt16, at milliseconds: Int64, _ given: [Int64?]) throws {
    var values = ReadingValues(filler: nil)
    for value in given { values.append(value) }
    try append(at: milliseconds) {
      LeafEncoding.reading(
        schema: schema, milliseconds: milliseconds, values: values, into: $0.mutableSpan)
    }
  }

  mutating func appendFault(
    _ schema: UInt16, _ code: FaultCode, count: UInt64, at milliseconds: Int64
  ) throws {
    try append(at: milliseconds) {
      LeafEncoding.fault(
        schema: schema, milliseconds: milliseconds, code: code, count: count, into: $0.mutableSpan)
    }
  }
}
