import AgentMessages
import Delivery
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Records
import Verifier

/// Before the first batch, and whenever the agent is new: does the gateway have the log that this spool has? A card
/// that was restored as a whole looks like one that was never ahead, and what it then signs would be a second
/// history (docs/delivery-protocol.md, "Where the log stands").
extension Uplink where Transport: ~Copyable {
  /// Asks for the gateway's head of this log. Nil when delivery may go on from `floor`.
  mutating func askForPlace() -> DeliveryStateMachine.Event? {
    let path = Self.headPath(of: deviceKey)
    var reply = InlineArray<4096, UInt8>(repeating: 0)
    var span = reply.mutableSpan
    do throws(TransportFailure) {
      let response = try transport.get(
        from: path.span, accept: Self.acceptedDocument, into: &span)
      let body = span.span.extracting(0..<response.byteCount)
      // It has nothing of this key, or is one that gives no heads.
      if response.status == 404 { return settlePlace() }
      if Self.isDocument(response) { return compare(head: body) }
      switch answer(response, body).toBatch() {
      case .tryLater(let seconds): return .tryLater(afterSeconds: seconds)
      case .failed(let hindrance): return .failed(hindrance)
      default: return .failed(.notAGateway(status: UInt16(clamping: response.status)))
      }
    } catch {
      say(error)
      return .failed(.unreachable)
    }
  }

  private mutating func settlePlace() -> DeliveryStateMachine.Event? {
    isPlaceOwed = false
    return nil
  }

  private mutating func compare(head message: Span<UInt8>) -> DeliveryStateMachine.Event? {
    // What nobody can check says nothing.
    guard let gatewayKey else { return settlePlace() }
    let head: DeviceHead
    do throws(Refusal) {
      head = try verified(head: message, gatewayKey)
    } catch {
      say("the gateway's head of this log is not taken:", detail: error.code.name.bytes)
      return settlePlace()
    }
    let position = BatchPosition(epoch: head.epoch, batch: head.batch)
    guard let standing = standing(of: head) else { return .failed(.spoolUnreadable) }
    switch standing {
    case .shared:
      // The batch itself is sent again when the agent has no receipt for it; so is what is before it and may have
      // come without its readings.
      floor = max(floor, min(position, redeliveryStart ?? position))
      return settlePlace()
    case .before: return settlePlace()
    case .apart: return leave(behind: position, message)
    }
  }

  private mutating func verified(head message: Span<UInt8>, _ gatewayKey: PublicKey)
    throws(Refusal) -> DeviceHead
  {
    let head: DeviceHead
    do throws(Refusal) {
      head = try DeviceHead(
        verifying: message, gatewayKey: Self.knownKeys(paths, gatewayKey).newest)
    } catch {
      // The gateway's key may have changed.
      guard error.code == .unknownKey, followKeys() else { throw error }
      head = try DeviceHead(
        verifying: message, gatewayKey: Self.knownKeys(paths, gatewayKey).newest)
    }
    guard head.deviceKeyHash == deviceKey.hash else { throw Refusal(.keyMismatch) }
    return head
  }

  private func standing(of head: DeviceHead) -> HeadStanding? {
    do throws(FileStorage.Failure) {
      let storage = try FileStorage.open(at: paths.spool, access: .readOnly)
      do throws(Reader.Failure) {
        return try Reader.standing(of: head, in: storage)
      } catch { return nil }
    } catch { return nil }
  }

  /// The log does not lead to the gateway's head. Nothing of that epoch is sent any more; the agent decides by its
  /// own log, and begins a new one.
  private mutating func leave(behind head: BatchPosition, _ message: Span<UInt8>)
    -> DeliveryStateMachine.Event?
  {
    var code = hand(head: message)
    if code == RefusalCode.unknownKey.rawValue, followKeys() { code = hand(head: message) }
    // It was carried here, so nobody else has to.
    isHeadUnknown = false
    guard let code else { return .gatewayAhead(expected: head.next) }
    guard code == 0, head.epoch < .max else {
      say(
        "the agent does not take the gateway's head of this log, and goes on in its epoch:",
        detail: (RefusalCode(rawValue: code)?.name ?? "it can't now").bytes)
      return settlePlace()
    }
    floor = BatchPosition(epoch: head.epoch + 1, batch: 0)
    firstOfOwnHistory = floor
    sayLeft(head)
    if cursor.next < floor {
      cursor.move(to: floor, spoolSequence: cursor.spoolSequence)
      storeCursor()
    }
    return settlePlace()
  }

  /// 0 when the agent is in an epoch behind the head, else why not; nil when it is away.
  private mutating func hand(head message: Span<UInt8>) -> UInt16? {
    send(.head(bytes: message))
    return awaitAnswer { AgentMessage.refusal($0, of: .head) }
  }

  private func sayLeft(_ head: BatchPosition) {
    var text = TextBuilder<512>()
    text.append(Transport.programName)
    text.append(": restored from an older copy: the gateway has batch ")
    text.append(head.epoch)
    text.append("/")
    text.append(head.batch)
    text.append(", and this spool does not lead there. What it has of epoch ")
    text.append(head.epoch)
    text.append(" is not sent; a new epoch began behind that batch\n")
    // Without a reader of standard output delivery goes on.
    do throws(SystemError) { try StandardStream.output.write(text) } catch {}
  }

  /// The oldest batch that may be sent.
  mutating func firstBehindFloor() -> BatchPosition? {
    do throws(Reader.Failure) {
      try reader.refresh()
      try reader.rewind()
    } catch { return nil }
    return readBatch(from: floor)?.position
  }
}
