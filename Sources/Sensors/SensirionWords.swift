import Buses

/// The transfers of Sensirion's chips: 16-bit commands, and replies of 16-bit words, each followed
/// by a checksum. SHT3x datasheet section 4, SCD4x datasheet section 3.
///
///     send    S addr W command[2] P
///     fetch   S addr R word[2] crc word[2] crc … P
enum SensirionWords {
  /// A serial number of three words is the longest reply that is read here.
  static var maximumCount: Int { 3 }
  static var byteCountPerWord: Int { 3 }

  /// CRC-8 with polynomial 0x31 and initial value 0xff (SHT3x section 4.12, SCD4x section 3.11).
  static func checksum(_ high: UInt8, _ low: UInt8) -> UInt8 {
    var crc = UInt16(0xff ^ high) << 8 | UInt16(low)
    for _ in 0..<16 { crc = crc & 0x8000 == 0 ? crc << 1 : (crc << 1) ^ 0x3100 }
    return UInt8(crc >> 8)
  }

  typealias OneWord = InlineArray<3, UInt8>
  typealias TwoWords = InlineArray<6, UInt8>
  typealias ThreeWords = InlineArray<9, UInt8>

  /// What a reply is asked for.
  enum Purpose {
    /// A reply in which no checksum fits comes from another chip.
    case identity
    case measurement
  }
}

extension I2CDevice where Self: ~Copyable {
  /// Sends a command without arguments.
  mutating func send(command: UInt16) throws(SensorFailure) {
    let bytes: InlineArray<2, UInt8> = [
      UInt8(truncatingIfNeeded: command >> 8), UInt8(truncatingIfNeeded: command),
    ]
    do throws(BusError) { try write(bytes.span) } catch { throw .bus(error) }
  }

  /// Fetches a reply of `byteCount` bytes, three for each word, and returns its words when every
  /// checksum fits; the places after them are zero.
  mutating func fetchWords<let byteCount: Int>(
    _: InlineArray<byteCount, UInt8>.Type, for purpose: SensirionWords.Purpose
  ) throws(SensorFailure) -> InlineArray<3, UInt16> {
    let count = byteCount / SensirionWords.byteCountPerWord
    precondition(
      count > 0 && count <= SensirionWords.maximumCount
        && byteCount == count * SensirionWords.byteCountPerWord, "reply of an unknown size")
    var bytes = InlineArray<byteCount, UInt8>(repeating: 0)
    do throws(BusError) {
      var reply = bytes.mutableSpan
      try read(into: &reply)
    } catch {
      throw .bus(error)
    }
    var words = InlineArray<3, UInt16>(repeating: 0)
    var firstMismatch: (expected: UInt8, received: UInt8)?
    var mismatchCount = 0
    for index in 0..<count {
      let offset = index * SensirionWords.byteCountPerWord
      let expected = SensirionWords.checksum(bytes[offset], bytes[offset + 1])
      let received = bytes[offset + 2]
      if received != expected {
        mismatchCount += 1
        if firstMismatch == nil { firstMismatch = (expected, received) }
      }
      words[index] = UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
    }
    guard let firstMismatch else { return words }
    // One wrong checksum is a bad line. Wrong in every word of an identity, it is no checksum.
    if purpose == .identity, mismatchCount == count {
      throw .wrongChip(expected: firstMismatch.expected, found: firstMismatch.received)
    }
    throw .checksumMismatch(
      expected: firstMismatch.expected, received: firstMismatch.received)
  }
}
