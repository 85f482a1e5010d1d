import FixedMemory

/// What the superblock says: which spool this is and how it is divided.
public struct SpoolGeometry: Equatable, Sendable {
  public static var byteCount: Int { 40 }

  /// Offsets in the superblock.
  enum Offset {
    static var magic: Int { 0 }
    static var formatVersion: Int { 8 }
    static var reserved: Int { 10 }
    static var segmentByteCount: Int { 12 }
    static var segmentCount: Int { 16 }
    static var spoolID: Int { 20 }
    static var checksum: Int { 36 }
  }

  static var magic: StaticString { "CAIRNSPL" }

  /// Random bytes given when the spool was formatted; every checksum covers them, so that nothing
  /// that an earlier spool left on the medium is taken for this one's.
  public let spoolID: FixedBytes<16>
  /// A multiple of 4096.
  public let segmentByteCount: UInt32
  public let segmentCount: UInt32

  /// Divides `byteCount` bytes. Fails with `unusableGeometry`.
  init(dividing byteCount: UInt64, spoolID: FixedBytes<16>, segmentByteCount: UInt32)
    throws(SpoolFailure)
  {
    guard segmentByteCount >= SpoolLayout.minimumSegmentByteCount,
      segmentByteCount <= SpoolLayout.maximumSegmentByteCount,
      segmentByteCount % UInt32(SpoolLayout.blockByteCount) == 0,
      byteCount >= SpoolLayout.segmentsOffset
    else { throw .unusableGeometry }
    let count = (byteCount - SpoolLayout.segmentsOffset) / UInt64(segmentByteCount)
    guard count >= UInt64(SpoolLayout.minimumSegmentCount),
      count <= UInt64(SpoolLayout.maximumSegmentCount)
    else { throw .unusableGeometry }
    self.spoolID = spoolID
    self.segmentByteCount = segmentByteCount
    self.segmentCount = UInt32(count)
  }

  /// Reads a superblock of `byteCount` bytes.
  init(decoding bytes: Span<UInt8>) throws(SpoolFailure) {
    guard bytes.count == Self.byteCount, bytes.extracting(0..<8).equals(Self.magic) else {
      throw .notASpool
    }
    // Before the checksum, which another version may keep elsewhere.
    let version = bytes.loadLittleEndian(UInt16.self, at: Offset.formatVersion)
    // Version 0 was never given out: a superblock that was cut while being written.
    guard version != 0 else { throw .superblockDamaged }
    guard version == SpoolLayout.formatVersion else { throw .unsupportedVersion(version) }
    segmentByteCount = bytes.loadLittleEndian(UInt32.self, at: Offset.segmentByteCount)
    segmentCount = bytes.loadLittleEndian(UInt32.self, at: Offset.segmentCount)
    var id = FixedBytes<16>()
    for index in 0..<16 { id[index] = bytes[Offset.spoolID + index] }
    spoolID = id
    let checksum = CRC32C.checksum(bytes.extracting(0..<Offset.checksum))
    guard bytes.loadLittleEndian(UInt32.self, at: Offset.checksum) == checksum,
      bytes.loadLittleEndian(UInt16.self, at: Offset.reserved) == 0,
      segmentByteCount >= SpoolLayout.minimumSegmentByteCount,
      segmentByteCount <= SpoolLayout.maximumSegmentByteCount,
      segmentByteCount % UInt32(SpoolLayout.blockByteCount) == 0,
      segmentCount >= SpoolLayout.minimumSegmentCount,
      segmentCount <= SpoolLayout.maximumSegmentCount
    else { throw .superblockDamaged }
  }

  /// Fills `byteCount` bytes.
  func encode(into bytes: inout MutableSpan<UInt8>) {
    for index in 0..<8 { bytes[index] = unsafe Self.magic.utf8Start[index] }
    bytes.storeLittleEndian(SpoolLayout.formatVersion, at: Offset.formatVersion)
    bytes.storeLittleEndian(UInt16(0), at: Offset.reserved)
    bytes.storeLittleEndian(segmentByteCount, at: Offset.segmentByteCount)
    bytes.storeLittleEndian(segmentCount, at: Offset.segmentCount)
    bytes.copy(spoolID.span, to: Offset.spoolID)
    let checksum = CRC32C.checksum(bytes.span.extracting(0..<Offset.checksum))
    bytes.storeLittleEndian(checksum, at: Offset.checksum)
  }

  /// Bytes of the whole spool: what is left behind the last segment is not part of it.
  public var fileByteCount: UInt64 {
    SpoolLayout.segmentsOffset + UInt64(segmentCount) * UInt64(segmentByteCount)
  }

  /// The largest payload that fits a segment of this spool.
  public var maximumPayloadByteCount: Int {
    let room =
      Int(segmentByteCount) - SpoolLayout.segmentHeaderByteCount - SpoolEntry.headerByteCount
    return min(room, SpoolLayout.maximumPayloadByteCount)
  }

  /// Segment numbers count from 1 and go round the ring.
  func slot(ofSegment number: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: (number &- 1) % UInt64(segmentCount))
  }

  func offset(ofSlot slot: UInt32) -> UInt64 {
    SpoolLayout.segmentsOffset + UInt64(slot) * UInt64(segmentByteCount)
  }

  func offset(ofSegment number: UInt64) -> UInt64 { offset(ofSlot: slot(ofSegment: number)) }

  /// A checksum that has seen the spool's id: where all others begin.
  var checksumSeed: CRC32C {
    var seed = CRC32C()
    seed.update(spoolID.span)
    return seed
  }
}
