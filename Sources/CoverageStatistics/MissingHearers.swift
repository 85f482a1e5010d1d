import CoverageVerifier
import LoRa

/// Whether those whom a node says to hear hear it too. The way from one to the other is the way back: who hears a
/// neighbour well, and stands where it says, is heard by it, when that one listens.
enum MissingHearers {
  static let name = "those whom it hears hear it"
  /// So many links of this kind, and more than half of all that can be looked at.
  static let leastLinks = 3

  static func check(_ node: Int, _ links: Links) -> VerdictCheck {
    var (looked, missing, owners) = (0, 0, Set<Int>())
    for index in links.byWitness[node] {
      let back = links.links[index]
      // What it says to hear, and how well.
      guard let loss = back.lossCentidecibels, !links.areOfOneOwner(node, back.sender),
        let way = links.link(from: node, to: back.sender)
      else { continue }
      let gain =
        links.nodes[node].gainCentidecibels + links.nodes[back.sender].gainCentidecibels
      var (count, heard) = (0, 0)
      for observation in links.observations[way.range] {
        let signal = observation.powerCentidecibelMilliwatts + gain - loss
        guard signal >= links.least(observation) + Links.margin else { continue }
        count += 1
        heard += observation.reception == nil ? 0 : 1
      }
      guard count >= 10 else { continue }
      looked += 1
      let chance = Ranks.chance(
        ofAtLeast: count - heard, of: count, permille: Links.lostPermille)
      if chance <= Links.leastChance {
        missing += 1
        owners.insert(back.sender)
      }
    }
    let figures = [
      VerdictCheck.Figure("links", looked), VerdictCheck.Figure("missing", missing),
      VerdictCheck.Figure("leastMissing", leastLinks),
    ]
    guard looked >= leastLinks else { return VerdictCheck(name, .notMade, figures) }
    let isMissed = missing >= leastLinks && missing * 2 > looked
    return VerdictCheck(name, isMissed ? .failed : .passed, figures)
  }

  static let hearingName = "it hears those who hear it"
  /// So many frames must be expected.
  static let leastExpected = 200
  /// A radio that keeps to one of eight channels and one of five factors hears 25 of a thousand.
  static let heardPermille = 10

  /// Of whose beacons nothing is told, neither heard nor listened to: a radio that keeps to one channel and factor is
  /// there for ten of them, and misses all with a chance of 1 in 25 000.
  static let leastUntold = 400

  /// Of beacons of those who hear it, and that by that way should come in: it has to hear a few, or at least to have
  /// listened where few should come in. A node that hears nobody shows nothing of how loudly it sends.
  static func checkHearing(_ node: Int, _ links: Links) -> VerdictCheck {
    var (others, expected, heard, beacons) = (0, 0, 0, 0)
    for index in links.bySender[node] {
      let way = links.links[index]
      guard way.heardCount > 0, !links.areOfOneOwner(node, way.witness) else { continue }
      beacons += links.sent[way.witness].count
      guard let loss = way.lossCentidecibels else { continue }
      let gain =
        links.nodes[node].gainCentidecibels + links.nodes[way.witness].gainCentidecibels
      let count = links.sent[way.witness].count {
        $0.power + gain - loss >= links.least(node, factor: $0.factor) + Links.margin
      }
      guard count > 0 else { continue }
      others += 1
      expected += count
      heard += links.link(from: way.witness, to: node)?.heardCount ?? 0
    }
    let told = links.byWitness[node].reduce(0) { $0 + links.links[$1].range.count }
    let figures = [
      VerdictCheck.Figure("beacons", beacons), VerdictCheck.Figure("told", told),
      VerdictCheck.Figure("others", others), VerdictCheck.Figure("expected", expected),
      VerdictCheck.Figure("leastExpected", leastExpected), VerdictCheck.Figure("heard", heard),
      VerdictCheck.Figure("leastPermille", heardPermille),
    ]
    if told == 0, beacons >= leastUntold { return VerdictCheck(hearingName, .failed, figures) }
    guard others >= leastLinks, expected >= leastExpected else {
      return VerdictCheck(hearingName, .notMade, figures)
    }
    let hears = heard * 1_000 >= heardPermille * expected
    return VerdictCheck(hearingName, hears ? .passed : .failed, figures)
  }
}

