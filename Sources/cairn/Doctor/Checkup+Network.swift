import CLinux
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles

/// The gateway, as the uplink reaches it. `cairn` has no network: `cairn-uplink-https --check` looks, as the uplink's
/// user when root asks, and writes rows (docs/doctor.md).
extension Checkup {
  /// Of the helper: two requests of at most 8 s, and its start.
  static var networkMilliseconds: Int64 { 20_000 }

  mutating func checkNetwork(_ sink: inout some DoctorSink & ~Copyable) {
    guard report.site.isUsable else {
      sink.take(
        DoctorRow(.networkName, .notChecked, "only with a site file that can be used"))
      return
    }
    guard let program = Self.uplinkProgram() else {
      sink.take(
        DoctorRow(
          .networkName, .notChecked, "cairn-uplink-https is not installed beside this program",
          do: "install the package cairn-uplink-https"))
      return
    }
    sink.begin("network")
    var helper = HelperProgram(program)
    helper.append("--check")
    helper.append("--config")
    helper.append(options.configPath.span)
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
        row.judge(.failed, do: "Look at cairn-uplink-https and at what else runs.")
      case .outputTooLong, .tooManyWords:
        row.reason.append("the uplink's check is of another version")
        row.judge(.failed, do: "Install tool and uplink of one version.")
      }
      sink.take(row)
    }
  }

  private static var uplinkUser: StaticString { "cairn-uplink\0" }

  /// Beside this program, as packages and builds have it; else where packages put it.
  private static func uplinkProgram() -> FixedPath? {
    var bytes = InlineArray<256, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    let count = unsafe span.withUnsafeMutableBufferPointer {
      unsafe cairn_own_path($0.baseAddress, Int64($0.count))
    }
    if count > 0, let own = FixedPath(span.span.extracting(0..<Int(count))),
      let beside = own.directory.appending(name: "cairn-uplink-https"), fileExists(beside)
    {
      return beside
    }
    let installed = FixedPath("/usr/bin/cairn-uplink-https")
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
        run `cairn-uplink-https --check`.
        """)
    if status == ExitStatus.configuration.rawValue {
      row.remedy.removeAll()
      row.judge(.notChecked, do: "mend the configuration first")
    }
    sink.take(row)
  }

  /// Lines of `cairn-uplink-https --check`. False when they are not whole, or not all understood.
  private func takeRows(
    _ text: Span<UInt8>, _ sink: inout some DoctorSink & ~Copyable
  ) -> Bool {
    var lines = WordReader(text)
    guard lines.nextLine() else { return false }
    var head = WordReader(lines.word)
    guard head.nextWord(), head.word.equals("cairn-check"), head.nextWord(), head.word.equals("1"),
      head.nextWord()
    else { return false }
    checkVersion(.uplinkVersion, head.word, "cairn-uplink-https", &sink)
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
