import AgentMessages
import CBOR
import FixedMemory
import LinuxPlatform
import NodeFiles

/// `cairn radio watch` and `cairn radio test`: the radio that the agent has, by the agent's socket. Nothing reaches the
/// air but through the agent's rules and budget.
enum AgentRadioCommand {
  enum Answer {
    case heard(HeardFrames)
    case noise(NoiseLevels)
    /// 0: the radio has the frame; else why not.
    case test(reason: UInt8)
    case notPermitted
    /// It waits for something else, or speaks another version.
    case notNow
  }

  private static var pauseMilliseconds: UInt32 { 500 }

  /// Asks, and waits for at most a second.
  static func ask(_ request: borrowing AgentMessage, at socket: FixedPath) throws(SocketFailure)
    -> Answer
  {
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    var span = packet.mutableSpan
    let connection = try UnixConnection(connectingTo: socket)
    var encoder = CBOREncoder(span)
    request.encode(into: &encoder)
    let count = encoder.byteCount
    span = packet.mutableSpan
    try connection.send(span.span.extracting(0..<count), timeoutMilliseconds: 0)
    let answerCount = try connection.receive(into: &span, timeoutMilliseconds: 1000)
    do throws(AgentMessage.Failure) {
      switch try AgentMessage(decoding: span.span.extracting(0..<answerCount)) {
      case .heard(let heard): return .heard(heard)
      case .noise(let levels): return .noise(levels)
      case .radioTestAnswer(let reason): return .test(reason: reason)
      case .denied(_, .notPermitted): return .notPermitted
      default: return .notNow
      }
    } catch { return .notNow }
  }

  static func test(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    guard let channel = decimal(arguments.operandText), channel < 96 else {
      end(.usage, "cairn: a channel is a number from 0 to 95: its place in the region's plan")
    }
    var factor: UInt64 = 9
    if arguments.has(.factor) {
      guard let given = decimal(arguments.value(of: .factor)), (5...12).contains(given) else {
        end(.usage, "cairn: --factor needs a spreading factor from 5 to 12")
      }
      factor = given
    }
    let answer = answer(
      to: .radioTest(channel: UInt8(channel), spreadingFactor: UInt8(factor)),
      nodePaths(arguments).agentSocket)
    tell(answer, isJSON: arguments.isJSON, &output)
    if case .test(0) = answer { return .success }
    return .refused
  }

  /// No agent ends the program.
  static func answer(to request: borrowing AgentMessage, _ socket: FixedPath) -> Answer {
    do throws(SocketFailure) { return try ask(request, at: socket) } catch {
      end(
        .unavailable,
        "cairn: no agent answers on the socket: start it first, since it has the radio")
    }
  }

  static func tell(_ answer: Answer, isJSON: Bool, _ output: inout Output) {
    let number: UInt64
    let words: StaticString
    switch answer {
    case .test(0):
      (number, words) = (0, "the radio has the frame, and sends it within seconds")
    case .test(let reason):
      (number, words) = (UInt64(reason), LeafWords.name(ofBeaconReason: UInt64(reason)))
    case .notPermitted:
      (number, words) = (255, "only root, the agent's own user and an unlocked console may send")
    case .notNow, .heard, .noise:
      (number, words) = (254, "the agent has no radio to send with now, or is another version")
    }
    if isJSON {
      output.beginObject()
      output.member("reasonNumber", number)
      output.member("answer", text: words)
      output.endDocument()
      return
    }
    output.row("test")
    if number == 0 { output.write(words, .good) } else { output.write(words, .warning) }
    output.newLine()
  }

  /// What it heard last, and then what comes, until a signal or the end of the time.
  static func watch(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    let socket = nodePaths(arguments).agentSocket
    let clock = SystemClock()
    var end: Int64?
    if arguments.has(.seconds) {
      guard let seconds = decimal(arguments.value(of: .seconds)), (1...86_400).contains(seconds)
      else { NodeFiles.end(.usage, "cairn: --seconds needs a number from 1 to 86400") }
      end = clock.bootMilliseconds() + Int64(seconds) * 1_000
    }
    if arguments.isJSON {
      output.beginObject()
      output.beginArray("frames")
    }
    var shown: UInt64 = 0
    do throws(SystemError) {
      let signals = try TerminationSignals()
      while try signals.next() == nil, !output.isGone {
        guard case .heard(let heard) = answer(to: .heardRequest, socket) else {
          NodeFiles.end(
            .refused, "cairn: the agent does not say what it hears: take its own `cairn`")
        }
        output.write(heard, after: &shown, isJSON: arguments.isJSON)
        output.flush()
        if let end, clock.bootMilliseconds() >= end { break }
        SystemDelay().sleep(milliseconds: pauseMilliseconds)
      }
    } catch { NodeFiles.end(.refused, "cairn: the system does not let it wait") }
    if arguments.isJSON {
      output.endArray()
      output.member("heard", shown)
      output.endDocument()
    }
    return .success
  }

  /// The last frames, for a page.
  static func writeFrames(_ socket: FixedPath, _ output: inout Output) {
    do throws(SocketFailure) {
      guard case .heard(let heard) = try ask(.heardRequest, at: socket) else { return }
      var shown: UInt64 = 0
      guard !heard.frames.isEmpty else {
        output.row("frames")
        output.write("none heard since the agent's start")
        output.newLine()
        return
      }
      output.write(heard, after: &shown, isJSON: false)
    } catch {
      // The row of the agent says that it does not answer.
    }
  }
}

extension Output {
  /// Those behind the `shown` first of this boot.
  fileprivate mutating func write(_ heard: HeardFrames, after shown: inout UInt64, isJSON: Bool) {
    if heard.count < shown { shown = 0 }
    let first = heard.count - min(heard.count, UInt64(heard.frames.count))
    for index in heard.frames.indices where first + UInt64(index) >= shown {
      write(heard.frames[index], isJSON: isJSON)
    }
    shown = heard.count
  }

  private mutating func write(_ frame: HeardFrames.Frame, isJSON: Bool) {
    guard !isJSON else {
      beginObject()
      member("milliseconds", frame.milliseconds)
      member("frequencyHertz", UInt64(frame.frequencyHertz))
      member("spreadingFactor", UInt64(frame.spreadingFactor))
      member("byteCount", UInt64(frame.byteCount))
      member("firstByte", UInt64(frame.firstByte))
      optional("rssi", frame.rssiCentidecibelMilliwatts)
      optional("snr", frame.snrCentidecibels)
      endObject()
      return
    }
    write(frame.milliseconds, powerOfTen: -3)
    write(" s  ")
    write(Int64(frame.frequencyHertz / 1_000), powerOfTen: -3)
    write(" MHz SF")
    write(UInt64(frame.spreadingFactor))
    write("  ")
    figure(frame.rssiCentidecibelMilliwatts, " dBm  SNR ")
    figure(frame.snrCentidecibels, " dB  ")
    write(UInt64(frame.byteCount))
    write(frame.firstByte == 0xe0 && frame.byteCount == 24 ? " bytes, a beacon" : " bytes")
    newLine()
  }

  private mutating func optional(_ name: StaticString, _ value: Int32?) {
    if let value { member(name, Int64(value)) } else { member(null: name) }
  }

  private mutating func figure(_ value: Int32?, _ unit: StaticString) {
    if let value { write(Int64(value), powerOfTen: -2) } else { write("?") }
    write(unit)
  }
}
