import Foundation

/// The result for people: aligned columns, plain words.
public struct AttackTable {
  let tallies: [AttackTally]
  let honest: HonestRates
  private let hasColour: Bool
  /// By so many half decibels the baseline's limit of power is raised for the comparison at our rate of honest words
  /// refused; nil: no limit of power gives that.
  public let equalHalfDecibels: Int?

  public init(_ tallies: [AttackTally], _ honest: HonestRates = HonestRates(), hasColour: Bool) {
    self.tallies = tallies
    self.honest = honest
    self.hasColour = hasColour
    equalHalfDecibels = tallies.first.flatMap { nobody in
      (0...200).first {
        nobody.honestRefusedByBaseline(halfDecibels: $0) <= nobody.honestRefused
      }
    }
  }

  private static let heads = [
    ["", "false", "caught", "by older", "at our", "", "", "", "honest words", "", "honest nodes"],
    [
      "attack", "words", "%", "rules, %", "rate, %", "refused", "lowered", "missed", "refused",
      "of", "lowered",
    ],
  ]

  public var text: String {
    let rows = tallies.map(row)
    let widths = Self.heads[0].indices.map { column in
      (Self.heads + rows).map { $0[column].count }.max() ?? 0
    }
    func line(_ row: [String]) -> String {
      row.enumerated().map { column, cell in
        let blank = String(repeating: " ", count: widths[column] - cell.count)
        return column == 0 ? cell + blank : blank + cell
      }.joined(separator: "  ")
    }
    let body = zip(tallies, rows).map { tally, row in
      guard tally.claims > 0 else { return line(row) }
      return coloured(line(row), tally.caught >= tally.caughtByBaseline ? nil : "31")
    }
    return (Self.heads.map { coloured(line($0), "1") } + body).joined(separator: "\n")
  }

  func row(_ tally: AttackTally) -> [String] {
    let equal = equalHalfDecibels.map {
      Self.percent(tally.caughtByBaseline(halfDecibels: $0), tally.claims)
    }
    return [
      tally.attack, Self.grouped(tally.claims), Self.percent(tally.caught, tally.claims),
      Self.percent(tally.caughtByBaseline, tally.claims), equal ?? "-",
      Self.grouped(tally.refused), Self.grouped(tally.lowered), Self.grouped(tally.missed),
      Self.grouped(tally.honestRefused), Self.grouped(tally.honestClaims),
      "\(tally.honestLowered) of \(Self.grouped(tally.honestNodes))",
    ]
  }

  private func coloured(_ line: String, _ code: String?) -> String {
    guard hasColour, let code else { return line }
    return "\u{1b}[\(code)m\(line)\u{1b}[0m"
  }

  /// Digits in threes.
  static func grouped(_ number: Int) -> String {
    var (text, rest) = ("", "\(number)")
    while rest.count > 3 {
      text = " " + rest.suffix(3) + text
      rest = String(rest.dropLast(3))
    }
    return rest + text
  }

  /// 100 is all, and 0 nothing; a dash where there is nothing to be a share of.
  static func percent(_ part: Int, _ whole: Int) -> String {
    guard whole > 0 else { return "-" }
    guard part < whole else { return "100" }
    guard part > 0 else { return "0" }
    let share = 100 * Double(part) / Double(whole)
    if share < 0.01 { return "<0.01" }
    return share < 10
      ? String(format: "%.2f", share) : String(format: "%.1f", min(99.9, share))
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

  /// What of honest nodes was wrongly refused or lowered.
  public var bounds: String {
    let lines = honest.lines
    let width = lines.map { $0.name.count }.max() ?? 0
    let counts: [String] = lines.map { Self.counts($0.rates) }
    let most = counts.map(\.count).max() ?? 0
    var text = coloured("honest, wrongly", "1")
    for (line, count) in zip(lines, counts) {
      let name = line.name + String(repeating: " ", count: width - line.name.count)
      let figures = String(
        format: "%.4f %%, with 95 %% below %.4f %%", 100 * line.rates.rate,
        100 * line.rates.upperBound)
      text +=
        "\n  \(name)  \(String(repeating: " ", count: most - count.count))\(count)  \(figures)"
    }
    let reasons = honestReasons.map { "\(Self.grouped($0.words)) \($0.reason)" }
    if !reasons.isEmpty {
      text += "\n  Refused, nobody attacking: " + reasons.joined(separator: ", ") + "."
    }
    if let equalRate { text += "\n" + equalRate }
    return text
  }

  var equalRate: String? {
    equalHalfDecibels.map { half in
      "At our rate: the older rules with \(String(format: "%.1f", Double(half) / 2)) dB more on their "
        + "limit of power refuse as few honest words."
    }
  }

  private static func counts(_ rates: SeedRates) -> String {
    "\(grouped(rates.hits)) of \(grouped(rates.count))"
  }

  /// How many nodes would fail with other limits: those of honest ones without any attack, those of the attackers.
  public var sweep: String {
    let shares = [50, 60, 70, 80, 90, 100, 110, 120, 140, 160]
    var lines = [
      coloured("nodes that fail, %, where the limit is so many hundredths of what it is", "1"),
      "  nodes".padding(toLength: 8, withPad: " ", startingAt: 0)
        + shares.map { String(format: "%7d", $0) }.joined(),
    ]
    for name in (tallies.first?.scores.honest.keys.sorted() ?? []) {
      lines.append(name)
      for tally in tallies {
        let counts =
          tally.attack == tallies[0].attack
          ? tally.scores.honest[name] : tally.scores.attackers[name]
        guard let counts else { continue }
        let cells = shares.map { share in
          let (failing, all) = StatisticScores.failing(name, counts, percent: share)
          return String(format: "%7.2f", 100 * Double(failing) / Double(max(1, all)))
        }
        let all = counts.values.reduce(0, +)
        lines.append(
          "  " + String(format: "%6d", all) + cells.joined() + "  " + tally.attack)
      }
    }
    return lines.joined(separator: "\n")
  }

  public func json(_ options: AttackRun.Options, hasScores: Bool) throws -> String {
    struct Result: Encodable {
      let channel: String
      let seeds: Int
      let nodes: Int
      let windows: Int
      let equalHalfDecibels: Int?
      let attacks: [AttackTally]
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    let shown = tallies.map { tally in
      var shown = tally
      if !hasScores { shown.scores = StatisticScores() }
      return shown
    }
    let bytes = try encoder.encode(
      Result(
        channel: options.model.rawValue, seeds: options.seeds.count, nodes: options.nodes,
        windows: options.windows, equalHalfDecibels: equalHalfDecibels, attacks: shown))
    return String(decoding: bytes, as: UTF8.self)
  }
}
