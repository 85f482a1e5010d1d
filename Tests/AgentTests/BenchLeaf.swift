import CoverageVerifier
import DeviceLog
import FixedMemory
import LinuxPlatform
import Proofs
import Records

/// A sealed leaf with its place, as whoever has the archive sees it.
struct BenchLeaf {
  struct NoPath: Error {}

  let epoch: UInt64
  let boot: UInt64
  let index: UInt64
  let bytes: [UInt8]

  static func all(in path: String) throws -> [BenchLeaf] {
    guard let path = FixedPath(Array(path.utf8).span) else { throw NoPath() }
    let storage = try FileStorage.open(at: path, access: .readOnly)
    var reader = try LogReader(opening: storage)
    var leaves: [BenchLeaf] = []
    while let batch = try reader.next() {
      guard batch.isWhole else { continue }
      try reader.assemble()
      var items = try BatchReader(reader.bytes)
      var index = batch.checkpoint.first
      while !items.isAtEnd {
        if case .leaf(let bytes) = try items.next() {
          leaves.append(
            BenchLeaf(
              epoch: batch.checkpoint.epoch, boot: batch.checkpoint.boot, index: index,
              bytes: bytes.indices.map { bytes[$0] }))
        }
        index += 1
      }
    }
    return leaves
  }

  /// The leaf's value when it is of this kind, as evidence: with a receipt a second behind it.
  func evidence<Value: Sendable>(
    _ kind: LeafKind, _ read: (borrowing Leaf) throws -> Value
  ) throws -> ArchivedLeaf<Value>? {
    let leaf = try Leaf(decoding: bytes.span)
    guard leaf.kind == kind else { return nil }
    return ArchivedLeaf(
      epoch: epoch, index: index, boot: boot, milliseconds: leaf.milliseconds,
      value: try read(leaf), standing: .sound, receiptUTCMilliseconds: nil)
  }

  func intent() throws -> ArchivedLeaf<BeaconIntent>? { try evidence(.intent) { try $0.intent() } }
  func sent() throws -> ArchivedLeaf<SentBeacon>? { try evidence(.sent) { try $0.sent() } }
  func reveal() throws -> ArchivedLeaf<BeaconReveal>? { try evidence(.reveal) { try $0.reveal() } }

  func challenge() throws -> ArchivedLeaf<Digest>? {
    try evidence(.challenge) { leaf in
      let hash = try leaf.challengeHash()
      guard let digest = Digest(hash) else { throw NoPath() }
      return digest
    }
  }

  func clock() throws -> ClockFix? {
    try evidence(.clock) { try $0.clock() }.map { leaf in
      ClockFix(
        epoch: epoch, boot: boot, milliseconds: leaf.milliseconds,
        sourceNumber: leaf.value.sourceNumber, utcMilliseconds: leaf.value.utcMilliseconds,
        uncertaintyMilliseconds: leaf.value.uncertaintyMilliseconds)
    }
  }

  /// Events 12 and 14, by their numbers.
  func event(_ code: EventCode) throws -> [UInt64]? {
    let leaf = try Leaf(decoding: bytes.span)
    guard leaf.kind == .event else { return nil }
    let event = try leaf.event()
    guard event.code == code else { return nil }
    let numbers = try event.numbers()
    return numbers.indices.map { numbers[$0] }
  }

  func notSent() throws -> (number: UInt32, reason: BeaconReason)? {
    guard let numbers = try event(.beaconNotSent),
      let reason = BeaconReason(rawValue: UInt8(numbers[1]))
    else { return nil }
    return (UInt32(numbers[0]), reason)
  }
}
