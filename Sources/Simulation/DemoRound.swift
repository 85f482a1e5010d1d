/// Batches of several boards on one line: the weather is the same for all of them.
public struct DemoRound: Sendable {
  private var entries: [(node: String, block: DemoBlock, receipt: DemoReceipt)] = []

  public init() {}

  public var isEmpty: Bool { entries.isEmpty }
  public var count: Int { entries.count }
  public func contains(_ node: String) -> Bool { entries.contains { $0.node == node } }

  public mutating func add(_ block: DemoBlock, of node: String, _ receipt: DemoReceipt) {
    entries.append((node, block, receipt))
  }

  /// Verified batches without faults and gaps; others have lines of their own.
  public static func takes(_ block: DemoBlock) -> Bool {
    block.batch.verdict == "verified" && block.absences.isEmpty
  }

  /// "batches    ✔ north 12 · east 12 · far 11     3.90 °C  54.7 %RH  101116 Pa   as of 01-01 19:00".
  public mutating func take() -> [DemoLine] {
    guard let newest = entries.last else { return [] }
    defer { entries = [] }
    var line = DemoLine(label: "batches")
    line.append("✔ ", .good)
    for (index, entry) in entries.enumerated() {
      if index > 0 { line.append(" · ", .quiet) }
      line.append("\(entry.node) \(entry.block.batch.batch)")
      if entry.receipt != .taken { line.append(" (open)", .warning) }
    }
    line.pad(to: 44)
    let shown = entries.last { $0.block.observedHour != nil } ?? newest
    line.append(shown.block.values)
    line.pad(to: 77)
    if let hour = shown.block.observedHour {
      line.append("as of ", .quiet)
      line.append(hour)
    }
    return [line]
  }
}
