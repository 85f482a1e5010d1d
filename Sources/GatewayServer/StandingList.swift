import CoverageStatistics
import CoverageVerifier
import GatewayStore

/// Standings of nodes for a terminal and for programs.
public enum StandingList {
  private static let headings = ["node", "weight", "beacons", "sound", "hearers", "heard"]

  /// Some lines for each period, an empty one between. `node`: of this one with every check, otherwise of all with what
  /// has failed.
  public static func text(_ periods: [PeriodStandings], node: String? = nil, hasColour: Bool)
    -> String
  {
    periods.map { text($0, node, Marks(hasColour: hasColour)) }.joined(separator: "\n")
  }

  /// `"periods":[…]`, of one node or all.
  static func json(_ periods: [PeriodStandings], node: String?) -> JSONText {
    .array(
      periods.map { period in
        let nodes = period.judged.nodes.filter { node == nil || $0.node == node }
        return .object(
          StandingJSON.period(period) + [
            ("nodes", .array(nodes.map { .object(StandingJSON.standing($0)) }))
          ])
      })
  }

  private struct Marks {
    let hasColour: Bool

    func bold(_ text: String) -> String { hasColour ? "\u{1b}[1m\(text)\u{1b}[0m" : text }
    func bad(_ text: String) -> String { hasColour ? "\u{1b}[1;31m\(text)\u{1b}[0m" : text }
  }

  private static func text(_ period: PeriodStandings, _ node: String?, _ marks: Marks) -> String {
    let name = period.due.name
    let until =
      period.isComplete
      ? "" : ", complete from \(FleetPage.clock(period.due.completeUTCMilliseconds)) on"
    var lines = [
      "nodes of \(name.region), \(FleetPage.clock(name.fromUTCMilliseconds)) to "
        + "\(FleetPage.clock(name.toUTCMilliseconds))\(until)"
    ]
    guard !period.judged.isTooLarge else {
      lines.append("  " + tooLarge)
      return lines.joined(separator: "\n") + "\n"
    }
    let shown = period.judged.nodes.filter { node == nil || $0.node == node }
    guard !shown.isEmpty else {
      lines.append("  nothing of \(node == nil ? "any node" : "this node") is known in it")
      return lines.joined(separator: "\n") + "\n"
    }
    let rows = [headings] + shown.map(row)
    let widths = headings.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    func aligned(_ row: [String]) -> String {
      row.enumerated().map { column, text in
        let space = String(repeating: " ", count: widths[column] - text.count)
        // Numbers end where they end.
        return column == 0 ? text + space : space + text
      }.joined(separator: "  ")
    }
    lines.append("  " + marks.bold(aligned(headings) + "  standing"))
    for standing in shown {
      let line = "  " + aligned(row(standing)) + "  "
      lines.append(
        line + (standing.isLowered ? marks.bad(words(standing)) : words(standing)))
      for check in standing.checks where node != nil || check.outcome == .failed {
        let sentence = "    \(mark(check)) \(check.name): \(StatisticWords.sentence(check))"
        lines.append(check.outcome == .failed ? marks.bad(sentence) : sentence)
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  static let tooLarge: String = {
    let limits = CoverageSurvey.Limits()
    return "more nodes or receptions than are looked at (\(limits.nodes) and "
      + "\(limits.observations)): nobody is judged over time, and what a node weighs is not known"
  }()

  private static func mark(_ check: VerdictCheck) -> String {
    switch check.outcome {
    case .passed: "holds   "
    case .failed: "FAILS   "
    case .notMade: "not made"
    }
  }

  private static func row(_ standing: NodeStanding) -> [String] {
    let counts = standing.counts
    return [
      String(standing.node.prefix(16)),
      CoverageList.decimals(Int64(standing.weightPermille), 3), String(counts.beacons),
      String(counts.sound), "\(counts.hearers) of \(counts.listeners)",
      "\(counts.heard) of \(counts.listened)",
    ]
  }

  /// "full: 7 hold, 3 not measurable"; "LOWERED: 2 fail, 5 hold, 3 not measurable".
  static func words(_ standing: NodeStanding) -> String {
    func count(_ outcome: VerdictCheck.Outcome) -> Int {
      standing.checks.count { $0.outcome == outcome }
    }
    var parts: [String] = []
    if count(.failed) > 0 { parts.append("\(count(.failed)) of \(standing.checks.count) fail") }
    parts.append("\(count(.passed)) hold")
    parts.append("\(count(.notMade)) not measurable")
    return (standing.isLowered ? "LOWERED: " : "full: ") + parts.joined(separator: ", ")
  }
}
