import FixedMemory
import LogInMemory
import Spool

/// A spool of 16 GiB, 1024 segments of 16 MiB: once round the ring and on. Offsets and sizes are beyond what
/// 32 bits hold; the storage is opened again for each part, as by another program.
func tellLargeSpool<Storage: BlockStorage & ~Copyable>(
  _ name: StaticString, opening open: () -> Storage
) {
  do throws(SpoolFailure) {
    var storage = open()
    try SpoolWriter<Storage>.format(
      &storage, spoolID: FixedBytes<16>(), segmentByteCount: largeSegmentByteCount)
    _ = consume storage
    var tally = Tally()
    try write(to: open(), &tally)
    tally.tell(name)
    tally = Tally()
    try read(from: open(), &tally)
    var second = Name()
    second.append(name)
    second.append(", read back")
    tally.tell(second.span)
  } catch { fail("a large spool failed") }
}

var largeSegmentByteCount: UInt32 { 16 << 20 }
var largeSegmentCount: UInt64 { 1024 }
var largeSpoolByteCount: UInt64 {
  SpoolLayout.segmentsOffset + largeSegmentCount * UInt64(largeSegmentByteCount)
}

private func write<Storage: BlockStorage & ~Copyable>(
  to storage: consuming Storage, _ tally: inout Tally
) throws(SpoolFailure) {
  var writer = try SpoolWriter<Storage>(recovering: storage)
  try writer.finishRecovery()
  var payload = InlineArray<600, UInt8>(repeating: 0)
  for segment in 1...largeSegmentCount + 3 {
    for index in payload.indices {
      payload[index] = UInt8(truncatingIfNeeded: Int(segment) ^ index)
    }
    try writer.beginSegment(overwritingUndelivered: payload.span.extracting(0..<64))
    try writer.append(type: 1, itemCount: 1, payload: payload.span)
    try writer.commit()
    if segment % 128 == 0 {
      tally.add(try writer.undeliveredByteCount())
      tally.add(writer.bytesWritten)
    }
    if segment == 40 { try writer.markDelivered(through: 30) }
  }
  tally.add(writer.geometry.fileByteCount)
  tally.add(count: writer.remainingPayloadByteCount)
  tally.add(writer.lastSequence)
  writer.checkInvariants()
}

private func read<Storage: BlockStorage & ~Copyable>(
  from storage: consuming Storage, _ tally: inout Tally
) throws(SpoolFailure) {
  var reader = try SpoolReader<Storage>(opening: storage)
  var buffer = InlineArray<1024, UInt8>(repeating: 0)
  var span = buffer.mutableSpan
  tally.add(try reader.oldestSequence())
  try reader.seek(toSequence: largeSegmentCount / 2)
  var count: UInt64 = 0
  while let entry = try reader.next(into: &span) {
    tally.add(entry.sequence)
    tally.add(span.span.extracting(0..<entry.payloadByteCount))
    count += 1
  }
  guard count == largeSegmentCount / 2 + 4 else {
    fail("a large spool has another number of entries")
  }
  tally.add(reader.releasedThrough)
  tally.add(reader.deliveredThrough)
}

/// Storage of 16 GiB of which the front and the first 8 KiB of each segment are in memory; nothing else is
/// touched here. Copies share the bytes.
struct SparseStorage: BlockStorage {
  private let kept: MemoryStorage

  private static var keptByteCount: UInt64 { 8192 }

  init() {
    kept = MemoryStorage(
      byteCount: Int(SpoolLayout.segmentsOffset + largeSegmentCount * Self.keptByteCount))
  }

  func release() { kept.release() }

  var byteCount: UInt64 { largeSpoolByteCount }

  func read(into bytes: inout MutableSpan<UInt8>, at offset: UInt64) throws(StorageError) {
    try kept.read(into: &bytes, at: place(offset, bytes.count))
  }

  func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(StorageError) {
    try kept.write(bytes, at: place(offset, bytes.count))
  }

  func synchronize() throws(StorageError) {}

  private func place(_ offset: UInt64, _ count: Int) throws(StorageError) -> UInt64 {
    guard offset >= SpoolLayout.segmentsOffset else { return offset }
    let (segment, inside) = (offset - SpoolLayout.segmentsOffset)
      .quotientAndRemainder(dividingBy: UInt64(largeSegmentByteCount))
    guard inside + UInt64(count) <= Self.keptByteCount else { throw .outOfBounds }
    return SpoolLayout.segmentsOffset + segment * Self.keptByteCount + inside
  }
}
