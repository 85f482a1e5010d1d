import CBOR
import CoverageVerifier
import FixedMemory
import Identity
import Proofs
import Records

/// Beacons, judged from what the archive holds, and compared with what the gateway says of them.
extension ArchiveVerifier {
  /// No reveal is due later after a receipt: a window begins within a day, lasts one, and is revealed 30 windows later.
  private static let longestDelayMilliseconds: Int64 =
    (2 + Int64(CoveragePolicy.maximumRevealWindows)) * 86_400_000

  /// Leaves of a batch whose signature, place and root are right.
  func gatherCoverage(
    _ batch: WaitingBatch, _ checkpoint: Checkpoint, start: UInt64, of index: Int,
    receiptUTCMilliseconds: Int64?, _ at: Finding.Place
  ) {
    let source = CoverageBook.Source(
      keyHash: devices[index].keyHash, epoch: checkpoint.epoch, batch: checkpoint.batch,
      boot: checkpoint.boot, isSimulated: checkpoint.isSimulated,
      receiptUTCMilliseconds: receiptUTCMilliseconds)
    do throws(CBORDecoder.Failure) {
      let withheld = Set(batch.withheld)
      for leaf in try CoverageLeaf.all(in: batch.bytes.span, start: start, withheld: withheld) {
        try book.add(leaf, of: source)
      }
    } catch {
      findings.add(.batchDamaged, error.words, at: at)
    }
    guard let oldest = batch.withheld.first else { return }
    report.counts.undueLeaves += UInt64(batch.withheld.count)
    let (end, isOutside) = (receiptUTCMilliseconds ?? .min).addingReportingOverflow(
      Self.longestDelayMilliseconds)
    guard !isOutside, let headUTC, end <= headUTC else { return }
    findings.add(
      .withheldLong,
      "leaf \(oldest) of batch \(checkpoint.epoch)/\(checkpoint.batch) of device "
        + "\(devices[index].keyHash.short)", at: at)
  }

  func gatherChallenge(_ message: Span<UInt8>, _ leaf: UInt64) {
    do throws(CBORDecoder.Failure) {
      try book.add(challenge: message.withUnsafeBufferPointer { Array($0) }, logLeaf: leaf)
    } catch {
      // Its form was right when its signature was checked.
    }
  }

  /// Judges every beacon. To be called when the whole log has been read.
  func judgeBeacons() throws(ArchiveFailure) {
    for index in devices.indices {
      guard let node = devices[index].node else { continue }
      book.setNode(
        of: devices[index].keyHash, node: nodes[node].id, owner: nodes[node].ownerKey?.hash)
    }
    var told = try ToldVerdicts(SequenceReader(optional: .verdicts, in: folder))
    let links = VerifiedLinks()
    var standings = FoundStandings(book, asOfUTCMilliseconds: lastUTC, links)
    for name in book.beacons {
      let evidence = book.evidence(name, links: links)
      let verdict = CoverageVerdict.judge(evidence, links: links)
      standings.add(verdict, name, evidence)
      report.counts.beacons += 1
      if verdict.outcome == .sound { report.counts.soundBeacons += 1 }
      report.counts.countedWitnesses += verdict.witnesses.count(where: \.counts)
      while let item = try next(&told), BeaconName.precedes(item.name, name) {
        tellUnknown(item)
        told.take()
      }
      guard let item = told.waiting, item.name == name else {
        compare(verdict, name, nil)
        continue
      }
      compare(verdict, name, item)
      told.take()
    }
    while let item = try next(&told) {
      tellUnknown(item)
      told.take()
    }
    try compare(standings)
  }

  private func tellUnknown(_ told: ToldVerdict) {
    findings.add(
      .verdictDiffers, "\(told.name.text): nothing in the archive speaks of this beacon",
      at: told.place)
  }

  private func compare(_ verdict: BeaconVerdict, _ name: BeaconName, _ told: ToldVerdict?) {
    let words = verdict.outcome.rawValue + (verdict.reason.map { ", " + $0.rawValue } ?? "")
    guard let told else {
      findings.add(
        .verdictDiffers, "\(name.text): the gateway says nothing of it, and it is \(words)",
        at: Finding.Place(file: ArchiveFormat.File.verdicts.rawValue))
      return
    }
    do {
      guard try verdict.json != told.json else { return }
    } catch {
      // A verdict of whole numbers and texts has a form in JSON.
    }
    findings.add(.verdictDiffers, "\(name.text): here it is \(words)", at: told.place)
  }

  /// What the gateway says of a beacon.
  struct ToldVerdict {
    let name: BeaconName
    let json: [UInt8]
    let place: Finding.Place
  }

  /// Verdicts of the file, one at a time.
  private struct ToldVerdicts {
    var reader: SequenceReader?
    var waiting: ToldVerdict?
    var last: BeaconName?

    init(_ reader: SequenceReader?) { self.reader = reader }

    mutating func take() { waiting = nil }
  }

  /// The first one that was not taken; nil at the end, or where the file can't be read on.
  private func next(_ told: inout ToldVerdicts) throws(ArchiveFailure) -> ToldVerdict? {
    while told.waiting == nil, let reader = told.reader {
      switch try reader.step() {
      case .end: told.reader = nil
      case .damage(let offset, let why, let isTooLong):
        tellDamage(.verdictsDamaged, .verdicts, offset, why, isTooLong)
        told.reader = nil
      case .item(let bytes, let offset):
        let at = place(.verdicts, offset)
        do throws(CBORDecoder.Failure) {
          let (name, json) = try ArchiveFormat.verdict(decoding: bytes.span)
          if let last = told.last, !BeaconName.precedes(last, name) {
            findings.add(
              .verdictsDamaged, "\(name.text) stands out of order, or twice", at: at)
            continue
          }
          told.last = name
          told.waiting = ToldVerdict(name: name, json: json, place: at)
        } catch {
          findings.add(.verdictsDamaged, "no verdict: \(error.words)", at: at)
        }
      }
    }
    return told.waiting
  }
}
