import FixedMemory
import GatewayStore
import Records

/// One device on the page: its problems in words, and what it measured last.
struct FleetCard {
  /// A batch is sealed after an hour at the latest (configuration.md, `interval`): a device that measures
  /// is heard within two.
  static let silentAfterMilliseconds: Int64 = 2 * 3_600_000

  /// What an operator has to look at; empty when all is well as far as the newest batch says.
  private(set) var problems: [String] = []
  private(set) var html = ""

  init(_ overview: DeviceOverview, store: GatewayStore, now: Int64) throws {
    let newest = overview.newest?.summary
    var sensors: [SensorLines] = []
    if let newest { sensors = SensorLines.all(of: try store.leaves(of: newest)) }
    let title = NodeTitle(overview)
    problems = try KeyProblems(overview, store: store).sentences
    // Under a closed key nothing is awaited any more.
    if let newest, overview.closed == nil,
      now - newest.receivedUTCMilliseconds > Self.silentAfterMilliseconds
    {
      problems.append(
        "Silent for \(Self.span(now - newest.receivedUTCMilliseconds)): nothing has come since "
          + "\(FleetPage.clock(newest.receivedUTCMilliseconds)).")
    }
    if let newest, newest.withheldCount > 0 {
      let leaves = newest.withheldCount == 1 ? "leaf" : "leaves"
      problems.append(
        "\(newest.withheldCount) \(leaves) of its newest batch came only as hashes: what was measured "
          + "is not here.")
    }
    for sensor in sensors { problems += sensor.problems }

    html = "<article>" + title.html
    if !problems.isEmpty {
      html += "<ul class=\"problems\">"
      html += problems.map { "<li><b>Problem:</b> \($0)</li>" }.joined() + "</ul>"
    }
    guard let newest else {
      let since = Self.span(now - overview.device.enrolledUTCMilliseconds)
      html += "<p>Its key came \(since) ago. It has sent nothing yet.</p></article>"
      return
    }
    html +=
      "<p>Heard \(Self.span(now - newest.receivedUTCMilliseconds)) ago · <span class=\"good\">"
    html += "✔ verified</span> · epoch \(newest.epoch), batch \(newest.batch), \(newest.size) "
    html += "\(newest.size == 1 ? "leaf" : "leaves")</p>"
    let rows = sensors.compactMap(\.html)
    html += rows.isEmpty ? "<p class=\"empty\">No readings in the newest batch.</p>" : rows.joined()
    html += title.links(newest) + "</article>"
  }

  /// "40 s", "3 min", "5 h", "2 days".
  static func span(_ milliseconds: Int64) -> String {
    let seconds = max(0, milliseconds / 1000)
    switch seconds {
    case ..<120: return "\(seconds) s"
    case ..<7200: return "\(seconds / 60) min"
    case ..<172_800: return "\(seconds / 3600) h"
    default: return "\(seconds / 86_400) days"
    }
  }
}

/// What the newest batch of a device says of one sensor.
private struct SensorLines {
  private let sensor: Sensor?
  /// The last reading; nil when the batch has none of this sensor.
  private var reading: (time: LeafTime, values: [DecodedLeaf.Measurement])?
  private var faults: [(code: UInt64, name: String, count: UInt64)] = []
  private var others: [String] = []

  /// By schema number; what belongs to no sensor comes last.
  static func all(of leaves: [DecodedLeaf]) -> [SensorLines] {
    var lines: [Int: SensorLines] = [:]
    for leaf in leaves {
      switch leaf.content {
      case .reading(let sensor, let values):
        lines[Int(sensor.schema), default: SensorLines(sensor)].reading = (leaf.time, values)
      case .fault(let sensor, let code, let name, let count):
        lines[Int(sensor.schema), default: SensorLines(sensor)].add(code, name, count)
      case .gap(let name, let sensor, _, _, let count, let reason):
        lines[Int(sensor.schema), default: SensorLines(sensor)].others.append(
          "\(plain(name)), \(count) times: \(plain(reason)).")
      case .unreadable(let reason): lines[.max, default: SensorLines(nil)].others = [reason + "."]
      case .boot, .schema, .event, .contact, .button, .clock, .position, .other: break
      }
    }
    return lines.sorted { $0.key < $1.key }.map(\.value)
  }

  private init(_ sensor: Sensor?) { self.sensor = sensor }

  private mutating func add(_ code: UInt64, _ name: String, _ count: UInt64) {
    if let index = faults.firstIndex(where: { $0.code == code }) {
      faults[index].count &+= count
    } else {
      faults.append((code, name, count))
    }
  }

  private var name: String {
    let name = FleetPage.escaped(sensor?.chip ?? "")
    return name.isEmpty ? "A sensor" : name
  }

  var problems: [String] {
    faults.map { fault in
      let why = UInt8(exactly: fault.code).flatMap { FaultCode(rawValue: $0) }?.explanation
      let times = fault.count == 1 ? "once" : "\(fault.count) times"
      return
        "\(name) could not measure (\(FleetPage.escaped(fault.name)), \(times) in the newest batch)"
        + (why.map { ": \($0)" } ?? ".")
    } + others.map { "\(name): \(FleetPage.escaped($0))" }
  }

  /// The last reading; nil when there is none to show, and the problems say why.
  var html: String? {
    guard let reading else { return nil }
    var when = "no clock"
    if case .known(let utc, _, _) = reading.time { when = FleetPage.clock(utc) }
    let values = reading.values.map { value in
      "<div><dt>\(FleetPage.escaped(value.name))</dt><dd>"
        + (value.value.map {
          "<strong>\(FleetPage.escaped($0.description))</strong> \(unit(value))"
        }
          ?? "no value") + "</dd></div>"
    }
    return "<section class=\"sensor\"><h3>\(name)<small>\(FleetPage.escaped(sensor?.bus ?? "")) · "
      + "\(when)</small></h3><dl>\(values.joined())</dl></section>"
  }

  /// SenML writes °C as Cel.
  private func unit(_ value: DecodedLeaf.Measurement) -> String {
    value.unit == "Cel" ? "°C" : FleetPage.escaped(value.unit)
  }

  /// measurements-missed → measurements missed
  private static func plain(_ name: String) -> String { name.replacing("-", with: " ") }
}
