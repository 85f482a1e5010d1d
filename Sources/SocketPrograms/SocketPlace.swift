import LinuxPlatform

/// What answers at the socket, turn by turn.
public protocol SocketServer: ~Copyable {
  /// Waits for the first of: something to do, the other descriptor, the turn's end.
  mutating func turn(otherDescriptor: Int32) throws(SystemError)
}

/// Where the program serves, whom, and until when.
public struct SocketPlace<Program: SocketProgram>: ~Copyable {
  private let signals: TerminationSignals
  public let path: FixedPath
  /// The only user who is answered.
  public let agent: UInt32

  init(signals: consuming TerminationSignals, path: FixedPath, agent: UInt32) {
    self.signals = signals
    self.path = path
    self.agent = agent
  }

  /// Until SIGTERM or SIGINT. The caller ends the program, once its socket has gone.
  public func serve(_ server: inout some SocketServer & ~Copyable) {
    ServiceManager.tellReady()
    do throws(SystemError) {
      while try signals.next() == nil {
        try server.turn(otherDescriptor: signals.pollDescriptor)
      }
    } catch {
      Program.end(.refused, "the kernel refuses to wait (poll)")
    }
    ServiceManager.tellStopping()
  }
}
