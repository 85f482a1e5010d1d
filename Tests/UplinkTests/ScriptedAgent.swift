import AgentMessages
import CBOR
import FixedMemory
import LinuxPlatform

/// The agent's end of its socket, played by the test. Every wait ends after a minute, with an error.
final class ScriptedAgent {
  /// What the uplink says, copied out of its packet.
  enum Said: Equatable {
    case subscribe
    case statusRequest
    case receipt(sequence: UInt64)
    case head([UInt8])
    case challenge([UInt8])
    case keyChange([UInt8])
    case enrolment([UInt8])
    case other
    /// It has gone.
    case nothing
  }

  struct NothingCame: Error {}

  private var listener: UnixListener?
  private var client: UnixConnection?

  init(_ node: Node) throws {
    listener = try UnixListener(at: node.fixedPath("agent.sock"), mode: 0o600)
  }

  /// Waits for an uplink that has no spool to deliver from.
  func acceptWithoutSpool() throws {
    guard let listener = listener.take() else { throw NothingCame() }
    try wait(listener.pollDescriptor)
    client = try listener.accept()
    self.listener = consume listener
    guard try next() == .subscribe else { throw NothingCame() }
  }

  /// Waits for the uplink, and for its wish to be told of what is released; says up to where it has receipts.
  func accept(delivered: UInt64 = .max) throws {
    try acceptWithoutSpool()
    guard try next() == .statusRequest else { throw NothingCame() }
    var status = AgentStatus()
    status.deliveredSequence = delivered
    try say(.status(status))
  }

  /// The next message; a client that has gone says nothing.
  func next() throws -> Said {
    guard let connection = client.take() else { throw NothingCame() }
    try wait(connection.pollDescriptor)
    var packet = [UInt8](repeating: 0, count: 4096)
    var span = packet.mutableSpan
    let count: Int
    do throws(SocketFailure) {
      count = try connection.receive(into: &span, timeoutMilliseconds: 0)
    } catch {
      guard error == .closed else { throw error }
      return .nothing
    }
    client = consume connection
    return try Self.read(span.span.extracting(0..<count))
  }

  private static func read(_ packet: Span<UInt8>) throws -> Said {
    switch try AgentMessage(decoding: packet) {
    case .subscribe: .subscribe
    case .statusRequest: .statusRequest
    case .receipt(let sequence, _): .receipt(sequence: sequence)
    case .head(let bytes): .head(bytes.indices.map { bytes[$0] })
    case .challenge(let bytes): .challenge(bytes.indices.map { bytes[$0] })
    case .keyChange(let bytes): .keyChange(bytes.indices.map { bytes[$0] })
    case .enrolment(let bytes): .enrolment(bytes.indices.map { bytes[$0] })
    default: .other
    }
  }

  func say(_ message: borrowing AgentMessage) throws {
    guard let connection = client.take() else { throw NothingCame() }
    var packet = [UInt8](repeating: 0, count: 4096)
    var encoder = CBOREncoder(packet.mutableSpan)
    message.encode(into: &encoder)
    let count = encoder.byteCount
    try connection.send(packet.span.extracting(0..<count), timeoutMilliseconds: 60_000)
    client = consume connection
  }

  /// Waits for a receipt and takes it, or refuses it with a code.
  func answerReceipt(refusal: UInt16? = nil) throws {
    guard case .receipt(let sequence) = try next() else { throw NothingCame() }
    try say(.receiptAnswer(sequence: sequence, refusalCode: refusal))
  }

  /// The next message that is not a challenge: those come when they come.
  func nextButChallenges() throws -> Said {
    while true {
      let said = try next()
      if case .challenge = said { continue }
      return said
    }
  }

  /// Nobody listens any more.
  func close() {
    client = nil
    listener = nil
  }

  /// Ends the connection, as an agent's end does, and goes on listening.
  func hangUp() { client = nil }

  private func wait(_ descriptor: Int32) throws {
    var poller = Poller()
    _ = poller.watch(descriptor)
    guard try poller.wait(milliseconds: 60_000) > 0 else { throw NothingCame() }
  }
}
