/// Who heard whom in a run, and what the gateway makes of it.
public struct DemoCoverageTally: Equatable, Sendable {
  /// What one board has heard of another.
  struct Pair: Equatable, Sendable {
    var heardCount = 0
    var rssiSum = 0
    var snrSum = 0
    var snrCount = 0
    var distanceMetres: Int64 = 0
  }

  public let names: [String]
  private var pairs: [String: Pair] = [:]
  /// Beacons that were on the air, by sender.
  private var sent: [String: Int] = [:]
  public private(set) var receptionCount = 0
  /// What the gateway last said of each beacon.
  public private(set) var outcomes: [String: String] = [:]
  private var reasons: [String: String] = [:]
  private var witnessReasons: [String: [String]] = [:]

  public init(names: [String]) { self.names = names }

  public var sentCount: Int { sent.values.reduce(0, +) }

  public mutating func count(_ frame: DemoAirFrame) {
    guard frame.isBeacon else { return }
    sent[frame.sender, default: 0] += 1
    for receiver in frame.receivers {
      let name = frame.sender + ">" + receiver.name
      pairs[name, default: Pair()].distanceMetres = receiver.distanceMetres
      guard case .heard(let rssi, let snr) = receiver.fate else { continue }
      receptionCount += 1
      pairs[name, default: Pair()].heardCount += 1
      pairs[name, default: Pair()].rssiSum += Int(rssi)
      if let snr {
        pairs[name, default: Pair()].snrSum += Int(snr)
        pairs[name, default: Pair()].snrCount += 1
      }
    }
  }

  public mutating func count(_ state: DemoBeaconState) { outcomes[state.id] = state.outcome }

  public mutating func count(_ verdict: DemoVerdict) {
    outcomes[verdict.id] = verdict.outcome
    reasons[verdict.id] = verdict.reason
    witnessReasons[verdict.id] = verdict.witnesses.compactMap(\.reason)
  }

  public func outcomeCount(_ outcome: String) -> Int { outcomes.values.count { $0 == outcome } }

  /// How often each reason was given, for beacons that are refused and for witnesses that do not count.
  public var refusals: [(reason: String, count: Int)] {
    counted(outcomes.filter { $0.value == "refused" }.map { reasons[$0.key] ?? "no reason given" })
  }

  public var witnessRefusals: [(reason: String, count: Int)] {
    counted(witnessReasons.values.flatMap { $0 })
  }

  private func counted(_ words: [String]) -> [(reason: String, count: Int)] {
    Dictionary(grouping: words) { $0 }.map { (reason: $0.key, count: $0.value.count) }
      .sorted { ($1.count, $0.reason) < ($0.count, $1.reason) }
  }

  // MARK: - For a person

  /// A row for each sender, a column for each that may have heard it.
  public func lines() -> [DemoLine] {
    var title = DemoLine("━━ who heard whom ", .strong)
    title.append("━━ simulated air, of beacons sent ", .quiet)
    title.append(
      String(repeating: "━", count: max(0, DemoLine.columnLimit - 4 - title.columnCount)), .quiet)
    var head = DemoLine(label: "sender")
    for (index, name) in names.enumerated() {
      head.pad(to: Self.columns[min(index, 2)])
      head.append("by \(name)", .quiet)
    }
    return [DemoLine(), title, head] + names.map(row)
  }

  private static let columns = [DemoLine.textColumn, 42, 71]

  private func row(_ sender: String) -> DemoLine {
    var line = DemoLine(label: sender, .strong)
    for (index, receiver) in names.enumerated() {
      line.pad(to: Self.columns[min(index, 2)])
      guard sender != receiver else {
        line.append("·", .quiet)
        continue
      }
      let pair = pairs[sender + ">" + receiver] ?? Pair()
      let count = sent[sender] ?? 0
      guard count > 0 else {
        line.append("nothing sent", .quiet)
        continue
      }
      line.append(
        "\(pair.heardCount) of \(count)",
        pair.heardCount == 0 ? .warning : .good)
      guard pair.heardCount > 0 else { continue }
      line.append("  \(Self.whole(pair.rssiSum, pair.heardCount)) dBm")
      if pair.snrCount > 0 {
        line.append("  SNR \(Self.whole(pair.snrSum, pair.snrCount))")
      }
    }
    return line
  }

  /// The mean in whole decibels.
  private static func whole(_ sum: Int, _ count: Int) -> String {
    let mean = (Double(sum) / Double(count) / 100).rounded()
    return DemoFigures.decibels(Int(mean) * 100)
  }

  /// What belongs into the final count.
  public func rows() -> [(label: String, text: String, style: DemoLine.Style)] {
    func list(_ reasons: [(reason: String, count: Int)]) -> String {
      reasons.map { "\($0.reason) \($0.count)" }.joined(separator: ", ")
    }
    let (sound, refused) = (outcomeCount("sound"), outcomeCount("refused"))
    let open = outcomeCount("pending") + outcomeCount("not-due")
    var rows: [(label: String, text: String, style: DemoLine.Style)] = [
      (
        "beacons", "\(sentCount) sent, heard \(receptionCount) times by others",
        sentCount > 0 && receptionCount > 0 ? .plain : .warning
      ),
      (
        "verdicts",
        "\(sound) sound, \(refused) refused"
          + (refusals.isEmpty ? "" : " (\(list(refusals)))")
          + (open > 0 ? ", \(open) still open when the run ended" : ""),
        refused > 0 ? .warning : sound > 0 ? .good : .plain
      ),
    ]
    if !witnessRefusals.isEmpty {
      rows.append(("", "witnesses that do not count: \(list(witnessRefusals))", .warning))
    }
    return rows
  }

  /// For a program.
  public var members: [DemoJSON.Member] {
    func list(_ reasons: [(reason: String, count: Int)]) -> DemoJSON {
      .object(reasons.map { .init($0.reason, .number("\($0.count)")) })
    }
    return [
      .init("beaconsSent", .number("\(sentCount)")),
      .init("beaconReceptions", .number("\(receptionCount)")),
      .init("beaconsSound", .number("\(outcomeCount("sound"))")),
      .init("beaconsRefused", .number("\(outcomeCount("refused"))")),
      .init("beaconsPending", .number("\(outcomeCount("pending"))")),
      .init("beaconsNotDue", .number("\(outcomeCount("not-due"))")),
      .init("beaconReasons", list(refusals)), .init("witnessReasons", list(witnessRefusals)),
    ]
  }
}
