import FixedMemory
import Foundation
import GatewayStore
import HTTPTypes
import Hummingbird
import Identity
import Proofs
import Records

/// The gateway's own log, its keys and its challenges (docs/gateway.md, "The gateway's own log").
struct LogRoutes: Sendable {
  private let gateway: Gateway
  private let events: GatewayEvents?
  private let counts: VerdictCounts
  private let now: @Sendable () -> Int64

  init(
    _ gateway: Gateway, events: GatewayEvents?, counts: VerdictCounts,
    now: @escaping @Sendable () -> Int64
  ) {
    self.gateway = gateway
    self.events = events
    self.counts = counts
    self.now = now
  }

  func add(to router: Router<GatewayRequestContext>) {
    router.read("/v1/log") { request, _ in try self.leaves(request) }
    router.read("/v1/log/head") { request, _ in try self.head(request) }
    router.read("/v1/log/proof") { request, _ in try self.proof(request) }
    router.read("/v1/log/receipts/{index}") { try self.receipt($0, $1) }
    router.read("/v1/log/leaves/{index}") { try self.leaf($0, $1) }
    router.read("/v1/log/find") { request, _ in try self.find(request) }
    router.read("/v1/keys") { request, _ in try self.keys(request) }
    router.read("/v1/challenge") { request, _ in try self.challenge(request) }
  }

  // MARK: Heads and proofs

  private func head(_ request: Request) throws -> Response {
    let query = try QueryReader(request, allowed: ["size"])
    let type = try request.negotiated([MediaType.cose, MediaType.json])
    let size = try query.unsigned("size")
    let head = try answering { try gateway.logHead(size: size, utcMilliseconds: now()) }
    return type == MediaType.cose
      ? .bytes(head.message, type: type) : .json(LogJSON.head(head))
  }

  private func proof(_ request: Request) throws -> Response {
    let query = try QueryReader(request, allowed: ["first", "second"])
    let type = try request.negotiated([MediaType.cose])
    guard let first = try query.unsigned("first") else {
      throw RequestProblem(.badRequest, "first= is missing: the size of the head that is kept.")
    }
    let second = try query.unsigned("second")
    let proof = try answering {
      try gateway.logConsistency(from: first, to: second, utcMilliseconds: now())
    }
    return .bytes(proof, type: type)
  }

  private func receipt(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
    let query = try QueryReader(request, allowed: ["size"])
    let type = try request.negotiated([MediaType.cose])
    let index = try index(context)
    let size = try query.unsigned("size")
    let receipt = try answering {
      try gateway.logInclusion(of: index, size: size, utcMilliseconds: now())
    }
    return .bytes(receipt, type: type)
  }

  /// What the log does not have becomes an answer that says what it has.
  private func answering<Value>(_ work: () throws -> Value) throws -> Value {
    do {
      return try work()
    } catch let failure as LogFailure {
      switch failure {
      case .beyondTheLog(let size):
        throw RequestProblem(.notFound, "There are \(size) leaves, and none behind them.")
      case .sizesOutOfOrder:
        throw RequestProblem(
          .badRequest, "Sizes are at least 1, and first= is no larger than second=.")
      case .ofAFormerKey(let sizes):
        let held = sizes.map(String.init).joined(separator: ", ")
        throw RequestProblem(
          .notFound,
          "A former key signed heads of this size. Of former keys the last heads are held: of "
            + "\(held) leaves.")
      }
    }
  }

  private func index(_ context: GatewayRequestContext) throws -> UInt64 {
    guard let index = context.number("index") else {
      throw RequestProblem(.badRequest, "A leaf is named by its index, a number from 0.")
    }
    return index
  }

  // MARK: Leaves

