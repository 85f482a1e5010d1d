import AgentMessages
import CBOR
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Records
import Verifier

/// Before anything is signed: answers the socket while the agent waits for what only others can say.
///
///     other hardware ── waits for the owner's `adopt`, as long as it takes
///     place lost     ── waits for the gateway's signed head, 10 s at most
struct WaitingRoom: ~Copyable {
  enum Wish { case adoption, head }

  var socket: AgentSocket
  private let publicKey: PublicKey
  private(set) var gatewayKeys: GatewayKeys
  private let clock = SystemClock()
  private var wish = Wish.adoption
  private var status = AgentStatus()
  private var isAnswered = false
  private var head: DeviceHead?

  init(
    _ paths: NodePaths, publicKey: PublicKey, epoch: UInt64, gatewayKeys: GatewayKeys,
    isSimulated: Bool
  ) {
    socket = AgentSocket(paths)
    self.publicKey = publicKey
    self.gatewayKeys = gatewayKeys
    status.setAgentVersion(agentVersion)
    status.epoch = epoch
    status.isSimulated = isSimulated
  }

  static var headPatienceMilliseconds: Int64 { 10_000 }

  /// Waits until an owner adopts this hardware. False when the program is asked to end.
  mutating func waitForAdoption(_ signals: borrowing TerminationSignals) -> Bool {
    wish = .adoption
    isAnswered = false
    status.problem = AgentProblem.keyOfOtherHardware.rawValue
    while !isAnswered {
      guard turn(signals, milliseconds: 60_000) else { return false }
    }
    status.problem = 0
    return true
  }

  /// Waits for the gateway's head of this key's log. Nil when none came in time, or when it has nothing. The
  /// signal that ends the wait stays for the loop that follows.
  mutating func waitForHead(_ signals: borrowing TerminationSignals) -> DeviceHead? {
    // Without the gateway's key nothing can be believed.
    guard gatewayKeys.newest != nil else { return nil }
    wish = .head
    isAnswered = false
    let deadline = clock.bootMilliseconds() + Self.headPatienceMilliseconds
    socket.announceHeadWanted()
    while !isAnswered {
      let left = deadline - clock.bootMilliseconds()
      guard left > 0, turn(signals, milliseconds: left) else { break }
    }
    return head
  }

  /// Ends the waiting; the clients stay.
  consuming func leave() -> AgentSocket { socket }

  /// One wait. False when the program is asked to end.
  private mutating func turn(_ signals: borrowing TerminationSignals, milliseconds: Int64) -> Bool {
    // It waits as it should: a service manager that waits for a beginning would start it anew.
    ServiceManager.tellReady()
    ServiceManager.tellAlive()
    var poller = Poller()
    let signalSlot = poller.watch(signals.pollDescriptor)
    socket.watch(&poller)
    do throws(SystemError) {
      _ = try poller.wait(milliseconds: milliseconds)
    } catch {
      // A bad descriptor would make this a busy loop: sleep a little instead.
      SystemDelay().sleep(milliseconds: 100)
    }
    if let signalSlot, poller.isReadable(signalSlot) { return false }
    for index in 0..<AgentSocket.clientCapacity {
      guard var client = socket.clients[index].take() else { continue }
      var isKept = true
      if let slot = client.slot, poller.isReadable(slot) { isKept = serve(&client) }
      if isKept { socket.clients[index] = consume client }
    }
    socket.accept(poller, now: clock.bootMilliseconds())
    return true
  }

  /// One packet of one client. False when the client is to be let go.
  private mutating func serve(_ client: inout AgentSocket.Client) -> Bool {
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    var span = packet.mutableSpan
    let count: Int
    do throws(SocketFailure) {
      count = try client.connection.receive(into: &span, timeoutMilliseconds: 0)
    } catch { return false }
    client.lastHeardMilliseconds = clock.bootMilliseconds()
    do throws(AgentMessage.Failure) {
      let message = try AgentMessage(decoding: span.span.extracting(0..<count))
      let type = message.type
      guard client.role.maySend(type) else {
        return client.send(.denied(type: type.rawValue, reason: .notPermitted))
      }
      switch message {
      case .statusRequest: return client.send(.status(status))
      case .subscribe:
        client.isSubscribed = true
        return wish == .head ? client.send(.headWanted) : true
      case .adopt where wish == .adoption:
        isAnswered = true
        return client.send(.answer(type: type.rawValue, refusalCode: nil))
      case .head(let bytes) where wish == .head:
        return client.send(.answer(type: type.rawValue, refusalCode: take(head: bytes)))
      // The head may be signed by a key that this agent does not know yet.
      case .keyChange(let bytes):
        return client.answer(type, gatewayKeys.take(change: bytes))
      // Told when the log goes on.
      case .consoleAction(let action, let terminal, let count):
        socket.consoleEvents.add(action, terminal, count)
        return client.send(.consoleAnswer(isTold: false))
      // Nothing is signed now, so nothing of a log is taken.
      case .receipt, .challenge, .adopt, .head, .enrolment:
        return client.send(.denied(type: type.rawValue, reason: .notNow))
      case .radioTest, .heardRequest, .noiseRequest:
        return client.send(.denied(type: message.type.rawValue, reason: .notNow))
      case .radioTestAnswer, .heard, .noise: return true
      case .status, .receiptAnswer, .released, .denied, .headWanted, .answer, .consoleAnswer:
        return true
      }
    } catch {
      return client.send(.denied(type: 0, reason: error.denialReason))
    }
  }

  /// Nil when it was taken. No bytes say that the gateway has nothing of this key.
  private mutating func take(head bytes: Span<UInt8>) -> UInt16? {
    guard !bytes.isEmpty, let gatewayKey = gatewayKeys.newest else {
      isAnswered = true
      return nil
    }
    do throws(Refusal) {
      let found = try DeviceHead(verifying: bytes, gatewayKey: gatewayKey)
      guard found.deviceKeyHash == publicKey.hash else { throw Refusal(.keyMismatch) }
      guard found.isWithinReach(of: status.epoch) else { throw Refusal(.unknownPosition) }
      head = found
      isAnswered = true
      return nil
    } catch { return error.code.rawValue }
  }
}
