import FixedMemory
import Proofs

/// How an uplink reaches its gateway: one request at a time, each with its answer, over whatever network
/// protocol a program was built with. Routes, media types and statuses are those of docs/delivery-protocol.md
/// on every transport.
///
/// Each call ends, at the latest when the configured time limits are over, and at once when the program is
/// asked to end.
public protocol GatewayTransport: ~Copyable {
  /// Of the program that delivers over it, as its lines begin.
  static var programName: StaticString { get }
  /// A broker stands between: there is a login at it, and a subscription to the answers.
  static var hasBroker: Bool { get }

  /// The device's key: at the start, and whenever it is another one.
  mutating func use(_ keyID: KeyID)

  /// Posts `body`, and reads the answer into `reply`, whose size is the bound. Every status is an answer.
  mutating func post(
    to path: StaticString, _ body: Span<UInt8>, contentType: StaticString, accept: StaticString,
    into reply: inout MutableSpan<UInt8>
  ) throws(TransportFailure) -> TransportAnswer

  /// Asks for what is at a path; else as `post`.
  mutating func get(
    from path: Span<UInt8>, accept: StaticString, into reply: inout MutableSpan<UInt8>
  ) throws(TransportFailure) -> TransportAnswer

  /// The library's own words about the last failure; empty where it has none.
  var detail: FixedArray<256, UInt8> { get }

  /// About how many bytes have gone over the network since this was made, both ways, with the heads of all packets:
  /// what a line that is paid by the byte is charged for.
  var wireByteCount: UInt64 { mutating get }

  /// Readable when `tend` has something to do between two requests; nil when there is no such thing.
  var idleDescriptor: Int32? { get }
  /// After so long `tend` is to be called, at the latest; nil when it need not be.
  var idleMilliseconds: Int64? { get }
  /// Between two requests, after each wait: keeps what is open alive, or closes it. Never waits.
  mutating func tend()
}

/// A gateway's answer, whatever brought it.
public struct TransportAnswer: Sendable {
  /// The status as HTTP has it, 100 to 999.
  public let status: Int
  /// Bytes of the answer that stand at the start of the caller's buffer.
  public let byteCount: Int
  /// Nil when the gateway named none.
  public let retryAfterSeconds: UInt32?
  /// As it came; empty when missing or too long.
  public let contentType: FixedArray<96, UInt8>

  public init(
    status: Int, byteCount: Int, retryAfterSeconds: UInt32?, contentType: FixedArray<96, UInt8>
  ) {
    self.status = status
    self.byteCount = byteCount
    self.retryAfterSeconds = retryAfterSeconds
    self.contentType = contentType
  }
}

/// Why there was no answer, in the operator's words.
public struct TransportFailure: Error, Sendable {
  /// What it is, why that may be, what to do.
  public let explanation: StaticString
  /// The program was asked to end: whether the gateway took what was sent is not known.
  public let isStop: Bool
  /// The explanation leaves the reason to the library's own words.
  public let hasDetail: Bool
  /// What did not go well, for a check of the whole way.
  public let step: WayStep
  /// The same as the explanation, in two parts and fewer words.
  public let reason: StaticString
  public let remedy: StaticString

  public init(
    explanation: StaticString, isStop: Bool, hasDetail: Bool, step: WayStep, reason: StaticString,
    remedy: StaticString
  ) {
    self.explanation = explanation
    self.isStop = isStop
    self.hasDetail = hasDetail
    self.step = step
    self.reason = reason
    self.remedy = remedy
  }
}

/// The steps of the way to a gateway, in their order.
public enum WayStep: UInt8, Sendable {
  case name, connection, security
  /// Of a transport with a broker only.
  case login, subscription
  case gateway
}
