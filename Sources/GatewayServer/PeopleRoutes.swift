import Foundation
import GatewayStore
import HTTPTypes
import Hummingbird
import Proofs
import Records

/// What people and their programs ask: devices, readings, logs, proofs.
struct PeopleRoutes: Sendable {
  let gateway: Gateway
  let now: @Sendable () -> Int64
  var store: GatewayStore { gateway.store }

  init(_ gateway: Gateway, now: @escaping @Sendable () -> Int64) {
    self.gateway = gateway
    self.now = now
  }

  func add(to router: Router<BasicRequestContext>) {
    router.get("/healthz") { _, _ in try self.health() }
  }

  private func health() throws -> Response {
    let counts = try store.counts()
    return Response.json(
      .object([
        ("status", .text("ok")), ("publicKey", .text(gateway.publicKey.bytes.hexadecimal)),
        ("devices", .integer(Int64(counts.devices))), ("batches", .integer(Int64(counts.batches))),
        ("forks", .integer(Int64(counts.forks))),
      ]))
  }
}

extension Response {
  static func json(_ value: JSONText) -> Response {
    Response(
      status: .ok, headers: [.contentType: MediaType.json, .cacheControl: "no-store"],
      body: .init(text: value.line + "\n"))
  }
}
