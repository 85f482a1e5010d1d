import FixedMemory
import Proofs

/// A private key that a passphrase opens, as a text that survives mail and paper (docs/sealed-key.md):
///
///     cairn-sealed-key 1
///     kind owner
///     algorithm ed25519
///     public 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c
///     argon2id 3 65536
///     salt 000102030405060708090a0b0c0d0e0f
///     nonce 101112131415161718191a1b1c1d1e1f2021222324252627
///     sealed
///     …four lines of 72 digits
///     check 00000000
///
/// All of it but the four lines is shown to whoever reads the file, and none of it can be changed unseen by
/// somebody who has no passphrase; `check` finds what was copied or typed wrongly without one.
public struct SealedKey: Sendable {
  /// What the key is for. A key of one kind is never taken for another.
  public enum Kind: UInt8, Sendable {
    case owner, device, gateway

    static var count: UInt8 { 3 }

    public var name: StaticString {
      switch self {
      case .owner: "owner"
      case .device: "device"
      case .gateway: "gateway"
      }
    }
  }

  /// What an attempt at the passphrase costs (Argon2id, RFC 9106). Within bounds, since a file says it: a forged
  /// one must not ask for more than a machine has.
  public struct Cost: Equatable, Sendable {
    /// Times that the memory is gone through.
    public static var passesRange: ClosedRange<UInt64> { 1...10 }
    /// 1 MiB to 256 MiB, which a board of 512 MiB still has.
    public static var kibibytesRange: ClosedRange<UInt64> { 1024...262_144 }
    /// What is written: 64 MiB, three times.
    public static var standard: Cost { Cost(checkedPasses: 3, kibibytes: 65_536) }

    public let passes: UInt32
    public let kibibytes: UInt32

    private init(checkedPasses: UInt32, kibibytes: UInt32) {
      passes = checkedPasses
      self.kibibytes = kibibytes
    }

    /// Nil outside of the bounds.
    public init?(passes: UInt64, kibibytes: UInt64) {
      guard Self.passesRange.contains(passes), Self.kibibytesRange.contains(kibibytes) else {
        return nil
      }
      self.init(checkedPasses: UInt32(passes), kibibytes: UInt32(kibibytes))
    }
  }

  public enum Failure: Error, Equatable {
    case notSealed
    /// A later version of this format.
    case unsupportedVersion
    /// The form or the check is not right: cut, or copied wrongly.
    case damaged
    /// It asks for more or less work than is done.
    case costOutOfBounds
    /// Or the file was changed by somebody.
    case wrongPassphrase
    case noMemory
    case noRandomness
    case missing
    case notAFile
    case tooLarge
    /// Something stands where a new file is to be made.
    case exists
    case noFolder
    case pathTooLong
    /// What was written is not what is read again.
    case notWritten
    case system(errno: Int32)
  }

  /// First line 19, kind 13, algorithm 18, public 72, "argon2id 10 262144" 19, salt 38, nonce 55, "sealed" 7,
  /// four lines of 73, check 15.
  public static var maximumByteCount: Int { 548 }
  /// What a reader takes: with the CR and blanks that mail adds.
  public static var maximumReadByteCount: Int { 1024 }

  public let kind: Kind
  /// The key's public half, as the file says it: under the passphrase's protection when it opens.
  public let publicKey: PublicKey
  public let cost: Cost
  let salt: FixedBytes<16>
  let nonce: FixedBytes<24>
  /// The content of 128 bytes, encrypted, and the tag of 16.
  var sealed: FixedBytes<144>

  init(kind: Kind, publicKey: PublicKey, cost: Cost, salt: FixedBytes<16>, nonce: FixedBytes<24>) {
    self.kind = kind
    self.publicKey = publicKey
    self.cost = cost
    self.salt = salt
    self.nonce = nonce
    sealed = FixedBytes()
  }

  /// The whole text.
  public func write(to text: inout TextBuilder<548>) {
    writeHeader(to: &text)
    text.append("sealed\n")
    for line in 0..<4 {
      text.append(hex: sealed.span.extracting(36 * line..<36 * line + 36))
      text.append("\n")
    }
    let check = CRC32C.checksum(text.span)
    text.append("check ")
    text.append(hex: UInt64(check), digits: 8)
    text.append("\n")
  }

