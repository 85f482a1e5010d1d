import AgentMessages
import CBOR
import FixedMemory
import LinuxPlatform
import NodeFiles
import Records
import Verifier

/// The agent's end of its socket: clients, and what each may do. What messages mean is the agent's.
///
/// A client that does not read, or sends what is no packet, is let go; the agent never waits for one. When all
/// places are taken, whoever has been silent longest makes room, except those who subscribed: idle clients
/// can't keep the uplink out.
struct AgentSocket: ~Copyable {
  struct Client: ~Copyable {
    var connection: UnixConnection
    let role: PeerRole
    var isSubscribed = false
    var lastHeardMilliseconds: Int64
    /// Its place in the poller of this turn.
    var slot: Int?

    /// False when the client does not read.
    func send(_ message: borrowing AgentMessage) -> Bool {
      var packet = InlineArray<4096, UInt8>(repeating: 0)
      var encoder = CBOREncoder(packet.mutableSpan)
      message.encode(into: &encoder)
      let count = encoder.byteCount
      do throws(SocketFailure) {
        try connection.send(packet.span.extracting(0..<count), timeoutMilliseconds: 0)
        return true
      } catch {
        return false
      }
    }

    /// Answers what was sent; without a refusal it was taken.
    func answer(_ type: AgentMessage.MessageType, _ refusal: Refusal?) -> Bool {
      send(.answer(type: type.rawValue, refusalCode: refusal?.code.rawValue))
    }
  }

  /// The uplink, a console, and some who ask for the status.
  static var clientCapacity: Int { 8 }

  var clients = InlineArray<8, Client?> { _ in nil }
  private let listener: UnixListener
  private var listenerSlot: Int?
  private let uplinkUserID: UInt32
  private let consoleUserID: UInt32?
  /// What happened at consoles and stands in no leaf yet.
  var consoleEvents = ConsoleEvents()

  /// Listens, or ends the program: an agent that nobody can ask is not the one the operator sees.
  init(_ paths: NodePaths) {
    // Whoever owns the uplink's state is the uplink: no user's name has to be looked up.
    uplinkUserID = ownerUserID(of: paths.uplinkFolder) ?? effectiveUserID
    // The same for the console; without its folder there is none.
    consoleUserID = ownerUserID(of: paths.consoleFolder)
    do throws(SocketFailure) {
      listener = try UnixListener(at: paths.agentSocket, mode: 0o660)
    } catch {
      var text = TextBuilder<384>()
      text.append("cairn-agent: ")
      text.append(paths.agentSocket.span)
      switch error {
      case .pathInUse: text.append(": another agent listens there")
      case .pathTooLong: text.append(": longer than 107 bytes: choose a shorter --run folder")
      case .nobodyListens: text.append(": no such folder")
      case .timedOut, .closed, .messageTooLong: text.append(": can't listen")
      case .system(let errno):
        text.append(": ")
        text.append(SystemError(errno: errno))
      }
      end(.refused, text.span)
    }
  }

  mutating func watch(_ poller: inout Poller) {
    listenerSlot = poller.watch(listener.pollDescriptor)
    for index in 0..<Self.clientCapacity {
      guard var client = clients[index].take() else { continue }
      client.slot = poller.watch(client.connection.pollDescriptor)
      clients[index] = consume client
    }
  }

  /// Lets in who waits.
  mutating func accept(_ poller: borrowing Poller, now: Int64) {
    guard let listenerSlot, poller.isReadable(listenerSlot) else { return }
    for _ in 0..<Self.clientCapacity {
      do throws(SocketFailure) {
        guard let connection = try listener.accept() else { return }
        let peer = try connection.peer()
        let role = PeerRole(
          userID: peer.userID, agentUserID: effectiveUserID, uplinkUserID: uplinkUserID,
          consoleUserID: consoleUserID)
        add(Client(connection: connection, role: role, lastHeardMilliseconds: now))
      } catch { return }
    }
  }

  /// With nothing but subscribers, the new one is let in and shown out, so that it knows.
  private mutating func add(_ client: consuming Client) {
    var place: Int?
    var silentSince = Int64.max
    for index in 0..<Self.clientCapacity {
      guard let present = clients[index].take() else {
        place = index
        break
      }
      if !present.isSubscribed, present.lastHeardMilliseconds < silentSince {
        place = index
        silentSince = present.lastHeardMilliseconds
      }
      clients[index] = consume present
    }
    if let place { clients[place] = consume client }
  }

  /// Asks subscribers for the gateway's signed head.
  mutating func announceHeadWanted() {
    for index in 0..<Self.clientCapacity {
      guard let client = clients[index].take() else { continue }
      if !client.isSubscribed || client.send(.headWanted) { clients[index] = consume client }
    }
  }

  /// Tells subscribers how far the spool may be read.
  mutating func announceReleased(_ sequence: UInt64) {
    for index in 0..<Self.clientCapacity {
      guard let client = clients[index].take() else { continue }
      if !client.isSubscribed || client.send(.released(sequence: sequence)) {
        clients[index] = consume client
      }
    }
  }
}
