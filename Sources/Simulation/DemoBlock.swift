import Records

/// What became of a batch's receipt, as far as it can be seen.
public enum DemoReceipt: Equatable, Sendable {
  /// The agent has checked its signature, and counts the batch as delivered.
  case taken
  /// The agent had ended when the receipt came; it will be handed over at the next start.
  case agentEnded
  /// The agent has not taken it within the time that one waits for it.
  case notSeen
}

/// One batch as a person sees it: a few lines, the same for every batch.
public struct DemoBlock: Sendable {
  /// Fault and gap lines of one block; what is more is counted.
  public static let absenceLimit = 4

  public let batch: DemoBatch
  /// The gateway's public key, hexadecimal.
  public let gatewayKey: String
  /// Where the weather is known.
  public let weather: DemoWeather?
  /// The board's clock when the time of this boot was zero; nil when it is not known any more.
  public let agentStartMilliseconds: Int64?
  /// Which board, where there are several.
  public let node: String?

  public init(
    batch: DemoBatch, gatewayKey: String, weather: DemoWeather?, agentStartMilliseconds: Int64?,
    node: String? = nil
  ) {
    self.batch = batch
    self.gatewayKey = gatewayKey
    self.weather = weather
    self.agentStartMilliseconds = agentStartMilliseconds
    self.node = node
  }

  public func lines(receipt: DemoReceipt) -> [DemoLine] {
    [DemoLine(), heading] + beginning + sensors.map(row) + absences + time + [proof]
      + verdict + [line(receipt)]
  }

  private var heading: DemoLine {
    let name = node.map { "\($0), " } ?? ""
    var line = DemoLine("━━ \(name)batch \(batch.batch)", .strong)
    let last = batch.size - 1
    line.append(" ━━ ", .quiet)
    line.append(batch.first == last ? "leaf \(last)" : "leaves \(batch.first) to \(last)")
    line.append(" ━━ ", .quiet)
    line.append("boot \(batch.boot), epoch \(batch.epoch)")
    line.append(" ━━ ", .quiet)
    line.append(batch.isSimulated ? "simulated, and signed as that" : "real hardware")
    line.append(" ", .quiet)
    line.append(
      String(repeating: "━", count: max(0, DemoLine.columnLimit - 4 - line.columnCount)), .quiet)
    return line
  }

  /// A batch that holds the start of a boot says what began.
  private var beginning: [DemoLine] {
    var words: [String] = []
    var described: [String] = []
    for other in batch.others {
      switch other["kind"]?.string {
      case "boot":
        words.append(
          "boot \(batch.boot) of agent \(other["agentVersion"]?.string ?? "?")"
            + " on board \(other["board"]?.string ?? "?")")
      case "schema": described.append(other["chip"]?.string ?? "?")
      case "event":
        let name = (other["event"]?.string ?? "?").replacing("-", with: " ")
        let state = other["on"].map { $0.isTrue ? " on" : " off" } ?? ""
        words.append(name + (other["device"]?.string.map { ": \($0)" } ?? "") + state)
      case "unreadable": words.append("unreadable leaf: \(other["reason"]?.string ?? "?")")
      default: words.append(Self.words(ofKind: other["number"]?.unsigned))
      }
    }
    if !described.isEmpty { words.append("described: \(described.joined(separator: ", "))") }
    guard !words.isEmpty else { return [] }
    return DemoLine.wrapped(label: "began", words.joined(separator: " · "))
  }

  /// What a leaf is that the gateway gives by the number of its kind.
  static func words(ofKind number: UInt64?) -> String {
    switch number.flatMap({ UInt8(exactly: $0) }).flatMap({ LeafKind(rawValue: $0) }) {
    case .challenge: "took the gateway's challenge: what follows is not older than that"
    case .intent: "a beacon was about to be sent"
    case .sent: "a beacon was sent"
    case .reveal: "what a beacon was made of"
    case .witness: "a beacon of another node was heard"
    case .listen: "the radio listened"
    case .frame: "a frame was received"
    case .health: "how the board is"
    case .boot, .reading, .schema, .fault, .event, .clock, .position, nil:
      number.map { "a leaf of kind \($0), which this version has no words for" }
        ?? "a leaf without a kind"
    }
  }

  // MARK: - Readings

  /// The readings of one chip in this batch.
  struct Sensor {
    let chip: String
    var leaves: Set<UInt64>
    /// The values of the last one.
    var last: [DemoReading]
  }

