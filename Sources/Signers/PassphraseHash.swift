import CSodium
import FixedMemory

/// What tells whether a passphrase is the right one, and not which one that is: Argon2id, as the text that others
/// write too (docs/console.md).
///
///     $argon2id$v=19$m=65536,t=3,p=1$ zXSeyZ…(22) $ 8Lm2mW…(43)
///
/// Invariant: the text is of this form, with a cost within `SealedKey.Cost`'s bounds.
public struct PassphraseHash: Sendable {
  public enum Failure: Error, Equatable {
    /// Not of this form.
    case malformed
    /// It asks for more or less work than is done.
    case costOutOfBounds
    case noMemory
  }

  /// libsodium's bound, its NUL included.
  public static var maximumByteCount: Int { 128 }

  private var text = FixedBytes<129>()
  private var count = 0

  /// Of a new passphrase.
  public init(of passphrase: borrowing Passphrase, cost: SealedKey.Cost = .standard)
    throws(Failure)
  {
    var bytes = InlineArray<129, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    let (secret, secretCount) = (passphrase.bytes, UInt64(passphrase.count))
    let result = span.withUnsafeMutableBufferPointer {
      cairn_passphrase_hash(
        $0.baseAddress, secret, secretCount, cost.passes, cost.kibibytes)
    }
    guard result == 0 else { throw .noMemory }
    var end = 0
    while end < Self.maximumByteCount, span[end] != 0 { end += 1 }
    try self.init(decoding: span.span.extracting(0..<end))
  }

  /// As a file has it; a line's end may follow.
  public init(decoding line: Span<UInt8>) throws(Failure) {
    var end = line.count
    if end > 0, line[end - 1] == 0x0a { end -= 1 }
    guard end < Self.maximumByteCount else { throw .malformed }
    var reader = Reader(bytes: line.extracting(0..<end))
    try reader.expect("$argon2id$v=19$m=")
    let kibibytes = try reader.number()
    try reader.expect(",t=")
    let passes = try reader.number()
    try reader.expect(",p=1$")
    try reader.base64(count: 22)
    try reader.expect("$")
    try reader.base64(count: 43)
    guard reader.position == end else { throw .malformed }
    guard SealedKey.Cost(passes: passes, kibibytes: kibibytes) != nil else {
      throw .costOutOfBounds
    }
    for index in 0..<end { text[index] = line[index] }
    count = end
  }

  /// The text, without a line's end.
  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { text.span.extracting(0..<count) }
  }

  /// Takes the memory and the time that the text says. False too when there is no such memory.
  public func matches(_ passphrase: borrowing Passphrase) -> Bool {
    let (secret, secretCount) = (passphrase.bytes, UInt64(passphrase.count))
    return text.span.withUnsafeBufferPointer {
      cairn_passphrase_verify($0.baseAddress, secret, secretCount) == 0
    }
  }

  private struct Reader: ~Escapable {
    let bytes: Span<UInt8>
    var position = 0

    @_lifetime(copy bytes)
    init(bytes: Span<UInt8>) { self.bytes = bytes }

    mutating func expect(_ literal: StaticString) throws(Failure) {
      let end = position + literal.utf8CodeUnitCount
      guard end <= bytes.count, bytes.extracting(position..<end).equals(literal) else {
        throw .malformed
      }
      position = end
    }

    mutating func number() throws(Failure) -> UInt64 {
      let start = position
      var value: UInt64 = 0
      while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
        guard position - start < 9 else { throw .malformed }
        value = value * 10 + UInt64(bytes[position] - 0x30)
        position += 1
      }
      guard position > start, bytes[start] != 0x30 else { throw .malformed }
      return value
    }

    mutating func base64(count: Int) throws(Failure) {
      guard position + count <= bytes.count else { throw .malformed }
      for index in position..<position + count {
        switch bytes[index] {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2b, 0x2f: break
        default: throw .malformed
        }
      }
      position += count
    }
  }
}
