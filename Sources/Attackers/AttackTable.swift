import Foundation

/// The result for people: aligned columns, plain words.
public enum AttackTable {
  private static let head = [
    "attack", "false words", "caught", "of 1000", "refused", "lowered", "missed",
    "baseline caught", "of 1000", "honest refused", "of", "honest lowered", "of",
  ]

  public static func text(_ tallies: [AttackTally]) -> String {
    var rows = [head]
    for tally in tallies {
      let baseline = tally.claims - tally.missedByBaseline
      rows.append([
        tally.attack, "\(tally.claims)", "\(tally.caught)", share(tally.caught, tally.claims),
        "\(tally.refused)", "\(tally.lowered)", "\(tally.missed)", "\(baseline)",
        share(baseline, tally.claims), "\(tally.honestRefused)", "\(tally.honestClaims)",
        "\(tally.honestLowered)", "\(tally.honestNodes)",
      ])
    }
    let widths = head.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      row.enumerated().map { column, cell in
        let blank = String(repeating: " ", count: widths[column] - cell.count)
        return column == 0 ? cell + blank : blank + cell
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }

  /// Thousandths, rounded down; a dash where there is nothing.
  private static func share(_ part: Int, _ whole: Int) -> String {
    whole == 0 ? "-" : "\(part * 1_000 / whole)"
  }

  /// With a confidence of 95 % a rate is below this: the exact bound of so many hits among so many independent trials,
  /// which for no hit at all is the rule of three.
  public static func upperBound(_ hits: Int, of count: Int) -> Double {
    guard count > 0 else { return 1 }
    var (low, high) = (Double(hits) / Double(count), 1.0)
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if chance(ofAtMost: hits, of: count, rate: middle) > 0.05 {
        low = middle
      } else {
        high = middle
      }
    }
    return high
  }

  private static func chance(ofAtMost hits: Int, of count: Int, rate: Double) -> Double {
    guard rate > 0 else { return 1 }
    guard rate < 1 else { return hits >= count ? 1 : 0 }
    var term = Double(count) * log(1 - rate)
    var sum = exp(term)
    for index in 0..<min(hits, count) {
      term += log(Double(count - index)) - log(Double(index + 1)) + log(rate) - log(1 - rate)
      sum += exp(term)
    }
    return sum
  }

  /// What of honest nodes was wrongly refused or lowered, nobody attacking and in all attacks together.
  public static func bounds(_ tallies: [AttackTally]) -> String {
    func line(_ name: String, _ hits: Int, _ count: Int) -> String {
      let rate = 100 * upperBound(hits, of: count)
      return "\(name): \(hits) of \(count); with 95 % below \(String(format: "%.5f", rate)) %"
    }
    let attacked = tallies.dropFirst()
    return [
      line(
        "honest words refused, nobody attacking", tallies[0].honestRefused,
        tallies[0].honestClaims),
      line(
        "honest words refused by the baseline, nobody attacking",
        tallies[0].honestRefusedByBaseline, tallies[0].honestClaims),
      line(
        "honest nodes lowered, nobody attacking", tallies[0].honestLowered, tallies[0].honestNodes),
      line(
        "honest words refused, under attack", attacked.reduce(0) { $0 + $1.honestRefused },
        attacked.reduce(0) { $0 + $1.honestClaims }),
      line(
        "honest nodes lowered, under attack", attacked.reduce(0) { $0 + $1.honestLowered },
        attacked.reduce(0) { $0 + $1.honestNodes }),
    ].joined(separator: "\n")
  }

  public static func json(_ tallies: [AttackTally], _ options: AttackRun.Options) throws -> String {
    struct Result: Encodable {
      let channel: String
      let seeds: Int
      let nodes: Int
      let windows: Int
      let attacks: [AttackTally]
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    let bytes = try encoder.encode(
      Result(
        channel: options.model.rawValue, seeds: options.seeds.count, nodes: options.nodes,
        windows: options.windows, attacks: tallies))
    return String(decoding: bytes, as: UTF8.self)
  }
}
