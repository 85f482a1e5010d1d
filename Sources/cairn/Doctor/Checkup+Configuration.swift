import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles

/// Site file and board profile, with the words of `cairn config check`.
extension Checkup {
  mutating func checkConfiguration(_ sink: inout some DoctorSink & ~Copyable) {
    guard checkSiteFile(&sink) else {
      sink.take(
        DoctorRow(.boardProfile, .notChecked, "only with a site file that can be used"))
      return
    }
    checkBoardProfile(&sink)
  }

  private func checkSiteFile(_ sink: inout some DoctorSink & ~Copyable) -> Bool {
    if let path = FixedPath(options.configPath.span), isForbidden(path) {
      var row = DoctorRow(.siteFile, .notChecked, "this user may not read it", do: "run it as root")
      row.reason.append(": ")
      row.reason.append(untrusted: options.configPath.span)
      sink.take(row)
      return false
    }
    var problems = ProblemList()
    let site = NodeConfigurationFiles.load(
      options: options, requiresBoard: false, problems: &problems)
    tell(problems, .siteFile, &sink)
    if problems.shownCount == 0 {
      var row = DoctorRow(.siteFile, .ok)
      row.reason.append(untrusted: options.configPath.span)
      sink.take(row)
    }
    return site != nil
  }

  private mutating func checkBoardProfile(_ sink: inout some DoctorSink & ~Copyable) {
    var problems = ProblemList()
    BoardChoice.choose(for: &options, problems: &problems)
    guard problems.isUsable else {
      tell(problems, .boardProfile, &sink)
      return
    }
    if let path = FixedPath(options.boardPath.span), isForbidden(path) {
      sink.take(
        DoctorRow(.boardProfile, .notChecked, "this user may not read it", do: "run it as root"))
      return
    }
    let files = NodeConfigurationFiles.load(
      options: options, requiresBoard: true, problems: &problems)
    guard let files else {
      tell(problems, .boardProfile, &sink)
      return
    }
    setup = NodeSetup(files)
    lines =
      BoardCheck(
        files.board, usage: BoardUsage(files.site),
        machine: BoardMachine(root: nil, gpio: KernelGPIOInformation())
      ).list
    var row = DoctorRow(.boardProfile, .ok)
    row.reason.append(untrusted: options.boardPath.span)
    sink.take(row)
    checkDeviceTree(files.board, &sink)
  }

  /// Each problem is a row. Warnings of the site file come once, with the site file.
  private func tell(
    _ problems: borrowing ProblemList, _ check: Check, _ sink: inout some DoctorSink & ~Copyable
  ) {
    for index in 0..<problems.shownCount {
      let problem = problems[index]
      let isWarning = problem.severity == .warning
      if isWarning, check == .boardProfile { continue }
      var row = DoctorRow(check, isWarning ? .warning : .failed)
      switch problem.source {
      case .arguments: row.reason.append(untrusted: problem.message.span)
      case .site, .board:
        row.reason.append(untrusted: problems.describe(index, options: options).span)
      }
      row.remedy.append(remedy(problem))
      sink.take(row)
    }
    guard problems.hiddenCount > 0 else { return }
    var row = DoctorRow(check, .failed, do: "Mend the first ones, then look again.")
    row.reason.append("and ")
    row.reason.append(UInt64(problems.hiddenCount))
    row.reason.append(" more")
    sink.take(row)
  }

  private func remedy(_ problem: Problem) -> StaticString {
    switch problem.reason {
    case .unreadableFile where problem.source == .site:
      "Write the site file (docs: configuration), or name it with --config."
    case .unreadableFile: "Name a profile that is there with --board, or copy one to board.ini."
    case .missingArgument: "Name the board's profile with --board, or put it beside the site file."
    case .unverifiedGateway:
      "Put the gateway's public_key into [gateway]: its operator has it, /healthz shows it."
    case .missingBus: "Name a bus that the board has, or take the board's own profile."
    default: "Mend this line, then restart agent and uplink."
    }
  }

  /// Whether the profile is for what the kernel says that this is.
  private func checkDeviceTree(
    _ board: borrowing BoardProfile, _ sink: inout some DoctorSink & ~Copyable
  ) {
    var tree = InlineArray<512, UInt8>(repeating: 0)
    var span = tree.mutableSpan
    let count: Int
    do throws(FileFailure) {
      count = try readFile(FixedPath(BoardChoice.deviceTreeFile), into: &span)
    } catch {
      sink.take(
        DoctorRow(.deviceTree, .notChecked, "this machine shows none, so nothing can be compared"))
      return
    }
    let strings = span.span.extracting(0..<count)
    var first = 0
    while first < count, strings[first] != 0 { first += 1 }
    var row = DoctorRow(.deviceTree, .ok)
    row.reason.append(untrusted: strings.extracting(0..<first))
    if board.matches(deviceTree: strings) {
      row.reason.append(", as the profile says")
    } else if !board.namesDeviceTrees {
      row.reason.append("; the profile is for whatever board it is named on")
    } else {
      row.reason.append(", which the profile does not name")
      row.judge(
        .failed,
        do: "Take the board's own profile (/usr/share/cairn/boards), or add this name to it.")
    }
    sink.take(row)
  }

  func isForbidden(_ path: FixedPath) -> Bool {
    do throws(SystemError) {
      try checkAccess(path, writes: false)
      return false
    } catch { return error.isForbidden }
  }
}
