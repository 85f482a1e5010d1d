import FixedMemory
import NodeConfiguration
import NodeFiles

/// `cairn config check`.
enum ConfigCommand {
  static func check(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    var problems = ProblemList()
    let files = NodeConfigurationFiles.load(
      options: arguments.options, requiresBoard: arguments.hasBoard, problems: &problems)
    let isUsable = problems.isUsable && files != nil
    if arguments.isJSON {
      output.beginObject()
      output.member("usable", isUsable)
      output.beginArray("problems")
      for index in 0..<problems.shownCount { output.object(problems[index], arguments.options) }
      output.endArray()
      output.member("notShown", UInt64(problems.hiddenCount))
      output.endDocument()
      return isUsable ? .success : .configuration
    }
    for index in 0..<problems.shownCount {
      output.write(untrusted: problems.describe(index, options: arguments.options).span)
      output.newLine()
    }
    if problems.hiddenCount > 0 {
      output.write("and ")
      output.write(UInt64(problems.hiddenCount))
      output.write(" more")
      output.newLine()
    }
    if isUsable {
      output.write("no problems", .good)
      if problems.warningCount > 0 {
        output.write(", ")
        output.write(UInt64(problems.warningCount), "warning", "warnings")
      }
      if !arguments.hasBoard { output.write(" in the site file; --board checks a profile with it") }
      output.newLine()
    }
    return isUsable ? .success : .configuration
  }
}

extension Output {
  fileprivate mutating func object(_ problem: Problem, _ options: borrowing ProgramOptions) {
    beginObject()
    switch problem.source {
    case .arguments: member(null: "file")
    case .site: member("file", text: options.configPath.span)
    case .board: member("file", text: options.boardPath.span)
    }
    member("line", UInt64(problem.line))
    member("severity", text: problem.severity == .warning ? "warning" : "refusal")
    member("message", text: problem.message.span)
    endObject()
  }
}
