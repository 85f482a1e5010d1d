import CLinux
import Foundation
import LinuxPlatform

/// What a run needs of the kernel: clock, signals, a lock, waiting. C is met here, so that the program only
/// wires.
public enum DemoSystem {
  /// Milliseconds of CLOCK_BOOTTIME, which the chip models and the agent count by too.
  public static var milliseconds: Int64 { cairn_board_milliseconds() }

  /// This machine's wall clock, whoever keeps it.
  public static var utcMilliseconds: Int64 { SystemClock().utcMilliseconds() }

  /// A person may be looking at standard output.
  public static var outputIsTerminal: Bool { cairn_child_is_terminal(1) == 1 }

  /// A write to a pipe whose reader has gone then fails, and does not end the program.
  public static func ignoreBrokenPipes() { _ = cairn_signal_ignore_pipe() }

  /// Waits until one of at most 256 descriptors can be read, or the time is over.
  public static func wait(for descriptors: [Int32], milliseconds: Int64) {
    var ready = [UInt8](repeating: 0, count: descriptors.count)
    // Which of them is found out by reading; an interrupted wait is a short one.
    _ = cairn_board_poll(
      descriptors, &ready, descriptors.count, Int32(min(max(0, milliseconds), 60_000)))
  }

  /// The kernel's words for an errno.
  public static func words(errno number: Int32) -> String { String(cString: strerror(number)) }
}

/// SIGINT, SIGTERM and SIGHUP as something to wait for. Made before anything is started.
public struct DemoSignals: Sendable {
  public let descriptor: Int32

  /// From here on these signals end nothing by themselves. Nil when the kernel gives no descriptor.
  public init?() {
    descriptor = cairn_child_end_signals()
    if descriptor < 0 { return nil }
  }

  /// The number of a signal that has come.
  public func next() -> Int32? {
    let signal = cairn_child_next_signal(descriptor)
    return signal > 0 ? signal : nil
  }
}

/// A file that one process at a time holds; the kernel lets it go when that process ends, however it ends.
public struct DemoLock: ~Copyable {
  public enum Failure: Error, Equatable {
    /// Somebody has it: what stands in the file, which is its process.
    case held(by: String)
    case system(errno: Int32)
  }

  private let descriptor: FileDescriptor

  /// Makes the file when there is none, and writes this process into it.
  public init(_ path: String) throws(Failure) {
    let bytes = Array(path.utf8) + [0]
    let number = cairn_file_open(bytes, Int32(CAIRN_OPEN_READ_WRITE | CAIRN_OPEN_CREATE), 0o600)
    guard number >= 0 else { throw .system(errno: -number) }
    let descriptor = FileDescriptor(owning: number)
    guard cairn_file_lock(number) == 0 else {
      var buffer = [UInt8](repeating: 0, count: 32)
      let count = max(0, Int(cairn_file_read(number, &buffer, 32)))
      throw .held(
        by: String(String(decoding: buffer.prefix(count), as: UTF8.self).prefix { $0 != "\n" }))
    }
    // Only for the words of a refusal: whoever can't be named is still refused.
    _ = cairn_file_truncate(number)
    let text = Array("\(getpid())\n".utf8)
    _ = cairn_file_write_at(number, text, Int64(text.count), 0)
    self.descriptor = descriptor
  }
}
