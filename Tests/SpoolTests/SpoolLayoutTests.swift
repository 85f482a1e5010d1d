import FixedMemory
import Foundation
import Simulation
import Testing

@testable import Spool

/// The example of docs/spool-format.md: two segments of 8 KiB, a context, a note and two entries.
private func example() throws -> [UInt8] {
  let medium = try formattedMedium(segmentCount: 2)
  var writer = try recover(medium)
  try writer.begin("frontier")
  try writer.append(type: 1, itemCount: 2, payload: Array("two leaves".utf8).span)
  try writer.append(type: 2, itemCount: 1, payload: Array("checkpoint".utf8).span)
  try writer.storeNote("kept")
  try writer.commit()
  try writer.markDelivered(through: 1)
  try writer.commit()
  return medium.cached
}

/// Rows of sixteen bytes with their offset, rows of zeros left out.
private func dump(_ bytes: [UInt8]) -> String {
  var lines: [String] = []
  for start in stride(from: 0, to: bytes.count, by: 16) {
    let row = bytes[start..<min(start + 16, bytes.count)]
    guard row.contains(where: { $0 != 0 }) else { continue }
    let words = row.map { String(format: "%02x", $0) }
    lines.append(String(format: "%05x  ", start) + words.joined(separator: " "))
  }
  return lines.joined(separator: "\n")
}

/// Frozen: a spool on a board in the field has these bytes. Another layout is another format
/// version.
@Test func theBytesOfVersion1NeverChange() throws {
  let expected = """
    00000  43 41 49 52 4e 53 50 4c 01 00 00 00 00 20 00 00
    00010  02 00 00 00 10 11 12 13 14 15 16 17 18 19 1a 1b
    00020  1c 1d 1e 1f 3b ad 29 39 00 00 00 00 00 00 00 00
    01000  14 50 56 ac 02 00 00 00 04 00 00 00 00 00 00 00
    01010  02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
    01020  01 00 00 00 00 00 00 00 44 10 00 00 01 00 00 00
    02000  b1 87 d9 cb 02 00 00 00 05 00 00 00 00 00 00 00
    02010  02 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00
    02020  01 00 00 00 00 00 00 00 44 10 00 00 01 00 00 00
    05000  ba c6 51 27 04 00 00 00 01 00 00 00 00 00 00 00
    05010  6b 65 70 74 00 00 00 00 00 00 00 00 00 00 00 00
    08000  43 53 45 47 8d f3 af e8 01 00 00 00 08 00 00 00
    08010  01 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00
    08020  02 00 00 00 66 72 6f 6e 74 69 65 72 00 00 00 00
    09000  9a 0f fb 94 0a 00 00 00 01 00 00 00 00 00 00 00
    09010  02 00 00 00 02 00 01 00 74 77 6f 20 6c 65 61 76
    09020  65 73 6a 6f b0 01 0a 00 00 00 02 00 00 00 00 00
    09030  00 00 02 00 00 00 01 00 02 00 63 68 65 63 6b 70
    09040  6f 69 6e 74 00 00 00 00 00 00 00 00 00 00 00 00
    """
  #expect(dump(try example()) == expected)
}

@Test func theLimitsFitEachOther() {
  let block = SpoolLayout.blockByteCount
  #expect(SpoolSegment.headerByteCount + SpoolLayout.maximumContextByteCount <= block)
  #expect(SpoolLayout.segmentHeaderByteCount == block)
  #expect(
    SpoolNote.headerByteCount + SpoolLayout.maximumNoteByteCount
      == SpoolLayout.noteSlotByteCount)
  #expect(SpoolLayout.markOffset(slot: 0) == UInt64(block))
  #expect(SpoolLayout.noteOffset(slot: 0) == SpoolLayout.markOffset(slot: 1) + UInt64(block))
  #expect(
    SpoolLayout.noteOffset(slot: 1) + UInt64(SpoolLayout.noteSlotByteCount)
      <= SpoolLayout.segmentsOffset)
  #expect(SpoolLayout.minimumSegmentByteCount == UInt32(2 * block))
  #expect(SpoolLayout.defaultSegmentByteCount % UInt32(block) == 0)
  #expect(SpoolLayout.segmentsOffset % UInt64(block) == 0)
  #expect(SpoolFile<FaultyStorage>.scratchByteCount >= SpoolLayout.noteSlotByteCount)
  #expect(SpoolFile<FaultyStorage>.scratchByteCount >= SpoolLayout.segmentHeaderByteCount)
  // 64 hashes of 32 bytes, and room for counters.
  #expect(SpoolLayout.maximumContextByteCount >= 64 * 32 + 512)
  // A batch of 64 KiB fits a default segment.
  #expect(
    Int(SpoolLayout.defaultSegmentByteCount)
      > SpoolLayout.segmentHeaderByteCount + SpoolEntry.headerByteCount
      + SpoolLayout.maximumPayloadByteCount)
}
