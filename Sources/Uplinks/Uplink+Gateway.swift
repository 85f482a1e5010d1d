import CBOR
import Delivery
import DeviceLog
import FixedMemory
import LinuxPlatform
import Proofs
import Records

/// Posting, and what is said when it does not work.
extension Uplink where Transport: ~Copyable {
  private static var accepted: StaticString {
    "application/cose; cose-type=\"cose-sign1\", application/concise-problem-details+cbor"
  }

  /// Posts one batch and answers with the gateway's event.
  mutating func send(_ position: BatchPosition, resumedFrom size: UInt64?)
    -> DeliveryStateMachine.Event
  {
    if isPlaceOwed {
      guard mayAsk() else { return .failed(.budgetSpent) }
      if let event = askForPlace() { return event }
    }
    guard position >= floor else { return .notHeld(oldest: firstBehindFloor()) }
    guard find(position) != nil else { return .notHeld(oldest: reader.batch?.position) }
    do throws(Reader.Failure) {
      if let size { try assemble(resumedFrom: size) } else { try assembleWithinBudget() }
    } catch {
      // Its first leaves gave way while it waited.
      return .notHeld(oldest: reader.batch?.position)
    }
    guard mayUse(Self.wireByteCount(ofBatch: reader.bytes.count), for: .first) else {
      return .failed(.budgetSpent)
    }
    return post()
  }

  /// What was assembled; the receipt is kept.
  mutating func post() -> DeliveryStateMachine.Event {
    var reply = InlineArray<4096, UInt8>(repeating: 0)
    var span = reply.mutableSpan
    do throws(TransportFailure) {
      let response = try transport.post(
        to: "/v1/batches", reader.bytes, contentType: "application/cbor",
        accept: Self.accepted, into: &span)
      let body = span.span.extracting(0..<response.byteCount)
      let event = answer(response, body).toBatch()
      if event == .accepted { keep(receipt: body) }
      return event
    } catch {
      say(error)
      return .failed(.unreachable)
    }
  }

  /// From the gateway's size when the log kept hashes that begin there, else from nothing.
  private mutating func assemble(resumedFrom size: UInt64) throws(Reader.Failure) {
    if size > 0 {
      do throws(Reader.Failure) { return try reader.assembleResumed(fromSize: size) } catch {
        guard error == .cannotResume else { throw error }
      }
    }
    try reader.assembleAlone()
  }

  private mutating func keep(receipt body: Span<UInt8>) {
    receipt.removeAll()
    for index in body.indices { receipt.append(body[index]) }
  }

  @_lifetime(copy body)
  func answer(_ response: TransportAnswer, _ body: Span<UInt8>) -> GatewayAnswer {
    GatewayAnswer(
      status: response.status, mediaType: MediaType(contentType: response.contentType),
      retryAfterSeconds: response.retryAfterSeconds, body: body)
  }

  // MARK: reasons

  private static var foreignReceipts: StaticString {
    """
    The agent does not take the gateway's receipts: [gateway] public_key is not this gateway's. \
    Compare it with gateway.pub.
    """
  }

  /// Signed by the gateway that is configured, and about somebody else.
  private static var othersReceipts: StaticString {
    "The gateway's receipt is another device's: what answers mixes devices up. Look at its address."
  }

  mutating func sayWhyWaiting() {
    guard case .waiting(_, let hindrance) = machine.state else { return }
    switch hindrance {
    // The transport has said which step failed.
    case .unreachable: break
    case .notAGateway:
      say(
        "What answers is not a gateway: a login page of the network, or a wrong address. Delivery tries again."
      )
    case .gatewayError:
      say("The gateway, or a proxy before it, has an error. Delivery tries again.")
    case .askedToWait: say("The gateway asks for a pause; delivery goes on after it.")
    case .contradiction:
      say("The gateway contradicts itself. Delivery tries again with growing pauses.")
    case .spoolUnreadable: sayUnreadable()
    case .budgetSpent:
      say(
        "This month's budget of bytes is used up, [delivery] monthly_budget. What is not delivered stays in the spool and goes out next month."
      )
    }
  }

  /// Which step failed; libcurl's own words where the explanation has to leave them.
  mutating func say(_ failure: TransportFailure) {
    guard failure.hasDetail else { return say(failure.explanation) }
    let detail = transport.detail
    var bytes = FixedBytes<256>()
    for index in detail.indices { bytes[index] = detail[index] }
    say(failure.explanation, detail: bytes.span.extracting(0..<detail.count))
  }

  mutating func sayWhyBlocked(_ reason: DeliveryStateMachine.BlockReason) {
    sayReason(reason)
    say("What is not delivered stays in the spool. Delivery tries again in about an hour.")
  }

  mutating func sayReason(_ reason: DeliveryStateMachine.BlockReason) {
    switch reason {
    case .forked: say(RefusalCode.fork.remedy)
    case .gatewayAhead:
      say(
        """
        The gateway has more of this log than the device. Either another card or board signs with this key: \
        switch one of them off, or give it a key of its own. Or this card is from an old backup. Then \
        restart the agent: it begins a new epoch behind the gateway's.
        """)
    case .notResumable:
      say(
        "Leaves are gone that the gateway asks for, and their hashes with them. Ask the gateway's operator."
      )
    case .receiptRefused(let code):
      switch RefusalCode(rawValue: code) {
      case .unknownPosition: say(RefusalCode.unknownPosition.meaning)
      case .keyMismatch: say(Self.othersReceipts)
      default: say(Self.foreignReceipts)
      }
    case .refused(let code):
      guard let known = RefusalCode(rawValue: code) else {
        return say(
          "The gateway refuses with a reason that this version does not know: bring it up to date.")
      }
      say(known.meaning)
      say(known.remedy)
    }
  }
}
