import CoverageStatistics
import CoverageVerifier

/// What became of an attack, over seeds.
public struct AttackTally: Codable, Equatable, Sendable {
  public let attack: String
  public var seeds = 0
  /// False words: a beacon and somebody who says to have heard it.
  public var claims = 0
  /// Refused by the verdict.
  public var refused = 0
  /// Counted, with a quarter of the weight at most.
  public var lowered = 0
  /// Counted with more.
  public var missed = 0
  public var missedByBaseline = 0
  /// Refused by the baseline for nothing but their power, by how many half decibels it is above its limit.
  public var loudInBaseline: [Int: Int] = [:]
  /// Words of honest nodes that the attack was there to hear.
  public var honestClaims = 0
  public var honestRefused = 0
  public var honestRefusedByBaseline = 0
  public var honestLoudInBaseline: [Int: Int] = [:]
  public var honestNodes = 0
  public var honestLowered = 0
  public var reasons: [String: Int] = [:]
  /// Attackers' nodes, and on how many of them each statistic failed.
  public var attackers = 0
  public var failed: [String: Int] = [:]
  public var honestFailed: [String: Int] = [:]
  public var scores = StatisticScores()

  public init(_ attack: String) { self.attack = attack }

  public var caught: Int { refused + lowered }
  public var caughtByBaseline: Int { claims - missedByBaseline }

  /// What the baseline would catch if its limit of power were so many half decibels higher.
  public func caughtByBaseline(halfDecibels: Int) -> Int {
    caughtByBaseline - Self.within(halfDecibels, loudInBaseline)
  }

  public func honestRefusedByBaseline(halfDecibels: Int) -> Int {
    honestRefusedByBaseline - Self.within(halfDecibels, honestLoudInBaseline)
  }

  private static func within(_ halfDecibels: Int, _ counts: [Int: Int]) -> Int {
    counts.reduce(0) { $0 + ($1.key <= halfDecibels ? $1.value : 0) }
  }
}

extension AttackTally {
  /// Beyond this a claim counts as missed, thousandths.
  static let caughtPermille = 250

  mutating func add(
    _ outcomes: [Outcome], _ statistics: [NodeStatistics], honest: Int, hasStatistics: Bool
  ) {
    let reciprocity = BaselineReciprocity(outcomes, honest: honest)
    for outcome in outcomes {
      let baseline = reciprocity.finding(outcome)
      guard outcome.isFalse else {
        addHonest(outcome, baseline)
        continue
      }
      claims += 1
      if baseline == .counts { missedByBaseline += 1 }
      if case .tooLoud(let above) = baseline { loudInBaseline[above, default: 0] += 1 }
      guard outcome.weight > 0 else {
        refused += 1
        reasons[outcome.reason?.rawValue ?? "", default: 0] += 1
        continue
      }
      let weight =
        outcome.weight * statistics[outcome.sender].weightPermille
        * statistics[outcome.witness].weightPermille / 1_000_000
      if weight <= Self.caughtPermille { lowered += 1 } else { missed += 1 }
    }
    for (node, found) in statistics.enumerated() {
      add(found, isHonest: node < honest, hasStatistics: hasStatistics)
    }
  }

  private mutating func add(_ found: NodeStatistics, isHonest: Bool, hasStatistics: Bool) {
    if isHonest {
      honestNodes += 1
      honestLowered += found.weightPermille < 1_000 ? 1 : 0
    } else if hasStatistics {
      attackers += 1
    }
    guard isHonest || hasStatistics else { return }
    for check in found.checks {
      scores.add(check, isHonest: isHonest)
      guard check.outcome == .failed else { continue }
      if isHonest {
        honestFailed[check.name, default: 0] += 1
      } else {
        failed[check.name, default: 0] += 1
      }
    }
  }

  /// Neighbours that stand too near are no error of anybody's: neither the policy nor the baseline takes them.
  private mutating func addHonest(_ outcome: Outcome, _ baseline: Baseline.Finding) {
    guard outcome.reason != .tooNear else { return }
    honestClaims += 1
    switch baseline {
    case .counts, .tooNear: break
    case .refused: honestRefusedByBaseline += 1
    case .tooLoud(let above):
      honestRefusedByBaseline += 1
      honestLoudInBaseline[above, default: 0] += 1
    }
    if outcome.weight == 0 {
      honestRefused += 1
      reasons["honest: " + (outcome.reason?.rawValue ?? ""), default: 0] += 1
    }
  }

  /// Of another seed.
  public mutating func add(_ other: AttackTally) {
    seeds += other.seeds
    claims += other.claims
    refused += other.refused
    lowered += other.lowered
    missed += other.missed
    missedByBaseline += other.missedByBaseline
    loudInBaseline.merge(other.loudInBaseline, uniquingKeysWith: +)
    honestClaims += other.honestClaims
    honestRefused += other.honestRefused
    honestRefusedByBaseline += other.honestRefusedByBaseline
    honestLoudInBaseline.merge(other.honestLoudInBaseline, uniquingKeysWith: +)
    honestNodes += other.honestNodes
    honestLowered += other.honestLowered
    reasons.merge(other.reasons, uniquingKeysWith: +)
    attackers += other.attackers
    failed.merge(other.failed, uniquingKeysWith: +)
    honestFailed.merge(other.honestFailed, uniquingKeysWith: +)
    scores.add(other.scores)
  }
}
