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
    var lost: UInt64 = 0
    var isLostTold = true
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
    var isSent = false
    do throws(SocketFailure) {
      try client.connection.send(bytes, timeoutMilliseconds: 0)
      isSent = true
    } catch {
      // Its end is seen when it is read from.
      isSent = false
    }
    clients[index] = consume client
    return isSent
  }

  /// A frame, to all. Before it goes the number of those that were lost, if there are new ones.
  mutating func hand(frame bytes: Span<UInt8>) {
    for index in 0..<Self.capacity {
      tellLost(index)
      guard let isTold = isLostTold(index) else { continue }
      if !isTold || !send(bytes, to: index) { countLost(index) }
    }
  }

  /// Another message, to all.
  mutating func tell(_ bytes: Span<UInt8>) {
    for index in 0..<Self.capacity { send(bytes, to: index) }
  }

  /// Tells a client how many frames it lost, if it does not know.
  mutating func tellLost(_ index: Int) {
    guard let isTold = isLostTold(index), !isTold, let client = clients[index].take() else {
      return
    }
    let packet = ForwarderMessage.encode(lost: client.lost)
    clients[index] = consume client
    guard send(packet.bytes, to: index), var told = clients[index].take() else { return }
    told.isLostTold = true
    clients[index] = consume told
  }

  private mutating func isLostTold(_ index: Int) -> Bool? {
    guard let client = clients[index].take() else { return nil }
    let isTold = client.isLostTold
    clients[index] = consume client
    return isTold
  }

  private mutating func countLost(_ index: Int) {
    guard var client = clients[index].take() else { return }
    if client.lost < .max { client.lost += 1 }
    client.isLostTold = false
    clients[index] = consume client
  }
}
