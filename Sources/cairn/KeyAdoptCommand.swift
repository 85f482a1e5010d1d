import AgentMessages
import CBOR
import FixedMemory
import LinuxPlatform
import NodeFiles

/// `cairn key adopt`: tells the waiting agent that this hardware is the node from here on.
enum KeyAdoptCommand {
  enum Answer {
    case adopted
    case waitsForNothing
    case notPermitted
    case notUnderstood
  }

  static func run(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    let paths = nodePaths(arguments)
    do throws(SocketFailure) {
      let answer = try ask(at: paths.agentSocket)
      tell(answer, arguments.isJSON, &output)
      return answer == .adopted || answer == .waitsForNothing ? .success : .refused
    } catch {
      end(
        .unavailable,
        "cairn: no agent answers on the socket: start it first, since only the agent touches the key"
      )
    }
  }

  /// Asks, and waits for at most a second.
  static func ask(at socket: FixedPath) throws(SocketFailure) -> Answer {
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    var span = packet.mutableSpan
    let connection = try UnixConnection(connectingTo: socket)
    var encoder = CBOREncoder(span)
    AgentMessage.adopt.encode(into: &encoder)
    let count = encoder.byteCount
    span = packet.mutableSpan
    try connection.send(span.span.extracting(0..<count), timeoutMilliseconds: 0)
    let answerCount = try connection.receive(into: &span, timeoutMilliseconds: 1000)
    do throws(AgentMessage.Failure) {
      switch try AgentMessage(decoding: span.span.extracting(0..<answerCount)) {
      case .answer(_, nil): return .adopted
      case .denied(_, .notNow): return .waitsForNothing
      case .denied(_, .notPermitted): return .notPermitted
      default: return .notUnderstood
      }
    } catch { return .notUnderstood }
  }

  static func tell(_ answer: Answer, _ isJSON: Bool, _ output: inout Output) {
    let (name, words): (StaticString, StaticString) =
      switch answer {
      case .adopted:
        (
          "adopted",
          "This board and card are the node from here on. The agent asks its gateway where the log stands, and begins a new epoch."
        )
      case .waitsForNothing:
        ("not-needed", "Nothing to adopt: the agent signs on the hardware that its key belongs to.")
      case .notPermitted:
        ("not-permitted", "Only root and the agent's own user may say which board is the node.")
      case .notUnderstood:
        ("other-version", "The agent answers in words of another version: take its own `cairn`.")
      }
    if isJSON {
      output.beginObject()
      output.member("answer", text: name)
      output.endDocument()
    } else {
      output.row("key")
      output.paragraph(words)
      output.newLine()
    }
  }
}
