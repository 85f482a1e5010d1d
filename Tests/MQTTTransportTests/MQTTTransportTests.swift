import FixedMemory
import Foundation
import TestSupport
import Testing

@testable import MQTTTransport

private struct Answer: Equatable {
  var status: Int
  var body: [UInt8]
  var type: String
  var retryAfterSeconds: UInt32?
}

private let key: [UInt8] = [0, 1, 2, 3, 4, 5, 0xab, 0xff]
private let topics = "cairn/v1/000102030405abff/"

/// No wait of a test is as long: what ends in time has not been waited for.
private let patient = MQTTTransport.Timeouts(
  connectMilliseconds: 300_000, totalMilliseconds: 600_000)

private func open(
  _ url: String, timeouts: MQTTTransport.Timeouts = patient, user: String = "",
  password: String = "", authorities: String = "", stop: Int32? = nil
) throws -> MQTTTransport {
  let (bytes, user, password) = (Array(url.utf8), Array(user.utf8), Array(password.utf8))
  let path = Array(authorities.utf8)
  var account = MQTTTransport.Account(
    address: try MQTTAddress(bytes.span, allowsPlain: false))
  account.user.write(user.span)
  account.password.write(password.span)
  account.authorities.write(path.span)
  var transport = MQTTTransport(account: account, timeouts: timeouts, stopDescriptor: stop)
  transport.use(keyID: key.span)
  return transport
}

private func ask(
  _ transport: inout MQTTTransport, _ payload: [UInt8] = [1, 2, 3], replyByteCount: Int = 4096
) throws(MQTTFailure) -> Answer {
  var reply = [UInt8](repeating: 0, count: replyByteCount)
  var span = reply.mutableSpan
  let response = try transport.request(
    .batch, payload.span, contentType: "application/cbor", into: &span)
  return Answer(
    status: response.status, body: Array(reply.prefix(response.byteCount)),
    type: String(
      decoding: response.contentType.indices.map { response.contentType[$0] }, as: UTF8.self),
    retryAfterSeconds: response.retryAfterSeconds)
}

@Sendable private func echo(_ came: PlayedGateway.Came) -> [PlayedGateway.Sent] {
  [.init(topic: came.responseTopic, payload: came.payload, correlation: came.correlation)]
}

