import CBOR
import CoverageStatistics
import CoverageVerifier
import FixedMemory
import Proofs

/// What the archive shows of nodes over time: of each period the standings, of which the hashes are kept.
struct FoundStandings {
  private let book: CoverageBook
  private let links: VerifiedLinks
  /// Numbers of a period whose reveal is due, ascending.
  private var numbers: [CoveragePeriodName: [UInt32]] = [:]
  /// Those of which beacons are still to come.
  private var open: [CoveragePeriodName: CoverageSurvey] = [:]
  private(set) var hashes: [ArchiveFormat.StandingName: Digest] = [:]
  private(set) var counts = ArchiveReport.Counts()

  init(_ book: CoverageBook, asOfUTCMilliseconds asOf: Int64, _ links: VerifiedLinks) {
    self.book = book
    self.links = links
    for number in book.challengeNumbers {
      guard let challenge = book.challenge(number)?.challenge,
        let period = CoveragePeriodName(challenge),
        book.revealUTCMilliseconds(number).map({ $0 <= asOf }) ?? false
      else { continue }
      numbers[period, default: []].append(number)
    }
  }

  /// By number. A period is judged, and forgotten but for its hashes, when its last one is behind.
  mutating func add(_ verdict: BeaconVerdict, _ name: BeaconName, _ evidence: BeaconEvidence) {
    finish { $0 < name.number }
    guard let challenge = book.challenge(name.number)?.challenge,
      let period = CoveragePeriodName(challenge),
      numbers[period]?.contains(name.number) ?? false
    else { return }
    open[period, default: CoverageSurvey(period)].add(
      verdict, of: name, evidence, in: book, links: links)
  }

  /// No more beacons come.
  mutating func finish() { finish { _ in true } }

  private mutating func finish(where isOver: (UInt32) -> Bool) {
    for period in open.keys where numbers[period]?.last.map(isOver) ?? true {
      guard var survey = open.removeValue(forKey: period) else { continue }
      for number in numbers[period] ?? [] {
        for name in survey.silentNames(number) {
          let evidence = book.evidence(name, hearers: false, links: links)
          survey.addDraw(of: name, evidence, in: book, links: links)
        }
      }
      keep(survey.judged())
    }
  }

  private mutating func keep(_ judged: JudgedPeriod) {
    counts.periods += 1
    counts.largePeriods += judged.isTooLarge ? 1 : 0
    counts.standings += judged.nodes.count
    counts.loweredStandings += judged.nodes.count(where: \.isLowered)
    for standing in judged.nodes {
      let name = ArchiveFormat.StandingName(period: judged.period, node: standing.node)
      do {
        let json = try standing.json
        if ArchiveFormat.item(ofStanding: json, of: standing) != nil {
          hashes[name] = SHA256.hash(json.span)
        }
      } catch {
        // A standing of whole numbers and texts has a form in JSON.
      }
    }
  }
}

/// Compared with what the gateway says of them.
extension ArchiveVerifier {
  func compare(_ found: FoundStandings) throws(ArchiveFailure) {
    var found = found
    found.finish()
    report.counts.periods = found.counts.periods
    report.counts.largePeriods = found.counts.largePeriods
    report.counts.standings = found.counts.standings
    report.counts.loweredStandings = found.counts.loweredStandings
    var rest = found.hashes
    try readStandings { name, json, at in
      guard let hash = rest.removeValue(forKey: name) else {
        findings.add(
          .standingDiffers, "\(name.text): nothing in the archive speaks of it", at: at)
        return
      }
      if hash != SHA256.hash(json.span) {
        findings.add(
          .standingDiffers, "\(name.text): its figures are others here", at: at)
      }
    }
    for name in rest.keys.sorted(by: ArchiveFormat.StandingName.precedes) {
      findings.add(
        .standingDiffers, "\(name.text): the gateway says nothing of it",
        at: Finding.Place(file: ArchiveFormat.File.standings.rawValue))
    }
  }

  private func readStandings(
    _ take: (ArchiveFormat.StandingName, [UInt8], Finding.Place) -> Void
  ) throws(ArchiveFailure) {
    guard let reader = try SequenceReader(optional: .standings, in: folder) else { return }
    var last: ArchiveFormat.StandingName?
    while true {
      switch try reader.step() {
      case .end: return
      case .damage(let offset, let why, let isTooLong):
        return tellDamage(.standingsDamaged, .standings, offset, why, isTooLong)
      case .item(let bytes, let offset):
        let at = place(.standings, offset)
        do throws(CBORDecoder.Failure) {
          let (name, json) = try ArchiveFormat.standing(decoding: bytes.span)
          if let last, !ArchiveFormat.StandingName.precedes(last, name) {
            findings.add(
              .standingsDamaged, "\(name.text): it stands out of order, or twice", at: at)
            continue
          }
          last = name
          take(name, json, at)
        } catch {
          findings.add(.standingsDamaged, "no standing: \(error.words)", at: at)
        }
      }
    }
  }
}
