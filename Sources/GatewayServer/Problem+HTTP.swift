import GatewayStore
import HTTPTypes
import Hummingbird
import Records

/// How problems go out: RFC 9290 CBOR to devices, RFC 9457 JSON to people.
extension Problem {
  /// What both the JSON problem and the event line say.
  var jsonMembers: [(String, JSONText)] {
    var members: [(String, JSONText)] = [
      ("code", .unsigned(UInt64(code.rawValue))), ("name", .text("\(code.name)")),
      ("meaning", .text("\(code.meaning)")), ("detail", detail.map { .text($0) } ?? .null),
    ]
    if let expected {
      members.append(
        (
          "expected",
          .object([
            ("epoch", .unsigned(expected.epoch)), ("batch", .unsigned(expected.batch)),
            ("size", .unsigned(expected.size)),
          ])
        ))
    }
    if let retryAfterSeconds {
      members.append(("retryAfterSeconds", .unsigned(retryAfterSeconds)))
    }
    if let evidence {
      members.append(
        (
          "evidence",
          .object([
            ("held", .text(evidence.held.hexadecimal)), ("sent", .text(evidence.sent.hexadecimal)),
          ])
        ))
    }
    return members
  }

  /// The answer to a request that was refused with a reason code.
  func response(asJSON: Bool) -> Response {
    let status = HTTPResponse.Status(code: Int(code.httpStatus))
    var headers: HTTPFields = [.cacheControl: "no-store"]
    if let retryAfterSeconds { headers[.retryAfter] = String(retryAfterSeconds) }
    if asJSON {
      let body = JSONText.object(
        [
          ("type", .text("about:blank")), ("title", .text("\(code.name)")),
          ("status", .integer(Int64(code.httpStatus))),
        ] + jsonMembers)
      headers[.contentType] = MediaType.problemJSON
      return Response(status: status, headers: headers, body: .init(text: body.line + "\n"))
    }
    headers[.contentType] = MediaType.conciseProblem
    return Response(status: status, headers: headers, body: .init(bytes: conciseDetails))
  }
}

/// A problem of a request that is not about a batch or a key: no reason code. JSON, or CBOR where a device
/// asks.
struct RequestProblem: Error {
  let status: HTTPResponse.Status
  let detail: String
  var allow: String?
  var retryAfterSeconds: UInt64?

  init(
    _ status: HTTPResponse.Status, _ detail: String, allow: String? = nil,
    retryAfterSeconds: UInt64? = nil
  ) {
    self.status = status
    self.detail = detail
    self.allow = allow
    self.retryAfterSeconds = retryAfterSeconds
  }

  /// A device names the concise form; people and browsers do not.
  static func wantsCBOR(_ request: Request) -> Bool {
    let offers = [MediaType.problemJSON, MediaType.json, MediaType.html, MediaType.conciseProblem]
    return MediaType.preferred(of: offers, accept: request.headers[.accept])
      == MediaType.conciseProblem
  }

  func response(to request: Request) -> Response {
    var headers: HTTPFields = [.cacheControl: "no-store"]
    if let allow { headers[.allow] = allow }
    if let retryAfterSeconds { headers[.retryAfter] = String(retryAfterSeconds) }
    if Self.wantsCBOR(request) {
      headers[.contentType] = MediaType.conciseProblem
      return Response(
        status: status, headers: headers,
        body: .init(
          bytes: Problem.conciseDetails(title: status.reasonPhrase, detail: detail)))
    }
    let body = JSONText.object([
      ("type", .text("about:blank")), ("title", .text(status.reasonPhrase)),
      ("status", .integer(Int64(status.code))), ("detail", .text(detail)),
    ])
    headers[.contentType] = MediaType.problemJSON
    return Response(status: status, headers: headers, body: .init(text: body.line + "\n"))
  }
}

extension ResponseBody {
  init(text: String) { self.init(byteBuffer: ByteBuffer(string: text)) }
  init(bytes: [UInt8]) { self.init(byteBuffer: ByteBuffer(bytes: bytes)) }
}
