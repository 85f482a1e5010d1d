import FixedMemory
import Proofs
import Records

/// Whoever can check ES256 signatures (RFC 9053 section 2.1). Boards do without: it takes a library that they
/// do not have. A gateway and an auditor's tool bring one.
public protocol ES256Verifying {
  /// True when `signature`, r ‖ s with s in the lower half, is the key's for `message`; nil when this
  /// program can't tell.
  func verifies(_ signature: Signature, of message: Span<UInt8>, by key: PublicKeyBytes) -> Bool?

  /// True when these 33 bytes are a point of P-256, which somebody can hold the private half of. False when
  /// this program can't tell.
  func isPossibleKey(_ key: PublicKeyBytes) -> Bool
}

/// A program without ES256: such a key's documents are refused as of an unknown algorithm.
public struct WithoutES256: ES256Verifying {
  public init() {}

  public func verifies(_: Signature, of _: Span<UInt8>, by _: PublicKeyBytes) -> Bool? { nil }

  public func isPossibleKey(_: PublicKeyBytes) -> Bool { false }
}

extension SignatureCheck {
  /// Checks a signature by the key's algorithm, and refuses as `unknownAlgorithm` what this program
  /// can't check, as `badSignature` what does not verify. Of the two ES256 signatures that anybody can make
  /// of one, only that with s in the lower half is taken.
  public static func check(
    _ signature: Signature, of message: Span<UInt8>, by key: PublicKey,
    es256: some ES256Verifying = WithoutES256()
  ) throws(Refusal) {
    switch key.algorithm {
    case .ed25519:
      guard verifies(signature, of: message, by: key) else { throw Refusal(.badSignature) }
    case .es256:
      guard let isRight = es256.verifies(signature, of: message, by: key.bytes) else {
        throw Refusal(.unknownAlgorithm)
      }
      guard isRight, signature.hasLowS else { throw Refusal(.badSignature) }
    }
  }
}
