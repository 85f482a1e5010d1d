import CLinux
import LinuxPlatform

/// How a program of a board ends (docs/architecture.md). systemd decides by these whether to start it anew.
public enum ExitStatus: Int32, Sendable {
  /// Ended because it was asked to.
  case success = 0
  /// Something is not valid, and the reason was printed (`cairn verify`).
  case invalid = 1
  /// The command line is wrong.
  case usage = 2
  /// A part that is not optional is missing: a sensor, a bus.
  case unavailable = 69
  /// Storage failed. A new start recovers.
  case storageFailed = 74
  /// What is to be written lies on a file system that is read only now (`cairn boot-file`).
  case readOnly = 75
  /// The operator has to look: key, spool or socket can't be used as they are.
  case refused = 77
  /// A configuration file has an error.
  case configuration = 78
}

/// Ends the program.
public func end(_ status: ExitStatus) -> Never { exit(status.rawValue) }

/// Writes one line to standard error and ends the program.
public func end(_ status: ExitStatus, _ message: Span<UInt8>) -> Never {
  // The status says it too, when nobody reads the line.
  do throws(SystemError) {
    try StandardStream.error.write(message)
    try StandardStream.error.write("\n")
  } catch {}
  exit(status.rawValue)
}

/// The same with a text that is known beforehand.
public func end(_ status: ExitStatus, _ message: StaticString) -> Never {
  do throws(SystemError) {
    try StandardStream.error.write(message)
    try StandardStream.error.write("\n")
  } catch {}
  exit(status.rawValue)
}
