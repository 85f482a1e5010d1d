import CBOR
import FixedMemory
import Proofs
import Records
import Verifier

/// A batch that has been read, until its receipt comes by.
struct WaitingBatch {
  let offset: UInt64
  /// Where the archive says that its receipt stands.
  let leaf: UInt64?
  let bytes: [UInt8]
  /// SHA-256 of its checkpoint's Sig_structure; nil when there is none to be read.
  let hash: Digest?
  /// Leaves in whose place a hash stands since they are not to be shown yet, as the archive says.
  let withheld: [UInt64]

  var place: Finding.Place {
    Finding.Place(file: ArchiveFormat.File.batches.rawValue, offset: offset)
  }
}

/// Receipts, and the batches that they are for: both files have one order, so that one walk joins them.
extension ArchiveVerifier {
  /// So many batches are looked at for one that is not where it should be: 4.7 MB.
  private static let maximumWaitingCount = 64

  func takeReceipt(_ message: Span<UInt8>, _ at: LeafPlace) {
    report.counts.receipts += 1
    let receipt: Receipt
    do throws(CBORDecoder.Failure) { receipt = try Receipt(decoding: message) } catch {
      findings.add(
        .receiptUnsigned, "leaf \(at.index): \(error.words)", at: at.place,
        evidence(message, "receipt"))
      return
    }
    if let key = keyInForce {
      do throws(Refusal) {
        _ = try Receipt(verifying: message, gatewayKey: key)
        checkTime(of: receipt, message, at)
      } catch {
        findings.add(
          .receiptUnsigned, "leaf \(at.index): \(error.words)", at: at.place,
          evidence(message, "receipt"))
      }
    }
    if receipt.result != Receipt.resultStored {
      findings.add(
        .receiptResult, "leaf \(at.index) has result \(receipt.result)", at: at.place)
    }
    let batch = takeBatch(for: receipt.checkpointHash, at)
    guard let index = devices.index(ofHash: receipt.deviceKeyHash) else {
      tellMissingKey(receipt, message, batch, at)
      return
    }
    tellState(of: index, at)
    guard let batch else {
      findings.add(
        .batchMissing,
        "batch \(receipt.epoch)/\(receipt.batch) of device \(receipt.deviceKeyHash.short)",
        at: at.place, evidence(message, "receipt"))
      // What follows is compared with what the receipt says of it.
      devices[index].end = AuditedDevice.End(
        place: .init(
          epoch: receipt.epoch, batch: receipt.batch, size: receipt.size,
          hash: receipt.checkpointHash),
        peaks: nil, found: at.place)
      return
    }
    take(
      batch, of: index, GivenReceipt(receipt: receipt, message: evidence(message, "receipt"), at))
  }

  private func checkTime(of receipt: Receipt, _ message: Span<UInt8>, _ at: LeafPlace) {
    let received = receipt.receivedUTCMilliseconds
    if received > at.utcMilliseconds {
      findings.add(
        .receiptAhead, "leaf \(at.index): by \(received - at.utcMilliseconds) ms", at: at.place,
        evidence(message, "receipt"))
      return
    }
    let (early, overflow) = at.utcMilliseconds.subtractingReportingOverflow(received)
    guard overflow || early > Self.clockStepMilliseconds else { return }
    if at.utcMilliseconds == firstUTC, received < firstUTC {
      legacyReceiptCount += 1
    } else {
      findings.add(
        .receiptEarly, "leaf \(at.index): \(early) ms before its place in the log", at: at.place,
        evidence(message, "receipt"))
    }
  }

  /// No key of this name: either the archive lacks it, or the receipt is of another device than the batch.
  private func tellMissingKey(
    _ receipt: Receipt, _ message: Span<UInt8>, _ batch: WaitingBatch?, _ at: LeafPlace
  ) {
    if let batch, let index = signer(of: batch) {
      findings.add(
        .receiptDevice,
        "leaf \(at.index) names key \(receipt.deviceKeyHash.hex), and \(devices[index].keyHash.hex) signed",
        at: at.place, evidence(message, "receipt"))
      return
    }
    findings.add(
      .keyMissing,
      "key \(receipt.deviceKeyHash.short), of the receipt in leaf \(at.index), is not in keys.cbor-seq",
      at: at.place)
  }

