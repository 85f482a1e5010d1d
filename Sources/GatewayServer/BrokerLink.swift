import FixedMemory
import Foundation
import Hummingbird
import Logging
import MQTTTransport
import Synchronization

/// Stands behind a broker: takes what devices publish, lets the routes of HTTP answer it, and publishes their
/// answers. Several gateways share the requests of one broker.
///
/// One thread has the connection, and nothing else does; answers come to it through a queue and a pipe. It
/// connects again by itself, with growing pauses.
final class BrokerLink: Sendable {
  /// Requests under way; further ones are asked to come again.
  static let maximumWorkingCount = 512
  /// A batch that is too large gets its reason up to here; the broker sends nothing longer.
  static let maximumPayloadByteCount = 131_072
  static let maximumPacketByteCount: UInt32 = 135_168
  static let keepAliveSeconds: Int32 = 60
  private static let connectMilliseconds: Int64 = 30_000
  private static let longestPauseSeconds = 60
  /// Answers under way are given this time when the gateway ends.
  private static let farewellMilliseconds: Int64 = 5_000

  private struct State {
    var answers: [BrokerAnswer] = []
    var working = 0
    var isStopping = false
    var hasEnded = false
    var end: CheckedContinuation<Void, Never>?
  }

  private let settings: BrokerSettings
  private let responder: RouterResponder<GatewayRequestContext>
  private let counts: BrokerCounts
  private let say: @Sendable (_ isConnected: Bool, _ why: String) -> Void
  private let state = Mutex(State())
  private let logger: Logger
  private let wakeReader: Int32
  private let wakeWriter: Int32

