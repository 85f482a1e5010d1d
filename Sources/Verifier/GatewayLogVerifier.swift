import CBOR
import FixedMemory
import Proofs
import Records

/// Checks RFC 9942 receipts of a gateway's own log: proofs that stand under the same signature as the head
/// of their tree (docs/identity.md, "The gateway's own log"). The root is detached: it is what the proof
/// leads to, and the signature says whether that is the gateway's.
public enum GatewayLogVerifier {
  /// Checks that `leafHash` is in the log that the receipt's head speaks of. Returns that head, and the
  /// leaf's index.
  public static func verifyInclusion(
    receipt message: Span<UInt8>, leafHash: Digest, gatewayKey: PublicKey
  ) throws(Refusal) -> (head: GatewayHead, index: UInt64) {
    let parts = try taken(message)
    guard case .inclusionProof(let range) = parts.unprotected else { throw Refusal(.malformed) }
    let proof: InclusionProof
    do throws(CBORDecoder.Failure) {
      proof = try InclusionProof(decoding: message.extracting(range))
    } catch { throw Refusal(error) }
    guard
      let root = MerkleProof.root(
        leafHash: leafHash, index: proof.index, size: proof.size, path: proof.path)
    else { throw Refusal(.rootMismatch, leafIndex: proof.index) }
    let head = try head(parts, message, size: proof.size, root: root, gatewayKey)
    return (head, proof.index)
  }

  /// Checks that the log that the receipt's head speaks of begins with the tree of `olderSize` leaves and
  /// `olderRoot`. The older tree is what the caller keeps from before, never what the message says.
  /// Returns the newer head.
  public static func verifyConsistency(
    receipt message: Span<UInt8>, olderSize: UInt64, olderRoot: Digest, gatewayKey: PublicKey
  ) throws(Refusal) -> GatewayHead {
    let parts = try taken(message)
    guard case .consistencyProof(let range) = parts.unprotected else { throw Refusal(.malformed) }
    let proof: ConsistencyProof
    do throws(CBORDecoder.Failure) {
      proof = try ConsistencyProof(decoding: message.extracting(range))
    } catch { throw Refusal(error) }
    guard proof.olderSize == olderSize else { throw Refusal(.sizeMismatch) }
    guard
      let root = MerkleProof.newerRoot(
        size1: olderSize, root1: olderRoot, size2: proof.newerSize, path: proof.path)
    else { throw Refusal(.rootMismatch) }
    return try head(parts, message, size: proof.newerSize, root: root, gatewayKey)
  }

  private static func taken(_ message: Span<UInt8>) throws(Refusal) -> COSESign1 {
    do throws(CBORDecoder.Failure) {
      let parts = try COSESign1(decoding: message)
      guard parts.payload == nil else { throw .outsideFormat }
      return parts
    } catch { throw Refusal(error) }
  }

  /// The head over `root`, its signature checked. RFC 9942 leaves the size of the tree unsigned; ours stands
  /// in the protected header.
  private static func head(
    _ parts: COSESign1, _ message: Span<UInt8>, size: UInt64, root: Digest,
    _ gatewayKey: PublicKey
  ) throws(Refusal) -> GatewayHead {
    let protected = message.extracting(parts.protected)
    let head: GatewayHead
    do throws(CBORDecoder.Failure) {
      head = try GatewayHead(decodingProtected: protected, root: root)
    } catch { throw Refusal(error) }
    guard head.size == size else { throw Refusal(.sizeMismatch) }
    _ = try DocumentHeader(algorithm: head.algorithm, keyID: head.keyID)
      .check(
        parts.signature, protected: protected, payload: root.span, by: gatewayKey,
        es256: WithoutES256())
    return head
  }
}
