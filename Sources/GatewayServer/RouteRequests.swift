import GatewayStore
import HTTPTypes
import Hummingbird
import Proofs

/// What routes read of a request in the same way.
extension Request {
  /// The offer that the request accepts best; the first where it says nothing.
  func negotiated(_ offers: [String]) throws(RequestProblem) -> String {
    guard let type = MediaType.preferred(of: offers, accept: headers[.accept]) else {
      throw RequestProblem(
        .notAcceptable, "This is here as " + offers.joined(separator: " or ") + ".")
    }
    return type
  }
}

extension GatewayRequestContext {
  /// A number in the path; nil when it is none.
  func number(_ name: String) -> UInt64? { parameters.get(name).flatMap { UInt64($0) } }

  /// The device that the path names by `id`.
  func device(in store: GatewayStore) throws -> Device {
    switch try store.device(named: parameters.get("id") ?? "") {
    case .found(let device): return device
    case .unknown: throw RequestProblem(.notFound, "No device with this id is known.")
    case .ambiguous: throw RequestProblem(.notFound, "More than one device begins like this.")
    case .malformed:
      throw RequestProblem(
        .badRequest,
        "A device's id is the SHA-256 of its key: 64 hexadecimal digits, or 16 at least.")
    }
  }
}

extension Router<GatewayRequestContext> {
  /// A path that is only read: GET is answered by `handler`, and other methods are refused with what is
  /// allowed. HEAD is a GET without its body.
  func read(
    _ path: String,
    _ handler: @escaping @Sendable (Request, GatewayRequestContext) async throws -> Response
  ) {
    get(RouterPath(path)) { request, context in try await handler(request, context) }
    head(RouterPath(path)) { request, context in
      let whole = try await handler(request, context)
      var headers = whole.headers
      headers[.contentLength] = whole.body.contentLength.map { String($0) }
      return Response(status: whole.status, headers: headers, body: .init())
    }
    for method in [.post, .put, .delete, .patch] as [HTTPRequest.Method] {
      on(RouterPath(path), method: method) { _, _ -> Response in
        throw RequestProblem(.methodNotAllowed, "This is only read.", allow: "GET, HEAD")
      }
    }
  }

  /// Refuses the other methods at a path that answers these, and says so.
  func refuseOthers(at path: String, than allowed: [HTTPRequest.Method], _ detail: String) {
    let all: [HTTPRequest.Method] = [.get, .post, .put, .delete, .patch]
    for method in all where !allowed.contains(method) {
      on(RouterPath(path), method: method) { _, _ -> Response in
        throw RequestProblem(
          .methodNotAllowed, detail, allow: allowed.map(\.rawValue).joined(separator: ", "))
      }
    }
  }
}
