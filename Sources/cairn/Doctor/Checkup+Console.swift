import FixedMemory
import LinuxPlatform
import NodeFiles
import Signers

/// The console: the services that serve lines, and the passphrase that changes take.
extension Checkup {
  func checkConsole(_ sink: inout some DoctorSink & ~Copyable) {
    if isInstalled, fileExists(FixedPath("/run/systemd/system")) { checkConsoleServices(&sink) }
    checkConsolePassphrase(&sink)
  }

  private func checkConsoleServices(_ sink: inout some DoctorSink & ~Copyable) {
    var helper = HelperProgram(FixedPath("/usr/bin/systemctl"))
    helper.append("list-units")
    helper.append("--all")
    helper.append("--plain")
    helper.append("--no-legend")
    helper.append("--no-pager")
    helper.append("cairn-console@*")
    var bytes = InlineArray<2048, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    var count = 0
    do throws(HelperProgram.Failure) {
      guard try helper.run(milliseconds: 2000, into: &span, byteCount: &count) == 0 else {
        return sink.take(DoctorRow(.consoleService, .notChecked, "systemd does not answer"))
      }
    } catch {
      return sink.take(DoctorRow(.consoleService, .notChecked, "systemd does not answer"))
    }
    var lines = WordReader(span.span.extracting(0..<count))
    var isAny = false
    while lines.nextLine() {
      guard let row = Self.consoleRow(lines.word) else { continue }
      isAny = true
      sink.take(row)
    }
    if !isAny {
      sink.take(
        DoctorRow(
          .consoleService, .ok,
          "no line has one; `systemctl enable --now cairn-console@ttyS0` gives it that line"))
    }
  }

  /// A line of `systemctl list-units`: unit, load state, active state, sub-state, description.
  static func consoleRow(_ line: Span<UInt8>) -> DoctorRow? {
    var words = WordReader(line)
    let prefix: StaticString = "cairn-console@"
    let suffix: StaticString = ".service"
    guard words.nextWord() else { return nil }
    let unit = words.word
    let (start, end) = (prefix.utf8CodeUnitCount, unit.count - suffix.utf8CodeUnitCount)
    guard start < end, unit.extracting(0..<start).equals(prefix),
      unit.extracting(end..<unit.count).equals(suffix)
    else { return nil }
    var row = DoctorRow(.consoleService, of: unit.extracting(start..<end))
    guard words.nextWord(), words.nextWord() else { return nil }
    row.reason.append(untrusted: words.word)
    if words.word.equals("active") { return row }
    if words.word.equals("failed") {
      row.judge(.failed, do: "`journalctl -u` of the service says why; is a getty on the line?")
    } else {
      row.judge(
        .warning, do: "Is its line there? `systemctl status` of the service has its last words.")
    }
    return row
  }

  private func checkConsolePassphrase(_ sink: inout some DoctorSink & ~Copyable) {
    var row = DoctorRow(.consolePassphrase, .ok)
    let path = paths.consolePassphrase
    do throws(SystemError) {
      let facts = try FileFacts(at: path)
      row.reason.append(untrusted: path.span)
      judgeAccess(facts, &row)
    } catch {
      if error.isNotFound {
        row.reason.append("none is set: the console shows, and changes nothing")
      } else {
        row.reason.append("this user may not look: ")
        row.reason.append(untrusted: path.span)
        row.judge(.notChecked, do: Self.asWhom)
      }
      return sink.take(row)
    }
    if row.state == .ok { judgeHash(path, &row) }
    sink.take(row)
  }

  private func judgeAccess(_ facts: FileFacts, _ row: inout DoctorRow) {
    if facts.kind != .file {
      row.reason.append(" is no file")
      row.judge(.failed, do: "Remove what stands there; `cairn console passphrase` makes it anew.")
    } else if facts.mode & 0o022 != 0 {
      row.reason.append(": others may replace it, and set a passphrase of theirs")
      row.judge(.failed, do: "`chmod 640` it, and set it anew: `cairn console passphrase`.")
    } else if facts.mode & 0o004 != 0 {
      row.reason.append(": everybody may read its hash, and try passphrases at leisure")
      row.judge(.warning, do: "`chmod 640` it, and set another one: `cairn console passphrase`.")
    }
  }

  private func judgeHash(_ path: FixedPath, _ row: inout DoctorRow) {
    var bytes = InlineArray<160, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    do throws(FileFailure) {
      let count = try readFile(path, into: &span)
      do throws(PassphraseHash.Failure) {
        _ = try PassphraseHash(decoding: span.span.extracting(0..<count))
        row.reason.append(": set")
      } catch {
        row.reason.append(" holds no passphrase's hash: nothing can be unlocked")
        row.judge(.failed, do: "Set it anew, as root: `cairn console passphrase`.")
      }
    } catch {
      row.reason.append(" is there, and this user may not read it")
      row.judge(.notChecked, do: Self.asWhom)
    }
  }
}
