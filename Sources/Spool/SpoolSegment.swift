import FixedMemory

/// The header of a segment. Its context, opaque bytes of the owner, follows it.
public struct SpoolSegment: Equatable, Sendable {
  public static var headerByteCount: Int { 36 }

  /// Offsets in the segment.
  enum Offset {
    static var magic: Int { 0 }
    static var checksum: Int { 4 }
    static var formatVersion: Int { 8 }
    static var reserved: Int { 10 }
    static var contextByteCount: Int { 12 }
    static var number: Int { 16 }
    static var firstSequence: Int { 24 }
    static var incarnation: Int { 32 }
    static var context: Int { 36 }
  }

  static var magic: UInt32 { 0x4745_5343 }  // "CSEG"

  /// Counts segments over the life of the spool, from 1; its place in the ring follows from it.
  public let number: UInt64
  /// Sequence that the first entry of the segment has, or will have.
  public let firstSequence: UInt64
  /// The incarnation that began the segment; no entry in it has a lower one.
  public let incarnation: UInt32
  /// At most `SpoolLayout.maximumContextByteCount`.
  public let contextByteCount: Int
  /// Covers all of the above and the context: two segments that differ anywhere differ here.
  let checksum: UInt32

  /// The header in a segment's first block, or nil when there is no whole one of this spool that
  /// belongs to this slot of the ring.
  static func decode(_ block: Span<UInt8>, slot: UInt32, geometry: SpoolGeometry) -> SpoolSegment? {
    guard block.count == SpoolLayout.segmentHeaderByteCount,
      block.loadLittleEndian(UInt32.self, at: Offset.magic) == magic,
      block.loadLittleEndian(UInt16.self, at: Offset.formatVersion) == SpoolLayout.formatVersion,
      block.loadLittleEndian(UInt16.self, at: Offset.reserved) == 0
    else { return nil }
    let contextByteCount = block.loadLittleEndian(UInt32.self, at: Offset.contextByteCount)
    guard contextByteCount <= UInt32(SpoolLayout.maximumContextByteCount) else { return nil }
    let stored = block.loadLittleEndian(UInt32.self, at: Offset.checksum)
    var checksum = geometry.checksumSeed
    checksum.update(block.extracting(8..<headerByteCount + Int(contextByteCount)))
    guard stored == checksum.value else { return nil }
    let number = block.loadLittleEndian(UInt64.self, at: Offset.number)
    let firstSequence = block.loadLittleEndian(UInt64.self, at: Offset.firstSequence)
    guard number > 0, number <= SpoolLayout.maximumNumber, firstSequence > 0,
      firstSequence <= SpoolLayout.maximumNumber, geometry.slot(ofSegment: number) == slot
    else {
      return nil
    }
    return SpoolSegment(
      number: number, firstSequence: firstSequence,
      incarnation: block.loadLittleEndian(UInt32.self, at: Offset.incarnation),
      contextByteCount: Int(contextByteCount), checksum: stored)
  }

  /// Fills the header's bytes in front of `context`, which stands at `Offset.context` already, and
  /// answers the header with its checksum.
  static func encode(
    number: UInt64, firstSequence: UInt64, incarnation: UInt32, contextByteCount: Int,
    into bytes: inout MutableSpan<UInt8>, geometry: SpoolGeometry
  ) -> SpoolSegment {
    bytes.storeLittleEndian(magic, at: Offset.magic)
    bytes.storeLittleEndian(SpoolLayout.formatVersion, at: Offset.formatVersion)
    bytes.storeLittleEndian(UInt16(0), at: Offset.reserved)
    bytes.storeLittleEndian(UInt32(contextByteCount), at: Offset.contextByteCount)
    bytes.storeLittleEndian(number, at: Offset.number)
    bytes.storeLittleEndian(firstSequence, at: Offset.firstSequence)
    bytes.storeLittleEndian(incarnation, at: Offset.incarnation)
    var checksum = geometry.checksumSeed
    checksum.update(bytes.span.extracting(8..<headerByteCount + contextByteCount))
    bytes.storeLittleEndian(checksum.value, at: Offset.checksum)
    return SpoolSegment(
      number: number, firstSequence: firstSequence, incarnation: incarnation,
      contextByteCount: contextByteCount, checksum: checksum.value)
  }
}
