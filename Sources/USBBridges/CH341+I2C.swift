import Buses

/// I2C. The chip's own weakness is that it clocks on after a byte that nobody acknowledged, and that its usual
/// commands tell nothing of it. Each byte therefore goes out by itself, with the count 0, whose
/// acknowledge bit comes back:
///
///     write   AA 74 | 80 addr·W | 80 byte | … | 75 00      → one byte for each 80: bit 7 set is no acknowledge
///     read    AA 74 | 80 addr·R | C0+n | C0 | 75 00        → acknowledge, n bytes, the last byte
///     check   AA 74 | 80 01 | 75 00                        → bit 7 must be set
///
/// The check sends the START byte (UM10204 section 3.1.15), which no chip may acknowledge: an acknowledge means
/// that something holds SDA low, and then every acknowledge before, and every zero that was read, was the
/// held line's.
extension CH341 where Transport: ~Copyable {
  static var startByte: UInt8 { 0x01 }

  /// A write, then a read after a repeated start; without either, a probe. Ends by `deadline` and some packets'
  /// time for tidying up.
  public mutating func transfer(
    address: UInt8, _ written: Span<UInt8>, into read: inout MutableSpan<UInt8>, deadline: Int64,
    now: () -> Int64
  ) throws(BridgeFailure) {
    try recoverIfNeeded(deadline: deadline, now: now)
    do throws(BridgeFailure) {
      if !written.isEmpty || read.isEmpty {
        try write(address, written, isLast: read.isEmpty, deadline: deadline, now: now)
      }
      if !read.isEmpty { try self.read(address, into: &read, deadline: deadline, now: now) }
    } catch {
      // Whether nobody answered or the line is held is seen below; anything else is final.
      guard error == .bus(.notAcknowledged) else { throw error }
      try stop(now: now)
      try checkBusIsFree(now: now)
      throw error
    }
    try checkBusIsFree(now: now)
  }

  private mutating func write(
    _ address: UInt8, _ written: Span<UInt8>, isLast: Bool, deadline: Int64, now: () -> Int64
  ) throws(BridgeFailure) {
    var offset = -1
    var packet = CH341Packet(CH341Command.i2cStream)
    packet.append(CH341Command.i2cStart)
    while offset < written.count {
      // Two bytes for each, and room for the stop.
      while offset < written.count, packet.room >= 3 {
        packet.append(CH341Command.i2cOut, replies: 1)
        packet.append(offset < 0 ? address << 1 : written[offset])
        offset += 1
      }
      if isLast, offset == written.count { packet.append(CH341Command.i2cStop) }
      packet.append(CH341Command.i2cEnd)
      try exchange(packet, deadline: deadline, now: now)
      for index in 0..<packet.replyCount where reply[index] & 0x80 != 0 {
        throw .bus(.notAcknowledged)
      }
      packet = CH341Packet(CH341Command.i2cStream)
    }
  }

  private mutating func read(
    _ address: UInt8, into read: inout MutableSpan<UInt8>, deadline: Int64, now: () -> Int64
  ) throws(BridgeFailure) {
    var packet = CH341Packet(CH341Command.i2cStream)
    packet.append(CH341Command.i2cStart)
    packet.append(CH341Command.i2cOut, replies: 1)
    packet.append(address << 1 | 1)
    var offset = 0
    while offset < read.count {
      let skipped = packet.replyCount
      let count = min(read.count - offset, packet.replyRoom)
      if offset + count == read.count {
        if count > 1 {
          packet.append(CH341Command.i2cIn | UInt8(count - 1), replies: count - 1)
        }
        packet.append(CH341Command.i2cIn, replies: 1)
        packet.append(CH341Command.i2cStop)
      } else {
        packet.append(CH341Command.i2cIn | UInt8(count), replies: count)
      }
      packet.append(CH341Command.i2cEnd)
      try exchange(packet, deadline: deadline, now: now)
      if skipped == 1, reply[0] & 0x80 != 0 { throw .bus(.notAcknowledged) }
      for index in 0..<count { read[offset + index] = reply[skipped + index] }
      offset += count
      packet = CH341Packet(CH341Command.i2cStream)
    }
  }

  private mutating func stop(now: () -> Int64) throws(BridgeFailure) {
    var packet = CH341Packet(CH341Command.i2cStream)
    packet.append(CH341Command.i2cStop)
    packet.append(CH341Command.i2cEnd)
    try exchange(packet, deadline: now() + Self.packetTimeoutMilliseconds, now: now)
  }

  /// Throws `timedOut` when SDA is held, after nine clocks that let a chip finish what it thinks it sends
  /// (UM10204 section 3.1.16), so that the next transfer has a chance.
  private mutating func checkBusIsFree(now: () -> Int64) throws(BridgeFailure) {
    var packet = CH341Packet(CH341Command.i2cStream)
    packet.append(CH341Command.i2cStart)
    packet.append(CH341Command.i2cOut, replies: 1)
    packet.append(Self.startByte)
    packet.append(CH341Command.i2cStop)
    packet.append(CH341Command.i2cEnd)
    try exchange(packet, deadline: now() + Self.packetTimeoutMilliseconds, now: now)
    if reply[0] & 0x80 != 0 { return }
    packet = CH341Packet(CH341Command.i2cStream)
    packet.append(CH341Command.i2cStart)
    packet.append(CH341Command.i2cIn, replies: 1)
    packet.append(CH341Command.i2cStop)
    packet.append(CH341Command.i2cEnd)
    try exchange(packet, deadline: now() + Self.packetTimeoutMilliseconds, now: now)
    throw .bus(.timedOut)
  }
}
