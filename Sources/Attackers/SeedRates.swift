/// How often something happened among counted things, seed by seed. Within a seed much happens to the same few nodes
/// and links: a bound rests on how much seeds differ, not on how many things were counted. All sums are whole
/// numbers, so that the order of seeds does not matter.
public struct SeedRates: Equatable, Sendable {
  public private(set) var seeds = 0
  public private(set) var hits = 0
  public private(set) var count = 0
  private var hitSquares = 0
  private var products = 0
  private var countSquares = 0

  public init() {}

  /// One seed.
  public mutating func add(_ hits: Int, of count: Int) {
    guard count > 0 else { return }
    seeds += 1
    self.hits += hits
    self.count += count
    hitSquares += hits * hits
    products += hits * count
    countSquares += count * count
  }

  public mutating func add(_ other: SeedRates) {
    seeds += other.seeds
    hits += other.hits
    count += other.count
    hitSquares += other.hitSquares
    products += other.products
    countSquares += other.countSquares
  }

  public var rate: Double { count > 0 ? Double(hits) / Double(count) : 0 }

  /// Of the rate, from what seeds differ by (W. G. Cochran, Sampling Techniques, section 6.4: the error of a ratio).
  public var standardError: Double? {
    guard seeds > 1 else { return nil }
    let squares =
      Double(hitSquares) - 2 * rate * Double(products) + rate * rate * Double(countSquares)
    let seeds = Double(seeds)
    return (max(0, squares) * seeds / (seeds - 1)).squareRoot() / Double(count)
  }

  /// With a confidence of 95 % the rate is below this: by what seeds differ by, and no less than if each of what was
  /// counted were independent of the others. Of a single seed nothing can be said but the latter.
  public var upperBound: Double {
    let alone = AttackTable.upperBound(hits, of: count)
    return min(1, max(alone, rate + 1.645 * (standardError ?? 0)))
  }
}

/// What of honest nodes was wrongly refused or lowered, nobody attacking and in all attacks of a seed together.
public struct HonestRates: Equatable, Sendable {
  public internal(set) var words = SeedRates()
  public internal(set) var wordsByBaseline = SeedRates()
  public internal(set) var broughtWords = SeedRates()
  public internal(set) var nodes = SeedRates()
  public internal(set) var attackedNodes = SeedRates()

  public init() {}

  /// Of one seed: nobody attacking, then the attacks.
  public init(_ tallies: [AttackTally]) {
    guard let nobody = tallies.first else { return }
    let attacked = tallies.dropFirst()
    func all(_ count: (AttackTally) -> Int) -> Int { attacked.reduce(0) { $0 + count($1) } }
    words.add(nobody.honestRefused, of: nobody.honestClaims)
    wordsByBaseline.add(nobody.honestRefusedByBaseline, of: nobody.honestClaims)
    broughtWords.add(all(\.honestRefused), of: all(\.honestClaims))
    nodes.add(nobody.honestLowered, of: nobody.honestNodes)
    attackedNodes.add(all(\.honestLowered), of: all(\.honestNodes))
  }

  mutating func add(_ other: HonestRates) {
    words.add(other.words)
    wordsByBaseline.add(other.wordsByBaseline)
    broughtWords.add(other.broughtWords)
    nodes.add(other.nodes)
    attackedNodes.add(other.attackedNodes)
  }

  var lines: [(name: String, rates: SeedRates)] {
    [
      ("words refused, nobody attacking", words),
      ("words refused by the older rules, nobody attacking", wordsByBaseline),
      ("words refused, of nodes that an attack brought along", broughtWords),
      ("nodes lowered, nobody attacking", nodes),
      ("nodes lowered, under attack", attackedNodes),
    ]
  }
}
