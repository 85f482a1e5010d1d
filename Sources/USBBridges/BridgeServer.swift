import Buses
import FixedMemory
import LinuxPlatform

/// Serves one stick at one socket: a request, its reply, one after the other (docs/usb.md).
///
/// A client that does not take its replies is let go; none can make the server wait. While the stick is away
/// every request is answered at once with ENODEV.
public struct BridgeServer<Transport: USBTransport & ~Copyable>: ~Copyable {
  /// A client connects once for each chip that it talks to: 16 sensors and a radio would be 17, of which poll
  /// takes 13 beside listener, signals and libusb's own.
  public static var clientCapacity: Int { 13 }
  /// A turn without anything to do.
  static var turnMilliseconds: Int64 { 1000 }
  /// No client may hold the others up for longer.
  public static var transferLimitMilliseconds: Int64 { 5000 }
  static var otherTransferMilliseconds: Int64 { 2000 }
  /// A stick that nobody asks is asked by us, so that its end is told within this time.
  static var idleMilliseconds: Int64 { 5000 }
  static var statusNoDevice: Int32 { 19 }
  static var statusInputOutput: Int32 { 5 }
  static var statusProtocol: Int32 { 71 }
  static var statusInvalid: Int32 { 22 }
  static var statusReset: Int32 { 104 }

  struct Client: ~Copyable {
    var connection: UnixConnection
    var slot: Int?
    /// The stick's beginning in which it made pins outputs; nil: it has not.
    var pinsBeganAt: UInt64?
  }

  var stick: CH341<Transport>
  public private(set) var health = BridgeHealth()
  public private(set) var reason = BridgeReason.starting
  private let listener: UnixListener
  private var listenerSlot: Int?
  private var clients = InlineArray<13, Client?> { _ in nil }
  /// Who may ask, besides root and our own user.
  private let askingUser: UInt32
  private let name: FixedText<32>
  private var nextLookMilliseconds = Int64.min
  private var lastUseMilliseconds: Int64 = 0
  private let clock = SystemClock()

  /// Listens at `path`. `askingUser` is the agent's.
  public init(
    _ stick: consuming CH341<Transport>, at path: FixedPath, name: FixedText<32>,
    askingUser: UInt32
  ) throws(SocketFailure) {
    listener = try UnixListener(at: path, mode: 0o660)
    self.stick = stick
    self.name = name
    self.askingUser = askingUser
  }

  /// Waits for the first of: a request, the other descriptor, the turn's end; answers what has come.
  public mutating func turn(otherDescriptor: Int32?) throws(SystemError) {
    var poller = Poller()
    if let otherDescriptor { _ = poller.watch(otherDescriptor) }
    listenerSlot = poller.watch(listener.pollDescriptor)
    for index in 0..<Self.clientCapacity {
      guard var client = clients[index].take() else { continue }
      client.slot = poller.watch(client.connection.pollDescriptor)
      clients[index] = consume client
    }
    look()
    _ = try poller.wait(milliseconds: Self.turnMilliseconds)
    accept(poller)
    for index in 0..<Self.clientCapacity {
      guard var client = clients[index].take() else { continue }
      guard let slot = client.slot, poller.isReadable(slot) else {
        clients[index] = consume client
        continue
      }
      if answer(&client) { clients[index] = consume client }
      ServiceManager.tellAlive()
    }
    ServiceManager.tellAlive()
  }

  // MARK: - the stick

  /// Opens the stick when it is time to, and asks one that nobody has asked for long.
  private mutating func look() {
    let now = clock.bootMilliseconds()
    let hasChanged = stick.hasChanged()
    if stick.isOpen {
      if hasChanged || now - lastUseMilliseconds >= Self.idleMilliseconds { ask(now) }
      return
    }
    guard now >= nextLookMilliseconds || (hasChanged && reason != .resting) else { return }
    open()
  }

  private mutating func open() {
    do throws(BridgeFailure) {
      try stick.open(now: { SystemClock().bootMilliseconds() })
      lastUseMilliseconds = clock.bootMilliseconds()
      tell(.working)
    } catch {
      nextLookMilliseconds = clock.bootMilliseconds() + BridgeHealth.lookIntervalMilliseconds
      // It is there, and does not answer: what follows is the same as for one that has answered before.
      if stick.isOpen { _ = failed(error) } else { tell(error) }
    }
  }

  private mutating func ask(_ now: Int64) {
    lastUseMilliseconds = now
    do throws(BridgeFailure) {
      _ = try stick.pins(
        changed: 0, outputs: 0, levels: 0, deadline: now + Self.otherTransferMilliseconds,
        now: { SystemClock().bootMilliseconds() })
      succeeded()
    } catch {
      _ = failed(error)
    }
  }

  private mutating func succeeded() {
    lastUseMilliseconds = clock.bootMilliseconds()
    health.succeeded()
    tell(.working)
  }

  /// What follows for the stick; returns the status for the client.
  private mutating func failed(_ failure: BridgeFailure) -> Int32 {
    lastUseMilliseconds = clock.bootMilliseconds()
    let status: Int32
    switch failure {
    case .bus(let error):
      // The stick itself did its work.
      succeeded()
      return error.status
    case .unsupported: return Self.statusInvalid
    case .usb(.absent): return Self.statusNoDevice
    case .usb(.disconnected): status = Self.statusNoDevice
    case .usb(.timedOut): status = BusError.timedOut.status
    case .usb: status = Self.statusInputOutput
    case .garbage: status = Self.statusProtocol
    }
    switch health.failed(hasGone: failure == .usb(.disconnected)) {
    case .goOn: tell(failure)
    case .reset: reset()
    case .letGo: letGo(.lost, after: 0)
    case .rest: letGo(.resting, after: BridgeHealth.restMilliseconds)
    }
    return status
  }

