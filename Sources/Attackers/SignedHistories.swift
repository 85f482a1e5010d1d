import CoverageVerifier
import FixedMemory
import Proofs
import Signers
import Verifier

/// What copies and gateways sign, with real keys, and what the verifiers make of it.
enum SignedHistories {
  enum Failure: Error {
    case notSigned
  }

  private static func message(
    _ checkpoint: Checkpoint, _ key: inout FileKey
  ) throws -> [UInt8] {
    var bytes = InlineArray<247, UInt8>(repeating: 0)
    let count = try checkpoint.sign(with: &key, into: bytes.mutableSpan).byteCount
    return (0..<count).map { bytes[$0] }
  }

  /// Two boards with one key each sign their own leaves as batch 5. The gateway has the first; what the second one
  /// sends for the same position shows the fork.
  static func standingOfCopies(seed: UInt64) throws -> LogStanding {
    var key = try FileKey(seed: FleetNode.hash("clone \(seed)"))
    let publicKey = key.publicKey
    var found: [VerifiedCheckpoint] = []
    for board in ["original", "copy"] {
      let checkpoint = Checkpoint(
        algorithm: .ed25519, keyID: publicKey.keyID, epoch: 0, batch: 5, first: 50, size: 60,
        boot: 3, firstLeafMilliseconds: 1_000, lastLeafMilliseconds: 9_000, flags: 0,
        previous: FleetNode.hash("batch 4"), root: FleetNode.hash("\(board) \(seed)"))
      let message = try message(checkpoint, &key)
      found.append(try VerifiedCheckpoint(verifying: message.span, key: publicKey))
    }
    let (first, second) = (found[0], found[1])
    let isOnePosition =
      first.checkpoint.epoch == second.checkpoint.epoch
      && first.checkpoint.batch == second.checkpoint.batch
    return isOnePosition && first.sigStructureHash != second.sigStructureHash ? .forked : .sound
  }

  /// A gateway writes a document into its log where there was none, and signs the head of the log that it would have
  /// had. True when whoever holds a head from before sees it.
  ///
  /// - `heldSize`: leaves of the log when somebody took a head of it; nil: nobody did.
  /// - `place`: where the document is put in.
  static func isSeen(seed: UInt64, size: Int, place: Int, heldSize: Int?) throws -> Bool {
    guard let heldSize else { return false }
    let honest = (0..<size).map { FleetNode.hash("leaf \(seed) \($0)") }
    var forged = honest
    forged.insert(FleetNode.hash("dated back \(seed)"), at: place)
    var key = try FileKey(seed: FleetNode.hash("gateway \(seed)"))
    let held = try head(Array(honest[0..<heldSize]), 1_000, &key)
    let now = try head(forged, 2_000, &key)
    guard case .grown = now.finding(after: held, clock: 3_000) else { return true }
    var builder = try PathBuilder(
      consistencyFrom: held.size, to: now.size, start: MerkleFrontier())
    for leaf in forged { builder.offer(leafHash: leaf) }
    guard let path = builder.finished() else { throw Failure.notSigned }
    return !MerkleProof.isConsistent(
      size1: held.size, root1: held.root, size2: now.size, root2: now.root, path: path)
  }

  /// Signed, and read back under the gateway's key.
  private static func head(_ leaves: [Digest], _ now: Int64, _ key: inout FileKey) throws
    -> GatewayHead
  {
    var frontier = MerkleFrontier()
    for leaf in leaves { frontier.append(leafHash: leaf) }
    let publicKey = key.publicKey
    var bytes = InlineArray<159, UInt8>(repeating: 0)
    let count = try GatewayHead(
      algorithm: .ed25519, keyID: publicKey.keyID, size: UInt64(leaves.count),
      nowUTCMilliseconds: now, root: frontier.root()
    ).sign(with: &key, into: bytes.mutableSpan).byteCount
    return try GatewayHead(
      verifying: bytes.span.extracting(0..<count), gatewayKey: publicKey)
  }
}