  var sensors: [Sensor] {
    var sensors: [Sensor] = []
    for reading in batch.readings {
      guard let index = sensors.firstIndex(where: { $0.chip == reading.chip }) else {
        sensors.append(Sensor(chip: reading.chip, leaves: [reading.leaf], last: [reading]))
        continue
      }
      sensors[index].leaves.insert(reading.leaf)
      if sensors[index].last[0].leaf != reading.leaf { sensors[index].last = [] }
      sensors[index].last.append(reading)
    }
    return sensors.sorted { $0.chip < $1.chip }
  }

  private func row(_ sensor: Sensor) -> DemoLine {
    var line = DemoLine(label: sensor.chip, .plain)
    line.append(
      sensor.leaves.count == 1 ? "1 reading" : "\(sensor.leaves.count) readings", .quiet)
    line.pad(to: 26)
    // One column for each quantity of the weather, so that the eye can run down them.
    let isOfWeather = sensor.last.contains { Self.column($0.unit) != nil }
    let ordered =
      isOfWeather
      ? sensor.last.sorted { Self.column($0.unit) ?? 2 < Self.column($1.unit) ?? 2 } : sensor.last
    for (index, value) in ordered.enumerated() {
      line.pad(to: 26 + 14 * max(index, isOfWeather ? Self.column(value.unit) ?? 2 : 0))
      let digits = value.value ?? "none"
      let blanks = String(repeating: " ", count: max(0, 7 - digits.count))
      line.append(blanks + digits, value.value == nil ? .warning : .strong)
      line.append(" " + Self.unit(value.unit))
    }
    // What pulses count is in no record of the weather.
    if isOfWeather { appendWeather(of: sensor, to: &line) }
    return line
  }

  private func appendWeather(of sensor: Sensor, to line: inout DemoLine) {
    guard let weather else { return }
    line.pad(to: 69)
    guard let agentStartMilliseconds else {
      line.append("of an earlier boot", .quiet)
      return
    }
    let (time, overflow) = agentStartMilliseconds.addingReportingOverflow(
      sensor.last[0].milliseconds)
    if !overflow, let found = weather.observation(of: sensor.last, atBoardMilliseconds: time) {
      line.append("as observed ", .quiet)
      line.append(DemoTime.minutes(found.utcMilliseconds))
    } else {
      line.append("no such observation", .warning)
    }
  }

  static func column(_ unit: String) -> Int? {
    switch unit {
    case "Cel": 0
    case "%RH": 1
    case "Pa", "ppm": 2
    default: nil
    }
  }

  static func unit(_ unit: String) -> String { unit == "Cel" ? "°C" : unit }

  // MARK: - What is missing

  var absences: [DemoLine] {
    var texts: [(label: String, text: String)] = []
    var merged: [DemoFault] = []
    for fault in batch.faults {
      if let index = merged.firstIndex(where: { $0.chip == fault.chip && $0.code == fault.code }) {
        merged[index].count &+= fault.count
      } else {
        merged.append(fault)
      }
    }
    texts += merged.map { ("fault", Self.words($0)) }
    texts += batch.gaps.map { ("gap", Self.words($0)) }
    var lines: [DemoLine] = []
    for (label, text) in texts.prefix(Self.absenceLimit) {
      lines += DemoLine.wrapped(label: label, text, labelStyle: .warning, .warning)
    }
    if texts.count > Self.absenceLimit {
      lines += DemoLine.wrapped(
        label: "", "and \(texts.count - Self.absenceLimit) more of these", .warning)
    }
    return lines
  }

  /// "sht3x: frozen, 3 times: the same raw words again and again: …".
  static func words(_ fault: DemoFault) -> String {
    let known = UInt8(exactly: fault.code).flatMap { FaultCode(rawValue: $0) }
    let times = fault.count == 1 ? "" : ", \(fault.count) times"
    let sensor = fault.chip.isEmpty ? "a sensor" : fault.chip
    return "\(sensor): \(fault.name)\(times)" + (known.map { ": \($0.explanation)" } ?? "")
  }

