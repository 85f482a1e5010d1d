import CBOR
import Delivery
import DeviceLog
import FixedMemory
import LinuxPlatform
import Proofs
import Records

/// Readings that the budget held back: their batches are delivered with hashes in their place, and once more, whole,
/// when the budget allows. Until then the agent is handed no receipt for them, so that it keeps them.
///
///     spool   │ delivered whole │ delivered without readings │ not delivered │
///                               ▲                            ▲
///              deliveredThrough of the agent            the cursor
extension Uplink where Transport: ~Copyable {
  /// The batch that stands in the reader, whole where the budget allows it, and nothing older waits.
  mutating func assembleWithinBudget() throws(Reader.Failure) {
    guard budget != nil else { return try reader.assemble() }
    try reader.assemble()
    let whole = Self.wireByteCount(ofBatch: reader.bytes.count)
    if !isBacklogged, mayUse(whole, for: .readings) { return }
    try reader.assembleWithoutReadings()
  }

  /// True when the agent gets no receipt for this batch yet: of it, or of one before it, readings are still here.
  mutating func keepsReceiptBack() -> Bool {
    if reader.withheldCount > 0 { isBacklogged = true }
    return isBacklogged
  }

  /// After the agent has said how far its receipts reach.
  mutating func findBacklog(behind delivered: UInt64) {
    guard delivered < cursor.spoolSequence, delivered + 1 < cursor.spoolSequence else {
      isBacklogged = false
      return
    }
    isBacklogged = true
    fillSequence = delivered + 1
    nextFill = 0
  }

  /// One batch more, from the oldest on, when nothing newer waits. Bounded: what has nothing withheld is passed over,
  /// some at a time.
  mutating func fillOldest() {
    guard isBacklogged, agent != nil, clock.bootMilliseconds() >= nextFill else { return }
    // The least that it can cost: else the card would be read for nothing.
    guard mayUse(Self.requestByteCount, for: .readings) else { return pauseFilling() }
    defer { goToCursor() }
    do throws(Reader.Failure) {
      try reader.refresh()
      fillSequence = max(fillSequence, reader.deliveredThrough + 1)
      try reader.seek(toSequence: fillSequence)
      for _ in 0..<64 {
        guard let batch = try nextToFill(), batch.position < cursor.next else {
          return endFilling()
        }
        guard batch.position >= firstOfOwnHistory, (reader.withholdableCount ?? 0) > 0 else {
          fillSequence = batch.sequence + 1
          continue
        }
        return fill(batch)
      }
    } catch {
      say("part of the spool is gone or damaged; delivery goes on behind it")
      pauseFilling()
    }
  }

  private mutating func nextToFill() throws(Reader.Failure) -> LogBatch? {
    // Reading begins at the start of a segment.
    while let batch = try reader.next() {
      if batch.sequence >= fillSequence { return batch }
    }
    return nil
  }

  private mutating func fill(_ batch: LogBatch) {
    do throws(Reader.Failure) { try reader.assemble() } catch { return pauseFilling() }
    guard mayUse(Self.wireByteCount(ofBatch: reader.bytes.count), for: .readings) else {
      return pauseFilling()
    }
    switch post() {
    case .accepted:
      guard hand(overAt: batch.sequence) == .receiptConfirmed else { return pauseFilling() }
      fillSequence = batch.sequence + 1
      sayFilled(batch.position)
    case .failed, .tryLater: pauseFilling()
    default:
      // The gateway has not what it gave a receipt for: the usual way finds out what it wants.
      say("the gateway does not take the readings that were held back; delivery goes back to them")
      cursor.move(to: batch.position, spoolSequence: fillSequence)
      redeliveryStart = batch.position
      if floor > batch.position { floor = max(firstOfOwnHistory, batch.position) }
      storeCursor()
      pauseFilling()
    }
  }

  /// All of it is whole at the gateway: the agent is handed the newest receipt, which covers what had nothing to hold
  /// back.
  private mutating func endFilling() {
    isBacklogged = false
    // Of the batch in front of the cursor; after a step without one the next receipt covers all.
    do throws(CBORDecoder.Failure) {
      let receipt = try Receipt(decoding: cursor.receiptBytes)
      let position = BatchPosition(epoch: receipt.epoch, batch: receipt.batch)
      if position.next == cursor.next, cursor.spoolSequence > 1 { handCursorsReceipt() }
    } catch {}
  }

  /// The line of the day rises by the minute, and an outage is looked at anew by then.
  private mutating func pauseFilling() {
    nextFill =
      clock.bootMilliseconds()
      + Int64(Backoff.milliseconds(attempt: .max, randomWord: randomWord()))
  }

  private mutating func sayFilled(_ position: BatchPosition) {
    var text = TextBuilder<128>()
    text.append("delivered the readings of batch ")
    text.append(position.epoch)
    text.append("/")
    text.append(position.batch)
    text.append(", which were held back\n")
    lastSaid = nil
    do throws(SystemError) { try StandardStream.output.write(text) } catch {}
  }
}
