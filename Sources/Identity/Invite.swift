import CBOR
import FixedMemory
import Proofs

/// An owner allows a gateway to take one of the owner's nodes, or, with a node named, to take that node at
/// another place: then it is a move (docs/identity.md).
///
///     protected = { 1: alg, 4: kid, 16: "cairn-invt",
///                   -65537: [1, algorithm, owner's key, SHA-256(gateway's key), node or null,
///                            expires UTC ms, uses] }
///     payload   = nonce, 16 bytes
public struct Invite: Equatable, Sendable {
  /// Header 32, algorithm 1, key 34, gateway's hash 34, node 34, time 9, uses 1.
  public static var maximumProtectedByteCount: Int { 145 }
  /// "Signature1" 12, protected 2 + 145, external data 1, payload 17.
  public static var maximumSigStructureByteCount: Int { 177 }
  /// Tag 1, array 1, protected 2 + 145, map 1, payload 17, signature 66.
  public static var maximumMessageByteCount: Int { 233 }

  /// How often an invite may be used.
  public enum Uses: UInt8, Sendable {
    /// By one enrolment. The same enrolment again is a repeat and not a use.
    case once = 0
    case often = 1
  }

  /// Ed25519: signs the invite.
  public var ownerKey: PublicKey
  /// SHA-256 of the public key of the gateway that may take the node.
  public var gatewayKeyHash: Digest
  /// Hash of the first enrolment of the node that moves; nil for a node that is to be made.
  public var node: Digest?
  /// Not taken at this time or later: milliseconds of UTC.
  public var expiresUTCMilliseconds: Int64
  public var uses: Uses
  /// Tells invites apart.
  public var nonce: FixedBytes<16>

  public init(
    ownerKey: PublicKey, gatewayKeyHash: Digest, node: Digest?, expiresUTCMilliseconds: Int64,
    uses: Uses, nonce: FixedBytes<16>
  ) {
    self.ownerKey = ownerKey
    self.gatewayKeyHash = gatewayKeyHash
    self.node = node
    self.expiresUTCMilliseconds = expiresUTCMilliseconds
    self.uses = uses
    self.nonce = nonce
  }

  /// Signs with the owner's key, which has to be the one that the invite names, and writes the whole
  /// message; returns its byte count and the document's name.
  public func sign(
    with signer: inout some Signer & ~Copyable, into bytes: consuming MutableSpan<UInt8>
  ) throws(SigningFailure) -> (byteCount: Int, hash: Digest) {
    precondition(signer.publicKey == ownerKey, "an invite signed with another key than it names")
    var protected = InlineArray<145, UInt8>(repeating: 0)
    var encoder = CBOREncoder(protected.mutableSpan)
    DocumentHeader(of: ownerKey).encode(as: .invite, into: &encoder)
    encoder.publicKey(ownerKey)
    encoder.byteString(gatewayKeyHash.span)
    encoder.optional(node)
    encoder.integer(expiresUTCMilliseconds)
    encoder.unsigned(UInt64(uses.rawValue))
    let count = encoder.byteCount
    return try COSESign1.sign(
      protected: protected.span.extracting(0..<count), payload: nonce.span, with: &signer,
      into: bytes)
  }

  /// Reads an invite strictly. The signature is the caller's to check.
  public init(decoding message: Span<UInt8>) throws(CBORDecoder.Failure) {
    let (protected, payload) = try COSESign1.document(message)
    guard let nonce = FixedBytes<16>(message.extracting(payload)) else { throw .outsideFormat }
    self.nonce = nonce
    var decoder = CBORDecoder(message.extracting(protected))
    let header = try DocumentHeader(of: .invite, from: &decoder)
    ownerKey = try decoder.ed25519Key()
    try header.check(isOf: ownerKey)
    gatewayKeyHash = try decoder.digest()
    node = try decoder.optionalDigest()
    expiresUTCMilliseconds = try decoder.utcMilliseconds()
    guard let uses = Uses(rawValue: try decoder.unsigned(as: UInt8.self)) else {
      throw .outsideFormat
    }
    self.uses = uses
    try decoder.finish()
  }
}
