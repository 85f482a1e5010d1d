import CLibCurl
import FixedMemory
import Foundation
import Testing

@testable import HTTPSTransport

/// A posted answer, copied out of the buffers.
struct Answer: Equatable {
  var status: Int
  var body: [UInt8]
  var retryAfterSeconds: UInt32?
  var contentType: String

  var text: String { String(decoding: body, as: UTF8.self) }
}

/// Long enough for a busy machine: where an answer is expected, time decides nothing.
let patient = HTTPSTransport.Timeouts(connectMilliseconds: 30_000, totalMilliseconds: 60_000)
/// Short, where nothing is expected to come.
let hasty = HTTPSTransport.Timeouts(
  connectMilliseconds: 30_000, totalMilliseconds: 1_000, lowSpeedSeconds: 30)

func open(
  _ address: String, authorities: String = "", timeouts: HTTPSTransport.Timeouts = patient,
  allowsPlainHTTP: Bool = false, stopDescriptor: Int32? = nil
) throws(HTTPSTransport.Failure) -> HTTPSTransport {
  let (address, authorities) = (Array(address.utf8), Array(authorities.utf8))
  return try HTTPSTransport(
    gateway: address.span, authorities: authorities.span, userAgent: "cairn-test/1",
    timeouts: timeouts, allowsPlainHTTP: allowsPlainHTTP, stopDescriptor: stopDescriptor)
}

func post(
  _ transport: inout HTTPSTransport, _ body: [UInt8] = [1, 2, 3], replyByteCount: Int = 4_096
) throws(HTTPSTransport.Failure) -> Answer {
  var reply = [UInt8](repeating: 0xee, count: replyByteCount)
  var span = reply.mutableSpan
  let response = try transport.post(
    path: "/v1/batches", body: body.span, contentType: "application/cbor",
    accept: "application/cose; cose-type=\"cose-sign1\"", into: &span)
  var type: [UInt8] = []
  for index in response.contentType.indices { type.append(response.contentType[index]) }
  return Answer(
    status: response.status, body: Array(reply[0..<response.byteCount]),
    retryAfterSeconds: response.retryAfterSeconds,
    contentType: String(decoding: type, as: UTF8.self))
}

/// The failure of one post, or nil when it is answered.
func failure(
  _ address: String, authorities: String = "", timeouts: HTTPSTransport.Timeouts = patient,
  replyByteCount: Int = 4_096
) -> HTTPSTransport.Failure? {
  do throws(HTTPSTransport.Failure) {
    var transport = try open(address, authorities: authorities, timeouts: timeouts)
    _ = try post(&transport, replyByteCount: replyByteCount)
    return nil
  } catch {
    return error
  }
}

@Suite struct PlainAnswers {
  let server: PeculiarServer
  init() throws { server = try PeculiarServer() }
  func address(_ what: String) -> String { "http://127.0.0.1:\(server.port)/\(what)" }
  func answer(_ what: String, _ body: [UInt8] = [1, 2, 3]) throws -> Answer {
    var transport = try open(address(what))
    return try post(&transport, body)
  }

