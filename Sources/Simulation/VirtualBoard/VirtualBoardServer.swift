import CLinux

/// Serves virtual buses, each at the path of a Unix socket: one request, one reply
/// (docs/simulation.md).
///
/// One thread, turned by `serve`. A client that does not take its replies, or one too many, is
/// dropped; none can make the server wait.
public final class VirtualBoardServer {
  public enum Failure: Error, Equatable {
    /// Somebody serves this path already.
    case pathInUse
    /// The kernel's own reason.
    case system(errno: Int32)
  }

  /// A client connects once for each chip it talks to: 16 sensors of each of three agents, and as many of tools
  /// that look at the same buses.
  public static let clientLimit = 96
  /// What `poll` takes at once (CLinuxVirtualBoard.h).
  private static let descriptorLimit = 256
  private static let backlog: Int32 = 4
  /// Errors of Linux that are expected here.
  private static let again: Int32 = 11
  private static let interrupted: Int32 = 4
  private static let addressInUse: Int32 = 98
  private static let connectionRefused: Int32 = 111
  private static let notASocket: Int32 = 88

  private struct Listener {
    let descriptor: Int32
    let path: [UInt8]
    let bus: VirtualI2CBus
  }

  private struct Client {
    let descriptor: Int32
    let bus: VirtualI2CBus
  }

  private var listeners: [Listener] = []
  private var clients: [Client] = []

  /// Serves nothing yet.
  public init() {}

  deinit { close() }

  /// Begins to serve a bus. A socket that an earlier program has left behind is replaced.
  public func add(_ bus: VirtualI2CBus, at path: String) throws(Failure) {
    let path = Array(path.utf8)
    var descriptor = cairn_board_listen(path, path.count, Self.backlog)
    if descriptor == -Self.addressInUse {
      let other = cairn_board_connect(path, path.count)
      if other >= 0 {
        _ = cairn_board_close(other)
        throw .pathInUse
      }
      // Refused: a socket, and nobody behind it; or a file that is not ours to remove.
      guard other == -Self.connectionRefused else { throw .pathInUse }
      let removed = cairn_board_unlink(path, path.count)
      guard removed != -Self.notASocket else { throw .pathInUse }
      guard removed >= 0 else { throw .system(errno: -removed) }
      descriptor = cairn_board_listen(path, path.count, Self.backlog)
    }
    guard descriptor >= 0 else { throw .system(errno: -descriptor) }
    listeners.append(Listener(descriptor: descriptor, path: path, bus: bus))
  }

  /// Waits for the first of: a request, one of the other descriptors, the end of the time; answers
  /// what has come. Returns which of the other descriptors are ready to be read.
  public func serve(
    forMilliseconds timeout: Int32, otherDescriptors: [Int32] = [], clock: () -> Int64
  ) throws(Failure) -> [Bool] {
    let descriptors =
      otherDescriptors + listeners.map(\.descriptor) + clients.map(\.descriptor)
    precondition(descriptors.count <= Self.descriptorLimit, "more descriptors than poll takes")
    var ready = [UInt8](repeating: 0, count: descriptors.count)
    let result = cairn_board_poll(descriptors, &ready, descriptors.count, timeout)
    if result == -Self.interrupted { return otherDescriptors.map { _ in false } }
    guard result >= 0 else { throw .system(errno: -result) }
    let isReady = ready.map { $0 != 0 }
    let firstClient = otherDescriptors.count + listeners.count
    // Clients from the last to the first, since an answer may remove one.
    for index in clients.indices.reversed() where isReady[firstClient + index] {
      answer(clientAt: index, clock: clock)
    }
    for index in listeners.indices where isReady[otherDescriptors.count + index] {
      accept(from: listeners[index])
    }
    return Array(isReady[..<otherDescriptors.count])
  }

  /// Ends every connection and removes the sockets.
  public func close() {
    // Results are of no use: the descriptors are ours, and a path that is gone is what we want.
    for client in clients { _ = cairn_board_close(client.descriptor) }
    for listener in listeners {
      _ = cairn_board_close(listener.descriptor)
      _ = cairn_board_unlink(listener.path, listener.path.count)
    }
    clients = []
    listeners = []
  }

  private func accept(from listener: Listener) {
    let descriptor = cairn_board_accept(listener.descriptor)
    // The client has gone already, or there are no descriptors left: it will see its end.
    guard descriptor >= 0 else { return }
    guard clients.count < Self.clientLimit else {
      _ = cairn_board_close(descriptor)
      return
    }
    clients.append(Client(descriptor: descriptor, bus: listener.bus))
  }

  /// Answers one message. More of them wait for the next turn, so that clients take turns.
  private func answer(clientAt index: Int, clock: () -> Int64) {
    let client = clients[index]
    var buffer = [UInt8](repeating: 0, count: VirtualBusLimit.messageByteCount)
    let count = cairn_board_receive(client.descriptor, &buffer, buffer.count)
    if count == -Int(Self.again) || count == -Int(Self.interrupted) { return }
    guard count > 0 else { return drop(clientAt: index) }
    let reply =
      count > buffer.count
      ? VirtualBusReply(status: .tooLarge)
      : client.bus.reply(to: Array(buffer[..<count]), now: clock())
    let bytes = reply.encoded
    guard cairn_board_send(client.descriptor, bytes, bytes.count) == bytes.count else {
      return drop(clientAt: index)
    }
  }

  private func drop(clientAt index: Int) {
    _ = cairn_board_close(clients[index].descriptor)
    clients.remove(at: index)
  }
}
