import FixedMemory
import GatewayStore
import HTTPTypes
import Hummingbird
import Logging
import MQTTTransport
import NIOCore
import Records

/// A request that came over MQTT (docs/delivery-protocol.md, "Over MQTT"): what of a message is taken, and the
/// request of HTTP that it stands for. Every byte of it is somebody's who could publish.
struct BrokerRequest: Sendable {
  /// What devices ask for; everything else is for people, by HTTP, behind whatever stands before it.
  static let readablePaths = ["/v1/challenge", "/v1/log/head", "/v1/log/proof", "/v1/keys"]
  /// Of one device, by its key's hash: no readings and no log.
  static let readableOfDevices = ["head", "enrolment", "proof"]
  static let maximumPathByteCount = 256
  static let maximumCorrelationByteCount = 64

  let topic: MQTTTopic
  /// Where its answer goes: a topic of the same key.
  let responseTopic: String
  let correlation: [UInt8]
  let payload: [UInt8]
  let contentType: String

  init(_ message: borrowing MQTTMessage) throws(Ignored) {
    guard !message.isRetained else { throw Ignored(.retained) }
    let parts = Self.text(message.topic).split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "cairn", parts[1] == "v1", Self.isKey(parts[2]),
      let topic = [MQTTTopic.batch, .device, .get].first(where: {
        Self.text($0.last.bytes) == parts[3]
      })
    else { throw Ignored(.topic) }
    let key = Array(parts[2].utf8)
    let answered = Self.text(topic.answer.text(key: key.span).span)
    // A stranger's response topic would make this gateway write where the stranger may not.
    guard Self.text(message.responseTopic) == answered else { throw Ignored(.responseTopic) }
    guard (1...Self.maximumCorrelationByteCount).contains(message.correlation.count) else {
      throw Ignored(.correlation)
    }
    self.topic = topic
    responseTopic = answered
    correlation = Self.bytes(message.correlation)
    payload = Self.bytes(message.payload)
    contentType = Self.text(message.contentType)
  }

  /// A message that is no request.
  struct Ignored: Error {
    let reason: BrokerCounts.Ignored
    init(_ reason: BrokerCounts.Ignored) { self.reason = reason }
  }

  private static func isKey(_ text: Substring) -> Bool {
    text.utf8.count == 16
      && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }

  private static func bytes(_ span: Span<UInt8>) -> [UInt8] { span.indices.map { span[$0] } }

  private static func text(_ span: Span<UInt8>) -> String {
    String(decoding: bytes(span), as: UTF8.self)
  }

  // MARK: As HTTP

  /// The same request for the routes; nil when it asks for what is not read over MQTT.
  var overHTTP: Request? {
    switch topic {
    case .batch: posted("/v1/batches")
    case .device: posted("/v1/devices")
    case .get: read()
    case .receipt, .answer: nil
    }
  }

  private func posted(_ path: String) -> Request {
    var head = head(.post, path)
    if contentType.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) {
      head.headerFields[.contentType] = contentType
    }
    head.headerFields[.contentLength] = String(payload.count)
    return Request(head: head, body: RequestBody(buffer: ByteBuffer(bytes: payload)))
  }

  private func read() -> Request? {
    guard payload.count <= Self.maximumPathByteCount,
      payload.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "#") })
    else { return nil }
    let path = String(decoding: payload, as: UTF8.self)
    guard Self.isReadable(path.prefix { $0 != "?" }), !path.contains("..") else { return nil }
    return Request(head: head(.get, path), body: RequestBody(buffer: ByteBuffer()))
  }

  private static func isReadable(_ path: Substring) -> Bool {
    if readablePaths.contains(String(path)) { return true }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 5, parts[0].isEmpty, parts[1] == "v1" else { return false }
    if parts[2] == "log", parts[3] == "receipts" { return true }
    return parts[2] == "devices" && readableOfDevices.contains(String(parts[4]))
  }

  private func head(_ method: HTTPRequest.Method, _ path: String) -> HTTPRequest {
    HTTPRequest(
      method: method, scheme: nil, authority: nil, path: path,
      headerFields: [
        .accept: "\(MediaType.cose), \(MediaType.cbor), \(MediaType.conciseProblem)"
      ])
  }

  /// What the routes answer, whatever they do.
  func answer(by responder: RouterResponder<GatewayRequestContext>, _ logger: Logger) async
    -> BrokerAnswer
  {
    guard let request = overHTTP else {
      return BrokerAnswer(
        self, status: 404, contentType: MediaType.conciseProblem,
        body: Problem.conciseDetails(
          title: "Not Found", detail: "Over MQTT only what devices ask for is read."))
    }
    do {
      let response = try await responder.respond(
        to: request, context: GatewayRequestContext(logger: logger))
      let collector = BodyCollector()
      try await response.body.write(collector)
      return BrokerAnswer(
        self, status: response.status.code,
        contentType: response.headers[.contentType] ?? "",
        retryAfterSeconds: response.headers[.retryAfter].flatMap { UInt32($0) },
        body: collector.bytes)
    } catch {
      // The routes turn what they throw into answers: this is a failure of what is around them.
      return unavailable("The gateway failed.", retryAfterSeconds: nil)
    }
  }

  /// The answer of a gateway that has too much to do, or ends.
  func unavailable(_ detail: String, retryAfterSeconds: UInt64?) -> BrokerAnswer {
    let problem = Problem(.unavailable, detail: detail, retryAfterSeconds: retryAfterSeconds)
    return BrokerAnswer(
      self, status: 503, contentType: MediaType.conciseProblem, body: problem.conciseDetails)
  }
}

/// What goes back, and where to.
struct BrokerAnswer: Sendable {
  let responseTopic: String
  let correlation: [UInt8]
  let status: Int
  let contentType: String
  let retryAfterSeconds: UInt32?
  let body: [UInt8]

  init(
    _ request: BrokerRequest, status: Int, contentType: String, retryAfterSeconds: UInt32? = nil,
    body: [UInt8]
  ) {
    responseTopic = request.responseTopic
    correlation = request.correlation
    self.status = status
    self.contentType = contentType
    self.retryAfterSeconds = retryAfterSeconds
    self.body = body
  }

  /// An answer to a request is of no use to who has given it up.
  static let expirySeconds: UInt32 = 3600

  /// Nil when a text is longer than this protocol's are.
  var publication: MQTTPublication? {
    guard
      var publication = MQTTPublication(
        topic: Array(responseTopic.utf8).span, contentType: Array(contentType.utf8).span,
        correlation: correlation.span, expirySeconds: Self.expirySeconds)
    else { return nil }
    publication.answer(status: status, retryAfterSeconds: retryAfterSeconds)
    return publication
  }
}

/// A response's body in one piece. Used by one task only.
private final class BodyCollector: ResponseBodyWriter {
  private(set) var bytes: [UInt8] = []

  func write(_ buffer: ByteBuffer) async throws {
    bytes.append(contentsOf: buffer.readableBytesView)
  }

  func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