  static func words(_ gap: DemoGap) -> String {
    let reason =
      switch gap.reason {
      case "late": "something else took too long"
      case "suspended": "the board was suspended"
      case "spool-full": "the spool was full of what nobody had fetched"
      case "restart": "the agent ended and was started again"
      case "storage-lost": "the card lost what it had confirmed"
      case "restored-copy": "the card was restored from an older copy"
      default: gap.reason
      }
    if gap.name.hasSuffix("leaves-dropped") {
      let leaves = gap.count == 1 ? "1 leaf" : "\(gap.count) leaves"
      return "\(leaves) dropped, \(gap.from) up to \(gap.to): \(reason)"
    }
    let sensor = gap.chip.isEmpty ? "" : "\(gap.chip): "
    let measurements = gap.count == 1 ? "1 measurement" : "\(gap.count) measurements"
    return sensor + "\(measurements) missing, \(DemoTime.seconds(milliseconds: gap.from)) to "
      + "\(DemoTime.seconds(milliseconds: gap.to)) after the start: \(reason)"
  }

  // MARK: - Time, place, proof

  private var time: [DemoLine] {
    var lines: [DemoLine] = []
    if let clock = batch.clock {
      lines += DemoLine.wrapped(
        label: "clock",
        "\(DemoTime.milliseconds(clock.utcMilliseconds)) UTC, within "
          + "\(DemoTime.seconds(milliseconds: clock.uncertaintyMilliseconds)), by "
          + Self.source(clock.source))
    }
    if let position = batch.position {
      var text = "\(position.latitude)°, \(position.longitude)°"
      if let altitude = position.altitudeMetres { text += ", \(altitude) m high" }
      if let accuracy = position.accuracyMetres { text += ", within \(accuracy) m" }
      lines += DemoLine.wrapped(label: "position", text + ", by " + Self.source(position.source))
    }
    return lines
  }

  private static func source(_ name: String) -> String {
    switch name {
    case "gnss": "the receiver"
    case "network-time": "this machine's clock"
    case "real-time-clock": "the real-time clock"
    case "gateway": "the gateway"
    case "configured": "the operator"
    default: name
    }
  }

  private var proof: DemoLine {
    var line = DemoLine(label: "root")
    line.append(Self.short(batch.root))
    line.append("  signature ", .quiet)
    line.append(Self.short(batch.signature))
    return line
  }

  private var verdict: [DemoLine] {
    guard batch.verdict == "verified" else {
      return DemoLine.wrapped(
        label: "verdict", "✘ \(batch.verdict)", .bad)
    }
    let leaves = batch.leafCount == 1 ? "1 leaf" : "\(batch.leafCount) leaves"
    let chain =
      batch.batch == 0 ? "the log's first batch" : "chain to batch \(batch.batch - 1)"
    return DemoLine.wrapped(
      label: "verdict", "✔ verified: signature, \(leaves), root, \(chain)", .good)
  }

  private func line(_ receipt: DemoReceipt) -> DemoLine {
    var line = DemoLine(label: "receipt")
    let isTaken = receipt == .taken
    line.append(isTaken ? "✔ " : "– ", isTaken ? .good : .warning)
    line.append("at \(DemoTime.ofDay(batch.receivedUTCMilliseconds)) UTC by gateway key ")
    line.append(Self.short(gatewayKey, digitCount: 8))
    switch receipt {
    case .taken: line.append(" · checked and kept by the agent")
    case .agentEnded: line.append(" · the agent gets it at its next start")
    case .notSeen: line.append(" · the agent has not taken it yet", .warning)
    }
    return line
  }

  /// The first digits of a hash, key or signature.
  public static func short(_ hexadecimal: String, digitCount: Int = 16) -> String {
    hexadecimal.count <= digitCount ? hexadecimal : hexadecimal.prefix(digitCount) + "…"
  }
}

extension DemoRefusal {
  /// What was refused, why, and what can be done. Talk of the protocol is one line.
  public var lines: [DemoLine] {
    let subject = batch.map { "batch \($0) of epoch \(epoch ?? 0)" } ?? "a batch"
    if isTalk {
      let text =
        switch known {
        case .unknownKey:
          "the uplink sends its key, then the batch again"
        case .gap, .closedEpoch:
          "\(subject) came out of turn: the uplink goes on where the gateway expects it"
        default: "\(subject): \(meaning) The uplink tries again later"
        }
      return DemoLine.wrapped(label: "talk", "\(name) (\(code)): \(text)", .quiet)
    }
    var lines = [DemoLine()]
    lines += DemoLine.wrapped(label: "refused", "✘ \(subject): \(name) (\(code))", .bad)
    lines += DemoLine.wrapped(label: "meaning", meaning)
    if let detail, detail != meaning { lines += DemoLine.wrapped(label: "detail", detail) }
    lines += DemoLine.wrapped(label: "remedy", remedy)
    return lines
  }
}
