import CoverageStatistics
import GatewayStore
import HTTPTypes
import Hummingbird

/// What nodes' beacons and receptions weigh over time, and why (docs/gateway.md, "Standings").
struct StandingRoutes: Sendable {
  private let store: GatewayStore
  private let standings: CoverageStandings

  init(_ gateway: Gateway, _ standings: CoverageStandings) {
    store = gateway.store
    self.standings = standings
  }

  func add(to router: Router<GatewayRequestContext>) {
    router.read("/v1/standings") { request, _ in try await self.all(request) }
    router.read("/v1/devices/{id}/coverage") { try await self.one($0, $1) }
  }

  private func periods(_ reader: QueryReader, region: String? = nil) async throws
    -> [PeriodStandings]
  {
    if let moment = try reader.time("at") {
      return try await standings.containing(moment, region: region)
    }
    return try await standings.newest().filter { region == nil || $0.due.name.region == region }
  }

  private func all(_ request: Request) async throws -> Response {
    let reader = try QueryReader(request, allowed: ["at", "region"])
    _ = try request.negotiated([MediaType.json])
    let region = reader.text("region")
    let found = try await periods(reader, region: region)
    return .json(
      .object([
        (
          "periods",
          .array(
            found.map { period in
              .object(
                StandingJSON.period(period) + [
                  (
                    "nodes",
                    .array(period.judged.nodes.map { .object(StandingJSON.standing($0)) })
                  )
                ])
            })
        )
      ]))
  }

  /// With everything that led to it.
  private func one(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
    let reader = try QueryReader(request, allowed: ["at"])
    _ = try request.negotiated([MediaType.json])
    let device = try context.device(in: store)
    let node = try store.overview(of: device).node?.node.hexadecimal
    let found = try await periods(reader).compactMap { StandingJSON.whole(node, in: $0) }
    return .json(
      .object([
        ("device", .text(device.keyHash.hexadecimal)),
        ("node", node.map { .text($0) } ?? .null), ("periods", .array(found)),
      ]))
  }
}
