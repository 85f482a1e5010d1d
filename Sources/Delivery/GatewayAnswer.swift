import CBOR
import FixedMemory
import Records

/// An answer as it came over HTTP: turns it into the state machine's event. Pure and strict: only what a
/// gateway of this protocol sends counts as a receipt or as a refusal.
/// docs/delivery-protocol.md, section "Answers".
public struct GatewayAnswer: ~Escapable {
  /// Longest receipt that is taken: two heads 4, protected headers about 130, hash 34, signature 66,
  /// and as much again for a second algorithm's signature.
  public static var maximumReceiptByteCount: Int { 512 }

  /// Longest answer that is read at all: a problem with its sentence is at most 640.
  public static var maximumByteCount: Int { 4_096 }

  /// 64 KiB of batch, and 126 items of 44 bytes in front of it: a range of leaves is at most 63 aligned
  /// subtrees up and 63 down. 71 080, rounded up to whole pages.
  public static var maximumRequestByteCount: Int { 73_728 }

  let status: Int
  let mediaType: MediaType
  /// From the Retry-After header; nil when there is none, or when it is a date.
  let retryAfterSeconds: UInt32?
  let body: Span<UInt8>

  @_lifetime(copy body)
  public init(status: Int, mediaType: MediaType, retryAfterSeconds: UInt32?, body: Span<UInt8>) {
    self.status = status
    self.mediaType = mediaType
    self.retryAfterSeconds = retryAfterSeconds
    self.body = body
  }

  /// What an answer to POST /v1/batches means.
  public func toBatch() -> DeliveryStateMachine.Event {
    if status == 200, mediaType == .receipt, Self.isReceipt(body) { return .accepted }
    if let problem = problem() { return event(for: problem) }
    return withoutReason()
  }

  /// What an answer to POST /v1/devices means. `keyHash` is SHA-256 of the key that was sent.
  public func toKey(keyHash: FixedBytes<32>) -> DeliveryStateMachine.Event {
    if status == 200 || status == 201, mediaType == .cbor, node(keyHash) != nil {
      return .enrolled
    }
    guard let problem = problem() else { return withoutReason() }
    switch event(for: problem) {
    case .tryLater(let seconds): return .tryLater(afterSeconds: seconds)
    // Whatever it is, there is no batch that it could be about.
    default: return .refused(code: problem.code)
    }
  }

  /// The node's id in an answer to POST /v1/devices; nil when it is none that took the key.
  public func enrolledNode(keyHash: FixedBytes<32>) -> FixedBytes<32>? {
    toKey(keyHash: keyHash) == .enrolled ? node(keyHash) : nil
  }

  /// True for at most 512 bytes that begin as a tagged COSE_Sign1 (RFC 9052 section 4.2). The agent
  /// verifies the rest.
  static func isReceipt(_ bytes: Span<UInt8>) -> Bool {
    // Tag 18, an array of four, a byte string.
    bytes.count > 3 && bytes.count <= maximumReceiptByteCount && bytes[0] == 0xd2
      && bytes[1] == 0x84 && bytes[2] >> 5 == 2
  }

  /// [1, SHA-256 of the key, node, version]
  private func node(_ keyHash: FixedBytes<32>) -> FixedBytes<32>? {
    do throws(CBORDecoder.Failure) {
      var decoder = CBORDecoder(body)
      guard try decoder.arrayHead() == 4, try decoder.unsigned() == 1,
        try decoder.byteString().equals(keyHash.span),
        let node = FixedBytes<32>(try decoder.byteString()), try decoder.unsigned() > 0
      else { return nil }
      try decoder.finish()
      return node
    } catch { return nil }
  }

  private func problem() -> ProblemDetails? {
    guard (400...599).contains(status), mediaType == .problem else { return nil }
    do throws(ProblemDetails.Failure) {
      return try ProblemDetails(decoding: body)
    } catch {
      return nil
    }
  }

  private func event(for problem: ProblemDetails) -> DeliveryStateMachine.Event {
    switch RefusalCode(rawValue: problem.code) {
    case .gap:
      guard let expected = problem.expectation else { return .failed(.contradiction) }
      return .gap(expected: expected.position, size: expected.size)
    case .closedEpoch:
      guard let expected = problem.expectation else { return .refused(code: problem.code) }
      return .closedEpoch(expected: expected.position, size: expected.size)
    case .fork: return .forked
    case .unknownKey: return .unknownKey
    case .rateLimited, .storageFull, .unavailable:
      return .tryLater(afterSeconds: problem.retryAfterSeconds ?? retryAfterSeconds)
    // Also what this version doesn't know.
    default: return .refused(code: problem.code)
    }
  }

  /// An answer without a reason that we know how to read: from a proxy, a portal, another server.
  private func withoutReason() -> DeliveryStateMachine.Event {
    let shown = UInt16(clamping: status)
    switch status {
    case 413: return .refused(code: RefusalCode.tooLarge.rawValue)
    case 429, 503: return .tryLater(afterSeconds: retryAfterSeconds)
    case 408, 425, 500...599: return .failed(.gatewayError(status: shown))
    default: return .failed(.notAGateway(status: shown))
    }
  }
}