  @Test func aReceiptComesBackWithItsTypeAndBytes() throws {
    let answer = try answer("receipt")
    #expect(
      answer
        == Answer(
          status: 200, body: [0xd2, 0x84, 1, 2, 3], retryAfterSeconds: nil,
          contentType: "application/cose; cose-type=\"cose-sign1\""))
  }

  @Test func theRequestIsWhatTheProtocolSays() throws {
    let text = try answer("request", [UInt8](repeating: 7, count: 73_728)).text
    #expect(
      text == """
        POST /request/v1/batches
        accept: application/cose; cose-type="cose-sign1"
        content-length: 73728
        content-type: application/cbor
        host: 127.0.0.1:\(server.port)
        user-agent: cairn-test/1

        """)
  }

  @Test func anEmptyBodyIsPostedAsOne() throws {
    #expect(try answer("request", []).text.contains("content-length: 0\n"))
    #expect(try answer("receipt", []).body == [0xd2, 0x84])
  }

  @Test func aLoginPageIsToldWithItsType() throws {
    let answer = try answer("html")
    #expect(answer.status == 200)
    #expect(answer.contentType == "text/html")
  }

  @Test func redirectsAreAnswersAndNotFollowed() throws {
    #expect(try answer("redirect").status == 307)
  }

  @Test func retryAfterIsReadInSecondsOnly() throws {
    #expect(try answer("busy").retryAfterSeconds == 17)
    #expect(try answer("busy").status == 503)
    #expect(try answer("busy-date").retryAfterSeconds == nil)
    #expect(try answer("busy-huge").retryAfterSeconds == nil)
  }

  @Test func answersWithoutBodyAndInterimAnswersAreRead() throws {
    #expect(try answer("empty").status == 204)
    #expect(try answer("continue").text == "ok")
    #expect(try answer("long-type").contentType == "")
  }

  @Test func oneConnectionServesManyPosts() throws {
    var transport = try open(address("connection"))
    for _ in 0..<5 { #expect(try post(&transport).text == "1") }
  }

  @Test func aConnectionThatTheServerClosedIsOpenedAnew() throws {
    var transport = try open(address("close-after"))
    for number in 1...3 { #expect(try post(&transport).text == "\(number)") }
  }

  @Test func theReplyBoundHoldsForEveryLength() throws {
    for count in [0, 1, 99, 100] {
      var transport = try open(address("exact/\(count)"))
      #expect(try post(&transport, replyByteCount: 100).body.count == count)
    }
    for count in [101, 4_096, 1_000_000] {
      #expect(failure(address("exact/\(count)"), replyByteCount: 100) == .replyTooLarge)
    }
  }

  @Test func endlessAnswersAreCut() {
    #expect(failure(address("large-chunked")) == .replyTooLarge)
    #expect(failure(address("headers")) == .replyTooLarge)
  }

  @Test func aServerThatNeverAnswersIsLeft() {
    #expect(failure(address("never"), timeouts: hasty) == .timedOut)
    #expect(failure(address("silent-body"), timeouts: hasty) == .timedOut)
  }

  @Test func aTransferIsGivenUpWhileItsDescriptorIsReadable() throws {
    let asked = Pipe()
    let descriptor = asked.fileHandleForReading.fileDescriptor
    for what in ["never", "silent-body", "drip"] {
      asked.fileHandleForWriting.write(Data([1]))
      var transport = try open(address(what), stopDescriptor: descriptor)
      #expect(throws: HTTPSTransport.Failure.stopped) { _ = try post(&transport) }
      #expect(transport.detail.count > 0)
      // The byte is still there: who watches the descriptor too must see it.
      #expect(asked.fileHandleForReading.availableData == Data([1]))
    }
  }

  @Test func aTransportThatWasStoppedPostsAgain() throws {
    let asked = Pipe()
    asked.fileHandleForWriting.write(Data([1]))
    var transport = try open(
      address("receipt"), stopDescriptor: asked.fileHandleForReading.fileDescriptor)
    // The answer may be faster than the look at the descriptor.
    do { _ = try post(&transport) } catch { #expect(error == .stopped) }
    #expect(asked.fileHandleForReading.availableData == Data([1]))
    for _ in 0..<3 { #expect(try post(&transport).status == 200) }
  }

  @Test func aTransferThatDripsIsLeft() {
    let timeouts = HTTPSTransport.Timeouts(
      connectMilliseconds: 30_000, totalMilliseconds: 50_000, lowSpeedSeconds: 1)
    #expect(failure(address("drip"), timeouts: timeouts) == .timedOut)
  }

  @Test func aConnectionThatEndsWithinTheAnswerIsAnInterruption() {
    #expect(failure(address("cut")) == .interrupted)
    #expect(failure(address("close")) == .interrupted)
  }

  @Test func whatDoesNotSpeakHTTPIsSaidToBeSo() {
    #expect(failure(address("noise")) == .notHTTP)
  }

  @Test func aFailureHasADetailAndTheNextSuccessHasNone() throws {
    var transport = try open(address("connection"))
    var counts: [Int] = []
    do { _ = try post(&transport, replyByteCount: 0) } catch {
      counts.append(transport.detail.count)
    }
    _ = try post(&transport)
    counts.append(transport.detail.count)
    #expect(counts.count == 2 && counts[0] > 0 && counts[1] == 0)
  }

  @Test func theEnvironmentsProxyIsIgnored() async throws {
    // In a process of its own: the environment is everybody's.
    let port = server.port
    await #expect(processExitsWith: .success) { [port = port as Int] in
      setenv("http_proxy", "http://127.0.0.1:1", 1)
      setenv("all_proxy", "http://127.0.0.1:1", 1)
      var transport = try open("http://127.0.0.1:\(port)/receipt")
      let status = try post(&transport).status
      precondition(status == 200)
    }
  }
}

@Test func aPortWhereNobodyListensCannotBeConnected() throws {
  // Bound, so that nobody else gets it, and never listening.
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  var size = socklen_t(MemoryLayout<sockaddr_in>.size)
  let bound = withUnsafeMutablePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
    }
  }
  try #require(bound)
  let port = UInt16(bigEndian: address.sin_port)
  #expect(failure("http://127.0.0.1:\(port)/x") == .cannotConnect)
}

