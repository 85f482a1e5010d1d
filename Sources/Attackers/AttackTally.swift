import CoverageStatistics
import CoverageVerifier

/// What became of an attack, over seeds.
public struct AttackTally: Codable, Sendable {
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
  /// Words of honest nodes that the attack was there to hear.
  public var honestClaims = 0
  public var honestRefused = 0
  public var honestRefusedByBaseline = 0
  public var honestNodes = 0
  public var honestLowered = 0
  public var reasons: [String: Int] = [:]
  /// Attackers' nodes, and on how many of them each statistic failed.
  public var attackers = 0
  public var failed: [String: Int] = [:]
  public var honestFailed: [String: Int] = [:]

  public init(_ attack: String) { self.attack = attack }

  public var caught: Int { refused + lowered }
}

extension AttackTally {
  /// Beyond this a claim counts as missed, thousandths.
  static let caughtPermille = 250

  mutating func add(
    _ outcomes: [Outcome], _ statistics: [NodeStatistics], honest: Int, hasStatistics: Bool
  ) {
    for outcome in outcomes {
      guard outcome.isFalse else {
        addHonest(outcome)
        continue
      }
      claims += 1
      missedByBaseline += outcome.countsInBaseline ? 1 : 0
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
      if node < honest {
        honestNodes += 1
        if found.weightPermille < 1_000 { honestLowered += 1 }
      } else if hasStatistics {
        attackers += 1
      }
      for check in found.checks where check.outcome == .failed {
        if node < honest {
          honestFailed[check.name, default: 0] += 1
        } else if hasStatistics {
          failed[check.name, default: 0] += 1
        }
      }
    }
  }

  /// Neighbours that stand too near are no error of anybody's: the policy takes none of them.
  mutating func addHonest(_ outcome: Outcome) {
    guard outcome.reason != .tooNear else { return }
    honestClaims += 1
    honestRefusedByBaseline += outcome.countsInBaseline ? 0 : 1
    if outcome.weight == 0 {
      honestRefused += 1
      reasons["honest: " + (outcome.reason?.rawValue ?? ""), default: 0] += 1
    }
  }
}
