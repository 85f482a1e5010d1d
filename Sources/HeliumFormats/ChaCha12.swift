/// The keystream of ChaCha with twelve rounds (D. J. Bernstein, "ChaCha, a variant of Salsa20"), a block counter of 64
/// bits and a nonce of zero. For draws, not for secrets.
struct ChaCha12 {
  private let key: [UInt32]
  private var counter: UInt64 = 0
  private var block: [UInt32] = []
  private var next = 16

  /// Nil for a key that has not 32 bytes.
  init?(key bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    var words: [UInt32] = []
    for word in 0..<8 {
      var value: UInt32 = 0
      for index in (0..<4).reversed() { value = value << 8 | UInt32(bytes[word * 4 + index]) }
      words.append(value)
    }
    key = words
  }

  mutating func word() -> UInt32 {
    if next == 16 {
      refill()
      next = 0
    }
    defer { next += 1 }
    return block[next]
  }

  private mutating func refill() {
    let start: [UInt32] =
      [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574] + key + [
        UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32), 0, 0,
      ]
    var state = start
    for _ in 0..<6 {
      for column in 0..<4 { Self.quarter(&state, column, column + 4, column + 8, column + 12) }
      for column in 0..<4 {
        Self.quarter(
          &state, column, (column + 1) % 4 + 4, (column + 2) % 4 + 8, (column + 3) % 4 + 12)
      }
    }
    block = zip(state, start).map { $0 &+ $1 }
    counter &+= 1
  }

  private static func quarter(_ s: inout [UInt32], _ a: Int, _ b: Int, _ c: Int, _ d: Int) {
    func turn(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
    s[a] = s[a] &+ s[b]
    s[d] = turn(s[d] ^ s[a], 16)
    s[c] = s[c] &+ s[d]
    s[b] = turn(s[b] ^ s[c], 12)
    s[a] = s[a] &+ s[b]
    s[d] = turn(s[d] ^ s[a], 8)
    s[c] = s[c] &+ s[d]
    s[b] = turn(s[b] ^ s[c], 7)
  }
}
