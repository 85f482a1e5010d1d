import CBOR
import Proofs
import Verifier

/// The form of a batch from its first byte to its last, without a look into leaves: what a gateway
/// checks before it asks who signed.
struct BatchOutline {
  let head: BatchVerifier.Head
  let checkpoint: Checkpoint
  /// Index of the first leaf that the items speak of; nil when they stand for more leaves than the
  /// tree has.
  let start: UInt64?
  /// A subtree stands for leaves on both sides of the batch's first.
  let reachesAcross: Bool

  init(_ batch: Span<UInt8>) throws(Problem) {
    do throws(Refusal) {
      head = try BatchVerifier.head(of: batch)
    } catch {
      throw Problem(error)
    }
    do throws(CBORDecoder.Failure) {
      checkpoint = try Checkpoint(decoding: batch.extracting(head.checkpointRange))
      let extent = try BatchExtent(of: batch, checkpoint: checkpoint)
      start = extent.start
      reachesAcross = extent.reachesAcross
    } catch {
      throw Problem(Refusal(error))
    }
    // SQLite's integers have 63 bits and a sign. 2^63 batches are never signed by one device.
    guard Int64(exactly: head.epoch) != nil, head.batch < UInt64(Int64.max),
      Int64(exactly: checkpoint.boot) != nil
    else { throw Problem(.malformed, detail: "Epoch, batch or boot count of 2^63 or more.") }
  }
}
