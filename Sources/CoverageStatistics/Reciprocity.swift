import CoverageVerifier

/// Whether a node sends as loudly as it says. A way takes the same there and back: what others lose of its beacons,
/// less what it loses of theirs, is what it sends above its word, less what its radio reads too high. Antennas, houses
/// and hills fall out, as they stand in both.
///
///     loss a→b = way - more(a) - high(b)          loss b→a = way - more(b) - high(a)
///     (b→a) - (a→b) = louder(a) - louder(b)       louder = more - high
///
/// A radio that reads high reads its noise high too, and a radio with much noise only seems to: so a part of what its
/// noise lies above the area's is added, as much as makes the area's nodes most alike.
struct Reciprocity {
  static let name = "sends as loudly as it says"
  static let leastLinks = 5
  static let leastNodes = 10
  private static let rounds = 10
  /// Quarters of the noise that are tried.
  private static let quarters: ClosedRange<Int32> = 0...4
  /// Tenths of the area's deviation.
  static let limitTenths: Int32 = 35
  /// Radios' readings differ by less than this only by luck.
  static let leastLimit: Int32 = 300

  /// Of each node, hundredths of a decibel above the area's middle; nil without links enough.
  let louder: [Int32?]
  /// Of the area's nodes: 1 / 0.6745 of the median one, as in a normal distribution.
  let deviation: Int32?
  let quarters: Int32
  private let counts: [Int]

  init(_ links: Links) {
    var used: [(node: Int, other: Int, more: Int32)] = []
    let ways = links.links.map { PowerFollowing.middleLoss($0, links) }
    for (index, link) in links.links.enumerated() where link.sender < link.witness {
      guard !links.areOfOneOwner(link.sender, link.witness), let there = ways[index],
        let place = links.place(from: link.witness, to: link.sender), let back = ways[place]
      else { continue }
      used.append((link.sender, link.witness, back - there))
    }
    var counts = Array(repeating: 0, count: links.nodes.count)
    for pair in used {
      counts[pair.node] += 1
      counts[pair.other] += 1
    }
    self.counts = counts
    let found = Self.fit(used, links.nodes.count)
    let measured = found.indices.filter { found[$0] != nil }
    let noise = Ranks.median(measured.map { links.noises[$0] }) ?? 0
    var best: (quarters: Int32, spread: Int32, louder: [Int32?])?
    for quarters in Self.quarters {
      let tried = found.enumerated().map { node, louder in
        louder.map { $0 + (links.noises[node] - noise) * quarters / 4 }
      }
      let middle = Ranks.median(tried.compactMap(\.self)) ?? 0
      let moved = tried.map { value in value.map { $0 - middle } }
      let spread = Ranks.median(moved.compactMap { value in value.map { abs($0) } }) ?? 0
      if spread < best?.spread ?? .max { best = (quarters, spread, moved) }
    }
    louder = best?.louder ?? found
    quarters = best?.quarters ?? 0
    deviation = measured.count >= Self.leastNodes ? best.map { $0.spread * 1_000 / 674 } : nil
  }

  /// By medians, halfway between old and new: both ends of a pair move at once.
  private static func fit(_ used: [(node: Int, other: Int, more: Int32)], _ count: Int) -> [Int32?]
  {
    var louder: [Int32?] = Array(repeating: nil, count: count)
    for round in 0..<rounds {
      var values: [[Int32]] = Array(repeating: [], count: count)
      for pair in used {
        values[pair.node].append(pair.more + (louder[pair.other] ?? 0))
        values[pair.other].append((louder[pair.node] ?? 0) - pair.more)
      }
      louder = zip(values, louder).map { values, old in
        guard values.count >= leastLinks, let middle = Ranks.median(values) else { return nil }
        return round == 0 ? middle / 2 : ((old ?? 0) + middle) / 2
      }
    }
    return louder
  }

  func check(_ node: Int) -> VerdictCheck {
    let limit = deviation.map { max(Self.leastLimit, Self.limitTenths * $0 / 10) }
    let figures = [
      VerdictCheck.Figure("pairs", counts[node]), VerdictCheck.Figure("louder", louder[node]),
      VerdictCheck.Figure("limit", limit), VerdictCheck.Figure("deviation", deviation),
      VerdictCheck.Figure("noiseQuarters", quarters),
    ]
    guard let louder = louder[node], let limit else {
      return VerdictCheck(Self.name, .notMade, figures)
    }
    return VerdictCheck(Self.name, louder <= limit ? .passed : .failed, figures)
  }
}
