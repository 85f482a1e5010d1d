import AgentMessages
import CBOR
import CLinux
import FixedMemory
import LinuxPlatform
import NodeFiles

/// What the agent says of itself, or why it says nothing.
enum AgentAnswer {
  case status(AgentStatus)
  case silent(Reason)

  enum Reason {
    /// No socket, or one that an ended agent left there.
    case notRunning
    case notPermitted
    /// Connected, and no answer within the bound.
    case timedOut
    /// It let this program in and out again: all places at its socket are taken.
    case busy
    /// It answered, and this program does not understand it.
    case otherVersion
    case pathTooLong
    case failed(errno: Int32)

    /// What it is and what to do.
    var explanation: StaticString {
      switch self {
      case .notRunning:
        """
        nobody listens on the socket. Look at `systemctl status cairn-agent` and `journalctl -u \
        cairn-agent`, or start it
        """
      case .notPermitted:
        "this user may not ask it: run as root, or as a member of the group cairn"
      case .busy: "it runs, and all places at its socket are taken: end programs that watch it"
      case .timedOut: "it runs and did not answer within a second: busy, or stopped by a debugger"
      case .otherVersion:
        "it answers, and not in this version's words: take the `cairn` that came with it"
      case .pathTooLong: "the socket's path is longer than 107 bytes: no agent can listen there"
      case .failed: "its socket can't be used"
      }
    }

    /// One word for programs.
    var name: StaticString {
      switch self {
      case .notRunning: "not-running"
      case .notPermitted: "not-permitted"
      case .timedOut: "timed-out"
      case .busy: "busy"
      case .otherVersion: "other-version"
      case .pathTooLong: "path-too-long"
      case .failed: "failed"
      }
    }
  }

  /// Asks, and waits for at most a second.
  static func ask(at socket: FixedPath) -> AgentAnswer {
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    var span = packet.mutableSpan
    let count: Int
    do throws(SocketFailure) {
      let connection = try UnixConnection(connectingTo: socket)
      var encoder = CBOREncoder(span)
      AgentMessage.statusRequest.encode(into: &encoder)
      let requestByteCount = encoder.byteCount
      span = packet.mutableSpan
      try connection.send(
        span.span.extracting(0..<requestByteCount), timeoutMilliseconds: 0)
      count = try connection.receive(into: &span, timeoutMilliseconds: patienceMilliseconds)
    } catch {
      return .silent(reason(error))
    }
    do throws(AgentMessage.Failure) {
      guard case .status(let status) = try AgentMessage(decoding: span.span.extracting(0..<count))
      else { return .silent(.otherVersion) }
      return .status(status)
    } catch {
      return .silent(.otherVersion)
    }
  }

  private static var patienceMilliseconds: Int64 { 1000 }

  static func reason(_ failure: SocketFailure) -> Reason {
    switch failure {
    case .nobodyListens, .pathInUse: .notRunning
    case .closed: .busy
    case .pathTooLong: .pathTooLong
    case .timedOut: .timedOut
    case .messageTooLong: .otherVersion
    case .system(let errno) where errno == EACCES || errno == EPERM: .notPermitted
    case .system(let errno): .failed(errno: errno)
    }
  }
}
