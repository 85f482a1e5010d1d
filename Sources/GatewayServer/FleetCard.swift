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
  /// LoRaWAN frames: those in the batch, the last of them, and those that became no leaves.
  private var frameCount = 0
  private var frame: (time: LeafTime, heard: DecodedLeaf.Frame)?
  private var refusedFrameCount: UInt64 = 0

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
      case .frame(let sensor, let frame):
        lines[Int(sensor.schema), default: SensorLines(sensor)].add(frame, leaf.time)
      case .framesRefused(_, _, let sensor, _, let count):
        lines[Int(sensor.schema), default: SensorLines(sensor)].refusedFrameCount &+= count
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

  private mutating func add(_ heard: DecodedLeaf.Frame, _ time: LeafTime) {
    frameCount += 1
    frame = (time, heard)
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
    guard let reading else { return frames }
    let when = Self.clock(reading.time)
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

  /// What LoRaWAN frames there were; nil: none.
  private var frames: String? {
    guard let frame else {
      return refusedFrameCount == 0 ? nil : framesSection("", "\(refusedFrameCount) not kept")
    }
    var last = "\(frame.heard.rssi) dBm"
    if let snr = frame.heard.snr { last += ", SNR \(snr) dB" }
    let kept =
      "\(frameCount)" + (refusedFrameCount > 0 ? ", \(refusedFrameCount) more not kept" : "")
    return framesSection(" · " + Self.clock(frame.time), kept, last)
  }

  private func framesSection(_ when: String, _ count: String, _ last: String? = nil) -> String {
    "<section class=\"sensor\"><h3>\(name)<small>\(FleetPage.escaped(sensor?.bus ?? ""))\(when)"
      + "</small></h3><dl><div><dt>LoRaWAN frames</dt><dd><strong>\(count)</strong></dd></div>"
      + (last.map { "<div><dt>the last</dt><dd>\($0)</dd></div>" } ?? "") + "</dl></section>"
  }

  private static func clock(_ time: LeafTime) -> String {
    if case .known(let utc, _, _) = time { FleetPage.clock(utc) } else { "no clock" }
  }

  /// SenML writes °C as Cel.
  private func unit(_ value: DecodedLeaf.Measurement) -> String {
    value.unit == "Cel" ? "°C" : FleetPage.escaped(value.unit)
  }

  /// measurements-missed → measurements missed
  private static func plain(_ name: String) -> String { name.replacing("-", with: " ") }
}
