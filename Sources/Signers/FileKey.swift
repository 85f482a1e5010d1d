import CLinux
import CSodium
import FixedMemory
import Proofs

/// An Ed25519 key in a file that only its owner can read. It has no description, no copy and no encoder;
/// the bytes in memory are wiped when it goes.
///
/// The file also holds the log's epoch, so that the epoch survives the spool: whoever lost the spool but
/// kept the key must not sign position 0 of the same epoch again.
public struct FileKey: ~Copyable, Signer {
  public enum Failure: Error, Equatable {
    /// There is no such file.
    case missing
    /// The file's mode lets group or others read or write it, or somebody else owns it: the key
    /// may be known already.
    case readableByOthers(mode: UInt32, owner: UInt32)
    /// A link, folder or device stands at the path.
    case notAFile
    /// Not a key file, or a damaged one.
    case malformed
    /// A key file of a later version.
    case unsupportedVersion
    /// The path, with its temporary name, is longer than 507 bytes or has a zero byte.
    case pathTooLong
    /// libsodium did not start, which means no source of random bytes.
    case noRandomness
    /// The folder for the key is not there.
    case noFolder
    /// The kernel gives no more memory that is locked (RLIMIT_MEMLOCK).
    case noSecureMemory
    case system(errno: Int32)
  }

  public let publicKey: PublicKey
  /// The log's epoch as last recorded.
  public private(set) var epoch: UInt64
  /// What the key is bound to.
  public private(set) var hardware: HardwareIdentity
  /// 64 bytes from sodium_malloc: the seed, then the public key.
  private let secretKey: UnsafeMutablePointer<UInt8>
  private let path: KeyPath

  /// Reads the key at `path`.
  public init(opening path: Span<UInt8>) throws(Failure) {
    guard sodium_init() >= 0 else { throw .noRandomness }
    let keyPath = try KeyPath(path)
    var format = try Self.read(keyPath)
    defer { wipe(&format.seed) }
    self = try Self(format: format, path: keyPath)
  }

  /// Reads the key at `path` for somebody who keeps or compares it and leaves the file alone: root may, whosever
  /// file it is. Recording an epoch fails.
  public init(reading path: Span<UInt8>) throws(Failure) {
    guard sodium_init() >= 0 else { throw .noRandomness }
    var format = try Self.read(KeyPath(path), asRoot: cairn_effective_user() == 0)
    defer { wipe(&format.seed) }
    self = try Self(format: format, path: KeyPath())
  }

  /// A new key that is nowhere but in memory. Recording an epoch fails.
  public init() throws(Failure) {
    guard sodium_init() >= 0 else { throw .noRandomness }
    var format = KeyFileFormat(seed: FixedBytes(), epoch: 0)
    defer { wipe(&format.seed) }
    var span = format.seed.mutableSpan
    span.withUnsafeMutableBufferPointer { cairn_random_bytes($0.baseAddress, Int64($0.count)) }
    self = try Self(format: format, path: KeyPath())
  }

  /// Makes a new key and its file, with mode 0600, durable before this returns. Whoever calls has
  /// seen `missing`; an existing file would be replaced.
  public init(creatingAt path: Span<UInt8>, hardware: HardwareIdentity = HardwareIdentity())
    throws(Failure)
  {
    guard sodium_init() >= 0 else { throw .noRandomness }
    let keyPath = try KeyPath(path)
    var format = KeyFileFormat(seed: FixedBytes(), epoch: 0, hardware: hardware)
    defer { wipe(&format.seed) }
    var span = format.seed.mutableSpan
    span.withUnsafeMutableBufferPointer { cairn_random_bytes($0.baseAddress, Int64($0.count)) }
    try Self.write(format, to: keyPath)
    self = try Self(format: format, path: keyPath)
  }

  /// A key from a known seed, without a file: for tests and vectors. Recording an epoch fails.
  public init(seed: FixedBytes<32>) throws(Failure) {
    guard sodium_init() >= 0 else { throw .noRandomness }
    self = try Self(format: KeyFileFormat(seed: seed, epoch: 0), path: KeyPath())
  }

  init(format: KeyFileFormat, path: KeyPath) throws(Failure) {
    // Locked, kept out of core dumps, between pages that can't be touched.
    guard
      let secretKey = sodium_malloc(Int(crypto_sign_ed25519_SECRETKEYBYTES))?
        .assumingMemoryBound(to: UInt8.self)
    else { throw .noSecureMemory }
    var publicKey = FixedBytes<32>()
    var publicSpan = publicKey.mutableSpan
    let result = publicSpan.withUnsafeMutableBufferPointer { publicBytes in
      format.seed.span.withUnsafeBufferPointer { seed in
        cairn_ed25519_keypair(publicBytes.baseAddress, secretKey, seed.baseAddress)
      }
    }
    precondition(result == 0, "an Ed25519 seed gives a key whatever its bytes")
    self.secretKey = secretKey
    self.publicKey = PublicKey(ed25519: publicKey)
    self.epoch = format.epoch
    self.hardware = format.hardware
    self.path = path
  }

  // Wipes the bytes before it gives the memory back.
  deinit { sodium_free(secretKey) }

  public mutating func sign(_ message: Span<UInt8>) throws(SigningFailure) -> Signature {
    var signature = Signature()
    var span = signature.mutableSpan
    let result = span.withUnsafeMutableBufferPointer { signatureBytes in
      message.withUnsafeBufferPointer { messageBytes in
        cairn_ed25519_sign(
          signatureBytes.baseAddress, messageBytes.baseAddress, UInt64(messageBytes.count),
          secretKey)
      }
    }
    guard result == 0 else { throw .unavailable }
    return signature
  }

