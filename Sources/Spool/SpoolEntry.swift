import FixedMemory

/// One entry without its payload.
public struct SpoolEntry: Equatable, Sendable {
  public static var headerByteCount: Int { 24 }

  /// Offsets in the entry. The payload follows the header.
  enum Offset {
    static var checksum: Int { 0 }
    static var payloadByteCount: Int { 4 }
    static var sequence: Int { 8 }
    static var incarnation: Int { 16 }
    static var itemCount: Int { 20 }
    static var type: Int { 22 }
    static var reserved: Int { 23 }
  }

  /// Position in the log, from 1: one more than that of the entry before it, over the whole life.
  public let sequence: UInt64
  /// The owner's, 1 … 255.
  public let type: UInt8
  /// The owner's: how many items the payload holds.
  public let itemCount: UInt16
  /// At most `SpoolLayout.maximumPayloadByteCount`.
  public let payloadByteCount: Int
  /// The writer's recovery count when it was written. Never falls within a segment.
  public let incarnation: UInt32

  public init(
    sequence: UInt64, type: UInt8, itemCount: UInt16, payloadByteCount: Int, incarnation: UInt32
  ) {
    self.sequence = sequence
    self.type = type
    self.itemCount = itemCount
    self.payloadByteCount = payloadByteCount
    self.incarnation = incarnation
  }

  /// Header and payload.
  var byteCount: Int { Self.headerByteCount + payloadByteCount }

  /// What a header says if its checksum, which needs the payload, should turn out right: nil when
  /// it cannot be the entry expected here. `room` is the number of bytes behind the header.
  static func decodeUnverified(
    _ bytes: Span<UInt8>, expecting sequence: UInt64, fromIncarnation incarnation: UInt32,
    room: UInt32
  ) -> SpoolEntry? {
    let payloadByteCount = bytes.loadLittleEndian(UInt32.self, at: Offset.payloadByteCount)
    let entry = SpoolEntry(
      sequence: bytes.loadLittleEndian(UInt64.self, at: Offset.sequence),
      type: bytes[Offset.type],
      itemCount: bytes.loadLittleEndian(UInt16.self, at: Offset.itemCount),
      payloadByteCount: Int(truncatingIfNeeded: payloadByteCount),
      incarnation: bytes.loadLittleEndian(UInt32.self, at: Offset.incarnation))
    guard payloadByteCount <= room,
      payloadByteCount <= UInt32(SpoolLayout.maximumPayloadByteCount),
      entry.sequence == sequence, entry.incarnation >= incarnation, entry.type != 0,
      bytes[Offset.reserved] == 0
    else { return nil }
    return entry
  }

  /// Fills the header's bytes, checksum included.
  func encode(
    into bytes: inout MutableSpan<UInt8>, payload: Span<UInt8>, geometry: SpoolGeometry
  ) {
    bytes.storeLittleEndian(UInt32(payloadByteCount), at: Offset.payloadByteCount)
    bytes.storeLittleEndian(sequence, at: Offset.sequence)
    bytes.storeLittleEndian(incarnation, at: Offset.incarnation)
    bytes.storeLittleEndian(itemCount, at: Offset.itemCount)
    bytes[Offset.type] = type
    bytes[Offset.reserved] = 0
    var checksum = geometry.checksumSeed
    checksum.update(bytes.span.extracting(4..<Self.headerByteCount))
    checksum.update(payload)
    bytes.storeLittleEndian(checksum.value, at: Offset.checksum)
  }
}
