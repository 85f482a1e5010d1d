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
