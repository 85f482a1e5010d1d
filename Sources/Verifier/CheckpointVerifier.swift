import CBOR
import FixedMemory
import Proofs
import Records

/// A checkpoint whose signature has been checked.
public struct VerifiedCheckpoint: Equatable, Sendable {
  public let checkpoint: Checkpoint
  /// SHA-256 of what was signed: two checkpoints are the same exactly when these are.
  public let sigStructureHash: Digest
  public let signature: Signature

  /// Reads a checkpoint message strictly and checks its signature against a key that is known already:
  /// the message can choose neither key nor algorithm.
  public init(verifying message: Span<UInt8>, key: PublicKey) throws(Refusal) {
    let parts: COSESign1
    let checkpoint: Checkpoint
    do throws(CBORDecoder.Failure) {
      parts = try COSESign1(decoding: message)
      checkpoint = try Checkpoint(decoding: message)
    } catch {
      throw Refusal(error)
    }
    try self.init(
      checkpoint: checkpoint, protected: message.extracting(parts.protected),
      signature: parts.signature, key: key)
  }

  init(checkpoint: Checkpoint, protected: Span<UInt8>, signature: Signature, key: PublicKey)
    throws(Refusal)
  {
    guard checkpoint.keyID == key.keyID else { throw Refusal(.unknownKey) }
    guard checkpoint.algorithm == key.algorithm else { throw Refusal(.unknownAlgorithm) }
    var structure = InlineArray<191, UInt8>(repeating: 0)
    let count = COSESign1.encodeSigStructure(
      protected: protected, externalData: Span(), payload: checkpoint.root.span,
      into: structure.mutableSpan)
    guard count <= structure.count else { throw Refusal(.malformed) }
    let signed = structure.span.extracting(0..<count)
    guard SignatureCheck.verifies(signature, of: signed, by: key) else {
      throw Refusal(.badSignature)
    }
    self.checkpoint = checkpoint
    self.sigStructureHash = SHA256.hash(signed)
    self.signature = signature
  }
}