/// Whether a node is heard near the place it claims, by nodes that are not its friends. Who belongs together is found
/// from links in both directions between nodes of different owners; of several such groups in one neighbourhood the
/// one with most owners is believed.
struct Neighbourhoods {
  static let name = "heard by independent nodes near the place"
  static let leastHeard = 3
  static let leastHearers = 2
  /// A group of fewer owners says nothing of others.
  static let leastOwners = 5

  private let links: Links
  /// Of each node: the group that it belongs to.
  private var groups: [Int]
  private var owners: [Int: Int] = [:]
  /// Up to here more than half of the area's links are heard (`Distances`).
  let metres: Int64

  init(_ links: Links, reachMetres: Int64) {
    self.links = links
    metres = reachMetres
    groups = Array(links.nodes.indices)
    for link in links.links where link.heardCount >= Self.leastHeard {
      guard let back = links.link(from: link.witness, to: link.sender),
        back.heardCount >= Self.leastHeard, !links.areOfOneOwner(link.sender, link.witness)
      else { continue }
      let (first, second) = (Self.root(link.sender, groups), Self.root(link.witness, groups))
      groups[max(first, second)] = min(first, second)
    }
    for node in groups.indices { groups[node] = Self.root(node, groups) }
    owners = Self.owners(groups, links.nodes)
  }

  /// At most as many steps as there are nodes: each leads to a smaller one.
  private static func root(_ node: Int, _ groups: [Int]) -> Int {
    var node = node
    while groups[node] < node { node = groups[node] }
    return node
  }

  private static func owners(_ groups: [Int], _ nodes: [CoveragePeriod.Node]) -> [Int: Int] {
    var found: [Int: Int] = [:]
    var seen: [Int: Set<[UInt8]>] = [:]
    for (node, group) in groups.enumerated() {
      guard let owner = nodes[node].owner else {
        found[group, default: 0] += 1
        continue
      }
      let bytes = (0..<32).map { owner[$0] }
      if seen[group, default: []].insert(bytes).inserted { found[group, default: 0] += 1 }
    }
    return found
  }

  /// The group with most owners among those that have a node near.
  private func group(near node: Int) -> Int? {
    var best: (group: Int, owners: Int)?
    guard let place = links.nodes[node].place else { return nil }
    for other in links.nodes.indices {
      guard let there = links.nodes[other].place, let count = owners[groups[other]],
        count > best?.owners ?? 0, Geometry.distanceMetres(place, there) <= metres
      else { continue }
      best = (groups[other], count)
    }
    return best?.group
  }

  func check(_ node: Int) -> VerdictCheck {
    let group = group(near: node)
    let around = group.flatMap { owners[$0] } ?? 0
    var hearers = 0
    for index in links.bySender[node] {
      let link = links.links[index]
      guard link.heardCount >= Self.leastHeard, groups[link.witness] == group,
        !links.areOfOneOwner(node, link.witness), link.metres ?? .max <= metres
      else { continue }
      hearers += 1
    }
    let figures = [
      VerdictCheck.Figure("hearers", hearers),
      VerdictCheck.Figure("leastHearers", Self.leastHearers),
      VerdictCheck.Figure("withinMetres", metres), VerdictCheck.Figure("ownersAround", around),
    ]
    guard around >= Self.leastOwners else { return VerdictCheck(Self.name, .notMade, figures) }
    let isHeard = hearers >= Self.leastHearers
    return VerdictCheck(Self.name, isHeard ? .passed : .failed, figures)
  }
}
