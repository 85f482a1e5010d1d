import FixedMemory
import GatewayStore
import HTTPTypes
import Hummingbird
import Records

/// GET /: what the gateway knows, for a person. One page without scripts and without anything from
/// elsewhere; it asks for itself again every 15 seconds.
struct FleetPage: Sendable {
  static let maximumDeviceCount = 50

  private let gateway: Gateway
  private let counts: VerdictCounts
  private let now: @Sendable () -> Int64

  init(_ gateway: Gateway, counts: VerdictCounts, now: @escaping @Sendable () -> Int64) {
    self.gateway = gateway
    self.counts = counts
    self.now = now
  }

  func add(to router: Router<BasicRequestContext>) {
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
    let totals = try gateway.store.counts()
    let verdicts = counts.snapshot
    let devices = try gateway.store.devicesHeardLast(limit: Self.maximumDeviceCount)
    var html = Self.head
    html += "<header><h1>Cairn gateway</h1><p>Receipts are signed by <code>"
    html += gateway.publicKey.bytes.hexadecimal + "</code></p></header><main>"
    html += "<section class=\"totals\">"
    html += Self.total(totals.devices, "devices") + Self.total(totals.batches, "verified batches")
    html += Self.total(verdicts.repeated, "repeats since start")
    html += Self.total(verdicts.refusedCount, "refusals since start", isBad: false)
    html += Self.total(totals.forks, "forks", isBad: totals.forks > 0) + "</section>"
    html += Self.refusals(verdicts)
    if devices.isEmpty {
      html += "<p class=\"empty\">No device has been here yet. Point one at this address: its "
      html += "first batch appears here.</p>"
    }
    for device in devices { html += try card(device) }
    if totals.devices > devices.count {
      html += "<p class=\"empty\">Shown are the \(devices.count) heard last of "
      html += "\(totals.devices); <a href=\"/v1/devices\">all of them</a> as JSON.</p>"
    }
    return html + "</main></body></html>\n"
  }

