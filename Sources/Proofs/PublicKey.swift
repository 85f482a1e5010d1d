import FixedMemory

/// COSE algorithm numbers (RFC 9053, RFC 9864). The polymorphic ones are emitted, since every verifier
/// knows them; the fully specified ones are understood as well.
public enum SignatureAlgorithm: Sendable {
  /// Ed25519: −8 (EdDSA) emitted, −19 (Ed25519) accepted.
  case ed25519
  /// ECDSA on P-256 with SHA-256: −7 (ES256) emitted, −9 (ESP256) accepted. Keys of devices only.
  case es256

  public init?(coseNumber: Int64) {
    switch coseNumber {
    case -8, -19: self = .ed25519
    case -7, -9: self = .es256
    default: return nil
    }
  }

  /// What goes into protected headers.
  public var coseNumber: Int64 {
    switch self {
    case .ed25519: -8
    case .es256: -7
    }
  }

  /// Bytes of a public key: an Ed25519 point, or a compressed point of P-256.
  public var publicKeyByteCount: Int {
    switch self {
    case .ed25519: 32
    case .es256: 33
    }
  }
}

/// The bytes of a public key, as many as its algorithm asks for.
public struct PublicKeyBytes: Equatable, Sendable {
  /// Zeros after the bytes in use.
  @usableFromInline var storage = FixedBytes<33>()
  /// Bytes in use: 32 or 33.
  public let count: Int

  fileprivate init(_ bytes: Span<UInt8>) {
    count = bytes.count
    for index in bytes.indices { storage[index] = bytes[index] }
  }

  /// The bytes in use. Transparent for the reason given at `FixedBytes.span`.
  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    @_transparent
    borrowing get { storage.span.extracting(0..<count) }
  }

  /// One of the bytes in use. Outside of them is a bug of the caller.
  public subscript(index: Int) -> UInt8 {
    precondition(index >= 0 && index < count, "outside of a public key's bytes")
    return storage[index]
  }
}

/// A public key with the algorithm that it is bound to: a message can't choose another.
public struct PublicKey: Equatable, Sendable {
  public let algorithm: SignatureAlgorithm
  /// Ed25519: 32 bytes (RFC 8032 section 5.1.5). ES256: 33, compressed (SEC 1 section 2.3.3).
  public let bytes: PublicKeyBytes

  public init(ed25519 bytes: FixedBytes<32>) {
    algorithm = .ed25519
    self.bytes = PublicKeyBytes(bytes.span)
  }

  /// Nil unless the bytes have this algorithm's form: 32, or 33 that begin with 2 or 3. Whether they are
  /// a point of the curve is not looked at: nothing verifies under bytes that are none.
  public init?(algorithm: SignatureAlgorithm, bytes: Span<UInt8>) {
    guard bytes.count == algorithm.publicKeyByteCount else { return nil }
    if algorithm == .es256 {
      guard bytes[0] == 2 || bytes[0] == 3 else { return nil }
    }
    self.algorithm = algorithm
    self.bytes = PublicKeyBytes(bytes)
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

/// A signature. Ed25519: R ‖ S (RFC 8032). ES256: r ‖ s, 32 bytes each, most significant first
/// (RFC 9053 section 2.1).
public typealias Signature = FixedBytes<64>

/// Signs with a private key that nobody outside the signer sees. A signer with an ES256 key gives s in
/// the lower half of its range (`Signature.withLowS`).
public protocol Signer: ~Copyable {
  var publicKey: PublicKey { get }
  mutating func sign(_ message: Span<UInt8>) throws(SigningFailure) -> Signature
}

public enum SigningFailure: Error, Equatable {
  /// The key's holder did not answer, or refused.
  case unavailable
}
