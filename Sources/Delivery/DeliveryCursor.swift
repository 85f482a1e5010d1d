import FixedMemory

/// What the uplink remembers over a restart: where delivery stands, and the last receipt. A lost cursor
/// costs repeats and nothing else, so that every fault of it has the same cure: begin at the oldest.
/// The byte layout is specified in docs/delivery-protocol.md, section "Cursor"; change both or neither.
public struct DeliveryCursor: ~Copyable {
  public static var byteCount: Int { 584 }
  public static var maximumReceiptByteCount: Int { GatewayAnswer.maximumReceiptByteCount }

  /// Offsets from the start of the file. All integers are little-endian.
  enum Offset {
    static var magic: Int { 0 }
    static var version: Int { 4 }
    static var receiptByteCount: Int { 6 }
    static var keyHash: Int { 8 }
    static var epoch: Int { 40 }
    static var batch: Int { 48 }
    static var spoolSequence: Int { 56 }
    static var flags: Int { 64 }
    static var reserved: Int { 65 }
    static var receipt: Int { 68 }
    static var checksum: Int { 580 }
  }

  static var magic: UInt32 { 0x5352_5543 }  // "CURS"
  static var version: UInt16 { 1 }

  public enum Failure: Error, Equatable {
    /// No bytes, or nothing but zeros: never written.
    case blank
    /// Another length, magic or checksum: a write was cut short, or the medium decayed.
    case damaged
    /// Written by a newer uplink.
    case unsupportedVersion(UInt16)
    /// Whole, but its fields are not of this format.
    case malformed
  }

  /// SHA-256 of the device's public key. A cursor of another key is no cursor.
  public let keyHash: FixedBytes<32>
  /// The next batch to deliver.
  public private(set) var next: BatchPosition
  /// The spool's sequence after the last delivered checkpoint, where to read on. A hint: `next` decides.
  public private(set) var spoolSequence: UInt64
  /// The agent has not yet answered for the receipt: hand it over when it is back.
  public private(set) var isReceiptUnanswered = false
  private var receipt = FixedBytes<512>()
  private var receiptByteCount = 0

  /// Before the first delivery, or after the cursor was lost.
  public init(keyHash: FixedBytes<32>, next: BatchPosition, spoolSequence: UInt64) {
    self.keyHash = keyHash
    self.next = next
    self.spoolSequence = spoolSequence
  }

  /// The last receipt; empty before the first.
  public var receiptBytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { receipt.span.extracting(0..<receiptByteCount) }
  }

  /// `advanceCursor`: the batch at `position` is delivered, and `receipt` proves it. A receipt of more
  /// than 512 bytes is a bug: `GatewayAnswer` refuses it.
  public mutating func advance(
    past position: BatchPosition, spoolSequence: UInt64, receipt: Span<UInt8>, agentWasAway: Bool
  ) {
    precondition(receipt.count <= Self.maximumReceiptByteCount, "a receipt of more than 512 bytes")
    next = position.next
    self.spoolSequence = spoolSequence
    isReceiptUnanswered = agentWasAway
    self.receipt = FixedBytes()
    var bytes = self.receipt.mutableSpan
    bytes.copy(receipt)
    receiptByteCount = receipt.count
  }

  /// `moveCursor`: the gateway has everything before `position`. A receipt that was not answered for is
  /// not handed over any more: it belongs to the checkpoint in front of `spoolSequence`, which is another.
  public mutating func move(to position: BatchPosition, spoolSequence: UInt64) {
    next = position
    self.spoolSequence = spoolSequence
    isReceiptUnanswered = false
  }

  /// The agent has answered for the receipt.
  public mutating func noteReceiptAnswered() { isReceiptUnanswered = false }

  /// Writes the `byteCount` bytes of the file.
  public func encode(into bytes: inout MutableSpan<UInt8>) {
    precondition(bytes.count >= Self.byteCount, "a cursor needs 584 bytes")
    bytes.storeLittleEndian(Self.magic, at: Offset.magic)
    bytes.storeLittleEndian(Self.version, at: Offset.version)
    bytes.storeLittleEndian(UInt16(receiptByteCount), at: Offset.receiptByteCount)
    bytes.copy(keyHash.span, to: Offset.keyHash)
    bytes.storeLittleEndian(next.epoch, at: Offset.epoch)
    bytes.storeLittleEndian(next.batch, at: Offset.batch)
    bytes.storeLittleEndian(spoolSequence, at: Offset.spoolSequence)
    bytes[Offset.flags] = isReceiptUnanswered ? 1 : 0
    for offset in Offset.reserved..<Offset.receipt { bytes[offset] = 0 }
    bytes.copy(receipt.span, to: Offset.receipt)
    let checksum = CRC32C.checksum(bytes.span.extracting(0..<Offset.checksum))
    bytes.storeLittleEndian(checksum, at: Offset.checksum)
  }

  /// Reads a file's bytes, which may be anything.
  public init(decoding bytes: Span<UInt8>) throws(Failure) {
    guard !Self.isZero(bytes) else { throw .blank }
    guard bytes.count == Self.byteCount else { throw .damaged }
    guard bytes.loadLittleEndian(UInt32.self, at: Offset.magic) == Self.magic else {
      throw .damaged
    }
    let checksum = bytes.loadLittleEndian(UInt32.self, at: Offset.checksum)
    guard checksum == CRC32C.checksum(bytes.extracting(0..<Offset.checksum)) else {
      throw .damaged
    }
    let version = bytes.loadLittleEndian(UInt16.self, at: Offset.version)
    guard version == Self.version else { throw .unsupportedVersion(version) }
    let receiptByteCount = Int(bytes.loadLittleEndian(UInt16.self, at: Offset.receiptByteCount))
    guard receiptByteCount <= Self.maximumReceiptByteCount, bytes[Offset.flags] <= 1,
      Self.isZero(bytes.extracting(Offset.reserved..<Offset.receipt)),
      Self.isZero(bytes.extracting((Offset.receipt + receiptByteCount)..<Offset.checksum)),
      let keyHash = FixedBytes<32>(bytes.extracting(Offset.keyHash..<Offset.epoch)),
      let receipt = FixedBytes<512>(bytes.extracting(Offset.receipt..<Offset.checksum))
    else { throw .malformed }
    self.keyHash = keyHash
    next = BatchPosition(
      epoch: bytes.loadLittleEndian(UInt64.self, at: Offset.epoch),
      batch: bytes.loadLittleEndian(UInt64.self, at: Offset.batch))
    spoolSequence = bytes.loadLittleEndian(UInt64.self, at: Offset.spoolSequence)
    isReceiptUnanswered = bytes[Offset.flags] == 1
    self.receipt = receipt
    self.receiptByteCount = receiptByteCount
  }

  private static func isZero(_ bytes: Span<UInt8>) -> Bool {
    for index in bytes.indices where bytes[index] != 0 { return false }
    return true
  }
}
