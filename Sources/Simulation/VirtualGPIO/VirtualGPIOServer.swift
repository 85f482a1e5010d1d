import CLinux
import FixedMemory
import LinuxGPIO

/// Serves a virtual chip at the path of a Unix socket (docs/simulation.md): a connection is an open chip, and a
/// line once it has asked for one. Nobody can make it wait: it is turned by whoever has a loop.
public final class VirtualGPIOServer {
  public enum Failure: Error, Equatable {
    case pathInUse
    case system(errno: Int32)
  }

  private struct Client {
    let descriptor: Int32
    /// What it has of the chip's lines.
    var owner: Int?
    /// Edges go to a client that has asked for its line's value: until then a reply is awaited.
    var isListening = false
  }

  public static let clientLimit = 16
  /// At most a packet of this size, and one that tells when there is more.
  private static let packetByteCount = 601

  public let chip: VirtualGPIOChip
  private let listener: Int32
  private let path: [UInt8]
  private var clients: [Client] = []

  /// Listens. A socket that a killed program has left behind is replaced.
  public init(_ chip: VirtualGPIOChip, at path: String) throws(Failure) {
    self.chip = chip
    self.path = Array(path.utf8)
    listener = try Self.listen(at: self.path)
  }

  static func listen(at path: [UInt8]) throws(Failure) -> Int32 {
    var descriptor = cairn_board_listen(path, path.count, 4)
    if descriptor == -EADDRINUSE {
      let other = cairn_board_connect(path, path.count)
      if other >= 0 { _ = cairn_board_close(other) }
      guard other == -ECONNREFUSED, cairn_board_unlink(path, path.count) >= 0 else {
        throw .pathInUse
      }
      descriptor = cairn_board_listen(path, path.count, 4)
    }
    guard descriptor >= 0 else { throw .system(errno: -descriptor) }
    return descriptor
  }

  deinit {
    for client in clients { _ = cairn_board_close(client.descriptor) }
    _ = cairn_board_close(listener)
    _ = cairn_board_unlink(path, path.count)
  }

  /// For the loop's poll: something of these is readable, then it is time for `turn`.
  public var descriptors: [Int32] { [listener] + clients.map(\.descriptor) }

  /// Answers what has come, and sends the edges that there are. Never waits.
  public func turn() {
    for index in clients.indices.reversed() where !serve(index) { drop(index) }
    while clients.count < Self.clientLimit {
      let descriptor = cairn_board_accept(listener)
      guard descriptor >= 0 else { return }
      clients.append(Client(descriptor: descriptor))
    }
  }

  private func drop(_ index: Int) {
    if let owner = clients[index].owner { chip.release(owner: owner) }
    _ = cairn_board_close(clients[index].descriptor)
    clients.remove(at: index)
  }

  /// False when the client has gone, or does what none may.
  private func serve(_ index: Int) -> Bool {
    // At most a few requests in a turn, so that clients take turns.
    for _ in 0..<4 {
      var packet = [UInt8](repeating: 0, count: Self.packetByteCount)
      let count = cairn_board_receive(clients[index].descriptor, &packet, packet.count)
      if count == -Int(EAGAIN) || count == -Int(EINTR) { break }
      guard count > 0, count < packet.count else { return false }
      guard answer(Array(packet[..<count]), index) else { return false }
    }
    return sendEdges(index)
  }

  private func answer(_ packet: [UInt8], _ index: Int) -> Bool {
    guard packet.count >= 4,
      let request = GPIORequest(rawValue: packet.span.loadLittleEndian(Int32.self, at: 0)),
      packet.count == 4 + request.byteCount
    else { return send([UInt8](littleEndian: -EINVAL), index) }
    var bytes = Array(packet[4...])
    let result: Int32
    if let owner = clients[index].owner {
      result = chip.control(owner: owner, request, &bytes)
      if request == .getValues { clients[index].isListening = true }
    } else {
      result = chip.control(request, &bytes)
      if request == .getLine, result >= 0 {
        clients[index].owner = Int(
          bytes.span.loadLittleEndian(Int32.self, at: GPIOWire.Request.descriptor))
      }
    }
    return send([UInt8](littleEndian: result) + (result < 0 ? [] : bytes), index)
  }

  /// A chip that is gone ends its connections, as a descriptor of the kernel's would say ENODEV.
  private func sendEdges(_ index: Int) -> Bool {
    guard !chip.isGone else { return false }
    guard let owner = clients[index].owner, clients[index].isListening else { return true }
    for _ in 0..<64 {
      guard canSend(index) else { return true }
      let (result, bytes) = chip.read(owner: owner, limit: 16 * GPIOWire.Event.byteCount)
      guard result > 0 else { return true }
      guard send(bytes, index) else { return false }
    }
    return true
  }

  /// Events stay in the chip's buffer while the client has no room for them.
  private func canSend(_ index: Int) -> Bool {
    var entry = cairn_poll_entry(
      descriptor: clients[index].descriptor, wanted: Int16(CAIRN_POLL_WRITABLE), happened: 0)
    return cairn_poll(&entry, 1, 0) > 0
  }

  private func send(_ bytes: [UInt8], _ index: Int) -> Bool {
    cairn_board_send(clients[index].descriptor, bytes, bytes.count) == bytes.count
  }
}

extension [UInt8] {
  fileprivate init(littleEndian value: Int32) {
    self.init(repeating: 0, count: 4)
    var span = mutableSpan
    span.storeLittleEndian(value, at: 0)
  }
}
