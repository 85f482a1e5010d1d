import FixedMemory
import Proofs
import Records
import Signers
import TestSupport
import Verifier

/// An item of a batch, as a test writes it.
enum Item {
  case leaf([UInt8])
  case subtree(UInt64, Digest)
}

/// A leaf and its time.
struct TimedLeaf {
  var milliseconds: Int64
  var bytes: [UInt8]
}

func boot(_ count: UInt64 = 1, flags: UInt64 = 0, at milliseconds: Int64 = 0) -> TimedLeaf {
  TimedLeaf(
    milliseconds: milliseconds,
    bytes: written {
      LeafEncoding.boot(
        milliseconds: milliseconds, bootCount: count, agentVersion: "1", programHash: Span(),
        board: Span(), configurationHash: Span(), flags: flags, claims: Span(),
        into: $0.mutableSpan)
    })
}

func reading(_ value: Int64, at milliseconds: Int64) -> TimedLeaf {
  var values = ReadingValues(filler: nil)
  values.append(value)
  return TimedLeaf(
    milliseconds: milliseconds,
    bytes: written {
      LeafEncoding.reading(
        schema: 1, milliseconds: milliseconds, values: values, into: $0.mutableSpan)
    })
}

/// A boot leaf, then a reading a second.
func log(_ count: Int) -> [TimedLeaf] {
  (0..<count).map { $0 == 0 ? boot() : reading(Int64($0), at: Int64($0) * 1000) }
}

func leafHash(_ leaf: TimedLeaf) -> Digest {
  let bytes = leaf.bytes
  return MerkleTree.leafHash(bytes.span)
}

func frontier(_ leaves: some Sequence<TimedLeaf>) -> MerkleFrontier {
  var frontier = MerkleFrontier()
  for leaf in leaves { frontier.append(leafHash: leafHash(leaf)) }
  return frontier
}

/// Leaves as the fewest aligned subtrees.
func subtrees(_ leaves: [TimedLeaf], _ range: Range<Int>) -> [Item] {
  var found = SubtreeRange(at: UInt64(range.lowerBound))
  for index in range { found.append(leafHash: leafHash(leaves[index])) }
  return (0..<found.subtreeCount).map {
    .subtree(found.subtree(at: $0).count, found.subtree(at: $0).hash)
  }
}

/// A device's key for tests. It signs whatever it is told, also what no agent would.
func deviceKey(_ number: UInt8 = 1) throws -> FileKey {
  var seed = FixedBytes<32>()
  seed[0] = number
  return try FileKey(seed: seed)
}

/// A batch in the making: right in every point, until a test changes one.
struct Draft {
  var checkpoint: Checkpoint
  var items: [Item]

  /// Leaves `first...` of a log, the first boot's.
  init(_ leaves: [TimedLeaf], first: Int = 0, key: borrowing FileKey) {
    let batch = leaves[first...]
    checkpoint = Checkpoint(
      algorithm: .ed25519, keyID: key.publicKey.keyID, epoch: 0, batch: 0, first: UInt64(first),
      size: UInt64(leaves.count), boot: 1,
      firstLeafMilliseconds: batch.first?.milliseconds ?? 0,
      lastLeafMilliseconds: batch.last?.milliseconds ?? 0, flags: 0, previous: Digest(),
      root: frontier(leaves).root())
    items = batch.map { .leaf($0.bytes) }
  }

  func signed(by key: inout FileKey) throws -> [UInt8] {
    let message = try written { try checkpoint.sign(with: &key, into: $0.mutableSpan).byteCount }
    return batch(message, items)
  }

  /// Signed anew with another number in the place of the algorithm's; the numbers up to 24 only.
  func signed(by key: inout FileKey, algorithm: Int) throws -> [UInt8] {
    var protected = written { checkpoint.encodeProtected(into: $0.mutableSpan) }
    protected[2] = UInt8(0x20 + -1 - algorithm)
    let structure = written {
      COSESign1.encodeSigStructure(
        protected: protected.span, externalData: Span(), payload: checkpoint.root.span,
        into: $0.mutableSpan)
    }
    let signature = try key.sign(structure.span)
    let message = written {
      COSESign1.encodeMessage(
        protected: protected.span, payload: checkpoint.root.span, signature: signature,
        into: $0.mutableSpan)
    }
    return batch(message, items)
  }
}

func batch(_ message: [UInt8], _ items: [Item]) -> [UInt8] {
  var bytes = written {
    Batch.encodeHead(checkpoint: message.span, itemCount: items.count, into: $0.mutableSpan)
  }
  for item in items {
    bytes += written {
      switch item {
      case .leaf(let leaf): Batch.encodeItem(leaf: leaf.span, into: $0.mutableSpan)
      case .subtree(let count, let hash):
        Batch.encodeItem(subtree: hash, count: count, into: $0.mutableSpan)
      }
    }
  }
  return bytes
}

/// All that a verifier does without a store, in its order.
func verify(
  _ batch: [UInt8], key: PublicKey, known: MerkleFrontier = MerkleFrontier()
) throws(Refusal) -> BatchVerifier.Content {
  let head = try BatchVerifier.head(of: batch.span)
  let verified = try VerifiedCheckpoint(
    verifying: batch.span.extracting(head.checkpointRange), key: key)
  return try BatchVerifier.content(
    of: batch.span, checkpoint: verified.checkpoint, known: known)
}

/// Why a batch is refused; nil when it is accepted.
func refusal(
  _ batch: [UInt8], key: PublicKey, known: MerkleFrontier = MerkleFrontier()
) -> Refusal? {
  do throws(Refusal) {
    _ = try verify(batch, key: key, known: known)
    return nil
  } catch { return error }
}