  /// Records a new epoch durably: call before anything is signed in it. Epochs only grow.
  public mutating func record(epoch newEpoch: UInt64) throws(Failure) {
    precondition(newEpoch >= epoch, "an epoch never goes back")
    try rewrite(epoch: newEpoch, hardware: hardware)
    epoch = newEpoch
  }

  /// Binds the key to a board and card, durably.
  public mutating func bind(to newHardware: HardwareIdentity) throws(Failure) {
    try rewrite(epoch: epoch, hardware: newHardware)
    hardware = newHardware
  }

  private func rewrite(epoch: UInt64, hardware: HardwareIdentity) throws(Failure) {
    var format = content(epoch: epoch, hardware: hardware)
    defer { wipe(&format.seed) }
    try Self.write(format, to: path)
  }

  /// What a file of this key holds. Whoever takes it wipes the seed.
  func content(epoch: UInt64, hardware: HardwareIdentity) -> KeyFileFormat {
    var format = KeyFileFormat(seed: FixedBytes(), epoch: epoch, hardware: hardware)
    for index in 0..<32 { format.seed[index] = secretKey[index] }
    return format
  }

  /// Writes the key's file at a path where none is, or one of the same key: with mode 0600, durably, and, when root
  /// does it, for the user whose the folder is. Whoever calls has the folder's lock and has looked what is there.
  public func restore(to path: Span<UInt8>, epoch: UInt64, hardware: HardwareIdentity)
    throws(Failure)
  {
    let target = try KeyPath(path)
    var format = content(epoch: epoch, hardware: hardware)
    defer { wipe(&format.seed) }
    try Self.write(format, to: target, asRestored: true)
  }
}

extension FileKey {
  private static func read(_ path: KeyPath, asRoot: Bool = false) throws(Failure) -> KeyFileFormat {
    // One byte more than a key file has, so that a longer one is seen.
    var bytes = InlineArray<256, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    var state = cairn_key_file_state()
    let count = path.file.span.withUnsafeBufferPointer { pathBytes in
      span.withUnsafeMutableBufferPointer {
        cairn_key_file_read(pathBytes.baseAddress, $0.baseAddress, Int64($0.count), &state)
      }
    }
    defer { span.withUnsafeMutableBufferPointer { cairn_wipe($0.baseAddress, Int64($0.count)) } }
    if count == -Int64(ENOENT) { throw .missing }
    if count == -Int64(ELOOP) { throw .notAFile }
    guard count >= 0 else { throw .system(errno: Int32(-count)) }
    guard state.is_regular != 0 else { throw .notAFile }
    guard state.mode & 0o077 == 0, asRoot || state.owner == cairn_effective_user() else {
      throw .readableByOthers(mode: state.mode, owner: state.owner)
    }
    do throws(KeyFileFormat.Failure) {
      return try KeyFileFormat(decoding: span.span.extracting(0..<Int(count)))
    } catch {
      switch error {
      case .malformed: throw .malformed
      case .unsupportedVersion: throw .unsupportedVersion
      }
    }
  }

  private static func write(
    _ format: KeyFileFormat, to path: KeyPath, asRestored: Bool = false
  ) throws(Failure) {
    var bytes = InlineArray<256, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    let count = format.encode(into: &span)
    let result = span.withUnsafeMutableBufferPointer { content in
      path.file.span.withUnsafeBufferPointer { file in
        path.temporary.span.withUnsafeBufferPointer { temporary in
          path.folder.span.withUnsafeBufferPointer { folder in
            (asRestored ? cairn_key_file_restore : cairn_key_file_replace)(
              file.baseAddress, temporary.baseAddress, folder.baseAddress, content.baseAddress,
              Int64(count))
          }
        }
      }
    }
    span.withUnsafeMutableBufferPointer { cairn_wipe($0.baseAddress, Int64($0.count)) }
    if result == -ENOENT { throw .noFolder }
    guard result == 0 else { throw .system(errno: -result) }
  }

  /// Writes the 32 bytes of the public key to a file that everybody may read.
  public func writePublicKey(to path: Span<UInt8>) throws(Failure) {
    let target = try KeyPath(path)
    let result = publicKey.bytes.span.withUnsafeBufferPointer { content in
      target.file.span.withUnsafeBufferPointer { file in
        target.temporary.span.withUnsafeBufferPointer { temporary in
          target.folder.span.withUnsafeBufferPointer { folder in
            cairn_public_file_replace(
              file.baseAddress, temporary.baseAddress, folder.baseAddress, content.baseAddress, 32)
          }
        }
      }
    }
    if result == -ENOENT { throw .noFolder }
    guard result == 0 else { throw .system(errno: -result) }
  }
}

/// A path with the two that replacing the file needs, each with its NUL.
struct KeyPath {
  var file = InlineArray<512, UInt8>(repeating: 0)
  var temporary = InlineArray<512, UInt8>(repeating: 0)
  var folder = InlineArray<512, UInt8>(repeating: 0)

  init() {}

  init(_ path: Span<UInt8>) throws(FileKey.Failure) {
    // ".new" and NUL must still fit.
    guard !path.isEmpty, path.count <= 512 - 5 else { throw .pathTooLong }
    var folderCount = 0
    for index in path.indices {
      guard path[index] != 0 else { throw .pathTooLong }
      file[index] = path[index]
      temporary[index] = path[index]
      if path[index] == UInt8(ascii: "/") { folderCount = index }
    }
    let suffix: StaticString = ".new"
    for index in 0..<4 { temporary[path.count + index] = suffix.utf8Start[index] }
    let isAbsolute = path[0] == UInt8(ascii: "/")
    if folderCount == 0 {
      folder[0] = isAbsolute ? UInt8(ascii: "/") : UInt8(ascii: ".")
    } else {
      for index in 0..<folderCount { folder[index] = path[index] }
    }
  }
}
