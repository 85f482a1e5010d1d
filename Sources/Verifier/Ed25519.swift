import CSodium
import FixedMemory
import Proofs

/// Signature checks by libsodium, which refuses keys of small order and signatures that are not in
/// their canonical form. The only place of this module that meets C.
public enum SignatureCheck {
  /// True when somebody can hold the private half of this key. False for bytes that are no point of the
  /// curve or not in their shortest form, for points of small order, all zero among them, and for points
  /// with a part of small order: RFC 8032 section 5.1.5 makes none of them, and signatures under them
  /// bind nobody. To be asked once, where a key is taken.
  public static func isPossibleKey(
    _ key: PublicKey, es256: some ES256Verifying = WithoutES256()
  ) -> Bool {
    switch key.algorithm {
    case .ed25519:
      unsafe key.bytes.span.withUnsafeBufferPointer { bytes in
        guard let start = bytes.baseAddress else { return false }
        return unsafe crypto_core_ed25519_is_valid_point(start) == 1
      }
    // Nothing here knows the curve: `ES256Verifying` of a program that does tells.
    case .es256: es256.isPossibleKey(key.bytes)
    }
  }

  /// True when `signature` is the key's for `message`. Never for an ES256 key: see `ES256Verifying`.
  public static func verifies(_ signature: Signature, of message: Span<UInt8>, by key: PublicKey)
    -> Bool
  {
    switch key.algorithm {
    case .ed25519: ed25519(signature, message, key.bytes)
    case .es256: false
    }
  }

  private static func ed25519(
    _ signature: Signature, _ message: Span<UInt8>, _ key: PublicKeyBytes
  ) -> Bool {
    unsafe signature.span.withUnsafeBufferPointer { signatureBytes in
      unsafe message.withUnsafeBufferPointer { messageBytes in
        unsafe key.span.withUnsafeBufferPointer { keyBytes in
          guard let signatureStart = signatureBytes.baseAddress,
            let messageStart = messageBytes.baseAddress, let keyStart = keyBytes.baseAddress
          else { return false }
          return unsafe crypto_sign_ed25519_verify_detached(
            signatureStart, messageStart, UInt64(messageBytes.count), keyStart) == 0
        }
      }
    }
  }
}
