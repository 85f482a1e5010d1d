import CBOR
import CoverageVerifier
import FixedMemory
import Identity
import Proofs
import Records

/// Beacons, judged from what the archive holds, and compared with what the gateway says of them.
extension ArchiveVerifier {
  /// Leaves of a batch whose signature, place and root are right.
  func gatherCoverage(
    _ batch: [UInt8], _ checkpoint: Checkpoint, start: UInt64, of index: Int,
    receiptUTCMilliseconds: Int64?, _ at: Finding.Place
  ) {
    let source = CoverageBook.Source(
      keyHash: devices[index].keyHash, epoch: checkpoint.epoch, batch: checkpoint.batch,
      boot: checkpoint.boot, isSimulated: checkpoint.isSimulated,
      receiptUTCMilliseconds: receiptUTCMilliseconds)
    do throws(CBORDecoder.Failure) {
      for leaf in try CoverageLeaf.all(in: batch.span, start: start) {
        try book.add(leaf, of: source)
      }
    } catch {
      findings.add(.batchDamaged, error.words, at: at)
    }
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
    var told: [BeaconName: ToldVerdict] = [:]
    if let reader = try SequenceReader(optional: .verdicts, in: folder) {
      told = try readVerdicts(reader)
    }
    for name in book.beacons {
      let verdict = CoverageVerdict.judge(book.evidence(name))
      report.counts.beacons += 1
      if verdict.outcome == .sound { report.counts.soundBeacons += 1 }
      report.counts.countedWitnesses += verdict.witnesses.count(where: \.counts)
      compare(verdict, name, told[name])
      told[name] = nil
    }
    for name in told.keys.sorted(by: BeaconName.precedes) {
      guard let place = told[name]?.place else { continue }
      findings.add(
        .verdictDiffers, "\(name.text): nothing in the archive speaks of this beacon", at: place)
    }
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
    let json: [UInt8]
    let place: Finding.Place
  }

  private func readVerdicts(_ reader: SequenceReader) throws(ArchiveFailure)
    -> [BeaconName: ToldVerdict]
  {
    var told: [BeaconName: ToldVerdict] = [:]
    while true {
      switch try reader.step() {
      case .end: return told
      case .damage(let offset, let why, let isTooLong):
        tellDamage(.verdictsDamaged, .verdicts, offset, why, isTooLong)
        return told
      case .item(let bytes, let offset):
        let at = place(.verdicts, offset)
        do throws(CBORDecoder.Failure) {
          let (name, json) = try ArchiveFormat.verdict(decoding: bytes.span)
          if told.updateValue(ToldVerdict(json: json, place: at), forKey: name) != nil {
            findings.add(.verdictsDamaged, "\(name.text) is there twice", at: at)
          }
        } catch {
          findings.add(.verdictsDamaged, "no verdict: \(error.words)", at: at)
        }
      }
    }
  }
}
