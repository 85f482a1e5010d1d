import Crypto
import FixedMemory
import Proofs
import Verifier

/// Checks ES256 signatures by swift-crypto, for whoever verifies on a host.
public struct ES256: ES256Verifying, Sendable {
  public init() {}

  public func verifies(_ signature: Signature, of message: Span<UInt8>, by key: PublicKeyBytes)
    -> Bool?
  {
    do {
      let point = try P256.Signing.PublicKey(compressedRepresentation: Self.bytes(key.span))
      let pair = try P256.Signing.ECDSASignature(rawRepresentation: Self.bytes(signature.span))
      return message.withUnsafeBytes { point.isValidSignature(pair, for: $0) }
    } catch {
      // No point of the curve, or numbers outside of the group's order.
      return false
    }
  }

  public func isPossibleKey(_ key: PublicKeyBytes) -> Bool {
    do {
      _ = try P256.Signing.PublicKey(compressedRepresentation: Self.bytes(key.span))
      return true
    } catch {
      return false
    }
  }

  private static func bytes(_ span: Span<UInt8>) -> [UInt8] {
    span.withUnsafeBufferPointer { Array($0) }
  }
}
