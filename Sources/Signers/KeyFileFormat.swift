import FixedMemory

/// The content of a key file, version 1 (docs/key-file.md): six lines of ASCII, each ended by a line
/// feed, nothing else. Readable with any editor, and checked to the last byte.
///
///     cairn-key 1
///     algorithm ed25519
///     seed 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60
///     epoch 0
///     board 10000000abcdef01
///     card -
struct KeyFileFormat {
  /// 12 + 18 + 70 + "epoch " 6, a number of at most 20 digits, line feed, "board " 6 and "card " 5 with 40
  /// each and a line feed.
  static var maximumByteCount: Int { 220 }

  enum Failure: Error, Equatable {
    /// Not a key file, or a damaged one.
    case malformed
    /// A later version than this program's.
    case unsupportedVersion
  }

  var seed: FixedBytes<32>
  var epoch: UInt64
  var hardware = HardwareIdentity()

  private static var head: StaticString { "cairn-key 1\nalgorithm ed25519\nseed " }
  private static var middle: StaticString { "\nepoch " }
  private static var unknown: StaticString { "-" }

  /// Writes the file's bytes and returns their count.
  func encode(into bytes: inout MutableSpan<UInt8>) -> Int {
    var count = 0
    put(Self.head, &bytes, &count)
    for index in 0..<32 {
      bytes[count] = hexDigit(seed[index] >> 4)
      bytes[count + 1] = hexDigit(seed[index] & 15)
      count += 2
    }
    put(Self.middle, &bytes, &count)
    var divisor: UInt64 = 1
    while epoch / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      bytes[count] = UInt8(ascii: "0") + UInt8(epoch / divisor % 10)
      count += 1
      divisor /= 10
    }
    put("\nboard ", &bytes, &count)
    put(hardware.board, &bytes, &count)
    put("\ncard ", &bytes, &count)
    put(hardware.card, &bytes, &count)
    put("\n", &bytes, &count)
    return count
  }

  private func put(
    _ serialNumber: FixedText<40>, _ bytes: inout MutableSpan<UInt8>, _ count: inout Int
  ) {
    let text = serialNumber.span
    guard !text.isEmpty else { return put(Self.unknown, &bytes, &count) }
    for index in text.indices {
      bytes[count] = text[index]
      count += 1
    }
  }

  init(seed: FixedBytes<32>, epoch: UInt64, hardware: HardwareIdentity = HardwareIdentity()) {
    self.seed = seed
    self.epoch = epoch
    self.hardware = hardware
  }

  init(decoding bytes: Span<UInt8>) throws(Failure) {
    var offset = 0
    guard take("cairn-key ", bytes, &offset) else { throw .malformed }
    guard take("1\n", bytes, &offset) else { throw .unsupportedVersion }
    guard take("algorithm ed25519\n", bytes, &offset), take("seed ", bytes, &offset)
    else { throw .malformed }
    seed = FixedBytes()
    guard takeHex(&seed, 0..<32, bytes, &offset) else { throw .malformed }
    guard take(Self.middle, bytes, &offset) else { throw .malformed }
    guard let epoch = takeNumber(bytes, &offset) else { throw .malformed }
    self.epoch = epoch
    guard take("\nboard ", bytes, &offset) else { throw .malformed }
    let board = Self.word(bytes, &offset)
    guard take("\ncard ", bytes, &offset) else { throw .malformed }
    let card = Self.word(bytes, &offset)
    guard take("\n", bytes, &offset), offset == bytes.count else { throw .malformed }
    hardware = HardwareIdentity(
      board: board.equals(Self.unknown) ? Span() : board,
      card: card.equals(Self.unknown) ? Span() : card)
    // One content has one spelling: what would be read as unknown must be written as that.
    guard hardware.board.isEmpty == board.equals(Self.unknown),
      hardware.card.isEmpty == card.equals(Self.unknown)
    else { throw .malformed }
  }

  /// Everything up to the end of the line.
  @_lifetime(copy bytes)
  private static func word(_ bytes: Span<UInt8>, _ offset: inout Int) -> Span<UInt8> {
    let start = offset
    while offset < bytes.count, bytes[offset] > 0x20 { offset += 1 }
    return bytes.extracting(start..<offset)
  }

  private func put(_ text: StaticString, _ bytes: inout MutableSpan<UInt8>, _ count: inout Int) {
    for index in 0..<text.utf8CodeUnitCount {
      bytes[count] = text.utf8Start[index]
      count += 1
    }
  }
}
