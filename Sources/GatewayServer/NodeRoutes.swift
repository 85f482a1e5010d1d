import Foundation
import GatewayStore
import HTTPTypes
import Hummingbird
import Proofs

/// What a node said of itself, and that its log only grew (docs/gateway.md, "HTTP").
struct NodeRoutes: Sendable {
  private let store: GatewayStore

  init(_ gateway: Gateway) { store = gateway.store }

  func add(to router: Router<GatewayRequestContext>) {
    router.read("/v1/devices/{id}/enrolment") { try self.enrolment($0, $1) }
    router.read("/v1/devices/{id}/enrolments") { try self.enrolments($0, $1) }
    router.read("/v1/devices/{id}/proof") { try self.proof($0, $1) }
  }

  /// The device's own signature stands in it: a device that was restored learns its version from it.
  private func enrolment(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
    _ = try QueryReader(request, allowed: [])
    let type = try request.negotiated([MediaType.cose])
    guard let message = try store.newestEnrolment(of: context.device(in: store)) else {
      throw RequestProblem(.notFound, "This key was taken before there were enrolments.")
    }
    return .bytes(message, type: type)
  }

  private func enrolments(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
    let query = try QueryReader(request, allowed: ["after", "limit"])
    _ = try request.negotiated([MediaType.json])
    let device = try context.device(in: store)
    let after = try query.number("after", in: 0...Int.max) ?? 0
    let limit = try query.number("limit", in: 1...GatewayStore.maximumEnrolmentCount) ?? 100
    let found = try store.enrolments(ofNodeOf: device, after: Int64(after), limit: limit + 1)
    let shown = found.prefix(limit)
    let next = found.count > limit ? shown.last?.place : nil
    let node = try store.overview(of: device).node
    return .json(
      .object([
        ("node", node.map { .text($0.node.hexadecimal) } ?? .null),
        ("owner", node?.owner.map { .text($0.bytes.hexadecimal) } ?? .null),
        ("enrolments", .array(shown.map { LogJSON.enrolment($0) })),
        ("next", next.map { .integer($0) } ?? .null),
      ]))
  }

  private func proof(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
    let query = try QueryReader(request, allowed: ["epoch", "first", "second"])
    let type = try request.negotiated([MediaType.cose])
    let device = try context.device(in: store)
    guard let first = try query.unsigned("first") else {
      throw RequestProblem(
        .badRequest, "first= is missing: the size of the checkpoint that is kept.")
    }
    let answer = try store.consistencyReceipt(
      of: device, epoch: query.unsigned("epoch"), from: first, to: query.unsigned("second"))
    switch answer {
    case .receipt(let bytes): return .bytes(bytes, type: type)
    case .noSuchEpoch: throw RequestProblem(.notFound, "No batch of this epoch is held.")
    case .noSuchSize(let size):
      throw RequestProblem(.notFound, "No checkpoint of \(size) leaves is held in this epoch.")
    case .sizesOutOfOrder:
      throw RequestProblem(
        .badRequest, "Sizes are at least 1, and first= is no larger than second=.")
    case .withheld:
      throw RequestProblem(
        .conflict,
        "Leaves are held only as part of a hash that reaches across the proof's parts: ask the "
          + "device.")
    }
  }
}
