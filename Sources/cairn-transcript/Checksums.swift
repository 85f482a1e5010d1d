import FixedMemory
import Proofs

/// Hashes of ramps: bytes 0, 1, 2 … of many lengths, around the sizes of a block among them.
func tellChecksums() {
  var ramp = InlineArray<4096, UInt8>(repeating: 0)
  for index in ramp.indices { ramp[index] = UInt8(truncatingIfNeeded: index) }
  let counts: InlineArray<11, Int> = [0, 1, 55, 56, 63, 64, 65, 255, 256, 4095, 4096]
  for place in counts.indices {
    let count = counts[place]
    let bytes = ramp.span.extracting(0..<count)
    let digest = SHA256.hash(bytes)
    let shown = named("sha-256 of a ramp of ", UInt64(count))
    tell(shown.span, digest.span)
    tellNumber(named("crc-32c of a ramp of ", UInt64(count)), UInt64(CRC32C.checksum(bytes)))
  }
  var tally = Tally()
  for count in 0...1024 { tally.add(UInt64(CRC32C.checksum(ramp.span.extracting(0..<count)))) }
  tally.tell("crc-32c of all ramps up to 1024")
  tally = Tally()
  for count in 0...1024 {
    let digest = SHA256.hash(ramp.span.extracting(0..<count))
    tally.add(digest.span)
  }
  tally.tell("sha-256 of all ramps up to 1024")
}

/// A number, most significant byte first.
func tellNumber(_ name: consuming Name, _ value: UInt64) {
  var bytes = InlineArray<8, UInt8>(repeating: 0)
  for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: value >> UInt64(56 - index * 8)) }
  tell(name.span, bytes.span)
}
