import CBOR
import FixedMemory
import HostCryptography
import Proofs
import Records
import Verifier

/// Batches, by the rules by which the gateway took them.
extension ArchiveVerifier {
  /// What a batch is compared with: the receipt that the log has for it.
  struct GivenReceipt {
    let receipt: Receipt
    let message: [Finding.Evidence]
    let at: LeafPlace

    init(receipt: Receipt, message: [Finding.Evidence], _ at: LeafPlace) {
      self.receipt = receipt
      self.message = message
      self.at = at
    }
  }

  /// Judges a batch and moves the device's log on. Without a receipt only the device is judged.
  func take(_ batch: WaitingBatch, of index: Int, _ given: GivenReceipt?) {
    let at = Finding.Place(
      file: batch.place.file, offset: batch.offset, leaf: given?.at.index ?? batch.leaf)
    let verified: VerifiedCheckpoint
    do throws(Refusal) {
      let head = try BatchVerifier.head(of: batch.bytes.span)
      verified = try VerifiedCheckpoint(
        verifying: batch.bytes.span.extracting(head.checkpointRange), key: devices[index].key,
        es256: es256)
    } catch {
      tellUnverified(error, batch, of: index, given, at)
      return
    }
    report.counts.batches += 1
    if let given { compare(verified.checkpoint, with: given) }
    let extent: BatchExtent
    do throws(CBORDecoder.Failure) {
      extent = try BatchExtent(of: batch.bytes.span, checkpoint: verified.checkpoint)
    } catch {
      findings.add(.batchDamaged, error.words, at: at)
      move(index, to: verified, peaks: nil, at)
      return
    }
    let before = devices[index].end
    let follows = checkPosition(verified, extent, before, of: index, batch, given, at)
    let peaks = checkContent(
      batch, verified.checkpoint, extent, before, follows, of: index, given, at)
    if peaks != nil, follows, let start = extent.start {
      gatherCoverage(
        batch, verified.checkpoint, start: start, of: index,
        receiptUTCMilliseconds: given?.receipt.receivedUTCMilliseconds, at)
    }
    // A batch of before its place changes nothing of where the log ends.
    guard follows || given != nil, before.map({ isLater(verified.checkpoint, than: $0) }) ?? true
    else { return }
    move(index, to: verified, peaks: peaks, at)
  }

  private func isLater(_ checkpoint: Checkpoint, than end: AuditedDevice.End) -> Bool {
    (checkpoint.epoch, checkpoint.batch) > (end.place.epoch, end.place.batch)
  }

  private func move(
    _ index: Int, to verified: VerifiedCheckpoint, peaks: [Digest]?, _ at: Finding.Place
  ) {
    let checkpoint = verified.checkpoint
    devices[index].end = AuditedDevice.End(
      place: .init(
        epoch: checkpoint.epoch, batch: checkpoint.batch, size: checkpoint.size,
        hash: verified.sigStructureHash),
      peaks: peaks, found: at)
  }

  /// Its form or signature is not right under the key that the receipt names.
  private func tellUnverified(
    _ refusal: Refusal, _ batch: WaitingBatch, of index: Int, _ given: GivenReceipt?,
    _ at: Finding.Place
  ) {
    if refusal.code == .unknownKey, let given {
      findings.add(
        .receiptDevice,
        "leaf \(given.at.index) names \(given.receipt.deviceKeyHash.short), and another key signed",
        at: given.at.place, given.message)
    } else {
      findings.add(.batchDamaged, refusal.words, at: at)
    }
    guard let given, refusal.code != .unknownKey else { return }
    devices[index].end = AuditedDevice.End(
      place: .init(
        epoch: given.receipt.epoch, batch: given.receipt.batch, size: given.receipt.size,
        hash: given.receipt.checkpointHash),
      peaks: nil, found: at)
  }

  private func compare(_ checkpoint: Checkpoint, with given: GivenReceipt) {
    let receipt = given.receipt
    guard
      receipt.epoch != checkpoint.epoch || receipt.batch != checkpoint.batch
        || receipt.size != checkpoint.size
    else { return }
    findings.add(
      .receiptPosition,
      "it says batch \(receipt.epoch)/\(receipt.batch) of \(receipt.size) leaves, and the device signed "
        + "\(checkpoint.epoch)/\(checkpoint.batch) of \(checkpoint.size)",
      at: given.at.place, given.message)
  }

  /// True when the batch goes on where the device's log ends.
  private func checkPosition(
    _ verified: VerifiedCheckpoint, _ extent: BatchExtent, _ before: AuditedDevice.End?,
    of index: Int, _ batch: WaitingBatch, _ given: GivenReceipt?, _ at: Finding.Place
  ) -> Bool {
    let checkpoint = verified.checkpoint
    let name =
      "batch \(checkpoint.epoch)/\(checkpoint.batch) of device \(devices[index].keyHash.short)"
    if let before, before.place.epoch == checkpoint.epoch, before.place.batch == checkpoint.batch {
      if before.place.hash == verified.sigStructureHash {
        if let given {
          findings.add(
            .receiptRepeated, "\(name): had by \(Self.words(before.found))", at: given.at.place,
            given.message)
        }
      } else {
        findings.add(
          .forkUnlogged, "\(name): another checkpoint is that of \(Self.words(before.found))",
          at: at, checkpointEvidence(batch))
      }
      return false
    }
    var refusal = LogContinuation.refusal(of: checkpoint, start: extent.start, after: before?.place)
    if refusal == nil, extent.reachesAcross { refusal = .sizeMismatch }
    guard let refusal else { return true }
    if let given {
      findings.add(
        .batchRefused, "\(name): \(Refusal(refusal).words)", at: at,
        given.message + checkpointEvidence(batch))
    }
    return false
  }

