import FixedMemory
import Simulation
import Testing

@testable import Spool

typealias Writer = SpoolWriter<FaultyStorage>
typealias Reader = SpoolReader<FaultyStorage>

/// An entry with its payload, as a test appends and finds it.
struct Item: Equatable, CustomStringConvertible {
  var sequence: UInt64
  var type: UInt8
  var itemCount: UInt16
  var payload: [UInt8]

  var description: String { "#\(sequence) type \(type) \(payload.count) bytes" }
}

let testSpoolID = FixedBytes<16>(Array(UInt8(0x10)...0x1f).span) ?? FixedBytes()

/// Bytes that differ for every `seed`.
func payload(_ count: Int, seed: UInt64) -> [UInt8] {
  var random = SplitMix64(seed: seed)
  return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
}

/// 8 KiB segments: 4 KiB of entries each.
func formattedMedium(segmentCount: Int = 3, segmentByteCount: Int = 8192) throws -> FaultyMedium {
  let medium = FaultyMedium(byteCount: 32768 + segmentCount * segmentByteCount)
  var storage = FaultyStorage(medium)
  try Writer.format(&storage, spoolID: testSpoolID, segmentByteCount: UInt32(segmentByteCount))
  return medium
}

/// Recovers, adding the newest segment's entries to `replayed`.
func recover(_ medium: FaultyMedium, replayed: inout [Item]) throws -> Writer {
  var writer = try Writer(recovering: FaultyStorage(medium))
  var buffer = [UInt8](repeating: 0, count: writer.geometry.maximumPayloadByteCount)
  var span = buffer.mutableSpan
  while let entry = try writer.replayNext(into: &span) {
    replayed.append(item(entry, span.span))
  }
  try writer.finishRecovery()
  writer.checkInvariants()
  return writer
}

func recover(_ medium: FaultyMedium) throws -> Writer {
  var ignored: [Item] = []
  return try recover(medium, replayed: &ignored)
}

func item(_ entry: SpoolEntry, _ payload: Span<UInt8>) -> Item {
  Item(
    sequence: entry.sequence, type: entry.type, itemCount: entry.itemCount,
    payload: payload.extracting(0..<entry.payloadByteCount).withUnsafeBufferPointer { Array($0) })
}

/// What a reader sees from the oldest entry on, and what it complains about on the way.
struct Reading: Equatable {
  var items: [Item] = []
  var complaints: [SpoolFailure] = []
}

func readAll(_ reader: inout Reader) -> Reading {
  var reading = Reading()
  var buffer = [UInt8](repeating: 0, count: reader.geometry.maximumPayloadByteCount)
  // Every call returns an entry or leaves something behind, so that this ends unless a test fails.
  for _ in 0..<100_000 {
    var span = buffer.mutableSpan
    do throws(SpoolFailure) {
      guard let entry = try reader.next(into: &span) else { return reading }
      reading.items.append(item(entry, span.span))
    } catch { reading.complaints.append(error) }
    if reading.complaints.count > 1000 { break }
  }
  Issue.record("the reader does not come to an end")
  return reading
}

func readAll(_ medium: FaultyMedium) throws -> Reading {
  var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
  return readAll(&reader)
}

extension SpoolWriter where Storage: ~Copyable {
  mutating func append(_ item: Item) throws {
    try append(type: item.type, itemCount: item.itemCount, payload: item.payload.span)
    #expect(lastSequence == item.sequence)
  }

  /// Appends `count` bytes that follow from the sequence, and answers what was appended.
  @discardableResult
  mutating func append(_ count: Int, salt: UInt64 = 0) throws -> Item {
    let sequence = lastSequence + 1
    let item = Item(
      sequence: sequence, type: UInt8(sequence % 255 + 1),
      itemCount: UInt16(truncatingIfNeeded: sequence &* 257),
      payload: payload(count, seed: sequence ^ salt << 32))
    try append(item)
    return item
  }

  mutating func begin(_ context: String = "context") throws {
    try beginSegment(context: Array(context.utf8).span)
  }

  mutating func beginOverwriting(_ context: String = "") throws {
    try beginSegment(overwritingUndelivered: Array(context.utf8).span)
  }

  mutating func contextText() throws -> String {
    var buffer = [UInt8](repeating: 0, count: SpoolLayout.maximumContextByteCount)
    var span = buffer.mutableSpan
    let count = try copyContext(into: &span)
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  mutating func storeNote(_ note: String) throws { try store(note: Array(note.utf8).span) }

  mutating func noteText() throws -> String? {
    var buffer = [UInt8](repeating: 0, count: SpoolLayout.maximumNoteByteCount)
    var span = buffer.mutableSpan
    guard let count = try note(into: &span) else { return nil }
    return String(decoding: buffer[..<count], as: UTF8.self)
  }
}
