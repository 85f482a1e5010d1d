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
  public init(
    verifying message: Span<UInt8>, key: PublicKey, es256: some ES256Verifying = WithoutES256()
  ) throws(Refusal) {
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
      signature: parts.signature, key: key, es256: es256)
  }

  init(
    checkpoint: Checkpoint, protected: Span<UInt8>, signature: Signature, key: PublicKey,
    es256: some ES256Verifying
  ) throws(Refusal) {
    let header = DocumentHeader(algorithm: checkpoint.algorithm, keyID: checkpoint.keyID)
    sigStructureHash = try header.check(
      signature, protected: protected, payload: checkpoint.root.span, by: key, es256: es256)
    self.checkpoint = checkpoint
    self.signature = signature
  }
}
