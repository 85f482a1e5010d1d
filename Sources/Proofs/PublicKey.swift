import FixedMemory

/// COSE algorithm numbers (RFC 9053, RFC 9864). The polymorphic ones are emitted, since every verifier
/// knows them; the fully specified ones are understood as well.
public enum SignatureAlgorithm: Sendable {
  /// Ed25519: −8 (EdDSA) emitted, −19 (Ed25519) accepted.
  case ed25519

  public init?(coseNumber: Int64) {
    switch coseNumber {
    case -8, -19: self = .ed25519
    default: return nil
    }
  }

  /// What goes into protected headers.
  public var coseNumber: Int64 {
    switch self {
    case .ed25519: -8
    }
  }
}

/// A public key with the algorithm that it is bound to: a message can't choose another.
public struct PublicKey: Equatable, Sendable {
  public let algorithm: SignatureAlgorithm
  public let bytes: FixedBytes<32>

  public init(algorithm: SignatureAlgorithm, bytes: FixedBytes<32>) {
    self.algorithm = algorithm
    self.bytes = bytes
  }

  /// SHA-256 of the key's bytes: the name of a device in receipts and stores.
  public var hash: Digest { SHA256.hash(bytes.span) }

  /// The first 8 bytes of `hash`: the `kid` of a message (RFC 9052 section 3.1). Not unique.
  public var keyID: KeyID {
    let hash = self.hash
    var id = KeyID()
    for index in 0..<8 { id[index] = hash[index] }
    return id
  }
}

/// A `kid`: the first 8 bytes of SHA-256 of a public key.
public typealias KeyID = FixedBytes<8>

/// An Ed25519 signature: R ‖ S (RFC 8032).
public typealias Signature = FixedBytes<64>

/// Signs with a private key that nobody outside the signer sees.
public protocol Signer: ~Copyable {
  var publicKey: PublicKey { get }
  mutating func sign(_ message: Span<UInt8>) throws(SigningFailure) -> Signature
}

public enum SigningFailure: Error, Equatable {
  /// The key's holder did not answer, or refused.
  case unavailable
}
