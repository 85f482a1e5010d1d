import FixedMemory
import Foundation
import MQTTTransport
import Proofs
import TestSupport
import Testing

/// A device's side of MQTT, played with the transport alone.
private struct Peer: ~Copyable {
  var transport: MQTTTransport

  init(_ broker: Broker, keyID: [UInt8]) throws {
    let url = Array(broker.url.utf8)
    let account = MQTTTransport.Account(address: try MQTTAddress(url.span, allowsPlain: false))
    transport = MQTTTransport(
      account: account,
      timeouts: .init(connectMilliseconds: 60_000, totalMilliseconds: 120_000))
    transport.use(keyID: keyID.span)
  }

  mutating func ask(_ topic: MQTTTopic, _ payload: [UInt8], type: StaticString) throws -> (
    status: Int, type: String, body: [UInt8]
  ) {
    var reply = [UInt8](repeating: 0, count: 8000)
    var span = reply.mutableSpan
    let response = try transport.request(topic, payload.span, contentType: type, into: &span)
    let contentType = response.contentType
    return (
      response.status,
      String(decoding: contentType.indices.map { contentType[$0] }, as: UTF8.self),
      Array(reply.prefix(response.byteCount))
    )
  }

  mutating func get(_ path: String) throws -> (status: Int, type: String, body: [UInt8]) {
    try ask(.get, Array(path.utf8), type: "text/plain")
  }
}

/// Publishes once whatever it is told to, as a stranger at the broker could.
private func publish(
  _ broker: Broker, topic: String, payload: [UInt8], response: String, correlation: [UInt8],
  isRetained: Bool = false
) throws {
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  let file = broker.folder + "/payload"
  try Data(payload).write(to: URL(filePath: file))
  process.arguments = [
    "python3", "-c", HandWritten.program, String(broker.port), topic, file, response,
    correlation.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(),
    isRetained ? "1" : "0",
  ]
  try process.run()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else { throw WrongAnswer(what: "nothing was published") }
}

/// MQTT 5 by hand, so that the bytes are what OASIS's standard says and not what our library makes of them.
private enum HandWritten {
  static let program = """
    import socket, sys
    port, topic, file, response, correlation, retained = sys.argv[1:]
    def text(s): b = s.encode(); return len(b).to_bytes(2, "big") + b
    def size(n):
        out = b""
        while True:
            n, low = n >> 7, n & 127
            out += bytes([low | (128 if n else 0)])
            if not n: return out
    def packet(first, body): return bytes([first]) + size(len(body)) + body
    def read(s):
        first = s.recv(1)[0]; count = shift = 0
        while True:
            b = s.recv(1)[0]; count |= (b & 127) << shift; shift += 7
            if b < 128: break
        body = b""
        while len(body) < count: body += s.recv(count - len(body))
        return first, body
    s = socket.create_connection(("127.0.0.1", int(port)), 60)
    s.sendall(packet(0x10, text("MQTT") + b"\\x05\\x02\\x00\\x3c\\x00" + text("stranger")))
    first, body = read(s); assert first == 0x20 and body[1] == 0, body
    properties = b""
    if response: properties += b"\\x08" + text(response)
    c = bytes.fromhex(correlation)
    if c: properties += b"\\x09" + len(c).to_bytes(2, "big") + c
    properties += b"\\x03" + text("application/cbor")
    payload = open(file, "rb").read()
    flags = 0x32 | (1 if retained == "1" else 0)
    s.sendall(packet(flags, text(topic) + b"\\x00\\x07" + size(len(properties)) + properties + payload))
    first, body = read(s); assert first == 0x40 and body[:2] == b"\\x00\\x07", (first, body)
    s.sendall(b"\\xe0\\x00")
    """
}

