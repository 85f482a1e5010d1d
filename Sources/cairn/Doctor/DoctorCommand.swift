import FixedMemory
import NodeConfiguration
import NodeFiles

/// `cairn doctor`: every check as a row, with reason and remedy, and what to think of it all in the exit status.
enum DoctorCommand {
  static func run(_ arguments: borrowing Arguments) -> ExitStatus {
    let paths = nodePaths(arguments)
    if arguments.isJSON {
      var json = DoctorJSON()
      var checkup = Checkup(arguments.options, paths)
      checkup.run(&json)
      return json.finish()
    }
    var page = DoctorPage()
    page.begin("node")
    var checkup = Checkup(arguments.options, paths)
    checkup.run(&page)
    return page.finish()
  }
}

/// How many rows ended how.
struct DoctorTally {
  private var counts = InlineArray<4, UInt64>(repeating: 0)

  mutating func count(_ state: RowState) { counts[Int(state.rawValue)] += 1 }

  subscript(state: RowState) -> UInt64 { counts[Int(state.rawValue)] }

  /// What was not checked is no judgement: with nothing but that, and rows that are well, all is well.
  var worst: RowState {
    self[.failed] > 0 ? .failed : self[.warning] > 0 ? .warning : .ok
  }

  /// 0 all well, 1 warnings, 69 something failed.
  var status: ExitStatus {
    switch worst {
    case .ok, .notChecked: .success
    case .warning: .invalid
    case .failed: .unavailable
    }
  }
}

/// For people: grouped, aligned, wrapped, as the checks go on.
struct DoctorPage: DoctorSink, ~Copyable {
  private static var stateColumn: Int { 2 }
  private static var titleColumn: Int { 15 }
  private static var reasonColumn: Int { 34 }

  private var output = Output(Console())
  private var tally = DoctorTally()
  private var group: Check.Group?

  init() {}

  mutating func begin(_ what: StaticString) { output.showProgress(what) }

  mutating func take(_ row: borrowing DoctorRow) {
    output.clearProgress()
    tally.count(row.state)
    if group != row.check.group {
      if group != nil { output.newLine() }
      group = row.check.group
      output.write(row.check.group.name, .heading)
      output.newLine()
    }
    output.pad(to: Self.stateColumn)
    output.write(row.state.word, emphasis(row.state))
    output.pad(to: Self.titleColumn)
    output.write(row.check.title)
    if !row.subject.isEmpty {
      if !row.check.title.bytes.isEmpty { output.write(" ") }
      output.write(untrusted: row.subject.span)
    }
    if output.column + 2 > Self.reasonColumn {
      output.newLine()
    }
    output.pad(to: Self.reasonColumn)
    output.paragraph(row.reason.span, indentation: Self.reasonColumn)
    output.newLine()
    if !row.remedy.isEmpty {
      output.pad(to: Self.reasonColumn)
      var text = TextBuilder<540>()
      text.append("to do: ")
      text.append(row.remedy.span)
      output.emphasise(.heading)
      output.paragraph(text.span, indentation: Self.reasonColumn)
      output.plain()
      output.newLine()
    }
    if output.console.isTerminal { output.flush() }
  }

  private func emphasis(_ state: RowState) -> Output.Emphasis {
    switch state {
    case .ok: .good
    case .warning: .warning
    case .failed: .bad
    case .notChecked: .dim
    }
  }

  mutating func finish() -> ExitStatus {
    output.clearProgress()
    output.newLine()
    output.emphasise(emphasis(tally.worst))
    switch tally.worst {
    case .ok, .notChecked: output.write("all is well")
    case .warning: output.write("nothing failed")
    case .failed: output.write(tally[.failed], "check failed", "checks failed")
    }
    output.plain()
    if tally[.warning] > 0 {
      output.write(", ")
      output.write(tally[.warning], "warning", "warnings")
    }
    output.write("; ")
    output.write(tally[.ok])
    output.write(" well, ")
    output.write(tally[.notChecked])
    output.write(" not checked")
    output.newLine()
    return output.shown(tally.status)
  }
}

/// For programs: one object (docs/doctor.schema.json).
struct DoctorJSON: DoctorSink, ~Copyable {
  private var output = Output(Console())
  private var tally = DoctorTally()

  init() {
    output.beginObject()
    output.member("version", UInt64(1))
    output.member("tool", text: toolVersion)
    output.beginArray("rows")
  }

  mutating func begin(_ what: StaticString) {}

  mutating func take(_ row: borrowing DoctorRow) {
    tally.count(row.state)
    output.beginObject()
    output.member("id", text: row.check.identifier)
    output.member("group", text: row.check.group.name)
    if row.subject.isEmpty {
      output.member(null: "subject")
    } else {
      output.member("subject", text: row.subject.span)
    }
    output.member("state", text: row.state.name)
    output.member("reason", unglued: row.reason.span)
    if row.remedy.isEmpty {
      output.member(null: "remedy")
    } else {
      output.member("remedy", unglued: row.remedy.span)
    }
    output.endObject()
  }

  mutating func finish() -> ExitStatus {
    output.endArray()
    output.member("worst", text: tally.worst.name)
    output.beginObject("counts")
    output.member("ok", tally[.ok])
    output.member("warning", tally[.warning])
    output.member("failed", tally[.failed])
    output.member("notChecked", tally[.notChecked])
    output.endObject()
    output.endDocument()
    return output.shown(tally.status)
  }
}
