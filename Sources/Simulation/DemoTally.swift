/// What a run has come to so far, and its verdict.
public struct DemoTally: Equatable, Sendable {
  public private(set) var verifiedCount = 0
  public private(set) var refusedCount = 0
  /// Refusals that are the protocol's own talk.
  public private(set) var talkCount = 0
  public private(set) var repeatCount = 0
  public private(set) var leafCount: UInt64 = 0
  /// Reading leaves.
  public private(set) var readingCount = 0
  /// Measurements that failed, by the counts in the fault leaves.
  public private(set) var faultCount: UInt64 = 0
  public private(set) var gapCount = 0
  /// Of the batches that told their size.
  public private(set) var byteCount: UInt64 = 0
  private var readingCountWithBytes = 0
  public private(set) var omittedLineCount: UInt64 = 0
  /// Receipts that the agent has taken were seen for this many batches.
  public private(set) var receiptCount = 0

  public init() {}

  public mutating func count(_ event: DemoEvent) {
    switch event {
    case .batch(let batch): count(batch)
    case .refused(let refusal):
      if refusal.isTalk { talkCount += 1 } else { refusedCount += 1 }
    case .repeated: repeatCount += 1
    case .omitted(let lines): omittedLineCount &+= lines
    case .started, .device, .challenge, .unknown: break
    }
  }

  private mutating func count(_ batch: DemoBatch) {
    guard batch.verdict == "verified" else {
      refusedCount += 1
      return
    }
    verifiedCount += 1
    leafCount &+= batch.leafCount
    let readings = Set(batch.readings.map(\.leaf)).count
    readingCount += readings
    for fault in batch.faults { faultCount &+= fault.count }
    gapCount += batch.gaps.count
    if let bytes = batch.byteCount {
      byteCount &+= bytes
      readingCountWithBytes += readings
    }
  }

  public mutating func countReceipt() { receiptCount += 1 }

  /// At least one batch was verified, and none was refused.
  public var isGood: Bool { verifiedCount > 0 && refusedCount == 0 }

  /// Why a run was not good.
  public var shortcoming: String? {
    if refusedCount > 0 {
      return refusedCount == 1 ? "1 batch was refused" : "\(refusedCount) batches were refused"
    }
    return verifiedCount > 0 ? nil : "no batch was verified"
  }

  /// Bytes over the network for each reading, with one decimal.
  public var bytesPerReading: String? {
    guard readingCountWithBytes > 0 else { return nil }
    let tenths =
      (byteCount &* 10 + UInt64(readingCountWithBytes) / 2)
      / UInt64(readingCountWithBytes)
    return "\(tenths / 10).\(tenths % 10)"
  }

  /// The final count.
  public func lines(
    milliseconds: Int64, beacons: [(label: String, text: String, style: DemoLine.Style)] = []
  ) -> [DemoLine] {
    var title = DemoLine("━━ in the end ", .strong)
    title.append(
      String(repeating: "━", count: DemoLine.columnLimit - 4 - title.columnCount), .quiet)
    var lines = [DemoLine(), title]
    func row(_ label: String, _ text: String, _ style: DemoLine.Style = .plain) {
      lines += DemoLine.wrapped(label: label, text, style)
    }
    row(
      "batches",
      "\(verifiedCount) verified, \(refusedCount) refused"
        + (repeatCount > 0 ? ", \(repeatCount) had come before" : ""),
      isGood ? .good : .bad)
    row("readings", "\(readingCount), in \(leafCount) signed leaves")
    if faultCount == 0, gapCount == 0 {
      row("missing", "nothing")
    } else {
      let faults = faultCount == 1 ? "1 measurement" : "\(faultCount) measurements"
      let gaps = gapCount == 1 ? "1 gap" : "\(gapCount) gaps"
      row("missing", "\(faults) failed, \(gaps): told in signed leaves", .warning)
    }
    if let bytesPerReading {
      row("delivered", "\(byteCount) bytes, \(bytesPerReading) for each reading")
    }
    for beacon in beacons { row(beacon.label, beacon.text, beacon.style) }
    row("time", DemoTime.seconds(milliseconds: milliseconds))
    if omittedLineCount > 0 {
      row("not shown", "\(omittedLineCount) events, since they were not read fast enough", .warning)
    }
    return lines
  }

  /// The same for a program.
  public func json(milliseconds: Int64) -> DemoJSON {
    .object([
      .init("event", .text("end")), .init("verified", .number(String(verifiedCount))),
      .init("refused", .number(String(refusedCount))), .init("talk", .number(String(talkCount))),
      .init("repeats", .number(String(repeatCount))),
      .init("leaves", .number(String(leafCount))),
      .init("readings", .number(String(readingCount))),
      .init("faults", .number(String(faultCount))), .init("gaps", .number(String(gapCount))),
      .init("receipts", .number(String(receiptCount))),
      .init("bytesPerReading", bytesPerReading.map { .number($0) } ?? .null),
      .init("milliseconds", .number(String(milliseconds))),
      .init("good", .boolean(isGood)),
    ])
  }
}
