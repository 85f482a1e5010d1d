import CLinux
import FixedMemory
import LinuxPlatform

/// A radio chip behind sockets, as an agent opens it: its SPI bus at one, its lines at another beside it. Turned by
/// whoever owns it; nobody can make it wait.
///
///     NAME.sock           SPI: [0, bytes] → [status, bytes] (docs/simulation.md)
///     NAME-lines.sock     GPIO chip of that label: 0 reset (low: held), 1 BUSY, 2 interrupt
public final class ChipSockets {
  public static let reset = 0
  public static let busy = 1
  public static let interrupt = 2
  /// The agent, and tools that look at the same chip.
  public static let clientLimit = 8

  public let model: RadioChipModel
  public let lines: VirtualGPIOChip
  private let server: VirtualGPIOServer
  private let path: [UInt8]
  private let listener: Int32
  private var clients: [Int32] = []
  private var now: Int64 = 0
  /// Read at each request: BUSY is a matter of milliseconds, and a turn may be held up in its midst.
  private let clock: () -> Int64

  /// `path` is the SPI bus's, `clock` that of the model.
  public init(model: RadioChipModel, path: String, clock: @escaping () -> Int64)
    throws(VirtualGPIOServer.Failure)
  {
    self.model = model
    self.clock = clock
    self.path = Array(path.utf8)
    let linesPath = Self.linesPath(path)
    lines = VirtualGPIOChip(label: String(linesPath.split(separator: "/").last ?? ""), lineCount: 3)
    server = try VirtualGPIOServer(lines, at: linesPath)
    listener = try VirtualGPIOServer.listen(at: self.path)
    // The pin has a pull-up: without a driver the chip runs.
    lines.drive(Self.reset, high: true, nanoseconds: 0)
    lines.onLook = { [weak self] in self?.drive() }
    lines.onOutput = { [weak self] offset, isHigh in
      guard let self, offset == Self.reset else { return }
      self.now = max(self.now, self.clock())
      self.model.holdReset(!isHigh, now: self.now)
    }
  }

  public static func linesPath(_ path: String) -> String {
    (path.hasSuffix(".sock") ? String(path.dropLast(5)) : path) + "-lines.sock"
  }

  deinit {
    for client in clients { _ = cairn_board_close(client) }
    _ = cairn_board_close(listener)
    _ = cairn_board_unlink(path, path.count)
  }

  /// For the loop's poll: something of these is readable, then it is time for `turn`.
  public var descriptors: [Int32] { [listener] + clients + server.descriptors }

  /// Answers what has come, and tells of edges. Never waits.
  public func turn() {
    drive()
    server.turn()
    for index in clients.indices.reversed() where !serve(index) {
      _ = cairn_board_close(clients[index])
      clients.remove(at: index)
    }
    while clients.count < Self.clientLimit {
      let descriptor = cairn_board_accept(listener)
      guard descriptor >= 0 else { break }
      clients.append(descriptor)
    }
    tellEdges()
  }

  /// What the air or time has changed.
  public func tellEdges() {
    drive()
    server.turn()
  }

  /// How long until the chip does something by itself; nil when it waits for a command or a frame.
  public func millisecondsToNextChange(now: Int64) -> Int64? {
    model.nextChange.map { max(0, $0 - now) }
  }

  private func drive() {
    now = max(now, clock())
    let nanoseconds = UInt64(max(0, cairn_gpio_monotonic())) * 1_000_000
    lines.drive(Self.busy, high: model.busyLevel(now: now), nanoseconds: nanoseconds)
    lines.drive(Self.interrupt, high: model.interruptLevel(now: now), nanoseconds: nanoseconds)
  }

  /// False when the client has gone, or does not take its reply.
  private func serve(_ index: Int) -> Bool {
    for _ in 0..<4 {
      var packet = [UInt8](repeating: 0, count: BusMessage.maximumPacketByteCount + 1)
      let count = cairn_board_receive(clients[index], &packet, packet.count)
      if count == -Int(EAGAIN) || count == -Int(EINTR) { return true }
      guard count > 0, count < packet.count else { return false }
      var (status, answer): (Int32, [UInt8]) = (EINVAL, [])
      switch BusMessage.request(decoding: packet.span.extracting(0..<count)) {
      case .spi(let select, let bytes) where select == 0:
        now = max(now, clock())
        (status, answer) = (0, model.transfer(Array(packet[bytes]), now: now))
      case .refused(let refusal): status = refusal
      case .spi, .i2c, .pins: break
      }
      var reply = InlineArray<4096, UInt8>(repeating: 0)
      let length = BusMessage.reply(status: status, answer.span, into: &reply)
      let bytes = (0..<length).map { reply[$0] }
      guard cairn_board_send(clients[index], bytes, bytes.count) == bytes.count else {
        return false
      }
    }
    return true
  }
}
