import FixedMemory
import Foundation
import Synchronization
import TestSupport

@testable import MQTTTransport

/// Somebody at the broker, on a thread of its own: hears what it is told to hear, and does with each message what
/// the test says.
final class PlayedGateway: Sendable {
  struct Came: Sendable {
    var topic = ""
    var payload: [UInt8] = []
    var contentType = ""
    var responseTopic = ""
    var correlation: [UInt8] = []
  }

  struct Sent: Sendable {
    var topic: String
    var payload: [UInt8] = []
    var contentType = "application/cbor"
    var correlation: [UInt8]
    var status = 200
    var retryAfterSeconds: UInt32?
  }

  private let heard = Mutex<[Came]>([])
  private let isEnding = Mutex(false)
  private let hasEnded = DispatchSemaphore(value: 0)

  var messages: [Came] { heard.withLock { $0 } }

  /// Returns when it hears.
  init(
    _ url: String, filter: String = "$share/cairn/cairn/v1/+/batch",
    answers: @escaping @Sendable (Came) -> [Sent]
  ) throws {
    let hears = DispatchSemaphore(value: 0)
    let bytes = Array(url.utf8)
    let address = try MQTTAddress(bytes.span, allowsPlain: false)
    Thread { [self] in
      do throws(MQTTFailure) {
        try run(address, filter, hears, answers)
      } catch { print("the played gateway: \(error)") }
      hasEnded.signal()
    }.start()
    guard hears.wait(timeout: .now() + 60) == .success else {
      throw Broker.Problem(what: "the played gateway hears nothing")
    }
  }

  func end() {
    isEnding.withLock { $0 = true }
    hasEnded.wait()
  }

  private func run(
    _ address: MQTTAddress, _ filter: String, _ hears: DispatchSemaphore,
    _ answers: (Came) -> [Sent]
  ) throws(MQTTFailure) {
    let name = Array("played".utf8) + [UInt8.random(in: 97...122), .random(in: 97...122)]
    var client = try MQTTClient.made(
      clientID: name.span, address: address, authorities: Span(), user: Span(), password: Span(),
      maximumPayloadByteCount: 200_000)
    try client.connect(to: address, keepAliveSeconds: 30, maximumPacketByteCount: 300_000)
    while client.connectReason == nil { try step(&client) }
    let filter = Array(filter.utf8)
    let other = Array("cairn/test/nothing".utf8)
    try client.subscribe(to: filter.span, other.span)
    while client.subscribeReason == nil { try step(&client) }
    hears.signal()
    while !isEnding.withLock({ $0 }) {
      try step(&client)
      while let message = client.takeMessage() {
        let came = Self.came(message)
        heard.withLock { $0.append(came) }
        for sent in answers(came) {
          let (topic, type) = (Array(sent.topic.utf8), Array(sent.contentType.utf8))
          guard
            var publication = MQTTPublication(
              topic: topic.span, contentType: type.span, correlation: sent.correlation.span,
              expirySeconds: 60)
          else { continue }
          publication.answer(status: sent.status, retryAfterSeconds: sent.retryAfterSeconds)
          _ = try client.publish(publication, sent.payload.span)
        }
      }
    }
    client.disconnect()
  }

  private func step(_ client: inout MQTTClient) throws(MQTTFailure) {
    if case .failed(let failure) = client.step(milliseconds: 10) { throw failure }
  }

  private static func came(_ message: borrowing MQTTMessage) -> Came {
    Came(
      topic: String(decoding: bytes(message.topic), as: UTF8.self), payload: bytes(message.payload),
      contentType: String(decoding: bytes(message.contentType), as: UTF8.self),
      responseTopic: String(decoding: bytes(message.responseTopic), as: UTF8.self),
      correlation: bytes(message.correlation))
  }

  private static func bytes(_ span: Span<UInt8>) -> [UInt8] { span.indices.map { span[$0] } }
}
