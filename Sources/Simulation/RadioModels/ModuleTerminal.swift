import LinuxPlatform

/// A module behind a pseudo-terminal: what an agent opens as its radio. Turned by whoever owns it.
public struct ModuleTerminal: ~Copyable {
  public let model: SerialModuleModel
  private let terminal: VirtualTerminal
  /// Bytes that nobody took.
  public private(set) var lostByteCount = 0

  public init(model: SerialModuleModel, path: String) throws {
    self.model = model
    terminal = try VirtualTerminal(path: path, baudRate: UInt32(model.baudRate))
  }

  /// For poll: readable when a command has come.
  public var pollDescriptor: Int32 { terminal.pollDescriptor }

  /// Carries what has come by now in both directions.
  public mutating func turn(now: Int64) throws {
    try terminal.forgetExclusiveUse()
    let commands = try terminal.receive()
    if !commands.isEmpty { model.receive(commands, now: now) }
    lostByteCount += try terminal.send(model.output(now: now))
  }

  /// How long until the module does something by itself; nil when it waits for a command or a frame.
  public func millisecondsToNextChange(now: Int64) -> Int64? {
    model.nextChange.map { max(0, $0 - now) }
  }

  /// Serves until a signal comes, looking often enough for every line.
  public mutating func run(until signals: borrowing TerminationSignals) throws {
    let clock = SystemClock()
    while try signals.next() == nil {
      let now = clock.bootMilliseconds()
      try turn(now: now)
      var poller = Poller()
      _ = poller.watch(signals.pollDescriptor)
      _ = poller.watch(pollDescriptor)
      _ = try poller.wait(milliseconds: min(500, millisecondsToNextChange(now: now) ?? 500))
    }
  }
}
