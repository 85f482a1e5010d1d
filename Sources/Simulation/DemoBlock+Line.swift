extension DemoBlock {
  /// The batch on a line of its own, for a run of several boards; what is missing stands below it.
  public func short(node: String, receipt: DemoReceipt) -> [DemoLine] {
    let isVerified = batch.verdict == "verified"
    var line = DemoLine(label: node, .plain)
    line.append(isVerified ? "✔ " : "✘ ", isVerified ? .good : .bad)
    line.append("batch \(batch.batch)", isVerified ? .plain : .bad)
    guard isVerified else {
      line.append(": \(batch.verdict)", .bad)
      return [line]
    }
    line.pad(to: 26)
    line.append(batch.leafCount == 1 ? "1 leaf" : "\(batch.leafCount) leaves", .quiet)
    line.pad(to: 37)
    line.append(values)
    line.pad(to: 69)
    if let observed = observedHour {
      line.append("as observed ", .quiet)
      line.append(observed)
    }
    line.pad(to: 91)
    switch receipt {
    case .taken: line.append("receipt", .quiet)
    case .agentEnded, .notSeen: line.append("– open", .warning)
    }
    return [line] + absences
  }

  /// Temperature, humidity and pressure of the chip that has most of them.
  var values: String {
    guard let sensor = weatherSensor else { return "" }
    return sensor.last.sorted { Self.column($0.unit) ?? 3 < Self.column($1.unit) ?? 3 }
      .compactMap { reading in
        reading.value.map { "\($0) \(Self.unit(reading.unit))" }
      }.joined(separator: "  ")
  }

  /// "01-01 12:00".
  var observedHour: String? {
    guard let weather, let agentStartMilliseconds, let sensor = weatherSensor else { return nil }
    let (time, overflow) = agentStartMilliseconds.addingReportingOverflow(
      sensor.last[0].milliseconds)
    guard !overflow,
      let found = weather.observation(of: sensor.last, atBoardMilliseconds: time)
    else { return nil }
    return String(DemoTime.minutes(found.utcMilliseconds).dropFirst(5))
  }

  private var weatherSensor: Sensor? {
    sensors.filter { sensor in sensor.last.contains { Self.column($0.unit) != nil } }
      .max { ($0.last.count, $1.chip) < ($1.last.count, $0.chip) }
  }
}