/// Whole programs around a broker of somebody else's.
@Suite(.serialized, .timeLimit(.minutes(30))) struct BrokerTests {
  private let folder: TemporaryFolder
  private let broker: Broker

  init() throws {
    folder = try TemporaryFolder()
    broker = try Broker()
  }

  private func gateway() throws -> GatewayProcess {
    try GatewayProcess(folder, ["--mqtt", broker.url])
  }

  /// Until the gateway listens at the broker, or does not.
  private func awaitBroker(_ gateway: GatewayProcess, _ wanted: String = "connected") async throws {
    for _ in 0..<60_000 {
      if try await gateway.json("/healthz")["broker"] as? String == wanted { return }
      usleep(1000)
    }
    throw WrongAnswer(what: "the gateway's broker is never \(wanted)")
  }

  private func metric(_ gateway: GatewayProcess, _ name: String) async throws -> Int {
    let text = String(decoding: try await gateway.get("/metrics").body, as: UTF8.self)
    for line in text.split(separator: "\n") where line.hasPrefix("cairn_gateway_" + name + " ") {
      return Int(line.split(separator: " ").last ?? "") ?? -1
    }
    throw WrongAnswer(what: "no \(name) in \(text)")
  }

  @Test func aNodeDeliversThroughABrokerThatIsKilledInBetween() async throws {
    let gateway = try gateway()
    try await awaitBroker(gateway)
    let key = try folder.publicKey
    let board = try Board()
    try board.run("cairn-uplink-mqtt", broker.url, key: key) { uplink in
      try uplink.awaitWords("has this node's enrolment")
      try uplink.awaitWords("delivered batch 0/0")
      broker.kill()
      try broker.start()
    }
    try await awaitBroker(gateway)
    // Its second start has another boot to tell of.
    try board.run("cairn-uplink-mqtt", broker.url, key: key) { uplink in
      try uplink.awaitWords("delivered batch ")
    }
    let cursor = try board.bytes(of: "uplink/cursor")
    // No receipt that the agent has not answered for: what was delivered is the spool's to use again.
    #expect(cursor[64] == 0 && cursor[6] > 0)
    #expect(try await gateway.json("/healthz")["batches"] as? Int ?? 0 >= 2)
    #expect(try await metric(gateway, "broker_connections_total") >= 2)
    #expect(gateway.stop() == 0)
  }

  @Test func aGatewayThatComesLaterGetsEverything() async throws {
    let first = try gateway()
    let key = try folder.publicKey
    #expect(first.stop() == 0)
    let board = try Board()
    try board.run("cairn-uplink-mqtt", broker.url, key: key) { uplink in
      try uplink.awaitWords("no gateway listens at it")
    }
    let gateway = try gateway()
    try await awaitBroker(gateway)
    try board.run("cairn-uplink-mqtt", broker.url, key: key) { uplink in
      try uplink.awaitWords("delivered batch 0/0")
    }
    #expect(gateway.stop() == 0)
  }

  @Test func theSameRoutesAnswerOverBothAndARepeatGetsTheSameReceipt() async throws {
    let gateway = try gateway()
    try await awaitBroker(gateway)
    let device = try TestDevice(seed: 9)
    var peer = try Peer(broker, keyID: device.keyID)
    let (batch, enrolment) = (try device.next(), try device.enrolment())

    let unknown = try peer.ask(.batch, batch, type: "application/cbor")
    #expect(unknown.status == 422)
    #expect(unknown.type == "application/concise-problem-details+cbor")
    let overHTTP = try await gateway.post("/v1/batches", batch, type: "application/cbor")
    #expect(overHTTP.status == 422 && overHTTP.body == unknown.body)

    let cose: StaticString = "application/cose; cose-type=\"cose-sign1\""
    #expect(try peer.ask(.device, enrolment, type: cose).status == 201)
    #expect(try peer.ask(.device, enrolment, type: cose).status == 200)
    let receipt = try peer.ask(.batch, batch, type: "application/cbor")
    #expect(receipt.status == 200)
    #expect(receipt.type == "\(cose)")
    #expect(try peer.ask(.batch, batch, type: "application/cbor").body == receipt.body)
    #expect(
      try await gateway.post("/v1/batches", batch, type: "application/cbor").body == receipt.body)
    let other = try peer.ask(.batch, batch, type: "text/plain")
    #expect(other.status == 415)

    let head = try peer.get("/v1/devices/\(device.name)/head")
    #expect(head.status == 200 && head.type == "\(cose)")
    #expect(try peer.get("/v1/devices/\(device.name)/enrolment").body == enrolment)
    #expect(try peer.get("/v1/challenge?region=EU868").status == 200)
    #expect(try peer.get("/v1/log/head").status == 200)
    #expect(try peer.get("/v1/log/proof?first=1").status == 200)
    #expect(try peer.get("/v1/keys").type == "application/cbor")
    // What is for people stays with HTTP: what one node measures is not read by another one here.
    for path in [
      "/v1/devices", "/metrics", "/", "", "/v1/devices/../../metrics", "/v1/keys x",
      "/v1/devices/\(device.name)/readings", "/v1/devices/\(device.name)/log?limit=1",
      "/v1/devices/\(device.name)", "/v1/devices/\(device.name)/batches/0/1",
      "/v1/devices/\(device.name)/forks", "/v1/keysmith", "/v1/log/find",
    ] {
      let refused = try peer.get(path)
      #expect(refused.status == 404, "\(path)")
      #expect(refused.type == "application/concise-problem-details+cbor")
    }
    #expect(gateway.stop() == 0)
  }

  @Test func aBatchAboveTheLimitIsRefusedWithItsReason() async throws {
    let gateway = try gateway()
    try await awaitBroker(gateway)
    var peer = try Peer(broker, keyID: try TestDevice(seed: 9).keyID)
    let large = [UInt8](repeating: 0, count: 100_000)
    #expect(try peer.ask(.batch, large, type: "application/cbor").status == 413)
    #expect(gateway.stop() == 0)
  }

  @Test func whatIsNoRequestIsCountedAndAnsweredNowhere() async throws {
    let own = "cairn/v1/00112233445566aa/"
    // Kept by the broker before any gateway is there, and while one is.
    try publish(
      broker, topic: own + "batch", payload: [1], response: own + "receipt", correlation: [1],
      isRetained: true)
    let gateway = try gateway()
    try await awaitBroker(gateway)
    // Another's topic, none at all, the other kind's, somewhere else.
    for response in ["cairn/v1/ffffffffffffffff/receipt", "", own + "answer", "$SYS/x", "a/b"] {
      try publish(
        broker, topic: own + "batch", payload: [1], response: response, correlation: [1])
    }
    try publish(
      broker, topic: own + "batch", payload: [1], response: own + "receipt", correlation: [])
    try publish(
      broker, topic: own + "batch", payload: [1], response: own + "receipt",
      correlation: [UInt8](repeating: 1, count: 65))
    for key in ["00112233445566AA", "0011", "00112233445566ax"] {
      try publish(
        broker, topic: "cairn/v1/\(key)/get", payload: [1], response: "cairn/v1/\(key)/answer",
        correlation: [1])
    }
    try publish(
      broker, topic: own + "batch", payload: [1], response: own + "receipt", correlation: [1])
    for _ in 0..<60_000 {
      if try await metric(gateway, "broker_requests_total{topic=\"batch\"}") == 1 { break }
      usleep(1000)
    }
    #expect(try await metric(gateway, "broker_ignored_total{reason=\"response-topic\"}") == 5)
    #expect(try await metric(gateway, "broker_ignored_total{reason=\"correlation\"}") == 2)
    #expect(try await metric(gateway, "broker_ignored_total{reason=\"topic\"}") == 3)
    #expect(try await metric(gateway, "broker_answers_total{result=\"given\"}") == 1)
    #expect(gateway.stop() == 0)
  }

  @Test func twoGatewaysBehindOneBrokerShareTheRequests() async throws {
    let other = try TemporaryFolder()
    let (first, second) = (try gateway(), try GatewayProcess(other, ["--mqtt", broker.url]))
    try await awaitBroker(first)
    try await awaitBroker(second)
    var peer = try Peer(broker, keyID: try TestDevice(seed: 9).keyID)
    for _ in 0..<10 { #expect(try peer.get("/v1/log/head").status == 200) }
    let name = "broker_requests_total{topic=\"get\"}"
    let counts = (try await metric(first, name), try await metric(second, name))
    #expect(counts.0 + counts.1 == 10)
    #expect(peer.transport.ignoredCount == 0)
    #expect(first.stop() == 0)
    #expect(second.stop() == 0)
  }

  // MARK: refused before anything is sent

  private func said(_ program: String, url: String) throws -> (status: Int32, words: String) {
    let site = folder.path + "/site.ini"
    try "[gateway]\nurl = \(url)\n".write(toFile: site, atomically: true, encoding: .utf8)
    try FileManager.default.createDirectory(
      atPath: folder.path + "/uplink", withIntermediateDirectories: true)
    let uplink = try BoardProcess(
      program, ["--config", site, "--state", folder.path, "--run", folder.path])
    return try uplink.end()
  }

  @Test(arguments: [
    ("cairn-uplink-mqtt", "https://gateway.example", "enable cairn-uplink-https"),
    ("cairn-uplink-https", "mqtts://broker.example", "enable cairn-uplink-mqtt"),
    ("cairn-uplink-mqtt", "mqtt://192.0.2.1", "mqtt:// lets anyone on the way read along"),
  ])
  func anUplinkRefusesWhatIsNotItsOwn(_ program: String, _ url: String, _ words: String) throws {
    let end = try said(program, url: url)
    #expect(end.status == 78)
    #expect(end.words.contains(words), "\(end.words)")
  }

  @Test(arguments: ["mqtt://192.0.2.1:1883", "https://broker.example", "mqtts://a/b"])
  func aGatewayRefusesABrokerThatItMayNotUse(_ url: String) throws {
    let end = try GatewayProgram.run([
      "serve", "--data", folder.path, "--listen", "127.0.0.1:0", "--mqtt", url,
    ])
    #expect(end.status == 78, "\(end.words)")
  }
}
