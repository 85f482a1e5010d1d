/// The commands of a CH341 (docs/usb.md).
enum CH341Command {
  static var getStatus: UInt8 { 0xa0 }
  static var spiStream: UInt8 { 0xa8 }
  static var i2cStream: UInt8 { 0xaa }
  static var uioStream: UInt8 { 0xab }

  static var i2cStart: UInt8 { 0x74 }
  static var i2cStop: UInt8 { 0x75 }
  /// With the count 0: one byte, and its acknowledge bit comes back.
  static var i2cOut: UInt8 { 0x80 }
  /// With the count 0: one byte that is not acknowledged, the last of a read.
  static var i2cIn: UInt8 { 0xc0 }
  static var i2cSet: UInt8 { 0x60 }
  static var i2cEnd: UInt8 { 0x00 }

  static var uioOut: UInt8 { 0x80 }
  static var uioDirection: UInt8 { 0x40 }
  static var uioEnd: UInt8 { 0x20 }
}

/// One packet to the chip, of 32 bytes at most, and how many bytes it answers.
struct CH341Packet {
  static var capacity: Int { 32 }

  private(set) var bytes = InlineArray<32, UInt8>(repeating: 0)
  private(set) var count = 0
  private(set) var replyCount = 0

  init(_ first: UInt8) { append(first) }

  mutating func append(_ byte: UInt8, replies: Int = 0) {
    precondition(count < Self.capacity, "more than a packet takes")
    bytes[count] = byte
    count += 1
    replyCount += replies
    precondition(replyCount <= Self.capacity, "more than a packet answers")
  }

  /// More bytes of reply than the commands say by themselves.
  mutating func expect(replies: Int) { replyCount += replies }

  /// What still fits before the end mark.
  var room: Int { Self.capacity - 1 - count }

  /// How many bytes the reply can still have.
  var replyRoom: Int { Self.capacity - replyCount }
}
