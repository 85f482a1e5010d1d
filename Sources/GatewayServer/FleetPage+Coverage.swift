import CoverageVerifier
import FixedMemory
import GatewayStore

/// What is known of radio coverage: the newest beacons whose reveal is due, who heard them, and what that is worth.
extension FleetPage {
  static let maximumBeaconCount = 12
  static let maximumHearerCount = 8

  /// Empty when no beacon's reveal is due.
  static func coverage(_ store: GatewayStore, now: Int64) throws -> String {
    var query = CoverageQuery()
    query.isNewestFirst = true
    query.limit = maximumBeaconCount
    query.dueUTCMilliseconds = now
    let beacons = try store.beacons(query)
    guard !beacons.isEmpty else { return "" }
    return
      "<section class=\"coverage\"><h2>Radio coverage</h2><p class=\"empty\">The newest beacons whose "
      + "reveal is due. <a href=\"/v1/coverage?order=newest\">More of them</a> as JSON.</p>"
      + "<table><thead><tr><th>Window</th><th>Beacon of</th><th>Verdict</th><th>Heard by</th></tr></thead>"
      + "<tbody>\(beacons.map(row).joined())</tbody></table></section>"
  }

  private static func row(_ judged: JudgedBeacon) -> String {
    let verdict = judged.verdict
    let window = judged.window.map { clock($0.startUTCMilliseconds) } ?? "none"
    var words =
      switch verdict.outcome {
      case .sound: "<b class=\"good\">✔ sound</b>"
      case .refused: "<b class=\"bad\">refused</b>"
      case .pending: "<b>pending</b>"
      }
    if let reason = verdict.reason { words += ": \(escaped(reason.words))" }
    if verdict.isSimulated { words += " <span class=\"badge\">simulated</span>" }
    return "<tr><td>\(window)</td><td>\(device(judged.name.keyHash.hexadecimal))</td>"
      + "<td>\(words) <a href=\"/v1/verdicts/\(judged.name.text)\">all checks</a></td>"
      + "<td>\(hearers(judged))</td></tr>"
  }

  private static func hearers(_ judged: JudgedBeacon) -> String {
    let heard = judged.heard
    let silent = judged.verdict.silentListeners.count
    var parts = heard.prefix(maximumHearerCount).map { entry in
      let mark =
        switch entry.witness.reason {
        case nil: " · <span class=\"good\">✔ counts</span>"
        // The verdict beside it says why.
        case .beaconRefused: ""
        case let reason?: " · does not count: \(escaped(reason.words))"
        }
      return "<li>\(device(entry.witness.key)) \(CoverageList.figures(entry))\(mark)</li>"
    }
    if heard.count > maximumHearerCount {
      parts.append("<li>and \(heard.count - maximumHearerCount) more</li>")
    }
    if silent > 0 {
      parts.append("<li class=\"empty\">\(silent) listened and heard nothing</li>")
    }
    return parts.isEmpty ? "<span class=\"empty\">nobody</span>" : "<ul>\(parts.joined())</ul>"
  }

  private static func device(_ key: String) -> String {
    "<a href=\"/v1/devices/\(key)\"><code>\(key.prefix(8))</code></a>"
  }
}
