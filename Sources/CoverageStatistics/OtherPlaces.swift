import CoverageVerifier
import Foundation

/// Whether the ways to a node would go better with another place than the one it says. One way tells little, as hills
/// and houses are worth hundreds of metres; thirty ways tell where a node stands to some hundred metres.
///
/// What others say of its beacons counts: it can't change that. What it says itself counts only where it sends nothing.
/// Losses are compared with the middle ones of links of the same length that are heard, so that it does not matter that
/// of long links only the good ones are. Keys that have one radio count for nobody: one lucky way of theirs would count
/// as often as there are keys.
struct OtherPlaces {
  static let name = "no other place fits better"
  static let leastLinks = 8
  static let leastNodes = 20
  private static let rounds = 4
  /// A group of links of like length has so many at least, and is so wide at least, thousandths of a decade.
  private static let groupSize = 30
  private static let groupDecades: Int32 = 100
  /// Beyond three deviations a way says no more than that it is odd; thousandths.
  private static let largest: Int64 = 3_000
  /// What another place may save of the sum of squares, in thousandths of a squared deviation.
  static let limit: Int64 = 15_000
  private static let radii: [Int64] = [
    400, 600, 800, 1_000, 1_250, 1_500, 2_000, 2_500, 3_000,
  ]
  /// Twelve directions, cosine and sine in thousandths.
  private static let directions: [(Int64, Int64)] = [
    (1_000, 0), (866, 500), (500, 866), (0, 1_000), (-500, 866), (-866, 500), (-1_000, 0),
    (-866, -500), (-500, -866), (0, -1_000), (500, -866), (866, -500),
  ]

  private struct Way {
    /// Less what the other end takes.
    let loss: Int32
    let east: Int64
    let north: Int64
    /// Of ways of this length.
    let deviation: Int64
  }

  private struct Curve {
    var points: [(decades: Int32, loss: Int32)]
    /// Before the first and behind the last of them.
    var slope: Int32

    func loss(_ decades: Int32) -> Int32 {
      guard let first = points.first, let last = points.last else { return 0 }
      if decades <= first.decades { return first.loss + (decades - first.decades) * slope / 1_000 }
      if decades >= last.decades { return last.loss + (decades - last.decades) * slope / 1_000 }
      var (low, high) = (0, points.count - 1)
      while high - low > 1 {
        let middle = (low + high) / 2
        if points[middle].decades <= decades { low = middle } else { high = middle }
      }
      let (from, to) = (points[low], points[high])
      return from.loss + (decades - from.decades) * (to.loss - from.loss)
        / max(1, to.decades - from.decades)
    }
  }

  private struct Finding {
    var links: Int
    var gain: Int64
    var metres: Int64
  }

  private var findings: [Finding?]
  let deviation: Int32

  init(_ links: Links, _ distances: Distances, _ radios: OneRadio) {
    let heard = links.links.indices.filter {
      links.links[$0].lossCentidecibels != nil && links.links[$0].metres ?? 0 >= 100
    }
    let curve = Self.curve(
      heard.map {
        (
          decades: Distances.decades(links.links[$0].metres ?? 0),
          loss: links.links[$0].lossCentidecibels ?? 0
        )
      }, distances.slope)
    let rests = heard.map { index in
      let link = links.links[index]
      return (link.lossCentidecibels ?? 0) - curve.loss(Distances.decades(link.metres ?? 0))
    }
    let count = links.nodes.count
    var senders: [Int32] = Array(repeating: 0, count: count)
    var witnesses = senders
    for _ in 0..<Self.rounds {
      var values: [[Int32]] = Array(repeating: [], count: count)
      for (index, rest) in zip(heard, rests) {
        let link = links.links[index]
        values[link.sender].append(rest - witnesses[link.witness])
      }
      senders = values.map { Ranks.median($0) ?? 0 }
      values = Array(repeating: [], count: count)
      for (index, rest) in zip(heard, rests) {
        let link = links.links[index]
        values[link.witness].append(rest - senders[link.sender])
      }
      witnesses = values.map { Ranks.median($0) ?? 0 }
    }
    let away = zip(heard, rests).map { index, rest in
      let link = links.links[index]
      return (
        decades: Distances.decades(link.metres ?? 0),
        loss: abs(rest - senders[link.sender] - witnesses[link.witness])
      )
    }
    // A normal distribution's median deviation is 0.6745 of its standard one.
    let deviations = Self.curve(away, 0)
    self.deviation = max(200, (Ranks.median(away.map(\.loss)) ?? 0) * 1_000 / 674)
    findings = Array(repeating: nil, count: count)
    let seen = Set(heard.flatMap { [links.links[$0].sender, links.links[$0].witness] })
    guard seen.count >= Self.leastNodes, curve.points.count >= 3 else { return }
    for node in links.nodes.indices {
      var ways = Self.ways(links.bySender[node], node, links, radios, witnesses, deviations)
      if ways.count < Self.leastLinks {
        ways = Self.ways(links.byWitness[node], node, links, radios, senders, deviations)
      }
      findings[node] = Self.find(ways, curve)
    }
  }

