import AgentMessages
import FixedMemory

/// What happened at consoles and is not in the log yet: counts by kind, each with the newest terminal's name.
///
/// Invariants: a kind has no more than `leavesPerHour` leaves in any hour of log time, the last one of a run
/// excepted; no count is lost, it only waits; a count stays at its largest number and never begins anew.
struct ConsoleEvents {
  struct Event {
    var action: AgentMessage.ConsoleAction
    var terminal = FixedText<32>()
    var count: UInt64 = 0
    /// When this kind's last leaves were written, the oldest first to be overwritten.
    var times = InlineArray<12, Int64?>(repeating: nil)
    var next = 0
  }

  /// One in five minutes, and twelve at once for a person who works there.
  static var leavesPerHour: Int { 12 }
  static var hourMilliseconds: Int64 { 3_600_000 }

  private var unlocked = Event(action: .unlocked)
  private var refused = Event(action: .refused)

  var hasUntold: Bool { unlocked.count > 0 || refused.count > 0 }

  mutating func add(
    _ action: AgentMessage.ConsoleAction, _ terminal: Span<UInt8>, _ count: UInt16
  ) {
    switch action {
    case .unlocked: Self.add(&unlocked, terminal, count)
    case .refused: Self.add(&refused, terminal, count)
    }
  }

  private static func add(_ event: inout Event, _ terminal: Span<UInt8>, _ count: UInt16) {
    event.terminal.removeAll()
    event.terminal.write(terminal)
    let (sum, overflows) = event.count.addingReportingOverflow(UInt64(count))
    event.count = overflows ? .max : sum
  }

  /// What may be told now. The last word of a run has no bound: there is one of each kind.
  func next(now: Int64, isLast: Bool) -> Event? {
    if refused.count > 0, isLast || Self.dueMilliseconds(refused) <= now { return refused }
    if unlocked.count > 0, isLast || Self.dueMilliseconds(unlocked) <= now { return unlocked }
    return nil
  }

  /// When the next one may be told; nil when there is nothing to tell.
  func nextDueMilliseconds(_ now: Int64) -> Int64? {
    var due: Int64?
    if refused.count > 0 { due = Self.dueMilliseconds(refused) }
    if unlocked.count > 0 { due = min(due ?? .max, Self.dueMilliseconds(unlocked)) }
    // One that is due and was not told waits for room: that is not a reason to turn without pause.
    return due.map { max($0, now + 1000) }
  }

  /// Its leaf stands in the log.
  mutating func told(_ action: AgentMessage.ConsoleAction, now: Int64) {
    switch action {
    case .unlocked: Self.told(&unlocked, now)
    case .refused: Self.told(&refused, now)
    }
  }

  private static func told(_ event: inout Event, _ now: Int64) {
    event.count = 0
    event.times[event.next] = now
    event.next = (event.next + 1) % leavesPerHour
  }

  private static func dueMilliseconds(_ event: Event) -> Int64 {
    guard let oldest = event.times[event.next] else { return 0 }
    return oldest + hourMilliseconds
  }
}
