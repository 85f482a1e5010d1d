import FixedMemory

/// A note slot: opaque bytes of the owner, kept twice, so that a power cut leaves the old or the
/// new.
struct SpoolNote: Equatable {
  static var headerByteCount: Int { 16 }

  /// Offsets in a note slot. The owner's bytes follow the header.
  enum Offset {
    static var checksum: Int { 0 }
    static var byteCount: Int { 4 }
    static var generation: Int { 8 }
    static var reserved: Int { 12 }
    static var bytes: Int { 16 }
  }

  /// Counts notes, from 1; its lowest bit is the slot.
  var generation: UInt32
  var byteCount: Int

  var slot: Int { Int(generation & 1) }

  /// The note in a slot's bytes, or nil when there is no whole one of this spool for this slot.
  static func decode(_ bytes: Span<UInt8>, slot: Int, geometry: SpoolGeometry) -> SpoolNote? {
    guard bytes.count == SpoolLayout.noteSlotByteCount else { return nil }
    let byteCount = bytes.loadLittleEndian(UInt32.self, at: Offset.byteCount)
    guard byteCount <= UInt32(SpoolLayout.maximumNoteByteCount) else { return nil }
    var checksum = geometry.checksumSeed
    checksum.update(bytes.extracting(4..<headerByteCount + Int(byteCount)))
    let generation = bytes.loadLittleEndian(UInt32.self, at: Offset.generation)
    guard bytes.loadLittleEndian(UInt32.self, at: Offset.checksum) == checksum.value,
      bytes.loadLittleEndian(UInt32.self, at: Offset.reserved) == 0,
      generation > 0, generation <= SpoolLayout.maximumNoteGeneration, Int(generation & 1) == slot
    else { return nil }
    return SpoolNote(generation: generation, byteCount: Int(byteCount))
  }
}

extension SpoolFile where Storage: ~Copyable {
  /// The newest whole note; nil when none was ever stored, or both are damaged.
  mutating func newestNote() throws(SpoolFailure) -> SpoolNote? {
    var newest: SpoolNote?
    for slot in 0..<SpoolLayout.noteSlotCount {
      guard let note = try note(inSlot: slot) else { continue }
      if let other = newest, other.generation > note.generation { continue }
      newest = note
    }
    return newest
  }

  private mutating func note(inSlot slot: Int) throws(SpoolFailure) -> SpoolNote? {
    try load(SpoolLayout.noteSlotByteCount, at: SpoolLayout.noteOffset(slot: slot))
    return SpoolNote.decode(scratch.span, slot: slot, geometry: geometry)
  }

  /// Copies the newest note and answers its length; nil when there is none. A note of at least
  /// `generation` is known to be durable: an older one in its place is damage, not a power cut.
  mutating func copyNote(
    into buffer: inout MutableSpan<UInt8>, notBefore generation: UInt32
  ) throws(SpoolFailure) -> Int? {
    // Two passes: the newest is known only when both slots have been seen, and there is one
    // scratch.
    guard let newest = try newestNote(), newest.generation >= generation,
      try note(inSlot: newest.slot) == newest
    else {
      guard generation == 0 else { throw .noteDamaged }
      return nil
    }
    guard buffer.count >= newest.byteCount else {
      throw .bufferTooSmall(needed: newest.byteCount)
    }
    let start = SpoolNote.Offset.bytes
    buffer.copy(scratch.span.extracting(start..<start + newest.byteCount))
    return newest.byteCount
  }

  /// Writes `bytes` as `note`. Nothing is durable yet.
  mutating func write(_ note: SpoolNote, _ bytes: Span<UInt8>) throws(SpoolFailure) {
    var slot = scratch.mutableSpan
    slot.storeLittleEndian(UInt32(note.byteCount), at: SpoolNote.Offset.byteCount)
    slot.storeLittleEndian(note.generation, at: SpoolNote.Offset.generation)
    slot.storeLittleEndian(UInt32(0), at: SpoolNote.Offset.reserved)
    slot.copy(bytes, to: SpoolNote.Offset.bytes)
    let end = SpoolNote.headerByteCount + note.byteCount
    var checksum = geometry.checksumSeed
    checksum.update(slot.span.extracting(4..<end))
    slot.storeLittleEndian(checksum.value, at: SpoolNote.Offset.checksum)
    try store(end, at: SpoolLayout.noteOffset(slot: note.slot))
  }
}
