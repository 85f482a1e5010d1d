import CoverageVerifier

/// What a period's archived leaves say of one node (docs/coverage-protocol.md, "Consistency over time").
public struct NodeStatistics: Codable, Equatable, Sendable {
  /// Each statistic with its figures: passed, failed, or not measurable.
  public let checks: [VerdictCheck]
  /// What its beacons and receptions weigh: 1 000, and a quarter of it for each statistic that fails.
  public let weightPermille: Int

  public init(checks: [VerdictCheck]) {
    self.checks = checks
    var weight = 1_000
    for check in checks where check.outcome == .failed {
      weight = weight * NodeStatistics.failedPermille / 1_000
    }
    weightPermille = weight
  }

  static let failedPermille = 250
}

/// Statistics over the leaves of one area and period: a pure function of what is archived. They lower weight; they
/// refuse no frame.
public enum CoverageStatistics {
  /// In the order of `period.nodes`.
  public static func judge(_ period: CoveragePeriod) -> [NodeStatistics] {
    let all = Links(period)
    let oscillators = Oscillators(all)
    let links = Self.own(all, period, oscillators)
    let powers = PowerFollowing.checks(links)
    let distances = Distances(links)
    let neighbourhoods = Neighbourhoods(links, reachMetres: distances.reachMetres)
    let radios = OneRadio(links)
    let places = OtherPlaces(links, distances, radios)
    let reciprocity = Reciprocity(links)
    var draws: [[CoveragePeriod.Draw]] = Array(repeating: [], count: period.nodes.count)
    for draw in period.draws where draws.indices.contains(draw.node) {
      draws[draw.node].append(draw)
    }
    return period.nodes.indices.map { node in
      NodeStatistics(
        checks: powers[node] + [
          distances.check(node),
          Distances.checkNear(node, links),
          places.check(node),
          reciprocity.check(node),
          MissingHearers.check(node, links),
          MissingHearers.checkHearing(node, links),
          neighbourhoods.check(node),
          oscillators.check(node),
        ] + radios.check(node) + [SkippedDraws.check(draws[node])])
    }
  }

  /// Without frames that another oscillator sent than the sender's: who repeats a node's beacons is not to spoil its
  /// figures. Where that would be much of what a witness heard, its figures are what is wrong, and stay.
  private static func own(_ links: Links, _ period: CoveragePeriod, _ oscillators: Oscillators)
    -> Links
  {
    var heard = Array(repeating: 0, count: period.nodes.count)
    var foreign = heard
    for observation in links.observations where observation.reception != nil {
      heard[Int(observation.witness)] += 1
      if oscillators.isForeign(observation) { foreign[Int(observation.witness)] += 1 }
    }
    let stays = period.nodes.indices.map { node in
      foreign[node] * Self.foreignShare > heard[node]
        || oscillators.check(node).outcome == .failed
    }
    var own = period
    own.observations = links.observations.filter {
      stays[Int($0.witness)] || !oscillators.isForeign($0)
    }
    return own.observations.count == links.observations.count ? links : Links(own)
  }

  /// At most a third of what a witness heard is left out.
  static let foreignShare = 3
}
