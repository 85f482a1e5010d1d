import CSodium
import FixedMemory

/// A SHA-256 value.
public typealias Digest = FixedBytes<32>

/// SHA-256 (FIPS 180-4) by libsodium, fed in pieces. The only place of this module that meets C.
public struct SHA256 {
  private var state = crypto_hash_sha256_state()

  public init() { _ = unsafe crypto_hash_sha256_init(&state) }

  public mutating func update(_ bytes: Span<UInt8>) {
    guard !bytes.isEmpty else { return }
    unsafe bytes.withUnsafeBufferPointer {
      _ = unsafe crypto_hash_sha256_update(&state, $0.baseAddress, UInt64($0.count))
    }
  }

  public mutating func update(_ byte: UInt8) {
    let one: InlineArray<1, UInt8> = [byte]
    update(one.span)
  }

  /// Eight bytes, most significant first.
  public mutating func updateBigEndian(_ value: UInt64) {
    for index in 0..<8 { update(UInt8(truncatingIfNeeded: value >> UInt64(56 - index * 8))) }
  }

  /// Ends the hash. Call once.
  public mutating func finish() -> Digest {
    var digest = Digest()
    var span = digest.mutableSpan
    unsafe span.withUnsafeMutableBufferPointer {
      if let start = $0.baseAddress { _ = unsafe crypto_hash_sha256_final(&state, start) }
    }
    return digest
  }

  public static func hash(_ bytes: Span<UInt8>) -> Digest {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finish()
  }
}
