import CoverageVerifier

/// Whether S rises and falls with the drawn power. A figure that was made up before the reveal can't know it; a
/// transmitter that sends as it likes doesn't follow it.
///
/// For each link, S less the power is what the way took: it has nothing to do with the power, if both are true. What
/// was too weak to be heard at some power is cut off for all powers alike, so that what is left stays comparable: the
/// cut is the highest of (least S that is heard − power), and what was not heard counts as lying there.
enum PowerFollowing {
  static let name = "signal follows the drawn power"
  /// Of what was drawn for a link: less tells nothing.
  static let leastRange: Int32 = 900
  /// A frame so much above the least S is heard for certain.
  private static let certain: Int32 = 300
  static let leastCount = 12
  static let leastLinks = 3
  /// Five standard deviations below: once in three million, by chance.
  static let limit = -5_000
  /// Of the middle link: who has a few liars around is none.
  static let middleLimit = -1_000

  struct LinkFinding {
    var agreement: Ranks.Agreement
    /// Least-squares slope of S over power, thousandths, of what lies above the cut.
    var slope: Int
  }

  static func finding(_ link: Link, _ links: Links) -> LinkFinding? {
    guard link.heardCount >= leastCount / 2 else { return nil }
    guard let best = best(link, links), best.powers.count >= leastCount,
      best.above >= leastCount / 2,
      let low = best.powers.min(), let high = best.powers.max(), high - low >= leastRange
    else { return nil }
    return LinkFinding(
      agreement: Ranks.agreement(best.powers, best.ways), slope: slope(best.powers, best.ways))
  }

  /// What the way takes, gains not counted: the middle one, with what was not heard as the most. Nil when the middle
  /// one lies at the cut, or too few above it.
  static func middleLoss(_ link: Link, _ links: Links) -> Int32? {
    guard link.heardCount >= leastAbove, let best = best(link, links), best.above >= leastAbove,
      let middle = Ranks.median(best.ways), middle > best.cut
    else { return nil }
    return -middle
  }

  private static let leastAbove = 5

  private typealias Cut = (powers: [Int32], ways: [Int32], above: Int, cut: Int32)

  private static func best(_ link: Link, _ links: Links) -> Cut? {
    var best: Cut?
    // Faint factors hear more: without the others the cut may lie lower.
    for factor in UInt8(7)...10 {
      let own = links.observations[link.range].filter { $0.spreadingFactor >= factor }
      guard let found = cut(own, links) else { continue }
      if found.above > best?.above ?? 0 { best = found }
    }
    return best
  }

  private static func cut(_ own: [CoveragePeriod.Observation], _ links: Links) -> Cut? {
    var cut: Int32?
    var (powers, ways): ([Int32], [Int32]) = ([], [])
    for observation in own {
      let least = links.least(observation) + certain - observation.powerCentidecibelMilliwatts
      cut = max(cut ?? least, least)
    }
    guard let cut else { return nil }
    var above = 0
    for observation in own {
      // Heard, without a figure: says nothing either way.
      if let reception = observation.reception, reception.signalCentidecibelMilliwatts == nil {
        continue
      }
      let signal = observation.reception?.signalCentidecibelMilliwatts
      let way = signal.map { $0 - observation.powerCentidecibelMilliwatts } ?? cut
      if way > cut { above += 1 }
      powers.append(observation.powerCentidecibelMilliwatts)
      ways.append(max(way, cut))
    }
    return (powers, ways, above, cut)
  }

  /// One, and the slope of the ways over the powers.
  private static func slope(_ powers: [Int32], _ ways: [Int32]) -> Int {
    let count = powers.count
    let power = powers.reduce(0) { $0 + Int($1) }
    let way = ways.reduce(0) { $0 + Int($1) }
    var (across, square) = (0, 0)
    for (left, right) in zip(powers, ways) {
      let away = Int(left) * count - power
      across += away * (Int(right) * count - way) / count
      square += away * away / count
    }
    return square > 0 ? 1_000 + across * 1_000 / square : 1_000
  }

  /// Of a node in one role: all its links taken together, and the middle one.
  struct NodeFinding {
    var links = 0
    var score = 0
    var middle: Int32?
    var slope: Int32?

    var isFalse: Bool {
      guard links >= leastLinks, let middle else { return false }
      return score <= limit && Int(middle) <= middleLimit
    }

    init(_ own: [LinkFinding]) {
      var sum = Ranks.Agreement()
      for finding in own { sum.add(finding.agreement) }
      links = own.count
      score = sum.score
      middle = Ranks.median(own.map { Int32(clamping: $0.agreement.score) })
      slope = Ranks.median(own.map { Int32(clamping: $0.slope) })
    }
  }

  /// As senders and as witnesses. A link that one end has made false is not held against the other: what is worse by
  /// itself is left out of the other's.
  static func checks(_ links: Links) -> [[VerdictCheck]] {
    let findings = links.links.map { finding($0, links) }
    let senders = links.bySender.map { own in NodeFinding(own.compactMap { findings[$0] }) }
    let witnesses = links.byWitness.map { own in NodeFinding(own.compactMap { findings[$0] }) }
    return links.nodes.indices.map { node in
      let sent = links.bySender[node].filter { index in
        let other = witnesses[links.links[index].witness]
        return !(other.isFalse && other.score <= senders[node].score)
      }
      let heard = links.byWitness[node].filter { index in
        let other = senders[links.links[index].sender]
        return !(other.isFalse && other.score <= witnesses[node].score)
      }
      return [
        check(NodeFinding(sent.compactMap { findings[$0] }), "sender"),
        check(NodeFinding(heard.compactMap { findings[$0] }), "witness"),
      ]
    }
  }

  private static func check(_ found: NodeFinding, _ role: String) -> VerdictCheck {
    let figures = [
      VerdictCheck.Figure("links", found.links),
      VerdictCheck.Figure("scorePermille", found.score),
      VerdictCheck.Figure("middleScorePermille", found.middle),
      VerdictCheck.Figure("middleSlopePermille", found.slope),
      VerdictCheck.Figure("limitPermille", limit),
    ]
    let name = "\(name), as \(role)"
    guard found.links >= leastLinks else { return VerdictCheck(name, .notMade, figures) }
    return VerdictCheck(name, found.isFalse ? .failed : .passed, figures)
  }
}
