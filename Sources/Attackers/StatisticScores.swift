import CoverageVerifier

/// How near nodes come to the limits of statistics, so that a limit's choice can be shown: hundredths of the limit,
/// and how many nodes have so much.
public struct StatisticScores: Codable, Equatable, Sendable {
  public var honest: [String: [Int: Int]] = [:]
  public var attackers: [String: [Int: Int]] = [:]

  /// A statistic's figure and its limit. Of the second kind a node fails below it.
  private static let figures: [(check: String, figure: String, limit: String, isLeast: Bool)] = [
    ("signal follows", "scorePermille", "limitPermille", false),
    ("who hears it is nearer", "nearerPermille", "limitPermille", true),
    ("no other place", "gainPermille", "limitPermille", false),
    ("sends as loudly", "louder", "limit", false),
    ("receptions are its own", "scorePermille", "limitPermille", false),
  ]

  mutating func add(_ check: VerdictCheck, isHonest: Bool) {
    guard check.outcome != .notMade,
      let own = Self.figures.first(where: { check.name.hasPrefix($0.check) }),
      let value = Self.number(own.figure, check), let limit = Self.number(own.limit, check),
      limit != 0
    else { return }
    let share = max(0, min(400, value * 100 / limit))
    let name = own.isLeast ? "below: " + check.name : check.name
    if isHonest {
      honest[name, default: [:]][share, default: 0] += 1
    } else {
      attackers[name, default: [:]][share, default: 0] += 1
    }
  }

  private static func number(_ name: String, _ check: VerdictCheck) -> Int? {
    guard case .number(let value) = check.figures.first(where: { $0.name == name })?.value else {
      return nil
    }
    return Int(value)
  }

  mutating func add(_ other: StatisticScores) {
    for (name, counts) in other.honest {
      honest[name, default: [:]].merge(counts, uniquingKeysWith: +)
    }
    for (name, counts) in other.attackers {
      attackers[name, default: [:]].merge(counts, uniquingKeysWith: +)
    }
  }

  /// How many nodes would fail, if the limit were so many hundredths of what it is; and of how many.
  public static func failing(_ name: String, _ counts: [Int: Int], percent: Int) -> (Int, Int) {
    let isLeast = name.hasPrefix("below: ")
    return counts.reduce((0, 0)) { sum, entry in
      let fails = isLeast ? entry.key < percent : entry.key >= percent
      return (sum.0 + (fails ? entry.value : 0), sum.1 + entry.value)
    }
  }
}