  private func checkpointEvidence(_ batch: WaitingBatch) -> [Finding.Evidence] {
    do throws(CBORDecoder.Failure) {
      let reader = try BatchReader(batch.bytes.span)
      return [
        Finding.Evidence(what: "checkpoint", bytes: Array(batch.bytes[reader.checkpoint]))
      ]
    } catch {
      return []
    }
  }

  private static func words(_ place: Finding.Place) -> String {
    "\(place.file)" + (place.offset.map { ", byte \($0)" } ?? "")
  }

  /// Recomputes the root and looks at what the leaves say of time. Returns the tree's peaks behind it; nil
  /// when they are not known.
  private func checkContent(
    _ batch: WaitingBatch, _ checkpoint: Checkpoint, _ extent: BatchExtent,
    _ before: AuditedDevice.End?, _ follows: Bool, of index: Int, _ given: GivenReceipt?,
    _ at: Finding.Place
  ) -> [Digest]? {
    let beginsTree = LogContinuation.beginsTree(checkpoint, after: before?.place)
    var known = MerkleFrontier()
    if !beginsTree, extent.start != 0 {
      guard let before, let peaks = before.peaks,
        let frontier = MerkleFrontier(size: before.place.size, peaks: peaks.span)
      else {
        findings.add(
          .batchUnchecked,
          "batch \(checkpoint.epoch)/\(checkpoint.batch) of device \(devices[index].keyHash.short)",
          at: at)
        return nil
      }
      known = frontier
    }
    let content: BatchVerifier.Content
    do throws(Refusal) {
      content = try BatchVerifier.content(
        of: batch.bytes.span, checkpoint: checkpoint, known: known, hash: OpenSSLTreeHash.self)
    } catch {
      // It does not go on there, which has been told.
      if !follows, error.code == .sizeMismatch || error.code == .rootMismatch { return nil }
      // Times are looked at once the root is right: the device signed it so, and the gateway took it.
      findings.add(
        error.code == .timeDisorder && given != nil ? .batchRefused : .batchDamaged,
        "batch \(checkpoint.epoch)/\(checkpoint.batch) of device \(devices[index].keyHash.short): \(error.words)",
        at: at, given?.message ?? [])
      return nil
    }
    report.counts.deviceLeaves += content.leafCount
    report.counts.withheldLeaves += content.withheldCount
    if let given { checkTimes(batch, given, at) }
    return content.frontier.allPeaks
  }

  // MARK: - What leaves say of time

  /// Leaves are of the format and under the signed root when this is called.
  private func checkTimes(_ batch: WaitingBatch, _ given: GivenReceipt, _ at: Finding.Place) {
    var newest: Leaf.Clock?
    var frames = 0
    do throws(CBORDecoder.Failure) {
      var reader = try BatchReader(batch.bytes.span)
      while !reader.isAtEnd {
        guard case .leaf(let bytes) = try reader.next() else { continue }
        // [kind, …: few leaves tell of time.
        guard bytes.count > 1 else { continue }
        if bytes[1] == LeafKind.clock.rawValue {
          let clock = try Leaf(decoding: bytes).clock()
          let isTrusted =
            clock.sourceNumber == UInt64(FixSource.networkTime.rawValue)
            || clock.sourceNumber == UInt64(FixSource.gnss.rawValue)
          if isTrusted { newest = clock }
        } else if bytes[1] == LeafKind.frame.rawValue {
          frames += 1
        } else if bytes[1] == LeafKind.challenge.rawValue {
          if let hash = Digest(try Leaf(decoding: bytes).challengeHash()) {
            checkChallenge(hash, batch, given, at)
          }
        }
      }
    } catch {
      findings.add(.batchDamaged, error.words, at: at)
    }
    report.counts.frames += frames
    if let newest { checkClock(newest, given, at) }
  }

  /// The device had this challenge when it signed: so the receipt is younger than it.
  private func checkChallenge(
    _ hash: Digest, _ batch: WaitingBatch, _ given: GivenReceipt, _ at: Finding.Place
  ) {
    guard let challenge = challenges[HashName(hash)] else {
      findings.add(.challengeUnknown, "challenge \(hash.short)", at: at)
      return
    }
    let received = given.receipt.receivedUTCMilliseconds
    let isBefore = challenge.leaf > given.at.index
    let (early, overflow) = challenge.issuedUTC.subtractingReportingOverflow(received)
    guard isBefore || overflow || early > Self.clockStepMilliseconds else { return }
    let why =
      isBefore
      ? "its receipt is leaf \(given.at.index), its challenge is leaf \(challenge.leaf)"
      : "its receipt is \(early) ms before its challenge, leaf \(challenge.leaf)"
    findings.add(
      .backdated, why, at: at,
      given.message + [Finding.Evidence(what: "challenge", bytes: challenge.message)]
        + checkpointEvidence(batch))
  }

  private func checkClock(_ clock: Leaf.Clock, _ given: GivenReceipt, _ at: Finding.Place) {
    let slack = Int64(clamping: clock.uncertaintyMilliseconds)
    let (earliest, overflow) = clock.utcMilliseconds.subtractingReportingOverflow(slack)
    let received = given.receipt.receivedUTCMilliseconds
    guard !overflow, received < earliest else { return }
    let (early, _) = earliest.subtractingReportingOverflow(received)
    findings.add(
      .receiptBeforeClock, "the receipt in leaf \(given.at.index) is \(early) ms before", at: at,
      given.message)
  }
}
