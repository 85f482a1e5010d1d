import CBOR
import FixedMemory
import Records
import Testing

@testable import Delivery

private let receipt: [UInt8] = bytes("d2 84 41 00 a0 41 00 41 00")

private func event(
  _ status: Int, _ type: MediaType, _ body: [UInt8], retryAfter: UInt32? = nil
) -> Machine.Event {
  GatewayAnswer(status: status, mediaType: type, retryAfterSeconds: retryAfter, body: body.span)
    .toBatch()
}

private func mediaType(_ value: String) -> MediaType {
  MediaType(parsing: Array(value.utf8).span)
}

@Test func onlyA200WithAReceiptIsAReceipt() {
  #expect(event(200, .receipt, receipt) == .accepted)
  for status in [0, 100, 201, 202, 204, 206, 226, 299] {
    #expect(
      event(status, .receipt, receipt) == .failed(.notAGateway(status: UInt16(status))))
  }
  // A captive portal.
  let page = Array("<html><body>Welcome to the harbour's network</body></html>".utf8)
  #expect(event(200, .other, page) == .failed(.notAGateway(status: 200)))
  #expect(event(200, .receipt, page) == .failed(.notAGateway(status: 200)))
  for type in [MediaType.other, .cbor, .problem] {
    #expect(event(200, type, receipt) == .failed(.notAGateway(status: 200)))
  }
}

@Test func bytesThatCannotBeAReceiptAreNone() {
  for count in 0..<4 {
    #expect(event(200, .receipt, Array(receipt[0..<count])) == .failed(.notAGateway(status: 200)))
  }
  for index in 0..<3 {
    for bit in 0..<8 {
      var flipped = receipt
      flipped[index] ^= 1 << UInt8(bit)
      let isStillOne = index == 2 && bit < 5
      #expect((event(200, .receipt, flipped) == .accepted) == isStillOne)
    }
  }
  let longest = receipt + [UInt8](repeating: 0, count: 512 - receipt.count)
  #expect(event(200, .receipt, longest) == .accepted)
  #expect(event(200, .receipt, longest + [0]) == .failed(.notAGateway(status: 200)))
}

@Test func everyReasonCodeHasItsEvent() {
  for raw in UInt16.min ... .max where raw < 100 || raw > 65_500 {
    let expectation = ProblemDetails.Expectation(position: at(3, 4), size: 5)
    let plain = encoded(ProblemDetails(code: raw))
    let located = encoded(ProblemDetails(code: raw, expectation: expectation))
    let delayed = encoded(ProblemDetails(code: raw, retryAfterSeconds: 9))
    // The reason decides, whatever the status says.
    for status in [400, 409, 422, 500, 503, 599] {
      switch RefusalCode(rawValue: raw) {
      case .gap:
        #expect(event(status, .problem, located) == .gap(expected: at(3, 4), size: 5))
        #expect(event(status, .problem, plain) == .failed(.contradiction))
      case .closedEpoch:
        #expect(event(status, .problem, located) == .closedEpoch(expected: at(3, 4), size: 5))
        #expect(event(status, .problem, plain) == .refused(code: raw))
      case .fork: #expect(event(status, .problem, plain) == .forked)
      case .unknownKey: #expect(event(status, .problem, plain) == .unknownKey)
      case .rateLimited, .storageFull, .unavailable:
        #expect(event(status, .problem, plain) == .tryLater(afterSeconds: nil))
        #expect(event(status, .problem, delayed) == .tryLater(afterSeconds: 9))
        #expect(
          event(status, .problem, delayed, retryAfter: 7) == .tryLater(afterSeconds: 9))
        #expect(event(status, .problem, plain, retryAfter: 7) == .tryLater(afterSeconds: 7))
      default: #expect(event(status, .problem, plain) == .refused(code: raw))
      }
    }
    #expect(event(200, .problem, located) == .failed(.notAGateway(status: 200)))
  }
}

@Test func anAnswerWithoutAReasonIsNeverARefusalOfABatch() {
  let page = Array("<html>".utf8)
  for status in 100...999 {
    let expected: Machine.Event =
      switch status {
      case 413: .refused(code: 3)
      case 429, 503: .tryLater(afterSeconds: 30)
      case 408, 425, 500...599: .failed(.gatewayError(status: UInt16(status)))
      default: .failed(.notAGateway(status: UInt16(status)))
      }
    #expect(event(status, .other, page, retryAfter: 30) == expected)
    // A problem that is none: another's RFC 9290 map without our reason.
    #expect(event(status, .problem, bytes("a1 20 61 78"), retryAfter: 30) == expected)
  }
  #expect(event(.max, .other, []) == .failed(.notAGateway(status: .max)))
  #expect(event(.min, .other, []) == .failed(.notAGateway(status: 0)))
}