@Suite(.serialized, .timeLimit(.minutes(30))) struct MQTTTransportTests {
  @Test func anAnswerComesWithStatusTypeAndPause() throws {
    let broker = try Broker()
    let gateway = try PlayedGateway(broker.url) { came in
      [
        .init(
          topic: came.responseTopic, payload: [7, 8], contentType: "application/x; y=\"z\"",
          correlation: came.correlation, status: 429, retryAfterSeconds: 120)
      ]
    }
    var transport = try open(broker.url)
    let answer = try ask(&transport)
    #expect(
      answer
        == Answer(
          status: 429, body: [7, 8], type: "application/x; y=\"z\"", retryAfterSeconds: 120))
    let came = try #require(gateway.messages.first)
    #expect(came.topic == topics + "batch")
    #expect(came.responseTopic == topics + "receipt")
    #expect(came.contentType == "application/cbor")
    #expect(came.payload == [1, 2, 3])
    #expect(came.correlation.count == 32)
    gateway.end()
  }

  @Test func theLargestBatchGoesThroughAndTheConnectionIsUsedAgain() throws {
    let broker = try Broker()
    let gateway = try PlayedGateway(broker.url) { came in
      [
        .init(
          topic: came.responseTopic, payload: [UInt8(came.payload.count & 255)],
          correlation: came.correlation)
      ]
    }
    var transport = try open(broker.url)
    for count in [73_728, 1, 0, 65_535] {
      let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      #expect(try ask(&transport, payload).body == [UInt8(count & 255)])
      #expect(gateway.messages.last?.payload == payload)
    }
    #expect(Set(gateway.messages.map(\.correlation)).count == 4)
    gateway.end()
  }

  /// Whoever may publish to the answers' topic, and does not know what was asked.
  @Test func answersOfStrangersAreIgnoredAndCounted() throws {
    let broker = try Broker()
    let gateway = try PlayedGateway(broker.url) { came in
      let right = came.correlation
      return [
        .init(topic: came.responseTopic, payload: [1], correlation: []),
        .init(topic: came.responseTopic, payload: [2], correlation: Array(right.dropLast())),
        .init(topic: came.responseTopic, payload: [3], correlation: right.reversed()),
        .init(topic: topics + "answer", payload: [4], correlation: right),
        .init(topic: came.responseTopic, payload: [5], correlation: right, status: 7),
        .init(topic: came.responseTopic, payload: [9], correlation: right),
      ]
    }
    var transport = try open(broker.url)
    #expect(try ask(&transport).body == [9])
    #expect(transport.ignoredCount == 5)
    gateway.end()
  }

  @Test func aSecondAnswerToTheSameRequestIsNotTheNextOnes() throws {
    let broker = try Broker()
    let gateway = try PlayedGateway(broker.url) { echo($0) + echo($0) }
    var transport = try open(broker.url)
    for number: UInt8 in 0..<5 { #expect(try ask(&transport, [number]).body == [number]) }
    gateway.end()
  }

  @Test func anAnswerThatIsTooLargeIsRefused() throws {
    let broker = try Broker()
    let gateway = try PlayedGateway(broker.url, answers: echo)
    var transport = try open(broker.url)
    #expect(throws: MQTTFailure.replyTooLarge) {
      _ = try ask(&transport, [UInt8](repeating: 1, count: 101), replyByteCount: 100)
    }
    // The next request is a new one, and an answer may fill its room.
    #expect(try ask(&transport, [5]).body == [5])
    let whole = [UInt8](repeating: 2, count: 100)
    #expect(try ask(&transport, whole, replyByteCount: 100).body == whole)
    gateway.end()
  }

  /// A broker keeps to what a client says that it takes.
  @Test func anAnswerAboveThePacketLimitNeverComes() throws {
    let broker = try Broker()
    let gateway = try PlayedGateway(broker.url) { came in
      [
        .init(
          topic: came.responseTopic, payload: [UInt8](repeating: 0, count: 60_000),
          correlation: came.correlation),
        .init(topic: came.responseTopic, payload: [6], correlation: came.correlation),
      ]
    }
    var transport = try open(broker.url)
    // The one that is too large would have come first, and would count as ignored.
    #expect(try ask(&transport).body == [6])
    #expect(transport.droppedCount == 0)
    gateway.end()
  }

  /// Bytes after a connection was asked for: properties that MQTT 5 does not have, too many, cut off, and no packet at
  /// all. libmosquitto answers some of them with an assertion that fails.
  @Test(arguments: [
    [0x20, 5, 0, 0, 2, 0x7e, 0], [0x20, 6, 0, 0, 3, 0xff, 0xff, 0xff], [0x20, 4, 0, 0, 9, 0x1f],
    [0x20, 0xff, 0xff, 0xff, 0xff, 0x7f], [0x00, 0], [0xf0, 3, 1, 0xff, 0xff], [0x20, 1, 0],
    [0x30, 9, 0, 1, 0x61, 3, 0xff, 0xff, 0xff, 1, 1], [0xe0, 4, 0, 2, 0x7f, 0x7f],
  ])
  func bytesThatAreNoPacketEndTheRequestAndNotTheProgram(_ bytes: [UInt8]) throws {
    let impostor = try Impostor(bytes)
    var transport = try open("mqtt://127.0.0.1:\(impostor.port)")
    var failure: MQTTFailure?
    do throws(MQTTFailure) { _ = try ask(&transport) } catch { failure = error }
    #expect(failure == .brokenPacket || failure == .interrupted, "\(String(describing: failure))")
    #expect(transport.idleDescriptor == nil)
    // The next one begins anew.
    #expect(throws: MQTTFailure.self) { _ = try ask(&transport) }
  }

  @Test func aBrokerWithoutAGatewaySaysSoAtOnce() throws {
    let broker = try Broker()
    var transport = try open(broker.url)
    #expect(throws: MQTTFailure.noGateway) { _ = try ask(&transport) }
  }

  @Test func whoDoesNotAnswerIsNotWaitedForLongerThanConfigured() throws {
    let broker = try Broker()
    let gateway = try PlayedGateway(broker.url) { _ in [] }
    var transport = try open(
      broker.url, timeouts: .init(connectMilliseconds: 60_000, totalMilliseconds: 1_500))
    #expect(throws: MQTTFailure.timedOut) { _ = try ask(&transport) }
    gateway.end()
  }

  @Test func withoutABrokerItSaysThatNobodyIsThere() throws {
    let broker = try Broker()
    broker.kill()
    var transport = try open(broker.url)
    #expect(throws: MQTTFailure.cannotConnect) { _ = try ask(&transport) }
  }

  @Test func aBrokerThatWasAwayIsFoundAgain() throws {
    let broker = try Broker()
    let gateway = try PlayedGateway(broker.url, answers: echo)
    var transport = try open(broker.url)
    #expect(try ask(&transport, [1]).body == [1])
    broker.kill()
    gateway.end()
    #expect(throws: MQTTFailure.cannotConnect) { _ = try ask(&transport, [2]) }
    #expect(transport.idleDescriptor == nil)
    try broker.start()
    let second = try PlayedGateway(broker.url, answers: echo)
    #expect(try ask(&transport, [3]).body == [3])
    #expect(transport.idleDescriptor != nil)
    second.end()
  }

  @Test func aReadableStopDescriptorEndsAWaitAtOnce() throws {
    let broker = try Broker()
    let pipe = Pipe()
    let gateway = try PlayedGateway(broker.url) { _ in
      // While it waits for the answer.
      pipe.fileHandleForWriting.write(Data([1]))
      return []
    }
    var transport = try open(broker.url, stop: pipe.fileHandleForReading.fileDescriptor)
    #expect(throws: MQTTFailure.stopped) { _ = try ask(&transport) }
    gateway.end()
  }

  // MARK: who may

  @Test func aBrokerThatRefusesTheLoginIsTold() throws {
    let broker = try Broker(settings: "allow_anonymous false")
    var transport = try open(broker.url, user: "somebody", password: "wrong")
    let failure = #expect(throws: MQTTFailure.self) { _ = try ask(&transport) }
    guard case .refused(let reason) = try #require(failure) else {
      Issue.record("\(String(describing: failure))")
      return
    }
    #expect(reason == 134 || reason == 135)
    #expect(failure.map { "\($0.explanation)".contains("password") } == true)
  }

  @Test func aBrokerThatKnowsTheLoginTakesIt() throws {
    let broker = try Broker(
      settings: "allow_anonymous false\npassword_file FOLDER/passwords",
      files: ["passwords": "roof:a secret\n"], hashing: "passwords")
    var transport = try open(broker.url, user: "roof", password: "a secret")
    #expect(throws: MQTTFailure.noGateway) { _ = try ask(&transport) }
    var other = try open(broker.url, user: "roof", password: "a secret!")
    #expect(throws: MQTTFailure.self) { _ = try ask(&other) }
  }

  @Test func whoMayNotPublishIsTold() throws {
    let broker = try Broker(
      settings: "allow_anonymous true\nacl_file FOLDER/acl",
      files: ["acl": "topic read cairn/v1/+/receipt\ntopic read cairn/v1/+/answer\n"])
    var transport = try open(broker.url)
    #expect(throws: MQTTFailure.publicationRefused(reason: 135)) { _ = try ask(&transport) }
  }

  // MARK: TLS

  @Test func aCertificateOfAnUnknownAuthorityIsRefusedAndAKnownOneTaken() throws {
    let certificate = try SelfSigned()
    let broker = try Broker(
      settings: "allow_anonymous true", listener: certificate.listenerLines)
    let url = "mqtts://127.0.0.1:\(broker.port)"
    var trusting = try open(url, authorities: certificate.path("cert.pem"))
    #expect(throws: MQTTFailure.noGateway) { _ = try ask(&trusting) }
    var doubting = try open(url)
    #expect(throws: MQTTFailure.certificateRefused) { _ = try ask(&doubting) }
    // Of another name: the certificate is for 127.0.0.1.
    var elsewhere = try open(
      "mqtts://localhost:\(broker.port)", authorities: certificate.path("cert.pem"))
    #expect(throws: MQTTFailure.self) { _ = try ask(&elsewhere) }
    var missing = try open(url, authorities: "/nowhere/at/all.pem")
    #expect(throws: MQTTFailure.authoritiesUnreadable) { _ = try ask(&missing) }
  }
}

/// A certificate for 127.0.0.1, made by openssl(1).
private final class SelfSigned {
  let folder = "/tmp/cairn-certificate-\(UInt32.random(in: 0 ... .max))"

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/openssl")
    process.arguments = [
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
      "30",
      "-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path("key.pem"),
      "-out", path("cert.pem"),
    ]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Broker.Problem(what: "openssl makes no certificate")
    }
  }

  deinit {
    // What stays behind in /tmp is no failure of what was tested.
    do { try FileManager.default.removeItem(atPath: folder) } catch {}
  }

  func path(_ name: String) -> String { folder + "/" + name }

  var listenerLines: String { "certfile \(path("cert.pem"))\nkeyfile \(path("key.pem"))" }
}
