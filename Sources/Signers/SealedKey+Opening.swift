import CSodium
import FixedMemory
import Proofs

/// What is sealed, 128 bytes whatever the kind, so that a length tells nothing:
///
///       0  seed      32
///      32  epoch      8    little-endian; 0 for owner and gateway
///      40  board      1 + 40: count, text, zeros
///      81  card       1 + 40
///     122  reserved   6    zero
private enum Content {
  static var epoch: Int { 32 }
  static var board: Int { 40 }
  static var card: Int { 81 }
  static var reserved: Int { 122 }

  static func encode(_ format: KeyFileFormat, into bytes: inout FixedBytes<128>) {
    var span = bytes.mutableSpan
    span.copy(format.seed.span)
    span.storeLittleEndian(format.epoch, at: epoch)
    put(format.hardware.board, at: board, &span)
    put(format.hardware.card, at: card, &span)
  }

  private static func put(_ text: FixedText<40>, at offset: Int, _ bytes: inout MutableSpan<UInt8>)
  {
    bytes[offset] = UInt8(text.span.count)
    bytes.copy(text.span, to: offset + 1)
  }

  /// Nil for what no writer of this version seals.
  static func decode(_ bytes: Span<UInt8>, of kind: SealedKey.Kind) -> KeyFileFormat? {
    guard let seed = FixedBytes<32>(bytes.extracting(0..<32)),
      isText(bytes, board), isText(bytes, card), isZero(bytes, reserved..<128)
    else { return nil }
    let epoch = bytes.loadLittleEndian(UInt64.self, at: epoch)
    let hardware = HardwareIdentity(board: text(bytes, board), card: text(bytes, card))
    if kind != .device {
      guard epoch == 0, bytes[board] == 0, bytes[card] == 0 else { return nil }
    }
    return KeyFileFormat(seed: seed, epoch: epoch, hardware: hardware)
  }

  @_lifetime(copy bytes)
  private static func text(_ bytes: Span<UInt8>, _ offset: Int) -> Span<UInt8> {
    bytes.extracting(offset + 1..<offset + 1 + Int(bytes[offset]))
  }

  /// Printable, without blanks, zeros behind.
  private static func isText(_ bytes: Span<UInt8>, _ offset: Int) -> Bool {
    let count = Int(bytes[offset])
    guard count <= HardwareIdentity.maximumByteCount else { return false }
    for index in offset + 1..<offset + 1 + count where !(0x21...0x7e).contains(bytes[index]) {
      return false
    }
    return isZero(bytes, offset + 1 + count..<offset + 41)
  }

  private static func isZero(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    for index in range where bytes[index] != 0 { return false }
    return true
  }
}

extension FileKey {
  /// Seals the key with what belongs to it: of a device's, epoch and hardware.
  public func seal(
    as kind: SealedKey.Kind, with passphrase: borrowing Passphrase,
    cost: SealedKey.Cost = .standard
  ) throws(SealedKey.Failure) -> SealedKey {
    guard sodium_init() >= 0 else { throw .noRandomness }
    var (salt, nonce) = (FixedBytes<16>(), FixedBytes<24>())
    var span = salt.mutableSpan
    span.withUnsafeMutableBufferPointer { cairn_random_bytes($0.baseAddress, Int64($0.count)) }
    span = nonce.mutableSpan
    span.withUnsafeMutableBufferPointer { cairn_random_bytes($0.baseAddress, Int64($0.count)) }
    return try seal(as: kind, with: passphrase, cost: cost, salt: salt, nonce: nonce)
  }

  /// The same with a known salt and nonce: for vectors.
  func seal(
    as kind: SealedKey.Kind, with passphrase: borrowing Passphrase, cost: SealedKey.Cost,
    salt: FixedBytes<16>, nonce: FixedBytes<24>
  ) throws(SealedKey.Failure) -> SealedKey {
    var sealedKey = SealedKey(
      kind: kind, publicKey: publicKey, cost: cost, salt: salt, nonce: nonce)
    let isDevice = kind == .device
    var format = content(
      epoch: isDevice ? epoch : 0, hardware: isDevice ? hardware : HardwareIdentity())
    var bytes = FixedBytes<128>()
    defer {
      wipe(&format.seed)
      wipe(&bytes)
    }
    Content.encode(format, into: &bytes)
    try sealedKey.seal(bytes, with: passphrase)
    return sealedKey
  }

