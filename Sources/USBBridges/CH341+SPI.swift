import Buses

/// SPI in mode 0, and the pins D0 to D7.
///
///     select    AB 80+levels 40+outputs 20
///     transfer  A8 byte …                       → as many bytes; each with its bits reversed, both ways
///     status    A0                              → D0…D7, D8…D15, more
///
/// D3 is the clock, D5 goes out, D7 comes in; a chip select is D0, D1 or D2, low while it selects. The other
/// pins are the radio's: reset, busy, interrupt.
extension CH341 where Transport: ~Copyable {
  static var clockPin: UInt8 { 0x08 }
  static var dataOutPin: UInt8 { 0x20 }
  /// What a pin request may change: the rest are the bus's own, or can only be read.
  public static var freePins: UInt8 { 0x17 }
  /// A packet less its command.
  static var spiChunk: Int { 31 }

  /// Sends bytes and replaces them by what came back, with chip select `select` low meanwhile.
  public mutating func exchange(
    select: UInt8, _ bytes: inout MutableSpan<UInt8>, deadline: Int64, now: () -> Int64
  ) throws(BridgeFailure) {
    guard select < 3 else { throw .unsupported }
    try recoverIfNeeded(deadline: deadline, now: now)
    let pin: UInt8 = 1 << select
    selected |= pin
    outputs |= pin | Self.clockPin | Self.dataOutPin
    levels = (levels | pin) & ~Self.clockPin
    try setPins(levels & ~pin, deadline: deadline, now: now)
    var offset = 0
    while offset < bytes.count {
      let count = min(Self.spiChunk, bytes.count - offset)
      var packet = CH341Packet(CH341Command.spiStream)
      for index in 0..<count { packet.append(reversed(bytes[offset + index]), replies: 1) }
      try exchange(packet, deadline: deadline, now: now)
      for index in 0..<count { bytes[offset + index] = reversed(reply[index]) }
      offset += count
    }
    try setPins(levels, deadline: now() + Self.packetTimeoutMilliseconds, now: now)
  }

  /// Makes the pins in `changed` outputs with their level, or inputs, and says how D0 to D15 stand.
  public mutating func pins(
    changed: UInt8, outputs wanted: UInt8, levels high: UInt8, deadline: Int64, now: () -> Int64
  ) throws(BridgeFailure) -> UInt16 {
    guard changed & ~Self.freePins == 0 else { throw .unsupported }
    try recoverIfNeeded(deadline: deadline, now: now)
    if changed != 0 {
      outputs = outputs & ~changed | wanted & changed
      levels = levels & ~changed | high & changed
      try setPins(levels, deadline: deadline, now: now)
    }
    var packet = CH341Packet(CH341Command.getStatus)
    packet.expect(replies: 6)
    // Sticks answer six bytes; the maker's library takes three and more. Many more are another packet's.
    try exchange(packet, deadline: deadline, now: now, replyIs: { (3...8).contains($0) })
    return UInt16(reply[0]) | UInt16(reply[1]) << 8
  }

  /// After a failure a chip may still be selected.
  mutating func releaseChipSelects(deadline: Int64, now: () -> Int64) throws(BridgeFailure) {
    guard selected != 0 else { return }
    try setPins(levels | selected & outputs, deadline: deadline, now: now)
  }

  private mutating func setPins(_ levels: UInt8, deadline: Int64, now: () -> Int64)
    throws(BridgeFailure)
  {
    var packet = CH341Packet(CH341Command.uioStream)
    packet.append(CH341Command.uioOut | levels & 0x3f)
    packet.append(CH341Command.uioDirection | outputs & 0x3f)
    packet.append(CH341Command.uioEnd)
    try exchange(packet, deadline: deadline, now: now)
  }

  private func reversed(_ byte: UInt8) -> UInt8 {
    var result: UInt8 = 0
    for bit in 0..<8 where byte & (1 << UInt8(bit)) != 0 { result |= 0x80 >> UInt8(bit) }
    return result
  }
}