  /// The lines before `sealed`: what is authenticated with the content.
  func writeHeader(to text: inout TextBuilder<548>) {
    text.append("cairn-sealed-key 1\nkind ")
    text.append(kind.name)
    text.append("\nalgorithm ed25519\npublic ")
    text.append(hex: publicKey.bytes.span)
    text.append("\nargon2id ")
    text.append(cost.passes)
    text.append(" ")
    text.append(cost.kibibytes)
    text.append("\nsalt ")
    text.append(hex: salt.span)
    text.append("\nnonce ")
    text.append(hex: nonce.span)
    text.append("\n")
  }
}

extension SealedKey {
  /// Reads a text; the passphrase is not needed. Blanks and a CR at the ends of lines, empty lines at the end and a
  /// missing last line end are the mail's and pass; every other byte has to be right.
  public init(decoding text: Span<UInt8>) throws(Failure) {
    guard text.count <= Self.maximumReadByteCount else { throw .tooLarge }
    var bytes = InlineArray<1025, UInt8>(repeating: 0)
    let count = Self.clean(text, into: &bytes)
    self = try Self(clean: bytes.span.extracting(0..<count))
  }

  /// Every line without what mail adds to its end, and with a line feed.
  private static func clean(_ text: Span<UInt8>, into bytes: inout InlineArray<1025, UInt8>) -> Int
  {
    // Where the line ends without its blanks, and where the text does without its empty lines.
    var (count, end, textEnd) = (0, 0, 0)
    for index in text.indices {
      if text[index] == 0x0a {
        bytes[end] = 0x0a
        if end > 0, bytes[end - 1] != 0x0a { textEnd = end + 1 }
        (count, end) = (end + 1, end + 1)
      } else {
        bytes[count] = text[index]
        count += 1
        let isBlank = text[index] == 0x20 || text[index] == 0x09 || text[index] == 0x0d
        if !isBlank { end = count }
      }
    }
    if end > 0, bytes[end - 1] != 0x0a {
      bytes[end] = 0x0a
      textEnd = end + 1
    }
    return textEnd
  }

  private init(clean bytes: Span<UInt8>) throws(Failure) {
    var offset = 0
    guard take("cairn-sealed-key ", bytes, &offset) else { throw .notSealed }
    guard take("1\n", bytes, &offset) else { throw .unsupportedVersion }
    // Before anything in it is believed.
    let checkedCount = bytes.count - 15
    guard checkedCount > offset, Self.isChecked(bytes, checkedCount) else { throw .damaged }
    guard take("kind ", bytes, &offset), let kind = Self.takeKind(bytes, &offset),
      take("\nalgorithm ed25519\npublic ", bytes, &offset)
    else { throw .damaged }
    var (key, salt) = (FixedBytes<32>(), FixedBytes<16>())
    var (nonce, sealed) = (FixedBytes<24>(), FixedBytes<144>())
    guard takeHex(&key, 0..<32, bytes, &offset), take("\nargon2id ", bytes, &offset),
      let passes = takeNumber(bytes, &offset), take(" ", bytes, &offset),
      let kibibytes = takeNumber(bytes, &offset), take("\nsalt ", bytes, &offset),
      takeHex(&salt, 0..<16, bytes, &offset), take("\nnonce ", bytes, &offset),
      takeHex(&nonce, 0..<24, bytes, &offset), take("\nsealed\n", bytes, &offset)
    else { throw .damaged }
    for line in 0..<4 {
      guard takeHex(&sealed, 36 * line..<36 * line + 36, bytes, &offset),
        take("\n", bytes, &offset)
      else { throw .damaged }
    }
    guard offset == checkedCount else { throw .damaged }
    guard let cost = Cost(passes: passes, kibibytes: kibibytes) else { throw .costOutOfBounds }
    self.init(
      kind: kind, publicKey: PublicKey(ed25519: key), cost: cost, salt: salt, nonce: nonce)
    self.sealed = sealed
  }

  /// The last 15 bytes are the check of all before them.
  private static func isChecked(_ bytes: Span<UInt8>, _ checkedCount: Int) -> Bool {
    var offset = checkedCount
    var value = FixedBytes<4>()
    guard take("check ", bytes, &offset), takeHex(&value, 0..<4, bytes, &offset),
      take("\n", bytes, &offset)
    else { return false }
    var sum: UInt32 = 0
    for index in 0..<4 { sum = sum << 8 | UInt32(value[index]) }
    return sum == CRC32C.checksum(bytes.extracting(0..<checkedCount))
  }

  private static func takeKind(_ bytes: Span<UInt8>, _ offset: inout Int) -> Kind? {
    for raw in 0..<Kind.count {
      if let kind = Kind(rawValue: raw), take(kind.name, bytes, &offset) { return kind }
    }
    return nil
  }
}