@Test func aNameThatNobodyHasCannotBeResolved() {
  // Reserved by RFC 6761; without any network the look-up may end by its timeout instead.
  let result = failure("https://gateway.invalid", timeouts: patient)
  #expect(result == .cannotResolve || result == .resolveTimedOut)
}

@Test func nameLookUpsDoNotHoldTransfersUp() {
  #expect(HTTPSTransport.resolvesAsynchronously)
}

@Suite struct Certificates {
  @Test func theRightAuthorityIsTrusted() throws {
    let server = try PeculiarServer(.valid)
    for host in ["127.0.0.1", "localhost"] {
      var transport = try open(
        "https://\(host):\(server.port)/receipt", authorities: server.authorities)
      #expect(try post(&transport).status == 200)
    }
  }

  @Test func anUnknownAuthorityIsRefused() throws {
    let (server, other) = (try PeculiarServer(.valid), try PeculiarServer(.valid))
    let address = "https://127.0.0.1:\(server.port)/receipt"
    // 18: self-signed certificate. The system's authorities, then another's.
    #expect(failure(address) == .certificateRefused(reason: 18))
    let refused = failure(address, authorities: other.authorities)
    guard case .certificateRefused = refused else {
      Issue.record("not refused for its certificate: \(String(describing: refused))")
      return
    }
  }

  @Test func aCertificateForAnotherNameIsRefused() throws {
    let server = try PeculiarServer(.otherName)
    let refused = failure(
      "https://127.0.0.1:\(server.port)/receipt", authorities: server.authorities)
    guard case .certificateRefused = refused else {
      Issue.record("another name's certificate gave \(String(describing: refused))")
      return
    }
  }

  @Test func anOldTLSIsRefusedEvenWhereTheSystemAllowsIt() async throws {
    let server = try PeculiarServer(.tls11)
    let lax = server.folder.appendingPathComponent("lax.cnf")
    try Data(
      """
      openssl_conf = conf
      [conf]
      ssl_conf = ssl
      [ssl]
      system_default = lax
      [lax]
      MinProtocol = TLSv1
      CipherString = DEFAULT:@SECLEVEL=0
      """.utf8
    ).write(to: lax)
    let (configuration, port, authorities) = (lax.path, server.port, server.authorities)
    // In a process of its own, since OpenSSL reads this once.
    await #expect(processExitsWith: .success) {
      [
        configuration = configuration as String, port = port as Int,
        authorities = authorities as String
      ] in
      setenv("OPENSSL_CONF", configuration, 1)
      let refused = failure("https://127.0.0.1:\(port)/receipt", authorities: authorities)
      guard case .tlsFailed = refused else { exit(1) }
    }
  }

  @Test func plainHTTPOnTheHTTPSPortIsATLSFailure() throws {
    let server = try PeculiarServer()
    guard case .tlsFailed = failure("https://127.0.0.1:\(server.port)/noise") else {
      Issue.record("no TLS failure")
      return
    }
  }

  @Test func authoritiesThatCannotBeReadAreSaidToBeSo() throws {
    let server = try PeculiarServer(.valid)
    let address = "https://127.0.0.1:\(server.port)/receipt"
    #expect(failure(address, authorities: "/nonexistent.pem") == .authoritiesUnreadable)
    let empty = server.folder.appendingPathComponent("empty.pem")
    try Data("not a certificate".utf8).write(to: empty)
    #expect(failure(address, authorities: empty.path) == .authoritiesUnreadable)
  }
}