  /// Opens a sealed key into memory. It has no file: recording an epoch fails.
  public init(opening sealedKey: SealedKey, with passphrase: borrowing Passphrase)
    throws(SealedKey.Failure)
  {
    guard sodium_init() >= 0 else { throw .noRandomness }
    var bytes = FixedBytes<128>()
    defer { wipe(&bytes) }
    try sealedKey.open(with: passphrase, into: &bytes)
    guard var format = Content.decode(bytes.span, of: sealedKey.kind) else { throw .damaged }
    defer { wipe(&format.seed) }
    let key: FileKey
    do throws(Failure) { key = try FileKey(format: format, path: KeyPath()) } catch {
      throw .noMemory
    }
    // Under the passphrase's protection already: whoever sealed it mixed two keys up.
    guard key.publicKey == sealedKey.publicKey else { throw .damaged }
    self = key
  }
}

extension SealedKey {
  fileprivate mutating func seal(_ content: FixedBytes<128>, with passphrase: borrowing Passphrase)
    throws(Failure)
  {
    var key = try stretched(passphrase)
    defer { wipe(&key) }
    var header = TextBuilder<548>()
    writeHeader(to: &header)
    var span = sealed.mutableSpan
    let result = span.withUnsafeMutableBufferPointer { sealedBytes in
      content.span.withUnsafeBufferPointer { contentBytes in
        header.span.withUnsafeBufferPointer { headerBytes in
          nonce.span.withUnsafeBufferPointer { nonceBytes in
            key.span.withUnsafeBufferPointer {
              cairn_seal(
                sealedBytes.baseAddress, contentBytes.baseAddress, UInt64(contentBytes.count),
                headerBytes.baseAddress, UInt64(headerBytes.count), nonceBytes.baseAddress,
                $0.baseAddress)
            }
          }
        }
      }
    }
    precondition(result == 0, "sealing can't fail")
  }

  fileprivate func open(
    with passphrase: borrowing Passphrase, into content: inout FixedBytes<128>
  ) throws(Failure) {
    var key = try stretched(passphrase)
    defer { wipe(&key) }
    var header = TextBuilder<548>()
    writeHeader(to: &header)
    var span = content.mutableSpan
    let result = span.withUnsafeMutableBufferPointer { contentBytes in
      sealed.span.withUnsafeBufferPointer { sealedBytes in
        header.span.withUnsafeBufferPointer { headerBytes in
          nonce.span.withUnsafeBufferPointer { nonceBytes in
            key.span.withUnsafeBufferPointer {
              cairn_unseal(
                contentBytes.baseAddress, sealedBytes.baseAddress, UInt64(sealedBytes.count),
                headerBytes.baseAddress, UInt64(headerBytes.count), nonceBytes.baseAddress,
                $0.baseAddress)
            }
          }
        }
      }
    }
    guard result == 0 else { throw .wrongPassphrase }
  }

  /// The 32 bytes that the passphrase becomes. The work is done here: a fraction of a second, and `cost`'s memory.
  private func stretched(_ passphrase: borrowing Passphrase) throws(Failure) -> FixedBytes<32> {
    var key = FixedBytes<32>()
    var span = key.mutableSpan
    let result = span.withUnsafeMutableBufferPointer { keyBytes in
      salt.span.withUnsafeBufferPointer {
        cairn_argon2id(
          keyBytes.baseAddress, passphrase.bytes, UInt64(passphrase.count), $0.baseAddress,
          cost.passes, cost.kibibytes)
      }
    }
    guard result == 0 else { throw .noMemory }
    return key
  }
}
