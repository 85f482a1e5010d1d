import Testing

@testable import Sensors

/// Values from the datasheets: BEEF in SHT3x section 4.12, the rest in SCD4x examples.
@Test(arguments: [
  (UInt16(0xbeef), UInt8(0x92)), (0x0000, 0x81), (0x01f4, 0x33), (0x6667, 0xa2), (0x5eb9, 0x3c),
  (0xf896, 0x31), (0x9f07, 0xc2), (0x3bbe, 0x89),
])
func checksumIsTheDatasheets(word: UInt16, checksum: UInt8) {
  #expect(SensirionWords.checksum(UInt8(word >> 8), UInt8(word & 0xff)) == checksum)
}

@Test func checksumOfEveryWordIsThatOfATable() {
  for word in UInt16.min...UInt16.max {
    let bytes = [UInt8(word >> 8), UInt8(word & 0xff)]
    guard SensirionWords.checksum(bytes[0], bytes[1]) == tableCRC8(bytes) else {
      Issue.record("checksum of \(word) differs")
      return
    }
  }
}

@Test func aBusThatReadsOnlyZerosOrOnlyOnesHasNoValidChecksum() {
  #expect(SensirionWords.checksum(0x00, 0x00) != 0x00)
  #expect(SensirionWords.checksum(0xff, 0xff) != 0xff)
}
