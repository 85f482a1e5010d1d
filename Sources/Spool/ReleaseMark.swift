import FixedMemory

/// How far readers may read, and how far the gateway has confirmed. Written after `synchronize`
/// returned, to the two slots in turn.
public struct ReleaseMark: Equatable, Sendable {
  public static var byteCount: Int { 48 }

  /// Offsets in a mark slot.
  enum Offset {
    static var checksum: Int { 0 }
    static var incarnation: Int { 4 }
    static var generation: Int { 8 }
    static var releasedThrough: Int { 16 }
    static var deliveredThrough: Int { 24 }
    static var segmentNumber: Int { 32 }
    static var endOffset: Int { 40 }
    static var noteGeneration: Int { 44 }
  }

  /// Counts the recoveries of this spool, formatting included. Durable before the first entry of
  /// that incarnation is written: what an earlier one left behind can be told from it.
  public var incarnation: UInt32
  /// Counts marks within an incarnation; its lowest bit is the slot.
  public var generation: UInt64
  /// Sequence of the last entry that readers may see; 0: none.
  public var releasedThrough: UInt64
  /// Sequence of the last entry whose delivery the owner has verified; never above
  /// `releasedThrough`.
  public var deliveredThrough: UInt64
  /// The segment in which the released entries end; 0: there is none yet.
  public var segmentNumber: UInt64
  /// Where in that segment, in bytes from its start.
  public var endOffset: UInt32
  /// A note of this generation, or a later one, is durable; 0: none was stored.
  var noteGeneration: UInt32

  /// What stands in a spool without entries.
  static func empty(incarnation: UInt32, generation: UInt64) -> ReleaseMark {
    ReleaseMark(
      incarnation: incarnation, generation: generation, releasedThrough: 0, deliveredThrough: 0,
      segmentNumber: 0, endOffset: 0, noteGeneration: 0)
  }

  var slot: Int { Int(generation & 1) }

  /// Written later than `other`.
  func follows(_ other: ReleaseMark) -> Bool {
    incarnation != other.incarnation
      ? incarnation > other.incarnation : generation > other.generation
  }

  /// The mark in `bytes`, or nil when there is no whole one of this spool for this slot.
  static func decode(_ bytes: Span<UInt8>, slot: Int, geometry: SpoolGeometry) -> ReleaseMark? {
    guard bytes.count == byteCount else { return nil }
    var checksum = geometry.checksumSeed
    checksum.update(bytes.extracting(4..<byteCount))
    guard bytes.loadLittleEndian(UInt32.self, at: Offset.checksum) == checksum.value else {
      return nil
    }
    let mark = ReleaseMark(
      incarnation: bytes.loadLittleEndian(UInt32.self, at: Offset.incarnation),
      generation: bytes.loadLittleEndian(UInt64.self, at: Offset.generation),
      releasedThrough: bytes.loadLittleEndian(UInt64.self, at: Offset.releasedThrough),
      deliveredThrough: bytes.loadLittleEndian(UInt64.self, at: Offset.deliveredThrough),
      segmentNumber: bytes.loadLittleEndian(UInt64.self, at: Offset.segmentNumber),
      endOffset: bytes.loadLittleEndian(UInt32.self, at: Offset.endOffset),
      noteGeneration: bytes.loadLittleEndian(UInt32.self, at: Offset.noteGeneration))
    guard mark.slot == slot, mark.incarnation > 0, mark.isPlausible(geometry) else { return nil }
    return mark
  }

  private func isPlausible(_ geometry: SpoolGeometry) -> Bool {
    guard deliveredThrough <= releasedThrough, releasedThrough <= SpoolLayout.maximumNumber,
      generation <= SpoolLayout.maximumNumber, segmentNumber <= SpoolLayout.maximumNumber,
      noteGeneration <= SpoolLayout.maximumNoteGeneration
    else { return false }
    guard segmentNumber > 0 else { return endOffset == 0 }
    return endOffset >= UInt32(SpoolLayout.segmentHeaderByteCount)
      && endOffset <= geometry.segmentByteCount
  }

  /// Fills `byteCount` bytes.
  func encode(into bytes: inout MutableSpan<UInt8>, geometry: SpoolGeometry) {
    bytes.storeLittleEndian(incarnation, at: Offset.incarnation)
    bytes.storeLittleEndian(generation, at: Offset.generation)
    bytes.storeLittleEndian(releasedThrough, at: Offset.releasedThrough)
    bytes.storeLittleEndian(deliveredThrough, at: Offset.deliveredThrough)
    bytes.storeLittleEndian(segmentNumber, at: Offset.segmentNumber)
    bytes.storeLittleEndian(endOffset, at: Offset.endOffset)
    bytes.storeLittleEndian(noteGeneration, at: Offset.noteGeneration)
    var checksum = geometry.checksumSeed
    checksum.update(bytes.span.extracting(4..<Self.byteCount))
    bytes.storeLittleEndian(checksum.value, at: Offset.checksum)
  }
}
