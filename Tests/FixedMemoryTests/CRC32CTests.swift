import FixedMemory
import Testing

@Test func crcMatchesTheCheckValueOfRFC3720() {
  #expect(CRC32C.checksum(Array("123456789".utf8).span) == 0xe306_9283)
}

@Test func crcOfPiecesIsTheCRCOfTheWhole() {
  let bytes = (0..<200).map { UInt8($0) }
  let whole = CRC32C.checksum(bytes.span)
  for cut in 0...bytes.count {
    var crc = CRC32C()
    crc.update(Array(bytes[..<cut]).span)
    crc.update(Array(bytes[cut...]).span)
    #expect(crc.value == whole)
  }
}

/// The oracle: one bit at a time.
private func bitwiseCRC(_ bytes: [UInt8]) -> UInt32 {
  var register = UInt32.max
  for byte in bytes {
    register ^= UInt32(byte)
    for _ in 0..<8 { register = register & 1 == 1 ? register >> 1 ^ 0x82f6_3b78 : register >> 1 }
  }
  return ~register
}

@Test func crcOfEveryByteBehindEveryByteIsThatOfABitwiseDivision() {
  for first in UInt8.min...UInt8.max {
    for second in UInt8.min...UInt8.max {
      let bytes = [first, second]
      #expect(CRC32C.checksum(bytes.span) == bitwiseCRC(bytes))
    }
  }
}
