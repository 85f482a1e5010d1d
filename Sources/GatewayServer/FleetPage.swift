import FixedMemory
import GatewayStore
import HTTPTypes
import Hummingbird
import Records

/// GET /: what the gateway knows, for a person: first which devices have a problem and why, then what each
/// measured last. One page without scripts and without anything from elsewhere; it asks for itself again
/// every 15 seconds.
struct FleetPage: Sendable {
  static let maximumDeviceCount = 50

  private let gateway: Gateway
  private let counts: VerdictCounts
  private let standings: CoverageStandings
  private let now: @Sendable () -> Int64

  init(
    _ gateway: Gateway, counts: VerdictCounts, standings: CoverageStandings? = nil,
    now: @escaping @Sendable () -> Int64
  ) {
    self.gateway = gateway
    self.counts = counts
    self.standings = standings ?? CoverageStandings(gateway.store, now: now)
    self.now = now
  }

  func add(to router: Router<GatewayRequestContext>) {
    router.refuseOthers(at: "/", than: [.get], "This is only read.")
    router.get("/") { request, _ in
      guard
        MediaType.preferred(of: [MediaType.html], accept: request.headers[.accept]) != nil
      else { throw RequestProblem(.notAcceptable, "This is here as text/html.") }
      var response = Response.text(try self.page(), type: MediaType.html)
      response.headers[.contentSecurityPolicy] =
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        + "frame-ancestors 'none'"
      if let name = HTTPField.Name("Referrer-Policy") { response.headers[name] = "no-referrer" }
      return response
    }
  }

  func page() throws -> String {
    let time = now()
    let totals = try gateway.store.counts()
    let verdicts = counts.snapshot
    // What was signed under a key that its node has given up belongs to the node, and so do its problems.
    let heard = try gateway.store.devicesHeardLast(limit: Self.maximumDeviceCount)
    let cards = try heard.filter { $0.closed != .succeeded }.map {
      try FleetCard($0, store: gateway.store, now: time)
    }
    let troubled = cards.filter { !$0.problems.isEmpty }
    var html = Self.head
    html += "<header><h1>Cairn gateway</h1><p>As of \(Self.clock(time)). Asks again every 15 s."
    html += "</p></header><main>"
    html += "<section class=\"totals\" aria-label=\"Totals\">"
    html += Self.total(totals.devices, "device key", "device keys")
    html += Self.total(
      troubled.count, "with a problem", "with a problem", isBad: !troubled.isEmpty)
    html += Self.total(totals.batches, "verified batch", "verified batches")
    html += Self.total(verdicts.refusedCount, "refusal since start", "refusals since start")
    html += "</section>"
    if cards.isEmpty {
      html += "<p class=\"empty\">No device has been here yet. Point one at this address: its "
      html += "first batch appears here.</p>"
    }
    // What needs somebody comes first; within that, who was heard last.
    for card in troubled { html += card.html }
    for card in cards where card.problems.isEmpty { html += card.html }
    if totals.devices > heard.count {
      html += "<p class=\"empty\">Shown are those of the \(heard.count) keys heard last of "
      html += "\(totals.devices); <a href=\"/v1/devices\">all of them</a> as JSON.</p>"
    }
    let beacons = try Self.coverage(gateway.store, now: time)
    // Without beacons nobody stands anywhere.
    html += beacons.isEmpty ? "" : beacons + Self.standings(standings.known())
    html += Self.refusals(verdicts)
    return html + "</main>" + (try footer()) + "</body></html>\n"
  }

  /// What the gateway can be held to: its key, and its own log.
  private func footer() throws -> String {
    let size = try gateway.logSize()
    let changes = gateway.keyChain.keys.count - 1
    var html = "<footer><h2>What this gateway answers for</h2><p>Receipts are signed by <code>"
    html +=
      "\(gateway.publicKey.bytes.hexadecimal)</code>. Its log has <a href=\"/v1/log\">\(size) "
    html += size == 1 ? "leaf</a>" : "leaves</a>"
    if size > 0 { html += ", under a <a href=\"/v1/log/head\">signed head</a>" }
    html += "; its <a href=\"/v1/keys\">key</a> has "
    switch changes {
    case 0: html += "never changed"
    case 1: html += "changed once"
    default: html += "changed \(changes) times"
    }
    return html + ". <a href=\"/metrics\">Counts</a> · <a href=\"/healthz\">health</a> · "
      + "<a href=\"/v1/devices\">all device keys</a></p></footer>"
  }

  private static func total(
    _ count: Int, _ one: String, _ many: String, isBad: Bool = false
  ) -> String {
    let name = count == 1 ? one : many
    return
      "<div\(isBad ? " class=\"bad\"" : "")><strong>\(count)</strong><span>\(name)</span></div>"
  }

  /// What was refused since the program started: nobody here can be blamed by name, since who sends
  /// nonsense signs nothing.
  private static func refusals(_ verdicts: VerdictCounts.Snapshot) -> String {
    guard !verdicts.refused.isEmpty else { return "" }
    let parts = verdicts.refused.sorted { $0.key.rawValue < $1.key.rawValue }
    return "<section class=\"refusals\"><h2>Refused since start</h2><ul>"
      + parts.map { "<li><b>\($0.value) × \($0.key.name)</b> \($0.key.meaning)</li>" }.joined()
      + "</ul></section>"
  }

  /// "2026-11-22 08:15:30 UTC"
  static func clock(_ utcMilliseconds: Int64) -> String {
    guard let text = CalendarTime.text(utcMilliseconds: utcMilliseconds) else { return "no time" }
    return text.prefix(10) + " " + text.dropFirst(11).prefix(8) + " UTC"
  }

  /// What devices write is text, whatever it looks like.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\u{0}"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{202a}"..."\u{202e}",
        "\u{2066}"..."\u{2069}":
        result += "\u{fffd}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