  /// Middle ones of decades and losses of links of like length.
  private static func curve(_ all: [(decades: Int32, loss: Int32)], _ slope: Int32) -> Curve {
    let sorted = all.sorted { ($0.decades, $0.loss) < ($1.decades, $1.loss) }
    var points: [(decades: Int32, loss: Int32)] = []
    var begin = 0
    for end in sorted.indices {
      let own = sorted[begin...end]
      guard own.count >= groupSize, sorted[end].decades - sorted[begin].decades >= groupDecades,
        let decades = Ranks.median(own.map(\.decades)), let loss = Ranks.median(own.map(\.loss))
      else { continue }
      points.append((decades, loss))
      begin = end + 1
    }
    return Curve(points: points, slope: slope)
  }

  /// Metres east and north of the node's place, on a plane that touches there.
  private static func ways(
    _ own: [Int], _ node: Int, _ links: Links, _ radios: OneRadio, _ effects: [Int32],
    _ deviations: Curve
  ) -> [Way] {
    guard let place = links.nodes[node].place else { return [] }
    let metres = 6_371_008.8 * Double.pi / 180 / 10_000_000
    let narrow = cos(Double(place.latitudeE7) / 10_000_000 * Double.pi / 180)
    return own.compactMap { index in
      let link = links.links[index]
      let other = link.sender == node ? link.witness : link.sender
      guard let loss = link.lossCentidecibels, link.metres ?? 0 >= 100,
        !links.areOfOneOwner(node, other), !radios.isShared(other),
        let there = links.nodes[other].place
      else { return nil }
      // The shorter way around.
      var across = Int64(there.longitudeE7) - Int64(place.longitudeE7)
      if across > 1_800_000_000 { across -= 3_600_000_000 }
      if across < -1_800_000_000 { across += 3_600_000_000 }
      let east = Double(across)
      let north = Double(there.latitudeE7) - Double(place.latitudeE7)
      return Way(
        loss: loss - effects[other], east: Int64((east * narrow * metres).rounded()),
        north: Int64((north * metres).rounded()),
        deviation: Int64(
          max(200, deviations.loss(Distances.decades(link.metres ?? 0)) * 1_000 / 674)))
    }
  }

  private static func find(_ ways: [Way], _ curve: Curve) -> Finding? {
    guard ways.count >= leastLinks else { return nil }
    let here = cost(ways, 0, 0, curve)
    var best = Finding(links: ways.count, gain: 0, metres: 0)
    for radius in radii {
      for (cosine, sine) in directions {
        let there = cost(
          ways, radius * cosine / 1_000, radius * sine / 1_000, curve)
        if here - there > best.gain {
          best = Finding(links: ways.count, gain: here - there, metres: radius)
        }
      }
    }
    best.gain /= 1_000
    return best
  }

  /// Squares of what the ways differ by from the curve, less their middle one.
  private static func cost(
    _ ways: [Way], _ east: Int64, _ north: Int64, _ curve: Curve
  ) -> Int64 {
    let rests = ways.map { way in
      let (across, up) = (way.east - east, way.north - north)
      let metres = Int64(Double(across * across + up * up).squareRoot().rounded())
      return way.loss - curve.loss(Distances.decades(max(100, metres)))
    }
    let middle = Ranks.median(rests) ?? 0
    return zip(ways, rests).reduce(0) { sum, pair in
      let away = min(largest, Int64(abs(pair.1 - middle)) * 1_000 / pair.0.deviation)
      return sum + away * away
    }
  }

  func check(_ node: Int) -> VerdictCheck {
    let found = findings[node]
    let figures = [
      VerdictCheck.Figure("links", found?.links), VerdictCheck.Figure("gainPermille", found?.gain),
      VerdictCheck.Figure("limitPermille", Self.limit),
      VerdictCheck.Figure("betterMetresAway", found?.metres),
      VerdictCheck.Figure("deviation", deviation),
    ]
    guard let found else { return VerdictCheck(Self.name, .notMade, figures) }
    return VerdictCheck(Self.name, found.gain < Self.limit ? .passed : .failed, figures)
  }
}
