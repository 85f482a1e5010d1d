import AgentMessages
import CBOR
import Delivery
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Records

/// What the uplink carries beside batches: the gateway's head of this log to an agent that has lost its place,
/// and challenges. All of it is signed by the gateway and verified by the agent; here it is only carried.
extension Uplink where Transport: ~Copyable {
  static var acceptedDocument: StaticString {
    "application/cose; cose-type=\"cose-sign1\", application/concise-problem-details+cbor"
  }

  /// The agent has asked for its head: fetches it while the agent waits.
  mutating func fetchHead() {
    isHeadWanted = false
    guard let connection = agent.take() else { return }
    if Self.handHead(to: connection, of: deviceKey, &transport) { agent = consume connection }
  }

  /// The agent did not know a key of the gateway's: brings what the gateway says of its keys, and what was in vain
  /// without.
  mutating func followChangedKeys() {
    guard agent != nil, mayAsk() else { return }
    let isHead = isHeadUnknown
    isHeadUnknown = false
    guard followKeys() else { return }
    if isHead { isHeadWanted = true }
    nextChallenge = 0
    if case .blocked = machine.state { timer = clock.bootMilliseconds() }
  }

  /// While there is no spool: an agent that has lost it may be waiting for its head.
  static func lookForWaitingAgent(
    _ paths: NodePaths, _ deviceKey: PublicKey, _ gatewayKey: PublicKey?,
    _ transport: inout Transport, stop: Int32
  ) {
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    var span = packet.mutableSpan
    do throws(SocketFailure) {
      let connection = try UnixConnection(connectingTo: paths.agentSocket)
      guard send(.subscribe, to: connection) else { return }
      let count = try connection.receive(into: &span, timeoutMilliseconds: 1000)
      guard AgentMessage.asksForHead(span.span.extracting(0..<count)) else { return }
      guard handHead(to: connection, of: deviceKey, &transport) else { return }
      // Its answer: a connection that ends at once could be lost before it was read.
      let answered = try connection.receive(into: &span, timeoutMilliseconds: 5000)
      guard let gatewayKey,
        AgentMessage.answers(
          span.span.extracting(0..<answered), to: .head, with: RefusalCode.unknownKey.rawValue)
      else { return }
      var (isAway, isHeadWanted) = (false, false)
      guard
        handKeys(
          to: connection, from: &transport, paths, gatewayKey, stop: stop, isAway: &isAway,
          isHeadWanted: &isHeadWanted),
        !isAway, handHead(to: connection, of: deviceKey, &transport)
      else { return }
      _ = try connection.receive(into: &span, timeoutMilliseconds: 5000)
    } catch {
      // It does not run, or does not wait: there will be a spool.
    }
  }

  /// False when the agent can't be reached any more.
  private static func handHead(
    to connection: borrowing UnixConnection, of deviceKey: PublicKey,
    _ transport: inout Transport
  ) -> Bool {
    let path = Self.headPath(of: deviceKey)
    var reply = InlineArray<4096, UInt8>(repeating: 0)
    var span = reply.mutableSpan
    do throws(TransportFailure) {
      let response = try transport.get(from: path.span, accept: acceptedDocument, into: &span)
      if response.status == 404 {
        tell("the agent asks for its place, and the gateway has nothing of this key")
        return send(.head(bytes: Span()), to: connection)
      }
      if isDocument(response) {
        tell("the agent has lost its place: hands it the gateway's head of its log")
        return send(.head(bytes: span.span.extracting(0..<response.byteCount)), to: connection)
      }
      tell("the gateway gives no head of this log; after ten seconds the agent goes on without")
    } catch {
      tell("the gateway can't be asked for the head of this log; the agent goes on without")
    }
    return true
  }

  static func headPath(of deviceKey: PublicKey) -> TextBuilder<128> {
    var path = TextBuilder<128>()
    path.append("/v1/devices/")
    path.append(hex: deviceKey.hash.span)
    path.append("/head")
    return path
  }

  static func tell(_ text: StaticString, _ path: FixedPath? = nil) {
    var line = TextBuilder<512>()
    line.append(Transport.programName)
    line.append(": ")
    if let path {
      line.append(path.span)
      line.append(": ")
    }
    line.append(text)
    line.append("\n")
    // Without a reader of standard output delivery goes on.
    do throws(SystemError) { try StandardStream.output.write(line) } catch {}
  }

  /// Asks for the challenge in force when the last one is getting old. An agent that has it already says no,
  /// which is no failure.
  mutating func fetchChallenge() {
    guard agent != nil, clock.bootMilliseconds() >= nextChallenge else { return }
    wantChallenge(within: Self.challengeIntervalMilliseconds)
    guard mayAsk() else { return }
    var reply = InlineArray<4096, UInt8>(repeating: 0)
    var span = reply.mutableSpan
    do throws(TransportFailure) {
      let response = try transport.get(
        from: challengePath.span, accept: Self.acceptedDocument, into: &span)
      // A gateway without challenges, or a captive portal: nothing to carry.
      guard Self.isDocument(response) else { return }
      let challenge = span.span.extracting(0..<response.byteCount)
      send(.challenge(bytes: challenge))
      // It may begin a chain, and the enrolment has its anchor then.
      nextEnrolment = min(
        nextEnrolment, clock.bootMilliseconds() + Self.enrolmentAfterChallengeMilliseconds)
      if let interval = Self.challengeInterval(after: challenge) { wantChallenge(within: interval) }
    } catch {
      // Delivery says when the gateway can't be reached; only that this was given up, nobody else does.
      if error.isStop { say(error) }
    }
  }

  /// Coverage lives by challenges: a quarter of a budget for them; without a radio they only date the log.
  private mutating func wantChallenge(within milliseconds: Int64) {
    nextChallenge =
      clock.bootMilliseconds() + intervalMilliseconds(milliseconds, share: hasRadio ? 4 : 50)
  }

  private static var enrolmentAfterChallengeMilliseconds: Int64 { 2_000 }

  /// Five minutes: a challenge is in force for half an hour unless a gateway says otherwise.
  static var challengeIntervalMilliseconds: Int64 { 300_000 }

  /// A sixth of the time that this one is in force: the next comes after half of it. Nil for what is none; whether it
  /// is the gateway's the agent finds out.
  static func challengeInterval(after message: Span<UInt8>) -> Int64? {
    do throws(CBORDecoder.Failure) {
      let challenge = try Challenge(decoding: message)
      return max(
        1_000, min(challengeIntervalMilliseconds, Int64(challenge.validSeconds) * 1_000 / 6))
    } catch { return nil }
  }

  static func isDocument(
    _ response: TransportAnswer, atMost maximum: Int = AgentMessage.maximumReceiptByteCount
  ) -> Bool {
    response.status == 200 && (1...maximum).contains(response.byteCount)
      && MediaType(contentType: response.contentType) == .receipt
  }

  /// `/v1/challenge?region=…` for the region of the site file; without one, the challenge for everybody.
  static func challengePath(region: Span<UInt8>) -> FixedText<128> {
    var path = FixedText<128>("/v1/challenge?region=")
    for index in region.indices {
      let byte = region[index]
      let isPlain =
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "-")
      if isPlain {
        path.write(byte: byte)
      } else {
        path.write("%")
        path.write(byte: hexDigit(byte >> 4))
        path.write(byte: hexDigit(byte & 15))
      }
    }
    return path
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
  }
}
