import CoverageStatistics
import CoverageVerifier
import GatewayStore

/// What nodes weigh over time: the lowered ones first, each check in words.
extension FleetPage {
  static let maximumStandingCount = 50

  /// Nil: they are being computed.
  static func standings(_ periods: [PeriodStandings]?) -> String {
    guard let periods else {
      return
        "<section class=\"coverage\"><h2>Nodes over time</h2><p class=\"empty\">Being computed: "
        + "shown when this page asks again.</p></section>"
    }
    return periods.filter { $0.judged.isTooLarge || !$0.judged.nodes.isEmpty }.map(section)
      .joined()
  }

  private static func section(_ period: PeriodStandings) -> String {
    let (name, nodes) = (period.due.name, period.judged.nodes)
    var html = "<section class=\"coverage\"><h2>Nodes over time: \(escaped(name.region))</h2>"
    html += "<p class=\"empty\">Beacons from \(clock(name.fromUTCMilliseconds)) to "
    html += "\(clock(name.toUTCMilliseconds))"
    if !period.isComplete {
      html += "; more come until \(clock(period.due.completeUTCMilliseconds))"
    }
    guard !period.judged.isTooLarge else {
      return html + ": \(escaped(StandingList.tooLarge)).</p></section>"
    }
    let lowered = nodes.filter(\.isLowered)
    html += ". \(lowered.isEmpty ? "None" : String(lowered.count)) of \(nodes.count) "
    html += "\(nodes.count == 1 ? "node" : "nodes") \(lowered.count > 1 ? "are" : "is") lowered. "
    html += "A weight of 1 counts in full; each check that fails leaves a quarter. "
    html += "<a href=\"/v1/standings\">All figures</a> as JSON.</p>"
    html += "<table><thead><tr><th>Node</th><th class=\"number\">Weight</th>"
    html += "<th class=\"number\">Sound beacons</th><th class=\"number\">Heard by others</th>"
    html += "<th class=\"number\">Hears others</th><th>Standing</th></tr></thead><tbody>"
    let shown = (lowered + nodes.filter { !$0.isLowered }).prefix(maximumStandingCount)
    html += shown.map(row).joined() + "</tbody></table>"
    if shown.count < nodes.count {
      html += "<p class=\"empty\">\(shown.count) of \(nodes.count) are shown.</p>"
    }
    return html + "</section>"
  }

  private static func row(_ standing: NodeStanding) -> String {
    let counts = standing.counts
    var html = "<tr><td><a href=\"/v1/devices/\(standing.node)/coverage\">"
    html += "<code>\(standing.node.prefix(8))</code></a></td><td class=\"number\">"
    html += "\(CoverageList.decimals(Int64(standing.weightPermille), 3))</td>"
    html += "<td class=\"number\">\(counts.sound) of \(counts.beacons)</td>"
    html += "<td class=\"number\">\(counts.hearers) of \(counts.listeners)</td>"
    html += "<td class=\"number\">\(counts.heard) of \(counts.listened)</td><td>"
    html +=
      standing.isLowered
      ? "<b class=\"bad\">✘ lowered</b>" : "<b class=\"good\">✔ full weight</b>"
    let failed = standing.checks.filter { $0.outcome == .failed }
    html += list(failed)
    let others = standing.checks.filter { $0.outcome != .failed }
    html += "<details><summary>\(summary(others))</summary>\(list(others))</details>"
    return html + "</td></tr>"
  }

  private static func summary(_ checks: [VerdictCheck]) -> String {
    let passed = checks.count { $0.outcome == .passed }
    return "\(passed) \(passed == 1 ? "check holds" : "checks hold"), "
      + "\(checks.count - passed) not measurable yet"
  }

  private static func list(_ checks: [VerdictCheck]) -> String {
    guard !checks.isEmpty else { return "" }
    return "<ul class=\"checks\">"
      + checks.map {
        "<li><b>\(escaped($0.name))</b>: \(escaped(StatisticWords.sentence($0)))</li>"
      }
      .joined() + "</ul>"
  }
}
