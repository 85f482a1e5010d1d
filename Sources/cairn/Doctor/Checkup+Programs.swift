import AgentMessages
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs

/// Do agent and uplink run, are they of one version, does the log grow?
extension Checkup {
  mutating func checkPrograms(_ sink: inout some DoctorSink & ~Copyable) {
    checkAgent(&sink)
    checkService("cairn-agent.service", .agentService, &sink)
    checkUplink(&sink)
    checkService(
      report.site.isBroker ? "cairn-uplink-mqtt.service" : "cairn-uplink-https.service",
      .uplinkService, &sink)
    checkConsole(&sink)
  }

  /// Somebody is at the socket, though it may not answer.
  var isAgentThere: Bool {
    switch report.agent {
    case .status: true
    case .silent(.timedOut), .silent(.busy), .silent(.otherVersion): true
    case .silent: false
    }
  }

  private func checkAgent(_ sink: inout some DoctorSink & ~Copyable) {
    switch report.agent {
    case .silent(let reason):
      var row = DoctorRow(.agent, .failed)
      row.reason.append(reason.explanation)
      switch reason {
      case .notPermitted:
        row.judge(.notChecked, do: Self.asWhom)
      case .notRunning:
        row.reason.removeAll()
        row.reason.append("does not run: nobody listens on its socket")
        row.judge(
          .failed,
          do: """
            Start it: `systemctl start cairn-agent`; \
            `journalctl -u cairn-agent` says why it ended.
            """)
      case .timedOut:
        row.reason.removeAll()
        row.reason.append("runs, and did not answer within a second")
        row.judge(
          .failed,
          do: "Look again; if it stays so, `systemctl restart cairn-agent` and look at `dmesg`.")
      case .busy: row.judge(.warning, do: "End programs that watch the agent.")
      case .otherVersion:
        row.judge(.failed, do: "Install agent and tool of one version, and restart the agent.")
      case .pathTooLong: row.judge(.failed, do: "Choose a shorter --run folder.")
      case .failed(let errno):
        row.reason.append(": ")
        row.reason.append(SystemError(errno: errno))
        row.judge(.failed, do: "Look at the run folder's owner and mode.")
      }
      sink.take(row)
    case .status(let status):
      var row = DoctorRow(.agent, .ok)
      row.reason.append("runs for ")
      row.reason.append(duration: status.uptimeMilliseconds)
      row.reason.append(", boot ")
      row.reason.append(status.boot)
      sink.take(row)
      var version = FixedText<32>()
      for index in status.agentVersion.indices { version.write(byte: status.agentVersion[index]) }
      checkVersion(.agentVersion, version.span, "cairn-agent", &sink)
      checkLog(status, &sink)
    }
  }

  func checkVersion(
    _ check: Check, _ version: Span<UInt8>, _ program: StaticString,
    _ sink: inout some DoctorSink & ~Copyable
  ) {
    var row = DoctorRow(check, .ok)
    row.reason.append(untrusted: version)
    if !version.equals(toolVersion) {
      row.reason.append(", and this tool is ")
      row.reason.append(toolVersion)
      row.judge(.warning, do: "Install packages of one version, and restart ")
      row.remedy.append(program)
      row.remedy.append(".")
    }
    sink.take(row)
  }

  /// Something is sealed as often as the site file says. Readings that are late by a whole interval are.
  private func checkLog(_ status: AgentStatus, _ sink: inout some DoctorSink & ~Copyable) {
    guard let setup, status.sensorCount > 0 else { return }
    let limit = 2 * setup.longestIntervalMilliseconds + 120_000
    if report.spoolProblem != nil {
      sink.take(DoctorRow(.agentLog, .notChecked, "the spool can't be read; see below"))
      return
    }
    let age =
      report.spool.last.flatMap { report.age(of: $0.checkpoint.lastLeafMilliseconds) }
      ?? status.uptimeMilliseconds
    var row = DoctorRow(.agentLog, .ok)
    row.reason.append(
      report.spool.last == nil ? "nothing sealed yet, the agent runs for " : "last sealed leaf ")
    row.reason.append(duration: age)
    if report.spool.last != nil { row.reason.append(" ago") }
    if age > limit {
      row.judge(
        .warning,
        do: "See the sensors and the spool below; `journalctl -u cairn-agent` has more.")
    }
    sink.take(row)
  }

  /// What systemd says of the service: why it ended last, and how often it was started anew.
  private func checkService(
    _ unit: StaticString, _ check: Check, _ sink: inout some DoctorSink & ~Copyable
  ) {
    guard isInstalled, fileExists(FixedPath("/run/systemd/system")) else { return }
    var helper = HelperProgram(FixedPath("/usr/bin/systemctl"))
    helper.append("show")
    helper.append("--property=ActiveState,Result,ExecMainStatus,NRestarts,UnitFileState")
    helper.append(unit)
    var bytes = InlineArray<1024, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    var count = 0
    do throws(HelperProgram.Failure) {
      guard try helper.run(milliseconds: 2000, into: &span, byteCount: &count) == 0 else {
        sink.take(DoctorRow(check, .notChecked, "systemd does not answer"))
        return
      }
    } catch {
      sink.take(DoctorRow(check, .notChecked, "systemd does not answer"))
      return
    }
    sink.take(ServiceState(reading: span.span.extracting(0..<count)).row(check))
  }

