import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles

/// The file system that holds the state, its device, and the spool in it.
extension Checkup {
  mutating func checkDisk(_ sink: inout some DoctorSink & ~Copyable) {
    // The agent's folder may be a mount of its own; who may not look there looks at the one above.
    let folders = [paths.agentFolder, paths.agentFolder.directory] as InlineArray<2, FixedPath>
    var failure: SystemError?
    for index in folders.indices {
      do throws(SystemError) {
        let space = try FileSystemSpace(at: folders[index])
        judge(space, &sink)
        checkMount(folders[index], &sink)
        checkSpool(&sink)
        return
      } catch { failure = error }
    }
    var row = DoctorRow(.diskSpace, .failed, "the state folder can't be looked at: ")
    if let failure { row.reason.append(failure) }
    row.judge(.failed, do: "Make the folder, or mend --state; look at `dmesg`.")
    sink.take(row)
    checkSpool(&sink)
  }

  /// Below this much room files can't be replaced for long; below the first, not even once.
  static var leastByteCount: UInt64 { 1 << 20 }
  static var lowByteCount: UInt64 { 64 << 20 }

  private func judge(_ space: FileSystemSpace, _ sink: inout some DoctorSink & ~Copyable) {
    let isSpoolThere = report.spoolProblem != .file(.notFound)
    let wanted = isSpoolThere ? 0 : UInt64(clamping: setup?.spoolByteCount ?? 0)
    sink.take(Self.spaceRow(space, spoolByteCount: wanted))
    sink.take(Self.inodeRow(space))
    sink.take(Self.mountRow(space))
  }

  /// - `spoolByteCount`: of a spool that is still to be made.
  static func spaceRow(_ space: FileSystemSpace, spoolByteCount: UInt64) -> DoctorRow {
    var row = DoctorRow(.diskSpace, .ok)
    row.reason.append(byteCount: space.availableByteCount)
    row.reason.append(" of ")
    row.reason.append(byteCount: space.byteCount)
    if space.availableByteCount < leastByteCount {
      row.reason.append(": full")
      row.judge(
        .failed,
        do: """
          Free some: `du -xh / | sort -h | tail`, \
          `journalctl --vacuum-size=50M`.
          """)
    } else if space.availableByteCount < spoolByteCount {
      row.reason.append(", and the spool needs ")
      row.reason.append(byteCount: spoolByteCount)
      row.judge(.failed, do: "Free some, or make [spool] size smaller.")
    } else if space.availableByteCount < lowByteCount + spoolByteCount {
      row.reason.append(": little")
      row.judge(.warning, do: "Free some before it is none.")
    }
    return row
  }

  static func inodeRow(_ space: FileSystemSpace) -> DoctorRow {
    var row = DoctorRow(.diskInodes, .ok)
    guard space.fileCount > 0 else {
      row.reason.append("made as needed on this file system")
      return row
    }
    row.reason.append(space.availableFileCount)
    row.reason.append(" of ")
    row.reason.append(space.fileCount)
    if space.availableFileCount < 16 {
      row.judge(.failed, do: "Remove files that nobody needs: many small ones have filled it.")
    } else if space.availableFileCount < 1000 {
      row.judge(.warning, do: "Remove small files that nobody needs before it is full.")
    }
    return row
  }

  static func mountRow(_ space: FileSystemSpace) -> DoctorRow {
    var row = DoctorRow(.diskMount, .ok)
    if space.isReadOnly {
      row.reason.append("the file system is mounted read-only")
      row.judge(
        .failed,
        do: """
          `dmesg` says whether an error did it; else mount \
          it writable. A dying card: replace it.
          """)
    } else {
      row.reason.append("mounted for reading and writing")
    }
    return row
  }

  private func checkSpool(_ sink: inout some DoctorSink & ~Copyable) {
    var row = DoctorRow(.spoolFill, .ok)
    if let problem = report.spoolProblem {
      var text = TextBuilder<512>()
      problem.explain(&text)
      row.reason.append(text.span)
      switch problem {
      case .file(.notFound): row.judge(.notChecked)
      case .file(.system(let errno)) where SystemError(errno: errno).isForbidden:
        row.judge(.notChecked, do: Self.asWhom)
      default: row.judge(.failed, do: "Look at `dmesg`; docs: spool-format, key-file.")
      }
      sink.take(row)
      return
    }
    row.reason.append(report.spool.undeliveredPercent)
    row.reason.append("\u{1f}% of ")
    row.reason.append(byteCount: report.spool.byteCount)
    row.reason.append(" wait for delivery")
    if let left = report.spool.millisecondsUntilFull {
      row.reason.append(", room for about ")
      row.reason.append(duration: left)
    }
    if report.spool.lossCount > 0 {
      row.reason.append("; some of it can't be read")
      row.judge(.failed, do: "Save what is there (`cairn log export`), and replace a worn card.")
    } else if report.spool.undeliveredPercent >= 95 {
      row.judge(
        .failed,
        do: """
          Mend delivery, below; or make [spool] \
          size larger for the next time.
          """)
    } else if report.spool.undeliveredPercent >= 80 {
      row.judge(
        .warning,
        do: """
          Mend delivery, below, before measuring \
          stops or readings are lost.
          """)
    }
    sink.take(row)
  }
}