  private func tellState(of index: Int, _ at: LeafPlace) {
    devices[index].isUsed = true
    if devices[index].isRevoked || devices[index].isSucceeded {
      findings.add(
        .keyClosed,
        "leaf \(at.index): key \(devices[index].keyHash.short) was \(devices[index].isRevoked ? "revoked" : "succeeded") before",
        at: at.place)
    }
    if !devices[index].isEnrolled, !devices[index].isToldUnenrolled {
      devices[index].isToldUnenrolled = true
      findings.add(
        .notEnrolled, "key \(devices[index].keyHash.short), from leaf \(at.index) on", at: at.place)
    }
  }

  // MARK: - Joining

  /// The batch of the receipt at this leaf. Those in front of it have no receipt.
  private func takeBatch(for hash: Digest, _ at: LeafPlace) -> WaitingBatch? {
    readBatches(upTo: 1)
    guard let first = waiting.first else { return nil }
    if first.hash == hash {
      tellMisplaced(first, at)
      return waiting.removeFirst()
    }
    readBatches(upTo: Self.maximumWaitingCount)
    if let found = waiting.firstIndex(where: { $0.hash == hash }) {
      for batch in waiting[..<found] { takeWithoutReceipt(batch) }
      let batch = waiting[found]
      waiting.removeFirst(found + 1)
      tellMisplaced(batch, at)
      return batch
    }
    // A checkpoint that can't be read, where this receipt's batch should be, is that batch.
    if first.hash == nil, first.leaf == at.index { return waiting.removeFirst() }
    while let next = waiting.first, let leaf = next.leaf, leaf <= at.index {
      waiting.removeFirst()
      takeWithoutReceipt(next)
    }
    return nil
  }

  private func tellMisplaced(_ batch: WaitingBatch, _ at: LeafPlace) {
    guard batch.leaf != at.index else { return }
    let leaf = batch.leaf.map { "leaf \($0)" } ?? "none"
    findings.add(
      .batchMisplaced, "its receipt is said to be \(leaf), and is leaf \(at.index)",
      at: Finding.Place(file: batch.place.file, offset: batch.offset, leaf: at.index))
  }

  private func readBatches(upTo count: Int) {
    while waiting.count < count, let reader = batchReader {
      let step: SequenceReader.Step
      do throws(ArchiveFailure) { step = try reader.step() } catch {
        unreadable = error
        batchReader = nil
        return
      }
      switch step {
      case .end: batchReader = nil
      case .damage(let offset, let why, let isTooLong):
        tellDamage(.batchesDamaged, .batches, offset, why, isTooLong)
        batchReader = nil
      case .item(let bytes, let offset):
        do throws(CBORDecoder.Failure) {
          let (leaf, range, withheld) = try ArchiveFormat.batch(decoding: bytes.span)
          let batch = Array(bytes[range])
          waiting.append(
            WaitingBatch(
              offset: offset, leaf: leaf, bytes: batch, hash: Self.hash(of: batch),
              withheld: withheld))
        } catch {
          findings.add(.batchesDamaged, "no batch: \(error.words)", at: place(.batches, offset))
        }
      }
    }
  }

  private static func hash(of batch: [UInt8]) -> Digest? {
    do throws(CBORDecoder.Failure) {
      let reader = try BatchReader(batch.span)
      return try COSESign1.hash(of: batch.span.extracting(reader.checkpoint))
    } catch {
      return nil
    }
  }

  /// After the last leaf: what is left has no receipt.
  func takeRemainingBatches() throws(ArchiveFailure) {
    repeat {
      for batch in waiting { takeWithoutReceipt(batch) }
      waiting.removeAll()
      readBatches(upTo: Self.maximumWaitingCount)
    } while !waiting.isEmpty
    if let unreadable { throw unreadable }
  }

  private func takeWithoutReceipt(_ batch: WaitingBatch) {
    let index = signer(of: batch)
    let whose = index.map { "of device \(devices[$0].keyHash.short)" } ?? "of no known device"
    findings.add(.receiptMissing, "a batch \(whose)", at: batch.place)
    guard let index else { return }
    devices[index].isUsed = true
    take(batch, of: index, nil)
  }

  /// The device that a batch's checkpoint names and whose signature it has.
  private func signer(of batch: WaitingBatch) -> Int? {
    do throws(Refusal) {
      let head = try BatchVerifier.head(of: batch.bytes.span)
      guard let index = devices.index(ofKeyID: head.keyID) else { return nil }
      _ = try VerifiedCheckpoint(
        verifying: batch.bytes.span.extracting(head.checkpointRange), key: devices[index].key,
        es256: es256)
      return index
    } catch {
      return nil
    }
  }
}