  /// `say` hears of each connection and of each reason why there is none. Nil when the system has no pipe left.
  init?(
    _ settings: BrokerSettings, responder: RouterResponder<GatewayRequestContext>,
    counts: BrokerCounts, say: @escaping @Sendable (_ isConnected: Bool, _ why: String) -> Void
  ) {
    self.settings = settings
    self.responder = responder
    self.counts = counts
    self.say = say
    var logger = Logger(label: "cairn-gateway")
    logger.logLevel = .error
    self.logger = logger
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return nil }
    (wakeReader, wakeWriter) = (ends[0], ends[1])
    for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
  }

  deinit {
    close(wakeReader)
    close(wakeWriter)
  }

  func start() {
    let thread = Thread { self.run() }
    thread.name = "mqtt"
    thread.start()
  }

  /// Gives the answers that are under way, and returns when the connection is closed.
  func stop() async {
    await withCheckedContinuation { continuation in
      let hasEnded = state.withLock { state in
        state.isStopping = true
        if !state.hasEnded { state.end = continuation }
        return state.hasEnded
      }
      if hasEnded { continuation.resume() } else { wake() }
    }
  }

  private func wake() {
    var byte: UInt8 = 0
    // A full pipe wakes too.
    _ = write(wakeWriter, &byte, 1)
  }

  // MARK: The thread

  private func run() {
    var attempt = 0
    var lastWhy: MQTTFailure?
    while !state.withLock({ $0.isStopping }) {
      var isTaken = false
      let failure = serve(&isTaken)
      counts.note(isConnected: false)
      if isTaken {
        attempt = 0
        lastWhy = nil
      }
      guard let failure else { continue }
      // The same reason is not said at each attempt.
      if failure != lastWhy { say(false, Self.explanation(failure)) }
      lastWhy = failure
      attempt += 1
      pause(attempt)
    }
    let end = state.withLock { state in
      state.hasEnded = true
      return state.end
    }
    end?.resume()
  }

  /// Half a second to a second, doubled with each attempt up to a minute; shorter when the gateway ends.
  private func pause(_ attempt: Int) {
    let longest = min(1 << min(attempt - 1, 6), Self.longestPauseSeconds) * 1000
    let end = MQTTClient.nowMilliseconds + Int64.random(in: Int64(longest / 2)...Int64(longest))
    while !state.withLock({ $0.isStopping }) {
      let left = end - MQTTClient.nowMilliseconds
      guard left > 0 else { return }
      var entry = pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0)
      _ = poll(&entry, 1, Int32(left))
      drainWakes()
      // Without a connection an answer has nowhere to go.
      for _ in takeAnswers() { counts.countAnswer(isLost: true) }
    }
  }

  /// One connection from its beginning to its end. Nil when the gateway ends.
  private func serve(_ isTaken: inout Bool) -> MQTTFailure? {
    do throws(MQTTFailure) {
      var client = try connect()
      isTaken = true
      counts.note(isConnected: true)
      say(true, settings.url)
      var farewell: Int64?
      var dropped = 0
      while true {
        switch client.step(stop: wakeReader, milliseconds: 1000) {
        case .done: break
        case .stopped: drainWakes()
        case .failed(let failure): throw failure
        }
        while let message = client.takeMessage() { take(message) }
        if client.droppedCount > dropped {
          counts.count(.dropped, client.droppedCount - dropped)
          dropped = client.droppedCount
        }
        for answer in takeAnswers() { publish(answer, &client) }
        let (isStopping, working) = state.withLock { state in
          (state.isStopping, state.working + state.answers.count)
        }
        guard isStopping else { continue }
        let now = MQTTClient.nowMilliseconds
        if farewell == nil { farewell = now + Self.farewellMilliseconds }
        guard working > 0, now < farewell ?? now else {
          client.disconnect()
          return nil
        }
      }
    } catch { return error }
  }

  private func connect() throws(MQTTFailure) -> MQTTClient {
    let name = "cairn-gateway-" + Self.text(try MQTTClient.randomName().span).prefix(8)
    let account = settings.account
    var client = try MQTTClient.made(
      clientID: Array(name.utf8).span, address: account.address,
      authorities: account.authorities.span, user: account.user.span,
      password: account.password.span, maximumPayloadByteCount: Self.maximumPayloadByteCount)
    try client.connect(
      to: account.address, keepAliveSeconds: Self.keepAliveSeconds,
      maximumPacketByteCount: Self.maximumPacketByteCount)
    let deadline = MQTTClient.nowMilliseconds + Self.connectMilliseconds
    while client.connectReason == nil { try wait(&client, deadline) }
    if let reason = client.connectReason, reason != 0 { throw .refused(reason: reason) }
    let (batch, device, get) = (Self.filter(.batch), Self.filter(.device), Self.filter(.get))
    try client.subscribe(to: batch.span, device.span, get.span)
    while client.subscribeReason == nil { try wait(&client, deadline) }
    if let reason = client.subscribeReason, reason >= 128 {
      throw .subscriptionRefused(reason: reason)
    }
    return client
  }

  /// Every key's topic, shared with the other gateways behind this broker.
  private static func filter(_ topic: MQTTTopic) -> [UInt8] {
    Array("$share/cairn/cairn/v1/+/\(topic.last)".utf8)
  }

  private func wait(_ client: inout MQTTClient, _ deadline: Int64) throws(MQTTFailure) {
    guard MQTTClient.nowMilliseconds < deadline, !state.withLock({ $0.isStopping }) else {
      throw .connectTimedOut
    }
    switch client.step(stop: wakeReader, milliseconds: 500) {
    case .done: break
    case .stopped: drainWakes()
    case .failed(let failure): throw failure
    }
  }

  /// Of a gateway, where the words of a node would lead astray.
  private static func explanation(_ failure: MQTTFailure) -> String {
    switch failure {
    case .refused(let reason) where reason == 134 || reason == 135:
      "The broker does not let this gateway in (\(reason)): look at --mqtt-user and its password, and "
        + "at the broker's list."
    case .subscriptionRefused(let reason):
      "The broker does not let this gateway share cairn/v1/+/batch, device and get (\(reason))."
    case .authoritiesUnreadable:
      "The file of trusted authorities, --mqtt-ca-file, is missing, unreadable or no PEM."
    default: "\(failure.explanation)"
    }
  }

  private static func text(_ span: Span<UInt8>) -> String {
    String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
  }

  private func drainWakes() {
    var bytes = [UInt8](repeating: 0, count: 64)
    while read(wakeReader, &bytes, bytes.count) > 0 {}
  }

  // MARK: Requests and answers

  private func take(_ message: borrowing MQTTMessage) {
    let request: BrokerRequest
    do throws(BrokerRequest.Ignored) { request = try BrokerRequest(message) } catch {
      return counts.count(error.reason)
    }
    counts.countRequest("\(request.topic.last)")
    let (isTaken, isStopping) = state.withLock { state in
      guard !state.isStopping, state.working < Self.maximumWorkingCount else {
        return (false, state.isStopping)
      }
      state.working += 1
      return (true, false)
    }
    guard isTaken else {
      let why = isStopping ? "The gateway ends." : "Too many requests are under way."
      return hand(request.unavailable(why, retryAfterSeconds: isStopping ? 5 : 30))
    }
    Task {
      let answer = await request.answer(by: responder, logger)
      hand(answer)
      state.withLock { $0.working -= 1 }
      wake()
    }
  }

  private func hand(_ answer: BrokerAnswer) {
    state.withLock { $0.answers.append(answer) }
    wake()
  }

  private func takeAnswers() -> [BrokerAnswer] {
    state.withLock { state in
      defer { state.answers.removeAll() }
      return state.answers
    }
  }

  private func publish(_ answer: BrokerAnswer, _ client: inout MQTTClient) {
    var isLost = true
    do throws(MQTTFailure) {
      if let publication = answer.publication {
        _ = try client.publish(publication, answer.body.span)
        isLost = false
      }
    } catch {
      // The device asks again: what was stored is then a repeat.
    }
    counts.countAnswer(isLost: isLost)
  }
}
