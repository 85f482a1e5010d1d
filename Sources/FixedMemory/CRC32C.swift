/// CRC-32C (Castagnoli), reflected polynomial 0x82f63b78, as in RFC 3720 appendix B.4.
public struct CRC32C {
  private var register = UInt32.max

  public init() {}

  /// A table of 16 entries: four bits at a time, small enough for any cache.
  private static let table: InlineArray<16, UInt32> = [
    0x0000_0000, 0x105e_c76f, 0x20bd_8ede, 0x30e3_49b1,
    0x417b_1dbc, 0x5125_dad3, 0x61c6_9362, 0x7198_540d,
    0x82f6_3b78, 0x92a8_fc17, 0xa24b_b5a6, 0xb215_72c9,
    0xc38d_26c4, 0xd3d3_e1ab, 0xe330_a81a, 0xf36e_6f75,
  ]

  public mutating func update(_ bytes: Span<UInt8>) {
    for index in bytes.indices {
      register ^= UInt32(bytes[index])
      register = Self.table[Int(register & 15)] ^ (register >> 4)
      register = Self.table[Int(register & 15)] ^ (register >> 4)
    }
  }

  public var value: UInt32 { ~register }

  public static func checksum(_ bytes: Span<UInt8>) -> UInt32 {
    var crc = CRC32C()
    crc.update(bytes)
    return crc.value
  }
}
