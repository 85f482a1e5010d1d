import AgentMessages
import CBOR
import Delivery
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeFiles
import Records

/// The agent's socket: it says when there is more to deliver, and takes receipts.
extension Uplink where Transport: ~Copyable {
  /// Every five seconds while the agent is away. True when it is there anew.
  mutating func connectToAgent() -> Bool {
    if agent == nil, wasAgentThere {
      wasAgentThere = false
      // Another one may have begun another log by the time that it is connected.
      isPlaceOwed = true
    }
    guard agent == nil, clock.bootMilliseconds() >= nextAgentAttempt else { return false }
    nextAgentAttempt = clock.bootMilliseconds() + 5000
    do throws(SocketFailure) {
      agent = try UnixConnection(connectingTo: paths.agentSocket)
      wasAgentThere = true
      return true
    } catch { return false }
  }

  /// Asks to be told of what is released, and hands over the receipt that no agent has answered for.
  mutating func greetAgent() {
    send(.subscribe)
    // An agent that starts anew may know another gateway key, or have an owner's word.
    if case .blocked = machine.state { timer = clock.bootMilliseconds() }
    nextEnrolment = 0
    areKeysWanted = true
    isPlaceOwed = true
    let delivered = askDelivered()
    if !handKeptReceipt(), let delivered {
      // On a line that is paid by the byte nothing is sent twice that is there already.
      findBacklog(behind: delivered)
      if budget == nil {
        isBacklogged = false
        goBack(toBehind: delivered)
      }
    }
  }

  /// An agent that has lost what it took, or refused it, has less than this cursor says: then what it has no
  /// receipt for is delivered again. Repeats are harmless; space that is never used again is not.
  private mutating func goBack(toBehind delivered: UInt64) {
    guard delivered < cursor.spoolSequence, delivered + 1 < cursor.spoolSequence else { return }
    do throws(Reader.Failure) {
      try reader.refresh()
      try reader.seek(toSequence: delivered + 1)
      guard let batch = try reader.next(), batch.sequence < cursor.spoolSequence else {
        return goToCursor()
      }
      cursor.move(to: batch.position, spoolSequence: delivered + 1)
      redeliveryStart = batch.position
      if floor > batch.position { floor = max(firstOfOwnHistory, batch.position) }
    } catch { return goToCursor() }
    machine = DeliveryStateMachine()
    timer = nil
    say("the agent has no receipts for what was delivered last: it is delivered again")
    storeCursor()
    goToCursor()
  }

  /// Up to where the agent has verified receipts; nil when it does not say.
  private mutating func askDelivered() -> UInt64? {
    send(.statusRequest)
    return awaitAnswer { AgentMessage.delivered($0) }
  }

  /// Reads what the agent says until it is what was asked for. Nil when it goes away, says nothing of it in time,
  /// or the program is asked to end: then the agent counts as away.
  mutating func awaitAnswer<Answer>(_ read: (Span<UInt8>) -> Answer?) -> Answer? {
    let deadline =
      clock.bootMilliseconds() + Int64(DeliveryStateMachine.agentAnswerMilliseconds)
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    while clock.bootMilliseconds() < deadline, let connection = agent.take() {
      var span = packet.mutableSpan
      awaitPacket(connection.pollDescriptor, until: deadline)
      guard !isAsked() else { return nil }
      do throws(SocketFailure) {
        let count = try connection.receive(into: &span, timeoutMilliseconds: 0)
        agent = consume connection
        note(span.span.extracting(0..<count))
        if let answer = read(span.span.extracting(0..<count)) { return answer }
      } catch { return nil }
    }
    return nil
  }

  /// True when the agent took it: then it has all that the cursor has passed.
  private mutating func handKeptReceipt() -> Bool {
    guard cursor.isReceiptUnanswered, !cursor.receiptBytes.isEmpty, cursor.spoolSequence > 0 else {
      return false
    }
    return handCursorsReceipt()
  }

  /// The receipt in the cursor, whether the agent was handed it or not. True when it took it.
  @discardableResult mutating func handCursorsReceipt() -> Bool {
    var kept = FixedArray<512, UInt8>(filler: 0)
    for index in cursor.receiptBytes.indices { kept.append(cursor.receiptBytes[index]) }
    receipt = kept
    // A receipt belongs to the checkpoint in front of where the cursor reads on.
    let event = hand(overAt: cursor.spoolSequence - 1)
    if event != .agentAway {
      cursor.noteReceiptAnswered()
      storeCursor()
    }
    if case .receiptRefused(let code) = event { sayReason(.receiptRefused(code: code)) }
    return event == .receiptConfirmed
  }

  /// Reads what the agent says. What has been released is looked up in the spool itself.
  mutating func readAgent() {
    guard let connection = agent.take() else { return }
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    var span = packet.mutableSpan
    do throws(SocketFailure) {
      let count = try connection.receive(into: &span, timeoutMilliseconds: 0)
      agent = consume connection
      note(span.span.extracting(0..<count))
    } catch {
      if error == .timedOut { agent = consume connection }
    }
  }

  /// Gives the last receipt to the agent and waits for its answer.
  mutating func handReceipt(for position: BatchPosition) -> DeliveryStateMachine.Event {
    keepsReceiptBack() ? .receiptConfirmed : hand(overAt: reader.batch?.sequence ?? 0)
  }

  mutating func hand(overAt sequence: UInt64) -> DeliveryStateMachine.Event {
    let event = handOnce(overAt: sequence)
    // The gateway's key may have changed.
    guard event == .receiptRefused(code: RefusalCode.unknownKey.rawValue), followKeys() else {
      return event
    }
    return handOnce(overAt: sequence)
  }

  private mutating func handOnce(overAt sequence: UInt64) -> DeliveryStateMachine.Event {
    var bytes = FixedBytes<512>()
    for index in receipt.indices { bytes[index] = receipt[index] }
    send(.receipt(sequence: sequence, bytes: bytes.span.extracting(0..<receipt.count)))
    return awaitAnswer { AgentMessage.answer($0, to: sequence) } ?? .agentAway
  }

  /// Until something comes, the time is over, or the program is asked to end.
  private func awaitPacket(_ descriptor: Int32, until deadline: Int64) {
    var poller = Poller()
    _ = poller.watch(descriptor)
    _ = poller.watch(signals.pollDescriptor)
    // Without a wait the agent counts as away, and a receipt is handed over later.
    do throws(SystemError) {
      _ = try poller.wait(milliseconds: max(0, deadline - clock.bootMilliseconds()))
    } catch {}
  }

  mutating func send(_ message: borrowing AgentMessage) {
    guard let connection = agent.take() else { return }
    // Else it is connected anew at the next attempt.
    if Self.send(message, to: connection) { agent = consume connection }
  }

  static func send(_ message: borrowing AgentMessage, to connection: borrowing UnixConnection)
    -> Bool
  {
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    var encoder = CBOREncoder(packet.mutableSpan)
    message.encode(into: &encoder)
    let count = encoder.byteCount
    do throws(SocketFailure) {
      try connection.send(packet.span.extracting(0..<count), timeoutMilliseconds: 1000)
      return true
    } catch { return false }
  }
}
