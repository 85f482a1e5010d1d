import AgentMessages
import CBOR
import Delivery
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Records
import Verifier

/// A gateway's key may be followed by another: its old key says so, and the agent decides. Here the changes are
/// only carried.
extension Uplink where Transport: ~Copyable {
  /// Fetches the gateway's keys and hands over the changes that the agent has not. True when it took one.
  @discardableResult
  mutating func followKeys() -> Bool {
    areKeysWanted = false
    guard let gatewayKey, let connection = agent.take() else { return false }
    var isAway = false
    let isTaken = Self.handKeys(
      to: connection, from: &transport, paths, gatewayKey, stop: signals.pollDescriptor,
      isAway: &isAway, isHeadWanted: &isHeadWanted)
    if !isAway { agent = consume connection }
    return isTaken
  }

  /// The gateway's keys as far as the agent has taken them, or the configured one alone.
  static func knownKeys(_ paths: NodePaths, _ gatewayKey: PublicKey) -> GatewayKeyChain {
    var file = InlineArray<4096, UInt8>(repeating: 0)
    var span = file.mutableSpan
    var count = 0
    // No file: no key was changed yet, or the agent asks for all of it again.
    do throws(FileFailure) { count = try readFile(paths.gatewayKeys, into: &span) } catch {}
    return GatewayKeyChain(file: file.span.extracting(0..<count), configured: gatewayKey)
  }

  /// True when the agent took a change.
  ///
  /// - `stop`: while it is readable nothing is waited for.
  static func handKeys(
    to connection: borrowing UnixConnection, from transport: inout Transport,
    _ paths: NodePaths, _ gatewayKey: PublicKey, stop: Int32, isAway: inout Bool,
    isHeadWanted: inout Bool
  ) -> Bool {
    var reply = InlineArray<4096, UInt8>(repeating: 0)
    let newest = knownKeys(paths, gatewayKey).newest
    let count = fetchKeys(&transport, from: newest, into: &reply)
    guard count > 0 else { return false }
    do throws(CBORDecoder.Failure) {
      let list = try GatewayKeyList(decoding: reply.span.extracting(0..<count))
      guard let first = list.index(after: newest) else {
        tell(
          "the gateway's keys do not lead on from the one that this board knows: another gateway, or another history of its keys. Compare [gateway] public_key with gateway.pub"
        )
        return false
      }
      for index in first..<list.changeCount {
        guard send(.keyChange(bytes: list.message(at: index)), to: connection) else {
          isAway = true
          return index > first
        }
        switch awaitAnswer(to: .keyChange, on: connection, stop: stop, &isAway, &isHeadWanted) {
        case 0: continue
        case let code?:
          tell(
            "the agent does not take the change of the gateway's key and goes on with the old one:")
          tell(RefusalCode(rawValue: code)?.meaning ?? "It is of another version, or can't now.")
          return index > first
        case nil: return index > first
        }
      }
      return first < list.changeCount
    } catch {
      tell("the gateway's list of its keys can't be read, or is longer than a board keeps")
      return false
    }
  }

  /// The list from a key on. Its byte count; 0 when there is none to be had.
  private static func fetchKeys(
    _ transport: inout Transport, from key: PublicKey,
    into reply: inout InlineArray<4096, UInt8>
  ) -> Int {
    var path = TextBuilder<128>()
    path.append("/v1/keys?from=")
    path.append(hex: key.hash.span)
    var span = reply.mutableSpan
    do throws(TransportFailure) {
      let response = try transport.get(
        from: path.span, accept: "application/cbor, application/concise-problem-details+cbor",
        into: &span)
      // A gateway without such a path, or a captive portal.
      guard response.status == 200, MediaType(contentType: response.contentType) == .cbor
      else { return 0 }
      return response.byteCount
    } catch {
      // Delivery says when the gateway can't be reached.
      return 0
    }
  }

  /// The agent's answer to what was sent: 0 for taken, or a reason code. Nil when none comes in time.
  private static func awaitAnswer(
    to type: AgentMessage.MessageType, on connection: borrowing UnixConnection, stop: Int32,
    _ isAway: inout Bool, _ isHeadWanted: inout Bool
  ) -> UInt16? {
    let clock = SystemClock()
    let deadline =
      clock.bootMilliseconds() + Int64(DeliveryStateMachine.agentAnswerMilliseconds)
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    while true {
      let left = deadline - clock.bootMilliseconds()
      var poller = Poller()
      let slot = poller.watch(connection.pollDescriptor)
      let stopSlot = poller.watch(stop)
      do throws(SystemError) { _ = try poller.wait(milliseconds: max(0, left)) } catch {
        return nil
      }
      if let stopSlot, poller.isReadable(stopSlot) { return nil }
      guard let slot, poller.isReadable(slot) else { return nil }
      var span = packet.mutableSpan
      do throws(SocketFailure) {
        let count = try connection.receive(into: &span, timeoutMilliseconds: 0)
        if let code = AgentMessage.refusal(span.span.extracting(0..<count), of: type) {
          return code
        }
        if AgentMessage.asksForHead(span.span.extracting(0..<count)) { isHeadWanted = true }
      } catch {
        isAway = true
        return nil
      }
    }
  }

  /// What the agent says beside answers. A head or challenge by a key that it doesn't know: the gateway's may
  /// have changed.
  mutating func note(_ packet: Span<UInt8>) {
    if AgentMessage.asksForHead(packet) { isHeadWanted = true }
    let unknown = RefusalCode.unknownKey.rawValue
    if AgentMessage.answers(packet, to: .challenge, with: unknown) { areKeysWanted = true }
    if AgentMessage.answers(packet, to: .head, with: unknown) {
      areKeysWanted = true
      isHeadUnknown = true
    }
  }
}
