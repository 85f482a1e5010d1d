import FixedMemory
import NodeFiles

/// One thing that was looked at on this machine: what it is, how it is, why, and what to do.
struct CheckRow: Sendable {
  /// From what may stay as it is to what must not.
  enum State: UInt8, Sendable {
    case good
    /// Not there, or taken, and nothing of this node needs it.
    case unused
    /// It could not be looked at.
    case unknown
    /// Wrong, but the node works without it.
    case warning
    /// Wrong, and something that is not optional needs it.
    case failed

    /// As people and programs read it.
    var word: StaticString {
      switch self {
      case .good: "ok"
      case .unused: "unused"
      case .unknown: "unknown"
      case .warning: "warning"
      case .failed: "failed"
      }
    }
  }

  /// What was looked at, such as "I2C bus i2c-1".
  var subject = FixedText<48>()
  var state = State.good
  /// A sentence's part, without a point: "/dev/i2c-1 is there, and this user may open it".
  var reason = FixedText<200>()
  /// Empty when nothing is to be done.
  var remedy = FixedText<224>()
}

/// What was looked at, in order.
///
/// Invariant: what does not fit is counted, never dropped in silence.
struct CheckList: ~Copyable {
  private(set) var rows = FixedArray<96, CheckRow>(filler: CheckRow())
  /// Rows that did not fit.
  private(set) var missingCount = 0
  /// The worst of all, those that did not fit included.
  private(set) var worst = CheckRow.State.good

  mutating func add(_ row: CheckRow) {
    if row.state.rawValue > worst.rawValue { worst = row.state }
    if !rows.offer(row) { missingCount += 1 }
  }

  func count(of state: CheckRow.State) -> Int {
    var count = 0
    for index in rows.indices where rows[index].state == state { count += 1 }
    return count
  }

  /// 0 when all is well, 1 when something is wrong that is optional or could not be looked at, 69 when a part
  /// that is not optional is missing.
  var exitStatus: ExitStatus {
    switch worst {
    case .good, .unused: .success
    case .unknown, .warning: .invalid
    case .failed: .unavailable
    }
  }
}

extension Output {
  /// The rows for people: state, what, why, and below it what to do.
  mutating func write(_ list: borrowing CheckList) {
    for index in list.rows.indices { write(list.rows[index]) }
    guard list.missingCount > 0 else { return }
    write("and ")
    write(UInt64(list.missingCount))
    write(" more")
    newLine()
  }

  private static var subjectColumn: Int { 9 }
  private static var reasonColumn: Int { 34 }

  private mutating func write(_ row: CheckRow) {
    switch row.state {
    case .good: write(row.state.word, .good)
    case .unused: write(row.state.word, .dim)
    case .unknown, .warning: write(row.state.word, .warning)
    case .failed: write(row.state.word, .bad)
    }
    pad(to: Self.subjectColumn)
    write(untrusted: row.subject.span)
    if column >= Self.reasonColumn { newLine() }
    pad(to: Self.reasonColumn)
    paragraph(row.reason.span, indentation: Self.reasonColumn)
    newLine()
    guard !row.remedy.isEmpty else { return }
    pad(to: Self.reasonColumn - 3)
    write("-> ")
    paragraph(row.remedy.span, indentation: Self.reasonColumn)
    newLine()
  }

  /// The rows as members of the object that is open: an array `checks`, and the worst state.
  mutating func members(_ list: borrowing CheckList) {
    beginArray("checks")
    for index in list.rows.indices {
      let row = list.rows[index]
      beginObject()
      member("what", text: row.subject.span)
      member("state", text: row.state.word)
      member("reason", text: row.reason.span)
      if row.remedy.isEmpty {
        member(null: "remedy")
      } else {
        member("remedy", text: row.remedy.span)
      }
      endObject()
    }
    endArray()
    member("notShown", UInt64(list.missingCount))
    member("worst", text: list.worst.word)
  }
}
