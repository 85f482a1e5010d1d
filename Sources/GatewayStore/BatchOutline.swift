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

  init(_ batch: Span<UInt8>) throws(Problem) {
    do throws(Refusal) {
      head = try BatchVerifier.head(of: batch)
    } catch {
      throw Problem(error)
    }
    do throws(CBORDecoder.Failure) {
      checkpoint = try Checkpoint(decoding: batch.extracting(head.checkpointRange))
      var reader = try BatchReader(batch)
      var total: UInt64? = 0
      while !reader.isAtEnd {
        let count: UInt64 =
          switch try reader.next() {
          case .leaf: 1
          case .subtree(let count, _): count
          }
        total = total.flatMap { sum in
          let (next, overflow) = sum.addingReportingOverflow(count)
          return overflow ? nil : next
        }
      }
      try reader.finish()
      let size = checkpoint.size
      start = total.flatMap { $0 <= size ? size - $0 : nil }
    } catch {
      throw Problem(Refusal(error))
    }
    // SQLite's integers have 63 bits and a sign. 2^63 batches are never signed by one device.
    guard Int64(exactly: head.epoch) != nil, head.batch < UInt64(Int64.max),
      Int64(exactly: checkpoint.boot) != nil
    else { throw Problem(.malformed, detail: "Epoch, batch or boot count of 2^63 or more.") }
  }
}
