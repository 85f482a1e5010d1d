import CLinux

/// SIGTERM and SIGINT as something to poll, so that a program ends at the end of a turn of its loop and
/// not in the middle of a write. Made before any thread is.
public struct TerminationSignals: ~Copyable {
  private let descriptor: FileDescriptor

  /// From here on these signals no longer end the program by themselves.
  public init() throws(SystemError) {
    descriptor = FileDescriptor(owning: try checked(cairn_signal_descriptor()))
  }

  /// Readable when a signal has come.
  public var pollDescriptor: Int32 { descriptor.number }

  /// The number of a signal that has come, or nil.
  public func next() throws(SystemError) -> Int32? {
    let result = cairn_signal_next(descriptor.number)
    if result == 0 &- EAGAIN { return nil }
    return try checked(result)
  }
}

/// A write to a pipe whose reader has gone then fails with EPIPE and does not end the program.
public func ignoreBrokenPipes() throws(SystemError) {
  _ = try checked(cairn_signal_ignore_pipe())
}
