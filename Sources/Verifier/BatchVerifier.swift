import CBOR
import FixedMemory
import Proofs
import Records

/// Checks a batch in the order of docs/delivery-protocol.md, so that one fault has one code everywhere.
/// Pure: what is known of the device comes in as arguments. Works on untrusted bytes.
///
///     head (size, form)  →  checkpoint (key, algorithm, signature)  →  position: the caller's
///       →  leaves (form, sizes, root, times)
public enum BatchVerifier {
  /// What can be said of a batch before its device is known.
  public struct Head: Equatable, Sendable {
    public let keyID: KeyID
    public let epoch: UInt64
    public let batch: UInt64
    /// Range of the checkpoint message within the batch.
    public let checkpointRange: Range<Int>
    public let itemCount: Int
  }

  /// What the leaves of a batch are, once they have been checked.
  public struct Content: Equatable, Sendable {
    /// Index of the first leaf that the items speak of: the batch's first, or an earlier one when
    /// subtrees lead.
    public let start: UInt64
    /// Leaves that are there as bytes.
    public let leafCount: Int
    /// Leaves of the batch itself that are there only as hashes.
    public let withheldCount: UInt64
    /// The tree after the batch.
    public let frontier: MerkleFrontier
  }

  /// Reads a batch's outside, without a signature check.
  public static func head(of batch: Span<UInt8>) throws(Refusal) -> Head {
    guard batch.count <= Batch.maximumByteCountWithSubtrees else { throw Refusal(.tooLarge) }
    do throws(CBORDecoder.Failure) {
      let reader = try BatchReader(batch)
      let checkpoint = try Checkpoint(decoding: batch.extracting(reader.checkpoint))
      return Head(
        keyID: checkpoint.keyID, epoch: checkpoint.epoch, batch: checkpoint.batch,
        checkpointRange: reader.checkpoint, itemCount: reader.itemCount)
    } catch {
      throw Refusal(error)
    }
  }

  /// Checks the leaves against a checkpoint whose signature has been checked.
  ///
  /// - `known`: the tree as far as the verifier knows it. The items must begin at its end, or at 0.
  /// - `hash`: what makes the tree's hashes.
  public static func content<Hash: TreeHash>(
    of batch: Span<UInt8>, checkpoint: Checkpoint, known: MerkleFrontier,
    hash _: Hash.Type = MerkleTree.self
  ) throws(Refusal) -> Content {
    guard checkpoint.size - checkpoint.first <= UInt64(Batch.maximumLeafCount) else {
      throw Refusal(.tooLarge)
    }
    let start = try startOfItems(in: batch, checkpoint: checkpoint)
    var frontier: MerkleFrontier
    if start == known.size {
      frontier = known
    } else if start == 0 {
      frontier = MerkleFrontier()
    } else {
      throw Refusal(.sizeMismatch)
    }
    var leafCount = 0
    var withheldCount: UInt64 = 0
    // A root that does not fit explains more than a time that does not, so that it is told first.
    var firstDisorder: UInt64?
    var last = checkpoint.firstLeafMilliseconds
    var reader = try opened(batch)
    while !reader.isAtEnd {
      let index = frontier.size
      switch try item(&reader, at: index) {
      case .subtree(let count, let hash):
        guard frontier.accepts(subtreeOf: count) else { throw Refusal(.sizeMismatch) }
        frontier.append(subtree: hash, count: count, by: Hash.self)
        if frontier.size > checkpoint.first {
          withheldCount += min(count, frontier.size - checkpoint.first)
        }
      case .leaf(let bytes):
        guard index >= checkpoint.first else { throw Refusal(.sizeMismatch) }
        let milliseconds = try check(leaf: bytes, at: index, of: checkpoint)
        if !isInOrder(milliseconds, after: last, at: index, of: checkpoint), firstDisorder == nil {
          firstDisorder = index
        }
        last = milliseconds
        frontier.append(subtree: Hash.leafHash(bytes), count: 1, by: Hash.self)
        leafCount += 1
      }
    }
    do throws(CBORDecoder.Failure) { try reader.finish() } catch { throw Refusal(error) }
    guard frontier.root(by: Hash.self) == checkpoint.root else { throw Refusal(.rootMismatch) }
    if let firstDisorder { throw Refusal(.timeDisorder, leafIndex: firstDisorder) }
    return Content(
      start: start, leafCount: leafCount, withheldCount: withheldCount, frontier: frontier)
  }

  /// Times never run backwards and stay within the checkpoint's, also when the first or the last leaf is
  /// withheld; where those two leaves are there, they have exactly the checkpoint's times.
  private static func isInOrder(
    _ milliseconds: Int64, after last: Int64, at index: UInt64, of checkpoint: Checkpoint
  ) -> Bool {
    if index == checkpoint.first, milliseconds != checkpoint.firstLeafMilliseconds { return false }
    if index == checkpoint.size - 1, milliseconds != checkpoint.lastLeafMilliseconds {
      return false
    }
    return milliseconds >= last && milliseconds <= checkpoint.lastLeafMilliseconds
  }

  private static func check(leaf bytes: Span<UInt8>, at index: UInt64, of checkpoint: Checkpoint)
    throws(Refusal) -> Int64
  {
    guard bytes.count <= Batch.maximumLeafByteCount else {
      throw Refusal(.tooLarge, leafIndex: index)
    }
    do throws(CBORDecoder.Failure) {
      let leaf = try Leaf(decoding: bytes)
      try leaf.validate()
      if leaf.kind == .boot {
        // A batch never spans a boot, and what is simulated says so in both places.
        let boot = try leaf.boot()
        guard index == checkpoint.first, boot.bootCount == checkpoint.boot,
          boot.flags & Checkpoint.simulatedFlag == checkpoint.flags & Checkpoint.simulatedFlag
        else { throw .outsideFormat }
      }
      return leaf.milliseconds
    } catch {
      throw Refusal(error, otherwise: .leafMalformed, leafIndex: index)
    }
  }

  /// Where the items begin, counted back from the tree's size.
  private static func startOfItems(in batch: Span<UInt8>, checkpoint: Checkpoint)
    throws(Refusal) -> UInt64
  {
    var reader = try opened(batch)
    var total: UInt64 = 0
    var subtreeCount = 0
    while !reader.isAtEnd {
      switch try item(&reader, at: nil) {
      case .leaf: total += 1
      case .subtree(let count, _):
        subtreeCount += 1
        guard subtreeCount <= Batch.maximumSubtreeItemCount else { throw Refusal(.tooLarge) }
        guard count > 0, count <= checkpoint.size else { throw Refusal(.sizeMismatch) }
        total += count
      }
      guard total <= checkpoint.size else { throw Refusal(.sizeMismatch) }
    }
    do throws(CBORDecoder.Failure) { try reader.finish() } catch { throw Refusal(error) }
    let start = checkpoint.size - total
    guard start <= checkpoint.first else { throw Refusal(.sizeMismatch) }
    return start
  }

  @_lifetime(copy batch)
  private static func opened(_ batch: Span<UInt8>) throws(Refusal) -> BatchReader {
    do throws(CBORDecoder.Failure) { return try BatchReader(batch) } catch { throw Refusal(error) }
  }

  @_lifetime(copy reader)
  private static func item(_ reader: inout BatchReader, at index: UInt64?) throws(Refusal)
    -> BatchReader.Item
  {
    do throws(CBORDecoder.Failure) {
      return try reader.next()
    } catch {
      throw Refusal(error, leafIndex: index)
    }
  }
}
