import CLinux
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles

/// All checks of a node, one group after another. Each ends: files are bounded, the agent is asked for a second,
/// buses and network have time limits, and what comes after the total bound is told as not checked.
///
/// It changes nothing, except what a chip's identification changes while no agent has it (docs/doctor.md).
struct Checkup: ~Copyable {
  /// Of all of it. The longest: a dead bus with 2 s, a gateway that does not answer with 20 s.
  static var totalMilliseconds: Int64 { 30_000 }

  /// With the board's profile, once it is found.
  var options: ProgramOptions
  let paths: NodePaths
  let report: NodeReport
  let end: Int64
  /// Nil while the site file, or the profile, can't be used.
  var setup: NodeSetup?
  /// What `cairn board check` finds, but for what has rows of its own here.
  var lines: CheckList?
  /// Of what the radio hangs on: the worst that was found there.
  var radioPart: CheckRow?

  init(_ options: borrowing ProgramOptions, _ paths: NodePaths) {
    self.options = options.copy()
    report = NodeReport(paths, options)
    // Only now it is known what the site file says of the key's place.
    self.paths = NodePaths(options: options, keyFile: report.site.keyFile) ?? paths
    end = SystemClock().bootMilliseconds() + Self.totalMilliseconds
    setup = nil
    lines = nil
    radioPart = nil
  }

  mutating func run(_ sink: inout some DoctorSink & ~Copyable) {
    checkConfiguration(&sink)
    checkPrograms(&sink)
    checkBuses(&sink)
    checkLines(&sink)
    checkClock(&sink)
    checkRadio(&sink)
    checkKey(&sink)
    checkDisk(&sink)
    checkNetwork(&sink)
    checkPermissions(&sink)
    checkProblems(&sink)
  }

  var leftMilliseconds: Int64 { max(0, end - SystemClock().bootMilliseconds()) }

  /// The folders are those of the packages, so that users, services and rules are theirs too.
  var isInstalled: Bool { options.stateFolder.span.equals("/var/lib/cairn") }

  var isRoot: Bool { effectiveUserID == 0 }

  /// Agent and uplink share the folder with whoever is a member.
  static var asWhom: StaticString { "run it as root, or as a member of the group cairn" }
}

extension SystemError {
  var isForbidden: Bool { errno == EACCES || errno == EPERM }
  var isNotFound: Bool { errno == ENOENT || errno == ENOTDIR }
}

extension TextBuilder {
  /// Permission bits as `chmod` takes them.
  mutating func append(mode: UInt32) {
    append(UInt64(mode >> 9 & 7), digits: 1)
    append(UInt64(mode >> 6 & 7), digits: 1)
    append(UInt64(mode >> 3 & 7), digits: 1)
    append(UInt64(mode & 7), digits: 1)
  }
}
