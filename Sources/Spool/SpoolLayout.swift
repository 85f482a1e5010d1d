/// Where everything stands in a spool file. Normative in docs/spool-format.md: change both or
/// neither.
///
///     0        4 Ki     8 Ki     12 Ki    20 Ki    28 Ki    32 Ki
///     │ super- │ mark   │ mark   │ note   │ note   │ unused │ segment │ segment │ …
///     │ block  │ slot 0 │ slot 1 │ slot 0 │ slot 1 │        │ 0       │ 1       │
///
/// All integers are little-endian. Every checksum is CRC-32C over the spool's id, then the bytes
/// named; only the superblock's, which holds the id, is over its own bytes alone.
public enum SpoolLayout {
  /// Version of the bytes, apart from that of the program.
  public static var formatVersion: UInt16 { 1 }

  /// What a page cache and most flash translate in: every part starts at a multiple of it.
  public static var blockByteCount: Int { 4096 }

  public static var superblockOffset: UInt64 { 0 }
  public static var markSlotCount: Int { 2 }
  public static var noteSlotCount: Int { 2 }
  public static var noteSlotByteCount: Int { 8192 }

  /// Superblock 4 Ki + 2 marks × 4 Ki + 2 notes × 8 Ki = 28 Ki, rounded up to a power of two, so
  /// that segments of 32 KiB and more stay aligned to their own size.
  public static var segmentsOffset: UInt64 { 32768 }

  public static func markOffset(slot: Int) -> UInt64 { 4096 + UInt64(slot) * 4096 }
  public static func noteOffset(slot: Int) -> UInt64 { 12288 + UInt64(slot) * 8192 }

  /// A segment's header has a block of its own, of which only the used bytes are written.
  public static var segmentHeaderByteCount: Int { 4096 }

  /// A header's block and one block of entries.
  public static var minimumSegmentByteCount: UInt32 { 8192 }
  /// Offsets in a segment fit 32 bits with room to spare, and `Int` on every board.
  public static var maximumSegmentByteCount: UInt32 { 1 << 24 }
  /// 256 KiB: at 2 KiB a batch and a batch a minute, one header in two hours.
  public static var defaultSegmentByteCount: UInt32 { 256 << 10 }

  /// The current segment and the one before.
  public static var minimumSegmentCount: UInt32 { 2 }
  /// A scan reads one block per segment: 16 MiB at most, once at start.
  public static var maximumSegmentCount: UInt32 { 4096 }

  /// 64 hashes of a frontier are 2 KiB; the rest is for the owner's counters.
  public static var maximumContextByteCount: Int { 3584 }
  /// A note slot without its header of 16 bytes.
  public static var maximumNoteByteCount: Int { 8176 }
  /// Sequences, segment numbers and generations beyond are not believed, whatever the checksum
  /// says: sums with them cannot overflow.
  static var maximumNumber: UInt64 { 1 << 62 }
  static var maximumNoteGeneration: UInt32 { 1 << 31 }
  /// One batch at most, or what fits a segment if that is less.
  public static var maximumPayloadByteCount: Int { 65536 }
}
