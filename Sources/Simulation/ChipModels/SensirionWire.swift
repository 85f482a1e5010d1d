/// How Sensirion's chips put words on the bus, for the models: each word is followed by its CRC-8
/// (polynomial 0x31, initial value 0xff), computed by a table.
enum SensirionWire {
  private static let table: [UInt8] = (0...255).map { start in
    var crc = UInt8(start)
    for _ in 0..<8 {
      let carry: UInt8 = crc & 0x80 == 0 ? 0 : 0x31
      crc = (crc << 1) ^ carry
    }
    return crc
  }

  static func checksum(_ bytes: [UInt8]) -> UInt8 {
    bytes.reduce(0xff) { crc, byte in table[Int(crc ^ byte)] }
  }

  /// The bytes of a reply, as a healthy or an unhealthy chip sends them.
  static func reply(_ words: [UInt16], fault: ChipFault) -> [UInt8] {
    var bytes: [UInt8] = []
    for word in words {
      let pair = [UInt8(word >> 8), UInt8(word & 0xff)]
      bytes += pair + [checksum(pair)]
    }
    switch fault {
    case .badChecksum: bytes[bytes.count - 1] ^= 0x10
    case .wrongChip: bytes = registerWithoutChecksum(count: bytes.count)
    case .none, .noAcknowledge, .stuckBus, .frozen, .brownOut: break
    }
    return bytes
  }

  /// What a chip with 16-bit registers and no checksums would answer: the reset value of an
  /// INA219's configuration register, again and again. No triple of it passes for a word with its
  /// checksum.
  private static func registerWithoutChecksum(count: Int) -> [UInt8] {
    (0..<count).map { $0 % 2 == 0 ? 0x39 : 0x9f }
  }

  /// More bytes read than the chip sends: nobody pulls the line low.
  static func padded(_ reply: [UInt8], count: Int) -> [UInt8] {
    count <= reply.count
      ? Array(reply[..<count]) : reply + [UInt8](repeating: 0xff, count: count - reply.count)
  }

  /// The word nearest to (value − low) / range × 65 535, kept within a word.
  static func word(_ value: Int64, low: Int64, range: Int64, noise: Int64) -> UInt16 {
    let nearest = (Double(value - low) / Double(range) * 65_535).rounded()
    let clamped = min(max(nearest, 0), 65_535)
    return UInt16(min(max(Int64(clamped) + noise, 0), 65_535))
  }

  static func temperatureWord(_ conditions: Conditions, noise: Int64) -> UInt16 {
    word(
      conditions.temperatureMillidegreesCelsius, low: -45_000, range: 175_000, noise: noise)
  }

  static func humidityWord(_ conditions: Conditions, noise: Int64) -> UInt16 {
    word(conditions.relativeHumidityMillipercent, low: 0, range: 100_000, noise: noise)
  }
}