@Test func aKeyIsTakenOnlyWhenTheAnswerNamesIt() {
  var hash = FixedBytes<32>()
  for index in 0..<32 { hash[index] = UInt8(index) }
  let node = [UInt8](repeating: 7, count: 32)
  let named = bytes("84 01 58 20") + (0..<32).map { UInt8($0) }
  let body = named + bytes("58 20") + node + bytes("18 2a")
  func key(_ status: Int, _ type: MediaType, _ body: [UInt8]) -> Machine.Event {
    GatewayAnswer(status: status, mediaType: type, retryAfterSeconds: nil, body: body.span)
      .toKey(keyHash: hash)
  }
  #expect(key(200, .cbor, body) == .enrolled)
  #expect(key(201, .cbor, body) == .enrolled)
  #expect(key(202, .cbor, body) == .failed(.notAGateway(status: 202)))
  #expect(key(200, .other, body) == .failed(.notAGateway(status: 200)))
  // Which node and version it is, is the gateway's to say; whose key it took, is not.
  for bit in 0..<(named.count * 8) {
    var flipped = body
    flipped[bit / 8] ^= 1 << UInt8(bit % 8)
    #expect(key(200, .cbor, flipped) == .failed(.notAGateway(status: 200)))
  }
  for count in 0..<body.count {
    #expect(key(200, .cbor, Array(body[0..<count])) == .failed(.notAGateway(status: 200)))
  }
  #expect(key(200, .cbor, body + [0]) == .failed(.notAGateway(status: 200)))
  #expect(
    key(403, .problem, encoded(ProblemDetails(code: 24))) == .refused(code: 24))
  #expect(key(422, .problem, encoded(ProblemDetails(code: 20))) == .refused(code: 20))
  #expect(
    key(409, .problem, encoded(ProblemDetails(code: 41))) == .refused(code: 41))
  #expect(
    key(503, .problem, encoded(ProblemDetails(code: 62, retryAfterSeconds: 3)))
      == .tryLater(afterSeconds: 3))
}

/// Whatever comes, the event belongs to the state that asked: the network cannot stop the uplink.
@Test func noAnswerIsAnEventThatTheMachineHasNoPlaceFor() {
  for raw in UInt16.min ... .max where raw < 100 {
    for status in [200, 201, 302, 403, 413, 422, 500, 503] {
      let expectation = ProblemDetails.Expectation(position: at(0, 1), size: 0)
      let body = encoded(ProblemDetails(code: raw, expectation: expectation))
      for type in [MediaType.receipt, .problem, .cbor, .other] {
        let answer = GatewayAnswer(
          status: status, mediaType: type, retryAfterSeconds: nil, body: body.span)
        var sending = Route.to("sending")
        #expect(sending.transition(answer.toBatch(), 0) != nil)
        var enrolling = Route.to("enrolling")
        #expect(enrolling.transition(answer.toKey(keyHash: FixedBytes()), 0) != nil)
      }
    }
  }
}

@Test func mediaTypesAreReadAsRFC9110Says() {
  for value in [
    "application/cose; cose-type=\"cose-sign1\"", "application/cose;cose-type=cose-sign1",
    "Application/COSE ; COSE-Type=\"cose-sign1\"", "application/cose", "application/cose;",
    "application/cose; charset=x; cose-type=cose-sign1", " application/cose\t",
  ] {
    #expect(mediaType(value) == .receipt, "\(value)")
  }
  #expect(mediaType("application/concise-problem-details+cbor; charset=utf-8") == .problem)
  #expect(mediaType("application/cbor") == .cbor)
  #expect(mediaType("APPLICATION/CBOR;x=y") == .cbor)
  for value in [
    "", ";", "text/html", "application/cose; cose-type=\"cose-mac0\"", "application/cosed",
    "application/cose; cose-type=", "application/cose; cose-type", "application/cbor+x",
    "application/cose; cose-type=cose-sign1; cose-type=cose-sign", "a;;;;;", "application /cbor",
  ] {
    let expected: MediaType = value == "application/cose; cose-type" ? .receipt : .other
    #expect(mediaType(value) == expected, "\(value)")
  }
}

@Test func theLargestResumedBatchFitsARequest() {
  // [count, hash]: array 1, count up to 9, hash 2 + 32.
  #expect(65_536 + 2 * 63 * (1 + 9 + 2 + 32) <= GatewayAnswer.maximumRequestByteCount)
  #expect(GatewayAnswer.maximumRequestByteCount % 4_096 == 0)
  #expect(ProblemDetails.maximumByteCount <= GatewayAnswer.maximumByteCount)
}
