import AgentMessages
import CBOR
import FixedMemory
import LinuxPlatform

/// Telling the agent what happened at this console (docs/agent-socket.md, types 15 and 16).
enum ConsoleQuestion {
  enum Answer {
    /// Its leaf stands in the log.
    case told
    /// A later leaf will tell of it.
    case counted
    case denied
    case silent(AgentAnswer.Reason)
  }

  private static var patienceMilliseconds: Int64 { 1000 }

  /// Tells, and waits for at most a second.
  static func tell(
    _ action: AgentMessage.ConsoleAction, _ terminal: FixedText<32>, count: UInt16,
    at socket: FixedPath
  ) -> Answer {
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    var span = packet.mutableSpan
    let received: Int
    do throws(SocketFailure) {
      let connection = try UnixConnection(connectingTo: socket)
      var encoder = CBOREncoder(span)
      AgentMessage.consoleAction(action, terminal: terminal.span, count: count)
        .encode(into: &encoder)
      let sent = encoder.byteCount
      span = packet.mutableSpan
      try connection.send(span.span.extracting(0..<sent), timeoutMilliseconds: 0)
      received = try connection.receive(into: &span, timeoutMilliseconds: patienceMilliseconds)
    } catch {
      return .silent(AgentAnswer.reason(error))
    }
    do throws(AgentMessage.Failure) {
      switch try AgentMessage(decoding: span.span.extracting(0..<received)) {
      case .consoleAnswer(let isTold): return isTold ? .told : .counted
      case .denied(_, .notPermitted): return .denied
      default: return .silent(.otherVersion)
      }
    } catch { return .silent(.otherVersion) }
  }
}