  private static func total(_ count: Int, _ name: String, isBad: Bool = false) -> String {
    "<div\(isBad ? " class=\"bad\"" : "")><strong>\(count)</strong><span>\(name)</span></div>"
  }

  private static func refusals(_ verdicts: VerdictCounts.Snapshot) -> String {
    guard !verdicts.refused.isEmpty else { return "" }
    let parts = verdicts.refused.sorted { $0.key.rawValue < $1.key.rawValue }
    return "<p class=\"refusals\">Refused since start: "
      + parts.map { "<b>\($0.value)</b> \($0.key.name)" }.joined(separator: ", ") + "</p>"
  }

  private func card(_ overview: DeviceOverview) throws -> String {
    let id = overview.device.keyHash.hexadecimal
    let path = "/v1/devices/\(id)"
    var html = "<article><h2><a href=\"\(path)\"><code>\(id.prefix(16))</code></a>"
    if overview.forkCount > 0 {
      html += " <a class=\"badge bad\" href=\"\(path)/forks\">two histories</a>"
    }
    guard let newest = overview.newest else {
      return html + "</h2><p>Known, and has sent nothing yet.</p></article>"
    }
    let summary = newest.summary
    if summary.isSimulated { html += " <span class=\"badge\">simulated</span>" }
    html += "</h2><p>Heard <time>\(age(summary.receivedUTCMilliseconds))</time> · epoch "
    html += "\(summary.epoch), batch \(summary.batch), \(summary.size) leaves · "
    html += "<span class=\"good\">verified</span></p>"
    html += try newestReadings(of: summary)
    html += "<nav><a href=\"\(path)/readings?format=csv\">CSV</a> "
    html += "<a href=\"\(path)/readings\">JSON</a> <a href=\"\(path)/log\">log</a> "
    html += "<a href=\"\(path)/batches/\(summary.epoch)/\(summary.batch)\">signed bytes</a></nav>"
    return html + "</article>"
  }

  /// The last reading, fault and gap of each sensor in the newest batch.
  private func newestReadings(of summary: BatchSummary) throws -> String {
    var lines: [String: (index: UInt64, html: String)] = [:]
    for leaf in try gateway.store.leaves(of: summary) {
      switch leaf.content {
      case .reading(let sensor, let values):
        let cells = values.map { value in
          "<td><span>\(Self.escaped(value.name))</span><strong>"
            + (value.value.map { Self.escaped($0.description) } ?? "no value")
            + "</strong> \(Self.escaped(value.unit))</td>"
        }
        lines["0 \(sensor.schema)"] = (
          leaf.index, Self.row(leaf, sensor, cells.joined(), isFault: false)
        )
      case .fault(let sensor, _, let name, let count):
        lines["1 \(sensor.schema) \(name)"] = (
          leaf.index, Self.row(leaf, sensor, Self.note("\(name) ×\(count)"), isFault: true)
        )
      case .gap(let name, let sensor, _, _, let count, let reason):
        lines["2 \(sensor.schema)"] = (
          leaf.index,
          Self.row(leaf, sensor, Self.note("\(name) ×\(count): \(reason)"), isFault: true)
        )
      case .unreadable(let reason):
        lines["3"] = (leaf.index, Self.row(leaf, nil, Self.note(reason), isFault: true))
      case .boot, .schema, .event, .clock, .position, .other: break
      }
    }
    guard !lines.isEmpty else { return "<p>No readings in the newest batch.</p>" }
    let rows = lines.sorted { $0.key < $1.key }.map(\.value.html)
    return "<table>" + rows.joined() + "</table>"
  }

  private static func row(_ leaf: DecodedLeaf, _ sensor: Sensor?, _ cells: String, isFault: Bool)
    -> String
  {
    var when = "no clock"
    if case .known(let utc, _, _) = leaf.time {
      when = CalendarTime.text(utcMilliseconds: utc).map { String($0.prefix(19)) + "Z" } ?? when
    }
    return "<tr\(isFault ? " class=\"fault\"" : "")><th>\(escaped(sensor?.chip ?? ""))"
      + "<small>\(escaped(sensor?.bus ?? "")) \(when)</small></th>\(cells)</tr>"
  }

  private static func note(_ text: String) -> String { "<td colspan=\"16\">\(escaped(text))</td>" }

  private func age(_ utcMilliseconds: Int64) -> String {
    let seconds = max(0, (now() - utcMilliseconds) / 1000)
    switch seconds {
    case ..<120: return "\(seconds) s ago"
    case ..<7200: return "\(seconds / 60) min ago"
    case ..<172_800: return "\(seconds / 3600) h ago"
    default: return "\(seconds / 86_400) days ago"
    }
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

  private static let head = """
    <!doctype html><html lang="en"><head><meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta http-equiv="refresh" content="15"><meta name="color-scheme" content="light dark">
    <title>Cairn gateway</title><style>
    :root { --ground: #f6f5f1; --card: #fff; --ink: #23261f; --soft: #6a6f63; --line: #dedcd2;
      --good: #2d6a3e; --bad: #a8321f; --mark: #e9e6da }
    @media (prefers-color-scheme: dark) { :root { --ground: #171916; --card: #20231f;
      --ink: #e6e6df; --soft: #9a9f92; --line: #343830; --good: #7fc48f; --bad: #f08a76;
      --mark: #2d312a } }
    * { box-sizing: border-box }
    body { margin: 0; background: var(--ground); color: var(--ink);
      font: 15px/1.5 system-ui, sans-serif }
    header, main { max-width: 66rem; margin: 0 auto; padding: 0 1.25rem }
    header { padding-top: 2rem } h1 { margin: 0; font-size: 1.5rem; letter-spacing: -.01em }
    header p, nav, small, .refusals, .empty { color: var(--soft) }
    header p { margin: .25rem 0 1.5rem } code { font: .85em ui-monospace, monospace;
      overflow-wrap: anywhere }
    .totals { display: flex; flex-wrap: wrap; gap: .75rem }
    .totals div { flex: 1 1 8rem; background: var(--card); border: 1px solid var(--line);
      border-radius: .6rem; padding: .75rem 1rem }
    .totals strong { display: block; font-size: 1.6rem; line-height: 1.2;
      font-variant-numeric: tabular-nums }
    .totals span { color: var(--soft); font-size: .85rem }
    article { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
      padding: 1rem 1.25rem; margin: 1rem 0 }
    h2 { margin: 0; font-size: 1.05rem } article p { margin: .15rem 0 .6rem }
    a { color: inherit; text-underline-offset: .2em } nav a { margin-right: .9rem }
    .badge { font-size: .75rem; font-weight: 600; background: var(--mark); color: var(--soft);
      border-radius: 1rem; padding: .1rem .6rem; text-decoration: none }
    .good { color: var(--good) } .bad, .bad strong, .fault { color: var(--bad) }
    table { border-collapse: collapse; display: block; overflow-x: auto; margin-bottom: .6rem }
    th { text-align: left; font-weight: 600; padding: .3rem 1.5rem .3rem 0; white-space: nowrap }
    small { display: block; font-weight: 400 }
    td { padding: .3rem 1.5rem .3rem 0; white-space: nowrap } td span { display: block;
      color: var(--soft); font-size: .8rem } td strong { font-variant-numeric: tabular-nums }
    </style></head><body>
    """
}