  private mutating func reset() {
    tell(.hung(resets: health.resetCount))
    if !stick.reset(now: { SystemClock().bootMilliseconds() }) {
      nextLookMilliseconds = clock.bootMilliseconds()
    }
  }

  private mutating func letGo(_ reason: BridgeReason, after milliseconds: Int64) {
    stick.close()
    nextLookMilliseconds = clock.bootMilliseconds() + milliseconds
    tell(reason)
  }

  private mutating func tell(_ failure: BridgeFailure) {
    switch failure {
    case .bus, .unsupported: break
    case .usb(let failure): tell(.failing(failure))
    case .garbage(let expected, let received):
      tell(BridgeReason.garbage(expected: expected, received: received))
    }
  }

  /// Once for each change. What fails again and again with the same reason is told once.
  private mutating func tell(_ new: BridgeReason) {
    guard new != reason else { return }
    reason = new
    var text = TextBuilder<384>()
    new.describe(place: stick.place, kernelDriver: stick.kernelDriver, to: &text)
    ServiceManager.tell(status: text)
    var line = TextBuilder<448>()
    line.append("cairn-usb ")
    line.append(name.span)
    line.append(": ")
    line.append(text.span)
    line.append("\n")
    // Without a reader of standard error the status line still tells.
    do throws(SystemError) { try StandardStream.error.write(line) } catch {}
  }

  // MARK: - clients

  private mutating func accept(_ poller: borrowing Poller) {
    guard let listenerSlot, poller.isReadable(listenerSlot) else { return }
    for _ in 0..<Self.clientCapacity {
      do throws(SocketFailure) {
        guard let connection = try listener.accept() else { return }
        let user = try connection.peer().userID
        guard user == askingUser || user == 0 || user == effectiveUserID else { continue }
        add(connection)
      } catch { return }
    }
  }

  /// Without a free place the connection is closed: its client sees the end.
  private mutating func add(_ connection: consuming UnixConnection) {
    var place: Int?
    for index in 0..<Self.clientCapacity {
      guard let present = clients[index].take() else {
        place = index
        break
      }
      clients[index] = consume present
    }
    if let place { clients[place] = Client(connection: connection, slot: nil) }
  }

  /// Answers one packet; false when the client is to be let go.
  private mutating func answer(_ client: inout Client) -> Bool {
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    do throws(SocketFailure) {
      var span = packet.mutableSpan
      let count = try client.connection.receive(into: &span, timeoutMilliseconds: 0)
      let request = BusMessage.request(decoding: packet.span.extracting(0..<count))
      let replyCount = perform(request, &packet, pinsBeganAt: &client.pinsBeganAt)
      try client.connection.send(
        packet.span.extracting(0..<replyCount), timeoutMilliseconds: 0)
      return true
    } catch {
      return false
    }
  }

  /// Does what is asked; the reply replaces the request. Returns its size.
  private mutating func perform(
    _ request: BusMessage.Request, _ packet: inout InlineArray<4096, UInt8>,
    pinsBeganAt: inout UInt64?
  ) -> Int {
    var bytes = InlineArray<4000, UInt8>(repeating: 0)
    var byteCount = 0
    let started = clock.bootMilliseconds()
    let now = { SystemClock().bootMilliseconds() }
    var status: Int32 = 0
    do throws(BridgeFailure) {
      switch request {
      case .refused(let refusal): status = refusal
      case .i2c(let address, let written, let readCount, let timeout):
        byteCount = readCount
        var span = bytes.mutableSpan
        var read = span._mutatingExtracting(0..<readCount)
        try stick.transfer(
          address: address, packet.span.extracting(written), into: &read,
          deadline: started + min(Int64(timeout), Self.transferLimitMilliseconds), now: now)
      case .spi(let select, let range):
        byteCount = range.count
        var span = bytes.mutableSpan
        var both = span._mutatingExtracting(0..<range.count)
        both.copy(packet.span.extracting(range))
        try stick.exchange(
          select: select, &both, deadline: started + Self.otherTransferMilliseconds, now: now)
      case .pins(let changed, let outputs, let levels):
        // Outputs of this client's that are inputs now: told once, before anything else is done.
        if let began = pinsBeganAt, began != stick.beginningCount, stick.isOpen {
          pinsBeganAt = nil
          status = Self.statusReset
          break
        }
        byteCount = 2
        let pins = try stick.pins(
          changed: changed, outputs: outputs, levels: levels,
          deadline: started + Self.otherTransferMilliseconds, now: now)
        bytes[0] = UInt8(truncatingIfNeeded: pins)
        bytes[1] = UInt8(truncatingIfNeeded: pins >> 8)
        if changed & outputs != 0 { pinsBeganAt = stick.beginningCount }
      }
      if status == 0 { succeeded() }
    } catch {
      status = failed(error)
    }
    return BusMessage.reply(
      status: status, bytes.span.extracting(0..<(status == 0 ? byteCount : 0)), into: &packet)
  }
}
