import Foundation

extension AttackTable {
  /// The same as tables of docs/threat-model.md.
  public var markdown: String {
    let heads = [
      "attack", "false words", "caught, %", "older rules, %", "at our rate, %", "refused",
      "lowered", "missed", "honest words refused", "honest nodes lowered",
    ]
    let rows = tallies.map { tally in
      let row = row(tally)
      let words = tally.honestClaims > 0 ? "\(row[8]) of \(row[9])" : "-"
      let nodes = tally.honestNodes > 0 ? row[10] : "-"
      return Self.line(Array(row[0..<8]) + [words, nodes])
    }
    let bounds = honest.lines.map { name, rates in
      Self.line([
        name, Self.grouped(rates.hits), Self.grouped(rates.count),
        String(format: "%.3f %%", 100 * rates.rate),
        String(format: "%.3f %%", 100 * rates.upperBound),
      ])
    }
    let titles = ["honest", "wrongly", "of", "rate", "with 95 % below"]
    let reasons = honestReasons.map { Self.line([$0.reason, Self.grouped($0.words)]) }
    return
      (Self.head(heads) + rows + [""] + Self.head(titles) + bounds + [""]
      + Self.head(["honest words refused, nobody attacking", "words"]) + reasons
      + (equalRate.map { ["", $0] } ?? []))
      .joined(separator: "\n")
  }

  /// Why honest words are refused when nobody attacks, most first.
  var honestReasons: [(reason: String, words: Int)] {
    let mark = "honest: "
    return (tallies.first?.reasons ?? [:]).filter { $0.key.hasPrefix(mark) }
      .map { (String($0.key.dropFirst(mark.count)), $0.value) }
      .sorted { ($1.1, $0.0) < ($0.1, $1.0) }
  }

  private static func head(_ names: [String]) -> [String] {
    [line(names), "|" + String(repeating: "---|", count: names.count)]
  }

  private static func line(_ cells: [String]) -> String {
    "| " + cells.map { $0 == "-" ? "–" : $0 }.joined(separator: " | ") + " |"
  }
}
