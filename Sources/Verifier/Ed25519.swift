import CSodium
import FixedMemory
import Proofs

/// Signature checks by libsodium, which refuses keys of small order and signatures that are not in
/// their canonical form. The only place of this module that meets C.
public enum SignatureCheck {
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
