import CoverageVerifier
import Foundation

/// Whether the ways to a node are as long as its place says. One exponent, one loss at a kilometre and one spread
/// for the area, one bias for each node; all of them medians, so that a few wrong places move none.
///
/// Far links are heard only where the way is better than most. So the area's line goes through groups of links of
/// like length of which more than half are heard, with those that are not heard as the longest ways; what lies beyond
/// is not used.
struct Distances {
  static let name = "losses are as far as the place is"
  static let nearName = "who hears it is nearer than who does not"
  static let leastLinks = 6
  private static let rounds = 4
  /// At most; each of five links at least.
  private static let groupCount = 20
  private static let groupSize = 5
  /// Of a group's links so many are heard, at least, thousandths.
  private static let heardPermille = 600
  static let leastWindows = 5
  /// A node so much better or worse than the area's middle one stands elsewhere: antennas and houses do not do that.
  static let largestBias: Int32 = 2_500
  /// Beyond 2.5 times the area's middle deviation lies less than one link in seven of an honest node.
  static let beyondPermille = 150
  static let leastChance = 0.000_001

  /// Loss for ten times the distance, hundredths of a decibel.
  let slope: Int32
  let lossAtKilometre: Int32
  /// Up to here more than half of the links are heard.
  let reachMetres: Int64
  let biases: [Int32?]
  let middleDeviation: Int32
  private let deviations: [[Int32]]

  init(_ links: Links) {
    (slope, lossAtKilometre, reachMetres) = Self.line(links)
    let (slope, base, reach) = (slope, lossAtKilometre, reachMetres)
    let used = links.links.filter { link in
      link.lossCentidecibels != nil && 100...max(100, reach) ~= link.metres ?? 0
    }
    let rests = used.map { link in
      (link.lossCentidecibels ?? 0) - base
        - Int32(Int64(slope) * Int64(Self.decades(link.metres ?? 0)) / 1_000)
    }
    var biases: [Int32?] = Array(repeating: nil, count: links.nodes.count)
    for _ in 0..<Self.rounds {
      var values: [[Int32]] = Array(repeating: [], count: links.nodes.count)
      for (link, rest) in zip(used, rests) {
        values[link.sender].append(rest - (biases[link.witness] ?? 0))
        values[link.witness].append(rest - (biases[link.sender] ?? 0))
      }
      // Halfway each time: both ends of a link move at once.
      biases = zip(values, biases).map { values, old in
        guard values.count >= Self.leastLinks, let middle = Ranks.median(values) else { return nil }
        return old.map { ($0 + middle) / 2 } ?? middle / 2
      }
    }
    self.biases = biases
    var deviations: [[Int32]] = Array(repeating: [], count: links.nodes.count)
    var all: [Int32] = []
    for (link, rest) in zip(used, rests) {
      let away = abs(rest - (biases[link.sender] ?? 0) - (biases[link.witness] ?? 0))
      deviations[link.sender].append(away)
      deviations[link.witness].append(away)
      all.append(away)
    }
    self.deviations = deviations
    middleDeviation = max(200, Ranks.median(all) ?? 0)
  }

  /// Thousandths of powers of ten above 1 km.
  static func decades(_ metres: Int64) -> Int32 {
    Int32((1_000 * log10(Double(max(1, metres)) / 1_000)).rounded())
  }

  /// Through the medians of groups of equal size, by distance: the middle of the slopes between any two of them.
  private static func line(_ links: Links) -> (Int32, Int32, Int64) {
    let sorted = links.links.filter { $0.range.count >= leastWindows && $0.metres ?? 0 >= 100 }
      .sorted { ($0.metres ?? 0, $0.sender, $0.witness) < ($1.metres ?? 0, $1.sender, $1.witness) }
    let count = max(1, min(groupCount, sorted.count / groupSize))
    let size = sorted.count / count
    var middles: [(decades: Int32, loss: Int32)] = []
    var reach: Int64 = 0
    for group in 0..<count where size >= groupSize {
      let own = sorted[(group * size)..<((group + 1) * size)]
      let heard = own.count { $0.lossCentidecibels != nil }
      guard heard * 1_000 >= heardPermille * own.count else { break }
      let losses = own.map { $0.lossCentidecibels ?? .max }
      guard let decades = Ranks.median(own.map { Self.decades($0.metres ?? 0) }),
        let loss = Ranks.median(losses)
      else { break }
      middles.append((decades, loss))
      reach = own.last?.metres ?? reach
    }
    var slopes: [Int32] = []
    for second in middles.indices {
      for first in 0..<second where middles[second].decades - middles[first].decades >= 50 {
        let rise = Int64(middles[second].loss - middles[first].loss) * 1_000
        slopes.append(Int32(rise / Int64(middles[second].decades - middles[first].decades)))
      }
    }
    let slope = max(1_500, min(6_000, Ranks.median(slopes) ?? 3_500))
    let bases = middles.map { $0.loss - Int32(Int64(slope) * Int64($0.decades) / 1_000) }
    return (slope, Ranks.median(bases) ?? 12_000, reach)
  }

  func check(_ node: Int) -> VerdictCheck {
    let own = deviations[node]
    let beyond = own.count { $0 * 2 > middleDeviation * 5 }
    let chance = Ranks.chance(ofAtLeast: beyond, of: own.count, permille: Self.beyondPermille)
    let figures = [
      VerdictCheck.Figure("links", own.count), VerdictCheck.Figure("bias", biases[node]),
      VerdictCheck.Figure("largestBias", Self.largestBias),
      VerdictCheck.Figure("beyond", beyond),
      VerdictCheck.Figure("middleDeviation", middleDeviation),
      VerdictCheck.Figure("slope", slope), VerdictCheck.Figure("reachMetres", reachMetres),
      VerdictCheck.Figure("lossAtKilometre", lossAtKilometre),
    ]
    guard own.count >= Self.leastLinks, let bias = biases[node] else {
      return VerdictCheck(Self.name, .notMade, figures)
    }
    let isThere = abs(bias) <= Self.largestBias && chance > Self.leastChance
    return VerdictCheck(Self.name, isThere ? .passed : .failed, figures)
  }

  static let leastNear = 4
  /// Of pairs of a hearer and one who does not hear: so many have the nearer one as the hearer.
  static let nearPermille = 600

  static func checkNear(_ node: Int, _ links: Links) -> VerdictCheck {
    var (near, far): ([Int64], [Int64]) = ([], [])
    for index in links.bySender[node] + links.byWitness[node] {
      let link = links.links[index]
      let other = link.sender == node ? link.witness : link.sender
      guard link.range.count >= leastWindows, let metres = link.metres,
        !links.areOfOneOwner(node, other)
      else { continue }
      if link.heardCount * 2 >= link.range.count { near.append(metres) } else { far.append(metres) }
    }
    near.sort()
    far.sort()
    var (right, index) = (0, 0)
    for metres in far {
      while index < near.count, near[index] < metres { index += 1 }
      right += index
    }
    let pairs = near.count * far.count
    let permille = pairs > 0 ? right * 1_000 / pairs : 0
    let figures = [
      VerdictCheck.Figure("hear", near.count), VerdictCheck.Figure("hearNot", far.count),
      VerdictCheck.Figure("nearerPermille", permille),
      VerdictCheck.Figure("limitPermille", nearPermille),
    ]
    guard near.count >= leastNear, far.count >= leastNear else {
      return VerdictCheck(nearName, .notMade, figures)
    }
    return VerdictCheck(nearName, permille >= nearPermille ? .passed : .failed, figures)
  }
}
