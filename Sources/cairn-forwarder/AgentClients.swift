import FixedMemory
import GWMP
import LinuxPlatform

/// The agent's side: RUN/forwarder.sock. A client that does not take its messages loses frames, which are counted, and
/// never makes anybody wait.
struct AgentClients: ~Copyable {
  /// The agent, and three others that look.
  static var capacity: Int { 4 }

  struct Client: ~Copyable {
    var connection: UnixConnection
    var slot: Int?
    /// What it did not take: frames, and transmissions of the server's.
    var lost: UInt64 = 0
    var isLostTold = true
    /// What has become of gateways meanwhile, the last of each.
    var gateways = FixedArray<16, ForwarderMessage.Gateway>(
      filler: ForwarderMessage.Gateway(identifier: 0, version: 2, isPresent: false))
    /// The last of the transmissions that it does not know of.
    var sending: ForwarderMessage.Sending?

    /// True when it went.
    func send(_ bytes: Span<UInt8>) -> Bool {
      do throws(SocketFailure) {
        try connection.send(bytes, timeoutMilliseconds: 0)
        return true
      } catch {
        // Its end is seen when it is read from.
        return false
      }
    }

    mutating func countLost() {
      if lost < .max { lost += 1 }
      isLostTold = false
    }

    /// To be told later. False: too many.
    mutating func keep(_ gateway: ForwarderMessage.Gateway) -> Bool {
      isLostTold = false
      for index in gateways.indices where gateways[index].identifier == gateway.identifier {
        gateways[index] = gateway
        return true
      }
      return gateways.offer(gateway)
    }

    mutating func keep(_ missed: ForwarderMessage.Sending) {
      countLost()
      if missed.toMilliseconds > sending?.toMilliseconds ?? 0 { sending = missed }
    }

    /// All that it does not know, `lost` at last: what stands before it is told again when that does not go.
    func told(_ now: Int64) -> Bool {
      for index in gateways.indices {
        let packet = ForwarderMessage.encode(gateways[index])
        guard send(packet.bytes) else { return false }
      }
      // What has passed of it lies before the word that something was lost.
      if let sending, sending.toMilliseconds > now {
        let packet = ForwarderMessage.encode(
          ForwarderMessage.Sending(
            gateway: sending.gateway, fromMilliseconds: now,
            toMilliseconds: min(sending.toMilliseconds, now + 60_000)))
        guard send(packet.bytes) else { return false }
      }
      let packet = ForwarderMessage.encode(lost: lost)
      return send(packet.bytes)
    }

    /// Behind what it does not know; false when that or this did not go.
    mutating func take(_ bytes: Span<UInt8>, _ now: Int64) -> Bool {
      tellLost(now)
      return isLostTold ? send(bytes) : false
    }

    mutating func tellLost(_ now: Int64) {
      guard !isLostTold, told(now) else { return }
      isLostTold = true
      gateways.removeAll()
      sending = nil
    }
  }

  private let listener: UnixListener
  private var listenerSlot: Int?
  private var clients = InlineArray<4, Client?> { _ in nil }
  /// Who may ask, besides root and our own user.
  private let askingUser: UInt32

  init(at path: FixedPath, askingUser: UInt32) throws(SocketFailure) {
    listener = try UnixListener(at: path, mode: 0o660)
    self.askingUser = askingUser
  }

  mutating func watch(_ poller: inout Poller) {
    listenerSlot = poller.watch(listener.pollDescriptor)
    for index in 0..<Self.capacity {
      guard var client = clients[index].take() else { continue }
      client.slot = poller.watch(client.connection.pollDescriptor)
      clients[index] = consume client
    }
  }

  func isReadable(_ index: Int, _ poller: borrowing Poller) -> Bool {
    switch clients[index] {
    case .some(let client): client.slot.map { poller.isReadable($0) } ?? false
    case .none: false
    }
  }

  /// Lets in who waits and may; returns the places of who is new, as bits.
  mutating func accept(_ poller: borrowing Poller) -> UInt8 {
    var new: UInt8 = 0
    guard let listenerSlot, poller.isReadable(listenerSlot) else { return new }
    for _ in 0..<Self.capacity {
      do throws(SocketFailure) {
        guard let connection = try listener.accept() else { return new }
        let user = try connection.peer().userID
        guard user == askingUser || user == 0 || user == effectiveUserID else { continue }
        if let place = freePlace() {
          clients[place] = Client(connection: connection, slot: nil)
          new |= 1 << UInt8(place)
        }
      } catch { return new }
    }
    return new
  }

  private mutating func freePlace() -> Int? {
    for index in 0..<Self.capacity {
      guard let present = clients[index].take() else { return index }
      clients[index] = consume present
    }
    return nil
  }

  /// The next packet of a client; nil when there is none. False in `isThere` when the client has gone.
  mutating func receive(
    _ index: Int, into packet: inout InlineArray<512, UInt8>, isThere: inout Bool
  ) -> Int? {
    guard let client = clients[index].take() else { return nil }
    do throws(SocketFailure) {
      var span = packet.mutableSpan
      let count = try client.connection.receive(into: &span, timeoutMilliseconds: 0)
      clients[index] = consume client
      return count
    } catch {
      // Nothing there is no end; one packet too long is.
      isThere = error == .timedOut
      if isThere { clients[index] = consume client }
      return nil
    }
  }

  mutating func end(_ index: Int) { clients[index] = nil }

  /// To one client. False when it did not go.
  @discardableResult
  mutating func send(_ bytes: Span<UInt8>, to index: Int) -> Bool {
    guard let client = clients[index].take() else { return false }
    let isSent = client.send(bytes)
    clients[index] = consume client
    return isSent
  }

  /// A frame, to all. Before it goes the number of those that were lost, if there are new ones.
  mutating func hand(frame bytes: Span<UInt8>, _ now: Int64) {
    for index in 0..<Self.capacity {
      guard var client = clients[index].take() else { continue }
      let isTaken = client.take(bytes, now)
      if !isTaken { client.countLost() }
      clients[index] = consume client
    }
  }

  /// The server has a gateway send: to all. Who does not take it has lost something, and learns later what of it still
  /// lies ahead.
  mutating func tell(_ sending: ForwarderMessage.Sending, _ now: Int64) {
    let packet = ForwarderMessage.encode(sending)
    for index in 0..<Self.capacity {
      guard var client = clients[index].take() else { continue }
      let isTaken = client.take(packet.bytes, now)
      if !isTaken { client.keep(sending) }
      clients[index] = consume client
    }
  }

  /// What has become of a gateway, to all, and later to who does not take it now. Who has missed too much is let go:
  /// it connects anew, and is told which gateways are there. Returns the places of those, as bits.
  mutating func tell(_ gateway: ForwarderMessage.Gateway, _ now: Int64) -> UInt8 {
    var gone: UInt8 = 0
    let packet = ForwarderMessage.encode(gateway)
    for index in 0..<Self.capacity {
      guard var client = clients[index].take() else { continue }
      let isTaken = client.take(packet.bytes, now)
      if !isTaken {
        let isKept = client.keep(gateway)
        guard isKept else {
          gone |= 1 << UInt8(index)
          continue
        }
      }
      clients[index] = consume client
    }
    return gone
  }

  /// Tells a client what it lost, if it does not know.
  mutating func tellLost(_ index: Int, _ now: Int64) {
    guard var client = clients[index].take() else { return }
    client.tellLost(now)
    clients[index] = consume client
  }
}
