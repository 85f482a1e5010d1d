import CBOR
import FixedMemory
import Proofs
import Records

/// Whether a gateway's log only grows, from head to head (docs/delivery-protocol.md, the gateway's heads).
extension GatewayHead {
  /// What a verified head says beside the one that was held. Of two that were signed one after the other,
  /// the later one has no fewer leaves.
  public enum Finding: Equatable, Sendable {
    /// The same tree.
    case same
    /// A larger tree: to be proved.
    case grown
    /// A smaller tree, and not signed later: an answer from before.
    case outdated
    /// A larger tree that was signed before the smaller one: the gateway's clock went back.
    case clockWentBack
    case contradiction(GatewayContradiction.Kind)
  }

  /// The longest that a head may be ahead of a board's clock that is kept by somebody: a day.
  public static var maximumClockLeadMilliseconds: Int64 { 86_400_000 }

  /// True when this head was signed more than a day after what a clock shows.
  public func isAhead(of utcMilliseconds: Int64) -> Bool {
    let (lead, overflow) = nowUTCMilliseconds.subtractingReportingOverflow(utcMilliseconds)
    return overflow || lead > Self.maximumClockLeadMilliseconds
  }

  /// Compares with the head that was held before.
  ///
  /// - `clock`: UTC of the board when somebody keeps its clock, else nil. A held head that is ahead of it
  ///   says nothing of times.
  public func finding(after held: GatewayHead, clock: Int64?) -> Finding {
    if size == held.size { return root == held.root ? .same : .contradiction(.otherRoot) }
    let isLater = nowUTCMilliseconds > held.nowUTCMilliseconds
    if size < held.size { return isLater ? .contradiction(.smallerSize) : .outdated }
    if nowUTCMilliseconds < held.nowUTCMilliseconds {
      guard let clock, held.isAhead(of: clock) else { return .clockWentBack }
    }
    return .grown
  }

  /// Checks an RFC 9942 consistency proof that the tree of this head, verified already, begins with the tree
  /// of `held`. root-mismatch: form, sizes and signature are right, and the path does not show it.
  public func verifyGrowth(since held: GatewayHead, proof message: Span<UInt8>, key: PublicKey)
    throws(Refusal)
  {
    let parts: COSESign1
    let signed: GatewayHead
    let proof: ConsistencyProof
    do throws(CBORDecoder.Failure) {
      parts = try COSESign1(decoding: message)
      guard parts.payload == nil, case .consistencyProof(let range) = parts.unprotected else {
        throw .outsideFormat
      }
      signed = try GatewayHead(
        decodingProtected: message.extracting(parts.protected), root: root)
      proof = try ConsistencyProof(decoding: message.extracting(range))
    } catch { throw Refusal(error) }
    guard proof.olderSize == held.size, proof.newerSize == size, signed.size == size else {
      throw Refusal(.sizeMismatch)
    }
    _ = try DocumentHeader(algorithm: signed.algorithm, keyID: signed.keyID).check(
      parts.signature, protected: message.extracting(parts.protected), payload: root.span,
      by: key, es256: WithoutES256())
    guard
      MerkleProof.isConsistent(
        size1: held.size, root1: held.root, size2: size, root2: root, path: proof.path)
    else { throw Refusal(.rootMismatch) }
  }
}
