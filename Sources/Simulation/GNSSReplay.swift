import LinuxPlatform

/// A satellite receiver at the end of a pseudo-terminal: plays a recording, epoch by epoch, for ever. Its line
/// stands under a path of the caller's (`VirtualTerminal`).
///
/// A recording's times start anew with it: whoever listens sees UTC jump back.
public struct GNSSReplay: ~Copyable {
  public enum Failure: Error, Equatable {
    /// The recording has no sentence with a time.
    case noEpochs
  }

  public let recording: GNSSRecording
  /// Where the line is, as it was asked for.
  public var path: String { terminal.path }
  /// Epochs played so far, and bytes that nobody took.
  public private(set) var playedEpochCount = 0
  public private(set) var lostByteCount = 0

  private let terminal: VirtualTerminal
  private let retiming: GNSSRetiming?

  /// With `retiming` the receiver stands elsewhere and lives now: `playEpoch(utcMilliseconds:)`.
  public init(recording: GNSSRecording, path: String, retiming: GNSSRetiming? = nil) throws {
    guard !recording.epochs.isEmpty else { throw Failure.noEpochs }
    terminal = try VirtualTerminal(path: path)
    self.recording = recording
    self.retiming = retiming
  }

  /// Sends the next epoch and returns how long after it the one that follows is due, as recorded. `utcMilliseconds` is
  /// the instant that a retimed receiver says it is of.
  public mutating func playEpoch(utcMilliseconds: Int64 = 0) throws -> Int64 {
    try terminal.forgetExclusiveUse()
    // Receivers are sent settings; this one has none.
    _ = try terminal.receive()
    let epochs = recording.epochs
    for line in epochs[playedEpochCount % epochs.count].lines {
      lostByteCount += try terminal.send(
        retiming?.line(line, utcMilliseconds: utcMilliseconds) ?? line)
    }
    playedEpochCount += 1
    return epochs[playedEpochCount % epochs.count].millisecondsAfterPrevious
  }

  /// Plays until a signal comes; `speed` 2 plays twice as fast.
  public mutating func run(speed: Double, until signals: borrowing TerminationSignals) throws {
    precondition(speed > 0, "speed of a replay")
    let clock = SystemClock()
    var due = Double(clock.bootMilliseconds())
    while try signals.next() == nil {
      due += Double(try playEpoch()) / speed
      var poller = Poller()
      _ = poller.watch(signals.pollDescriptor)
      _ = try poller.wait(milliseconds: Int64(due) - clock.bootMilliseconds())
    }
  }

}