  private func leaves(_ request: Request) throws -> Response {
    let query = try QueryReader(request, allowed: ["after", "limit", "format"])
    let type = try format(request, query)
    let after = try query.unsigned("after")
    let limit = try query.number("limit", in: 1...GatewayStore.maximumLogLeafCount) ?? 100
    // No leaf has the last of all numbers.
    let (first, isBehind) = (after ?? 0).addingReportingOverflow(after == nil ? 0 : 1)
    let found = isBehind ? [] : try gateway.store.logLeaves(from: first, limit: limit + 1)
    let shown = found.prefix(limit)
    let next = found.count > limit ? shown.last?.index : nil
    if type == MediaType.cborSequence {
      // RFC 8742: the items, one after another.
      var response = Response.bytes(shown.flatMap(\.bytes), type: type)
      if let next, let field = HTTPField.Name("Cairn-Next") {
        response.headers[field] = String(next)
      }
      return response
    }
    return .json(
      .object([
        ("leaves", .array(try shown.map { try LogJSON.leaf($0) })), ("next", .optional(next)),
      ]))
  }

  /// `format=` wins over Accept: it can be typed into a browser.
  private func format(_ request: Request, _ query: QueryReader) throws -> String {
    switch query.text("format") {
    case nil: return try request.negotiated([MediaType.json, MediaType.cborSequence])
    case "json": return MediaType.json
    case "cbor-seq": return MediaType.cborSequence
    default: throw RequestProblem(.badRequest, "format= is json or cbor-seq.")
    }
  }

  private func leaf(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
    _ = try QueryReader(request, allowed: [])
    let type = try request.negotiated([MediaType.cbor, MediaType.json])
    let index = try index(context)
    guard let leaf = try gateway.store.logLeaves(from: index, limit: 1).first, leaf.index == index
    else {
      throw RequestProblem(
        .notFound, "There are \(try gateway.logSize()) leaves, and none behind them.")
    }
    return type == MediaType.cbor
      ? .bytes(leaf.bytes, type: type) : .json(try LogJSON.leaf(leaf))
  }

  private func find(_ request: Request) throws -> Response {
    let query = try QueryReader(request, allowed: ["hash"])
    _ = try request.negotiated([MediaType.json])
    guard let bytes = query.text("hash").flatMap({ [UInt8](hexadecimal: $0) }),
      let hash = Digest(bytes.span)
    else {
      throw RequestProblem(
        .badRequest, "hash= is 64 hexadecimal digits: of a leaf, or of a document in one.")
    }
    switch try gateway.store.logLeaf(named: hash) {
    case .found(let leaf): return .json(try LogJSON.leaf(leaf))
    case .notInTheLog:
      throw RequestProblem(.notFound, "No leaf has this hash, and no document in one.")
    case .goesOn(let named, let size):
      throw Problem(
        .unavailable,
        detail:
          "Not among the first \(named) of \(size) leaves. The search goes on from there when "
          + "it is asked for again.", retryAfterSeconds: 1)
    }
  }

  // MARK: Keys and challenges

  private func keys(_ request: Request) throws -> Response {
    let query = try QueryReader(request, allowed: ["from"])
    let type = try request.negotiated([MediaType.cbor, MediaType.json])
    let chain = gateway.keyChain
    if type == MediaType.json, query.text("from") == nil { return .json(LogJSON.keys(chain)) }
    var first = chain.firstKey.hash
    if let text = query.text("from") {
      guard let bytes = [UInt8](hexadecimal: text), let hash = Digest(bytes.span) else {
        throw RequestProblem(
          .badRequest, "from= is the SHA-256 of a key of this gateway: 64 hexadecimal digits.")
      }
      first = hash
    }
    guard let part = chain.part(fromKeyWithHash: first) else {
      throw RequestProblem(.notFound, "This gateway never had this key.")
    }
    return type == MediaType.cbor
      ? .bytes(part.encoded, type: type) : .json(LogJSON.keys(part))
  }

  private func challenge(_ request: Request) throws -> Response {
    let query = try QueryReader(request, allowed: ["region"])
    let type = try request.negotiated([MediaType.cose, MediaType.json])
    guard let region = ChallengeRegion(query.text("region") ?? "") else {
      throw RequestProblem(
        .badRequest,
        "region= has at most \(ChallengeRegion.maximumByteCount) of the characters a to z, A to Z, "
          + "0 to 9, - _ and .")
    }
    let issued = try gateway.challenge(for: region, utcMilliseconds: now())
    if issued.isNew {
      counts.countChallenge()
      events?.challenge(issued)
    }
    return type == MediaType.cose
      ? .bytes(issued.message, type: type) : .json(try LogJSON.challenge(issued))
  }
}
