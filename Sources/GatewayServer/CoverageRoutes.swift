import CoverageVerifier
import Foundation
import GatewayStore
import HTTPTypes
import Hummingbird
import Proofs

/// What beacons are worth, recomputed for every answer (docs/gateway.md, "Coverage").
struct CoverageRoutes: Sendable {
  private let store: GatewayStore
  private let standings: CoverageStandings
  private let now: @Sendable () -> Int64
  private let queue = SideQueue(label: "cairn-gateway.coverage", maximumWaitingCount: 32)

  init(
    _ gateway: Gateway, _ standings: CoverageStandings, now: @escaping @Sendable () -> Int64
  ) {
    store = gateway.store
    self.standings = standings
    self.now = now
  }

  func add(to router: Router<GatewayRequestContext>) {
    router.read("/v1/coverage") { request, _ in try await self.coverage(request) }
    router.read("/v1/verdicts/{id}") { try await self.verdict($0, $1) }
  }

  private func verdict(_ request: Request, _ context: GatewayRequestContext) async throws
    -> Response
  {
    _ = try QueryReader(request, allowed: [])
    _ = try request.negotiated([MediaType.json])
    guard let name = BeaconName(context.parameters.get("id") ?? "") else {
      throw RequestProblem(
        .badRequest,
        "A verdict's id is the SHA-256 of the sender's key in 64 digits, a dot, and the challenge's "
          + "number.")
    }
    let store = store
    guard let judged = try await queue.run({ try store.beacon(name) }) else {
      throw RequestProblem(.notFound, "No leaf speaks of this key's beacon of this number.")
    }
    guard isOpen(judged) else {
      let due = judged.window.flatMap {
        CalendarTime.text(utcMilliseconds: $0.revealUTCMilliseconds)
      }
      throw RequestProblem(
        .conflict,
        "The beacon's reveal is not due yet: what is known of it would tell others what to have "
          + "heard. It is shown from \(due ?? "then") on.")
    }
    return .json(try CoverageJSON.verdict(judged))
  }

  /// The reveal is due: before that nothing of a beacon is shown.
  private func isOpen(_ judged: JudgedBeacon) -> Bool {
    CoverageList.isOpen(judged, at: now())
  }

  private func coverage(_ request: Request) async throws -> Response {
    let reader = try QueryReader(
      request, allowed: ["device", "from", "to", "after", "limit", "order"])
    _ = try request.negotiated([MediaType.json])
    var query = CoverageQuery()
    query.fromUTCMilliseconds = try reader.time("from")
    query.toUTCMilliseconds = try reader.time("to")
    let limit =
      try reader.number("limit", in: 1...CoverageQuery.maximumLimit) ?? query.limit
    query.limit = limit + 1
    if let after = reader.text("after") {
      guard let name = BeaconName(after) else {
        throw RequestProblem(.badRequest, "after= is what an earlier answer gave as next.")
      }
      query.after = name
    }
    switch reader.text("order") {
    case nil, "oldest": break
    case "newest": query.isNewestFirst = true
    default: throw RequestProblem(.badRequest, "order= is oldest or newest.")
    }
    if let device = reader.text("device") { query.keys = try keys(device) }
    let (store, asked) = (store, query)
    let page = try await queue.run { try store.page(asked) }
    let shown = Array(page.beacons.prefix(limit))
    let next = page.beacons.count > limit ? shown.last?.name : page.next
    let periods = shown.isEmpty ? [] : try await standings.newest()
    return try await queue.run {
      .json(
        .object([
          ("nodes", .array(try nodes(shown, asked, periods))),
          ("beacons", .array(shown.map { CoverageJSON.beacon($0, isOpen: isOpen($0)) })),
          ("next", next.map { .text($0.text) } ?? .null),
        ]))
    }
  }

  /// A device, or all keys of the node that has this id.
  private func keys(_ name: String) throws -> [Digest] {
    switch try store.device(named: name) {
    case .found(let device):
      return try store.keys(of: device, askedAs: name).devices.map(\.keyHash)
    case .unknown, .ambiguous:
      throw RequestProblem(.notFound, "No device with this id is known.")
    case .malformed:
      throw RequestProblem(
        .badRequest, "device= is the SHA-256 of a key: 64 hexadecimal digits, or 16 at least.")
    }
  }

  /// One line for each sender of these beacons.
  private func nodes(
    _ shown: [JudgedBeacon], _ query: CoverageQuery, _ periods: [PeriodStandings]
  ) throws -> [JSONText] {
    let byKey = Dictionary(grouping: shown) { $0.verdict.key }
    var dues: [String: Int] = [:]
    return try byKey.sorted { $0.key < $1.key }.map { key, all in
      let open = all.filter { isOpen($0) }
      let verdicts = open.map(\.verdict)
      func count(_ outcome: BeaconVerdict.Outcome) -> JSONText {
        .integer(Int64(verdicts.count { $0.outcome == outcome }))
      }
      let region = all.lazy.compactMap { $0.evidence.sender.radio?.region }.first
      let due = try region.map {
        let name = String(decoding: $0.span.array, as: UTF8.self)
        if let known = dues[name] { return known }
        let count = try store.beaconChallengeCount(
          fromUTCMilliseconds: query.fromUTCMilliseconds, to: query.toUTCMilliseconds,
          region: name)
        dues[name] = count
        return count
      }
      return .object([
        ("device", .text(key)),
        ("node", verdicts.lazy.compactMap(\.node).first.map { .text($0) } ?? .null),
        ("due", due.map { .integer(Int64($0)) } ?? .null),
        ("sent", .integer(Int64(open.count { !$0.evidence.sents.isEmpty }))),
        ("notDue", .integer(Int64(all.count - open.count))),
        ("sound", count(.sound)), ("refused", count(.refused)), ("pending", count(.pending)),
        (
          "witnesses",
          .integer(Int64(verdicts.reduce(0) { $0 + $1.witnesses.count(where: \.counts) }))
        ),
        ("reasons", CoverageJSON.counts(verdicts.compactMap { $0.reason?.rawValue })),
        (
          "witnessReasons",
          CoverageJSON.counts(verdicts.flatMap { $0.witnesses.compactMap { $0.reason?.rawValue } })
        ),
        (
          "standing",
          StandingJSON.standing(
            of: verdicts.lazy.compactMap(\.node).first,
            region: region.map { String(decoding: $0.span.array, as: UTF8.self) }, in: periods)
        ),
      ])
    }
  }
}
