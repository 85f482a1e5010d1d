import CLinux
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles

/// The gateway, as the uplink reaches it, and the broker before it. `cairn` has no network: the uplink's `--check`
/// looks, as the uplink's user when root asks, and writes rows (docs/doctor.md).
extension Checkup {
  /// Of the helper: two requests of at most 8 s, and its start.
  static var networkMilliseconds: Int64 { 20_000 }

  mutating func checkNetwork(_ sink: inout some DoctorSink & ~Copyable) {
    guard report.site.isUsable else {
      sink.take(
        DoctorRow(.networkName, .notChecked, "only with a site file that can be used"))
      return
    }
    let name = report.site.uplinkName
    guard let program = Self.uplinkProgram(name) else {
      var row = DoctorRow(.networkName, .notChecked)
      row.reason.append(name)
      row.reason.append(" is not installed beside this program")
      row.remedy.append("install the package ")
      row.remedy.append(name)
      return sink.take(row)
    }
    sink.begin("network")
    var helper = HelperProgram(program)
    helper.append("--check")
    helper.append("--config")
    helper.append(options.configPath.span)
    // Topics at a broker have the name of the node's key.
    helper.append("--state")
    helper.append(options.stateFolder.span)
    var (user, group) = (UInt32(0), UInt32(0))
    if isRoot, unsafe cairn_user_find(Self.uplinkUser.utf8Start, &user, &group) == 0 {
      helper.act(asUser: user, group: group)
    }
    var bytes = InlineArray<16384, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    var count = 0
    do throws(HelperProgram.Failure) {
      let status = try helper.run(
        milliseconds: min(Self.networkMilliseconds, max(1000, leftMilliseconds)), into: &span,
        byteCount: &count)
      let isWhole = takeRows(span.span.extracting(0..<count), &sink)
      if !isWhole { tellBroken(status, &sink) }
    } catch {
      _ = takeRows(span.span.extracting(0..<count), &sink)
      var row = DoctorRow(.networkGateway, .failed)
      switch error {
      case .timedOut:
        row.reason.append("the uplink's check did not end in time")
        row.judge(
          .failed,
          do: """
            Look again; a name server or a network \
            that swallows all does this.
            """)
      case .system(let errno):
        row.reason.append("the uplink's check can't be started: ")
        row.reason.append(SystemError(errno: errno))
        row.judge(.failed, do: "Look at the uplink's program and at what else runs.")
      case .outputTooLong, .tooManyWords:
        row.reason.append("the uplink's check is of another version")
        row.judge(.failed, do: "Install tool and uplink of one version.")
      }
      sink.take(row)
    }
  }

  private static var uplinkUser: StaticString { "cairn-uplink\0" }

  /// Beside this program, as packages and builds have it; else where packages put it.
  private static func uplinkProgram(_ name: StaticString) -> FixedPath? {
    var bytes = InlineArray<256, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    let count = unsafe span.withUnsafeMutableBufferPointer {
      unsafe cairn_own_path($0.baseAddress, Int64($0.count))
    }
    if count > 0, let own = FixedPath(span.span.extracting(0..<Int(count))),
      let beside = own.directory.appending(name: name), fileExists(beside)
    {
      return beside
    }
    guard let installed = FixedPath("/usr/bin").appending(name: name) else { return nil }
    return fileExists(installed) ? installed : nil
  }

  private func tellBroken(_ status: Int32, _ sink: inout some DoctorSink & ~Copyable) {
    var row = DoctorRow(.networkGateway, .failed)
    row.reason.append("the uplink's check ended with status ")
    row.reason.append(status)
    row.reason.append(" before it had said all")
    row.judge(
      .failed,
      do: """
        Install tool and uplink of one version; \
        run the uplink with --check.
        """)
    if status == ExitStatus.configuration.rawValue {
      row.remedy.removeAll()
      row.judge(.notChecked, do: "mend the configuration first")
    }
    sink.take(row)
  }

  /// Lines of an uplink's `--check`. False when they are not whole, or not all understood.
  private func takeRows(
    _ text: Span<UInt8>, _ sink: inout some DoctorSink & ~Copyable
  ) -> Bool {
    var lines = WordReader(text)
    guard lines.nextLine() else { return false }
    var head = WordReader(lines.word)
    guard head.nextWord(), head.word.equals("cairn-check"), head.nextWord(), head.word.equals("1"),
      head.nextWord()
    else { return false }
    checkVersion(.uplinkVersion, head.word, report.site.uplinkName, &sink)
    while lines.nextLine() {
      if lines.word.equals("end") { return true }
      guard let row = Self.row(lines.word) else { return false }
      sink.take(row)
    }
    return false
  }

  /// IDENTIFIER, state, reason and remedy, with tabs between.
  static func row(_ line: Span<UInt8>) -> DoctorRow? {
    var fields = WordReader(line)
    guard fields.nextField(), let check = Check.find(fields.word), check.group == .network,
      fields.nextField(), let state = RowState(name: fields.word), fields.nextField()
    else { return nil }
    var row = DoctorRow(check, state)
    row.reason.append(untrusted: fields.word)
    if fields.nextField() { row.remedy.append(untrusted: fields.word) }
    return row
  }
}
