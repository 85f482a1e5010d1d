import COpenSSL
import FixedMemory
import Proofs
import Verifier

/// ES256 (RFC 9053 section 2.1) by OpenSSL's libcrypto.
public struct OpenSSLES256: ES256Verifying, Sendable {
  public init() {}

  /// False for bytes that are no point of the curve, for numbers outside of the group's order, and for
  /// the twin with s in the upper half, which anybody can make.
  public func verifies(_ signature: Signature, of message: Span<UInt8>, by key: PublicKeyBytes)
    -> Bool?
  {
    guard key.count == 33, signature.hasLowS else { return false }
    return unsafe signature.span.withUnsafeBufferPointer { signatureBytes in
      unsafe message.withUnsafeBufferPointer { messageBytes in
        unsafe key.span.withUnsafeBufferPointer { keyBytes in
          guard let signatureStart = signatureBytes.baseAddress,
            let messageStart = messageBytes.baseAddress, let keyStart = keyBytes.baseAddress
          else { return false }
          return unsafe cairn_openssl_p256_verifies(
            keyStart, messageStart, Int64(messageBytes.count), signatureStart) == 1
        }
      }
    }
  }

  public func isPossibleKey(_ key: PublicKeyBytes) -> Bool {
    guard key.count == 33 else { return false }
    return unsafe key.span.withUnsafeBufferPointer { bytes in
      guard let start = bytes.baseAddress else { return false }
      return unsafe cairn_openssl_is_p256_point(start) == 1
    }
  }
}
