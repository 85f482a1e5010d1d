import FixedMemory

/// How a check ended. The higher the number, the worse; what was not looked at is no judgement.
enum RowState: UInt8 {
  case notChecked
  case ok
  case warning
  case failed

  static var count: Int { 4 }

  /// As people read it.
  var word: StaticString {
    switch self {
    case .ok: "ok"
    case .warning: "warning"
    case .failed: "FAILED"
    case .notChecked: "not checked"
    }
  }

  /// As programs read it.
  var name: StaticString {
    switch self {
    case .ok: "ok"
    case .warning: "warning"
    case .failed: "failed"
    case .notChecked: "not-checked"
    }
  }

  /// The state of that name; nil for other words.
  init?(name: Span<UInt8>) {
    for raw in 0..<Self.count {
      if let state = RowState(rawValue: UInt8(raw)), name.equals(state.name) {
        self = state
        return
      }
    }
    return nil
  }
}

/// What `cairn doctor` has found about one thing.
struct DoctorRow: ~Copyable {
  let check: Check
  var state: RowState
  /// Which of several: a bus, a sensor, a line.
  var subject = FixedText<48>()
  /// What was seen.
  var reason = TextBuilder<512>()
  /// What to do. Every failed row has one.
  var remedy = TextBuilder<512>()

  init(
    _ check: Check, _ state: RowState, _ reason: StaticString = "", do remedy: StaticString = ""
  ) {
    self.check = check
    self.state = state
    self.reason.append(reason)
    self.remedy.append(remedy)
  }

  init(_ check: Check, of subject: Span<UInt8>) {
    self.check = check
    state = .ok
    self.subject.write(subject)
  }

  /// The judgement in one line: for rows whose reason is put together.
  mutating func judge(_ state: RowState, do remedy: StaticString = "") {
    self.state = state
    self.remedy.append(remedy)
  }
}

/// Takes rows as they are found: a page, JSON, a console.
protocol DoctorSink: ~Copyable {
  mutating func take(_ row: borrowing DoctorRow)
  /// What comes next may take long.
  mutating func begin(_ what: StaticString)
}
