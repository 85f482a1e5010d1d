import CBOR
import FixedMemory
import Proofs
import Records
import Verifier

/// Why a gateway did not take what it was sent (docs/delivery-protocol.md, "Problem details").
public struct Problem: Error, Equatable, Sendable {
  /// Where the gateway wants the device's log to go on.
  public struct Expected: Equatable, Sendable {
    public let epoch: UInt64
    public let batch: UInt64
    /// Leaves that the gateway holds in this epoch.
    public let size: UInt64

    public init(epoch: UInt64, batch: UInt64, size: UInt64) {
      self.epoch = epoch
      self.batch = batch
      self.size = size
    }
  }

  /// Two signed checkpoints that can't both belong to one log.
  public struct Evidence: Equatable, Sendable {
    /// The checkpoint message that the gateway holds.
    public let held: [UInt8]
    /// The one that came.
    public let sent: [UInt8]
  }

  public let code: RefusalCode
  /// One sentence for the operator; the code's meaning where nothing more is known.
  public var detail: String?
  public var expected: Expected?
  /// Seconds after which to come back.
  public var retryAfterSeconds: UInt64?
  public var evidence: Evidence?

  public init(
    _ code: RefusalCode, detail: String? = nil, expected: Expected? = nil,
    retryAfterSeconds: UInt64? = nil, evidence: Evidence? = nil
  ) {
    self.code = code
    self.detail = detail
    self.expected = expected
    self.retryAfterSeconds = retryAfterSeconds
    self.evidence = evidence
  }

  init(_ refusal: Refusal) {
    self.init(refusal.code, detail: refusal.leafIndex.map { "Leaf \($0) is at fault." })
  }

  /// Detail 512, title 28, keys 16, three numbers of 9, two checkpoints of 247: within the 4 096 bytes
  /// that an uplink reads of an answer.
  public static var maximumByteCount: Int { 2048 }
  static var maximumDetailByteCount: Int { 512 }

  /// The problem as RFC 9290 concise problem details: one deterministic CBOR map.
  ///
  /// The reason's field 5 is this gateway's own: [held, sent] of a fork, or of what goes on in a closed
  /// epoch: the two checkpoint messages.
  /// A device passes over it; whoever looks at its traffic has the proof.
  public var conciseDetails: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.maximumByteCount)
    let detailBytes = detail.map { Self.clipped($0) }
    let count = encode(detail: detailBytes, into: bytes.mutableSpan)
    precondition(count <= bytes.count, "a problem is longer than its bound")
    bytes.removeLast(bytes.count - count)
    return bytes
  }

  /// A problem without a reason code: of a request that is about neither batch nor key.
  public static func conciseDetails(title: String, detail: String) -> [UInt8] {
    let texts = (title: clipped(title), detail: clipped(detail))
    var bytes = [UInt8](repeating: 0, count: maximumByteCount)
    let count = encode(texts, into: bytes.mutableSpan)
    bytes.removeLast(bytes.count - count)
    return bytes
  }

  private static func encode(
    _ texts: (title: [UInt8], detail: [UInt8]), into bytes: consuming MutableSpan<UInt8>
  ) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.mapHead(count: 2)
    encoder.integer(-1)
    encoder.text(texts.title.span)
    encoder.integer(-2)
    encoder.text(texts.detail.span)
    return encoder.byteCount
  }

  private func encode(detail: [UInt8]?, into bytes: consuming MutableSpan<UInt8>) -> Int {
    var encoder = CBOREncoder(bytes)
    encoder.mapHead(count: detail == nil ? 2 : 3)
    encoder.integer(-1)
    encoder.text(code.name)
    if let detail {
      encoder.integer(-2)
      encoder.text(detail.span)
    }
    encoder.text("cairn:refusal")
    var fieldCount = 1
    if expected != nil { fieldCount += 3 }
    if retryAfterSeconds != nil { fieldCount += 1 }
    if evidence != nil { fieldCount += 1 }
    encoder.mapHead(count: fieldCount)
    encoder.unsigned(0)
    encoder.unsigned(UInt64(code.rawValue))
    if let expected {
      encoder.unsigned(1)
      encoder.unsigned(expected.epoch)
      encoder.unsigned(2)
      encoder.unsigned(expected.batch)
      encoder.unsigned(3)
      encoder.unsigned(expected.size)
    }
    if let retryAfterSeconds {
      encoder.unsigned(4)
      encoder.unsigned(retryAfterSeconds)
    }
    if let evidence {
      encoder.unsigned(5)
      encoder.arrayHead(count: 2)
      encoder.byteString(evidence.held.span)
      encoder.byteString(evidence.sent.span)
    }
    return encoder.byteCount
  }

  /// At most 512 bytes of a text, cut between characters.
  private static func clipped(_ text: String) -> [UInt8] {
    var result: [UInt8] = []
    for character in text {
      guard result.count + character.utf8.count <= maximumDetailByteCount else { break }
      result.append(contentsOf: character.utf8)
    }
    return result
  }
}
