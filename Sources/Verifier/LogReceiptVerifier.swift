import CBOR
import FixedMemory
import Proofs
import Records

/// Checks RFC 9942 receipts of a device's log: proofs that stand under the same signature as the
/// checkpoint of their tree.
public enum LogReceiptVerifier {
  /// Checks that `leafHash` is in the tree that the receipt's protected header and proof speak of.
  /// Returns the checkpoint whose signature serves the receipt, and the leaf's index.
  public static func verifyInclusion(
    receipt message: Span<UInt8>, leafHash: Digest, root: Digest, key: PublicKey,
    es256: some ES256Verifying = WithoutES256()
  ) throws(Refusal) -> (checkpoint: VerifiedCheckpoint, index: UInt64) {
    let (parts, checkpoint) = try taken(message, root)
    guard case .inclusionProof(let range) = parts.unprotected else { throw Refusal(.malformed) }
    let proof: InclusionProof
    do throws(CBORDecoder.Failure) {
      proof = try InclusionProof(decoding: message.extracting(range))
    } catch { throw Refusal(error) }
    // RFC 9942 leaves the size of the tree unsigned; ours stands in the protected header.
    guard proof.size == checkpoint.size else { throw Refusal(.sizeMismatch) }
    let verified = try VerifiedCheckpoint(
      checkpoint: checkpoint, protected: message.extracting(parts.protected),
      signature: parts.signature, key: key, es256: es256)
    guard
      MerkleProof.includes(
        leafHash: leafHash, index: proof.index, size: proof.size, path: proof.path, root: root)
    else { throw Refusal(.rootMismatch, leafIndex: proof.index) }
    return (verified, proof.index)
  }

  /// Checks that the tree with `root`, which the receipt's protected header speaks of, begins with the
  /// tree of `olderSize` leaves and `olderRoot`. The older tree is what the caller knows from elsewhere,
  /// never what the message says. Returns the checkpoint whose signature serves the receipt.
  public static func verifyConsistency(
    receipt message: Span<UInt8>, olderSize: UInt64, olderRoot: Digest, root: Digest,
    key: PublicKey, es256: some ES256Verifying = WithoutES256()
  ) throws(Refusal) -> VerifiedCheckpoint {
    let (parts, checkpoint) = try taken(message, root)
    guard case .consistencyProof(let range) = parts.unprotected else { throw Refusal(.malformed) }
    let proof: ConsistencyProof
    do throws(CBORDecoder.Failure) {
      proof = try ConsistencyProof(decoding: message.extracting(range))
    } catch { throw Refusal(error) }
    guard proof.olderSize == olderSize, proof.newerSize == checkpoint.size else {
      throw Refusal(.sizeMismatch)
    }
    let verified = try VerifiedCheckpoint(
      checkpoint: checkpoint, protected: message.extracting(parts.protected),
      signature: parts.signature, key: key, es256: es256)
    guard
      MerkleProof.isConsistent(
        size1: olderSize, root1: olderRoot, size2: proof.newerSize, root2: root, path: proof.path)
    else { throw Refusal(.rootMismatch) }
    return verified
  }

  /// A receipt's parts: the root is detached, and comes from the caller.
  private static func taken(_ message: Span<UInt8>, _ root: Digest) throws(Refusal) -> (
    COSESign1, Checkpoint
  ) {
    do throws(CBORDecoder.Failure) {
      let parts = try COSESign1(decoding: message)
      guard parts.payload == nil else { throw .outsideFormat }
      return (
        parts,
        try Checkpoint(decodingProtected: message.extracting(parts.protected), root: root)
      )
    } catch { throw Refusal(error) }
  }
}