  /// Who delivers holds the lock on its folder; the kernel shows it to everybody, and nothing is locked to find out.
  private func checkUplink(_ sink: inout some DoctorSink & ~Copyable) {
    let facts: FileFacts
    do throws(SystemError) { facts = try FileFacts(at: paths.uplinkFolder) } catch {
      var row = DoctorRow(.uplink, .failed, "its folder can't be looked at: ")
      row.reason.append(error)
      if error.isForbidden {
        row.judge(.notChecked, do: Self.asWhom)
      } else {
        row.judge(
          .failed, do: "Make the folder, owned by the uplink's user, or mend --state.")
      }
      sink.take(row)
      return
    }
    switch LockTable.has(facts) {
    case nil: sink.take(DoctorRow(.uplink, .notChecked, "/proc/locks can't be read"))
    case true?: sink.take(DoctorRow(.uplink, .ok, "runs: it holds the lock on its folder"))
    case false?:
      var row = DoctorRow(.uplink, .failed, "does not run: nobody holds the lock on its folder")
      row.remedy.append("Start it: `systemctl start ")
      row.remedy.append(report.site.uplinkName)
      row.remedy.append("`; its journal says why it ended.")
      sink.take(row)
    }
  }
}

/// The kernel's list of file locks (/proc/locks, proc(5)).
enum LockTable {
  /// True when somebody has locked the file with flock(2). Nil when the list can't be read.
  static func has(_ file: FileFacts) -> Bool? {
    var bytes = InlineArray<32768, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    do throws(FileFailure) {
      let count = try readFile(FixedPath("/proc/locks"), into: &span)
      return has(file, in: span.span.extracting(0..<count))
    } catch { return nil }
  }

  /// Lines such as `1: FLOCK  ADVISORY  WRITE 1234 fd:01:131 0 EOF`; a waiter has `->` before FLOCK and counts not.
  static func has(_ file: FileFacts, in list: Span<UInt8>) -> Bool {
    var wanted = TextBuilder<64>()
    wanted.append(hex: UInt64(file.deviceMajor), digits: 2)
    wanted.append(":")
    wanted.append(hex: UInt64(file.deviceMinor), digits: 2)
    wanted.append(":")
    wanted.append(file.inode)
    var lines = WordReader(list)
    while lines.nextLine() {
      var words = WordReader(lines.word)
      guard words.nextWord(), words.nextWord(), words.word.equals("FLOCK") else { continue }
      var isThere = true
      for _ in 0..<4 { isThere = isThere && words.nextWord() }
      if isThere, words.word.equals(wanted.span) { return true }
    }
    return false
  }
}

/// A service as `systemctl show` tells it: lines of NAME=VALUE.
struct ServiceState {
  var active = FixedText<24>()
  var result = FixedText<24>()
  var fileState = FixedText<24>()
  var exitStatus: UInt64 = 0
  var restartCount: UInt64 = 0

  init(reading text: Span<UInt8>) {
    var lines = WordReader(text)
    while lines.nextLine() {
      let line = lines.word
      var split = 0
      while split < line.count, line[split] != UInt8(ascii: "=") { split += 1 }
      guard split < line.count else { continue }
      let value = line.extracting(split + 1..<line.count)
      let name = line.extracting(0..<split)
      if name.equals("ActiveState") { active.write(value) }
      if name.equals("Result") { result.write(value) }
      if name.equals("UnitFileState") { fileState.write(value) }
      if name.equals("ExecMainStatus") { exitStatus = decimal(value) ?? 0 }
      if name.equals("NRestarts") { restartCount = decimal(value) ?? 0 }
    }
  }

  func row(_ check: Check) -> DoctorRow {
    var row = DoctorRow(check, .ok)
    guard !fileState.isEmpty else {
      row.reason.append("systemd has no such service")
      row.judge(.warning, do: "Install the package, or start the program another way.")
      return row
    }
    row.reason.append(untrusted: active.span)
    row.reason.append(", ")
    row.reason.append(untrusted: fileState.span)
    if restartCount > 0 {
      row.reason.append(", started anew ")
      row.reason.append(restartCount, "time", "times")
    }
    if exitStatus != 0 {
      row.reason.append("; it last ended with ")
      row.reason.append(exitStatus)
      row.reason.append(": ")
      row.reason.append(Self.meaning(exitStatus))
    }
    let isActive = active.span.equals("active")
    if !isActive {
      row.judge(
        .failed,
        do: """
          `systemctl status` and `journalctl -u` \
          of the service show its reason.
          """)
    } else if restartCount > 3 {
      row.judge(.warning, do: "`journalctl -u` of the service shows why it ends.")
    } else if !fileState.span.equals("enabled") {
      row.judge(.warning, do: "`systemctl enable` it, or it is gone after the next start.")
    }
    return row
  }

  /// docs/architecture.md, "Exit statuses of board programs".
  private static func meaning(_ status: UInt64) -> StaticString {
    switch status {
    case 2: "the command line is wrong"
    case 69: "a part that is not optional is missing"
    case 74: "storage failed"
    case 77: "key, spool, socket or folder can't be used as they are"
    case 78: "a configuration file has an error"
    default: "not one of its own exit statuses"
    }
  }
}
