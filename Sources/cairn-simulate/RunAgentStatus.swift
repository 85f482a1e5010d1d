import AgentMessages
import CBOR
import CLinux
import FixedMemory
import LinuxPlatform

/// Asks a running agent how it is (docs/agent-socket.md), without ever waiting for it: the agent may itself
/// be waiting for the virtual board.
struct RunAgentStatus: ~Copyable {
  private let path: String
  private var connection: UnixConnection?
  private var askedAtMilliseconds: Int64?
  private(set) var newest: AgentStatus?
  /// When the newest answer came.
  private(set) var newestMilliseconds: Int64 = 0
  /// The board's clock when the agent's time was zero, give or take a millisecond.
  private(set) var startMilliseconds: Int64?

  /// Newest sealed batch and what was released, when an answer first told of that batch.
  private var seals: [(epoch: UInt64, batch: UInt64, released: UInt64)] = []
  private static let sealLimit = 32

  /// An answer that takes longer is not waited for.
  private static let patienceMilliseconds: Int64 = 2_000

  init(path: String) { self.path = path }

  var descriptor: Int32? {
    switch connection {
    case .none: nil
    case .some(let connection): connection.pollDescriptor
    }
  }

  /// Asks, unless an answer is still to come, or came a moment ago.
  mutating func ask(everyMilliseconds interval: Int64) {
    let now = cairn_board_milliseconds()
    guard now - newestMilliseconds >= interval else { return }
    if let askedAtMilliseconds {
      if now - askedAtMilliseconds < Self.patienceMilliseconds { return }
      close()
    }
    var bytes = InlineArray<16, UInt8>(repeating: 0)
    var encoder = CBOREncoder(bytes.mutableSpan)
    AgentMessage.statusRequest.encode(into: &encoder)
    let count = encoder.byteCount
    do throws(SocketFailure) {
      if connection == nil {
        let name = Array(path.utf8)
        guard let path = FixedPath(name.span) else { return }
        connection = try UnixConnection(connectingTo: path)
      }
      try connection?.send(bytes.span.extracting(0..<count), timeoutMilliseconds: 0)
      askedAtMilliseconds = now
    } catch { close() }
  }

  /// Takes an answer if one has come.
  mutating func readIfReady() {
    guard let taken = connection.take() else { return }
    var packet = [UInt8](repeating: 0, count: AgentMessage.maximumByteCount)
    var span = packet.mutableSpan
    let count: Int
    do throws(SocketFailure) {
      count = try taken.receive(into: &span, timeoutMilliseconds: 0)
    } catch {
      if error == .timedOut { connection = consume taken } else { close() }
      return
    }
    connection = consume taken
    do throws(AgentMessage.Failure) {
      let message = try AgentMessage(decoding: span.span.extracting(0..<count))
      guard case .status(let status) = message else { return }
      note(status)
    } catch { close() }
  }

  private mutating func note(_ status: AgentStatus) {
    askedAtMilliseconds = nil
    if status.lastBatch != newest?.lastBatch, let batch = status.lastBatch {
      seals.append((status.epoch, batch, status.releasedSequence))
      seals = seals.suffix(Self.sealLimit)
    }
    newest = status
    newestMilliseconds = cairn_board_milliseconds()
    // The agent read its clock before this: each answer gives a bound, and the least is nearest.
    let start = newestMilliseconds - status.uptimeMilliseconds
    startMilliseconds = min(start, startMilliseconds ?? start)
  }

  /// The board's clock at the start of a boot; nil when it is not the running one.
  func start(ofBoot boot: UInt64) -> Int64? {
    newest?.boot == boot ? startMilliseconds : nil
  }

  /// True when the agent counts as delivered what it had released when a batch was sealed, or soon after:
  /// then it has a verified receipt for that batch or a later one. False proves nothing.
  func hasTakenReceipt(epoch: UInt64, batch: UInt64) -> Bool {
    guard let delivered = newest?.deliveredSequence else { return false }
    return seals.contains {
      $0.epoch == epoch && $0.batch >= batch && $0.released <= delivered
    }
  }

  mutating func close() {
    connection = nil
    askedAtMilliseconds = nil
  }
}
