import Foundation
import GatewayStore
import HTTPTypes
import Hummingbird
import Proofs
import Records

/// What people and their programs ask: devices, readings, logs, proofs.
struct PeopleRoutes: Sendable {
  private static let maximumDeviceCount = 1000
  private static let maximumLogCount = 500

  private let gateway: Gateway
  private let broker: BrokerCounts?
  private let now: @Sendable () -> Int64
  private var store: GatewayStore { gateway.store }

  init(_ gateway: Gateway, broker: BrokerCounts?, now: @escaping @Sendable () -> Int64) {
    self.gateway = gateway
    self.broker = broker
    self.now = now
  }

  func add(to router: Router<GatewayRequestContext>) {
    router.get("/healthz") { _, _ in try self.health() }
    router.refuseOthers(at: "/healthz", than: [.get], "This is only read.")
    router.get("/v1/devices") { request, _ in try self.devices(request) }
    let one = router.group("/v1/devices/{id}")
    one.get("") { request, context in
      _ = try request.negotiated([MediaType.json])
      let overview = try self.store.overview(of: context.device(in: self.store))
      return Response.json(DeviceJSON.overview(overview))
    }
    one.get("head") { request, context in try self.head(request, context) }
    one.get("checkpoint") { request, context in try self.checkpoint(request, context) }
    one.get("readings") { request, context in try self.readings(request, context) }
    one.get("log") { request, context in try self.log(request, context) }
    one.get("forks") { request, context in try self.forks(request, context) }
    one.get("closed-epoch") { request, context in try self.closedEpoch(request, context) }
    one.get("batches/{epoch}/{batch}") { request, context in try self.batch(request, context) }
    one.get("receipts/{index}") { request, context in try self.receipt(request, context) }
  }

  private func health() throws -> Response {
    let counts = try store.counts()
    return .json(
      .object(
        [
          ("status", .text("ok")), ("publicKey", .text(gateway.publicKey.bytes.hexadecimal)),
          ("devices", .integer(Int64(counts.devices))),
          ("batches", .integer(Int64(counts.batches))),
          ("forks", .integer(Int64(counts.forks))),
          ("closedEpoch", .integer(Int64(counts.closedEpoch))),
          ("logSize", .unsigned(try gateway.logSize())),
        ]
          + (broker.map { [("broker", .text($0.snapshot.isConnected ? "connected" : "away"))] }
            ?? [])))
  }

  private func devices(_ request: Request) throws -> Response {
    let query = try QueryReader(request, allowed: ["after", "limit"])
    _ = try request.negotiated([MediaType.json])
    var after: [UInt8]?
    if let text = query.text("after") {
      guard let bytes = [UInt8](hexadecimal: text), bytes.count == 32 else {
        throw RequestProblem(.badRequest, "after= is the whole id of a device.")
      }
      after = bytes
    }
    let limit = try query.number("limit", in: 1...Self.maximumDeviceCount) ?? 100
    let found = try store.devices(after: after, limit: limit + 1)
    let shown = found.prefix(limit)
    let next = found.count > limit ? shown.last?.device.keyHash.hexadecimal : nil
    return .json(
      .object([
        ("devices", .array(shown.map { DeviceJSON.overview($0) })),
        ("next", next.map { .text($0) } ?? .null),
      ]))
  }

  /// JSON is for people; a device asks for the head that the gateway signs.
  private func head(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
    let type = try request.negotiated([MediaType.json, MediaType.cose])
    let device = try context.device(in: store)
    if type == MediaType.cose, let head = try gateway.head(of: device, utcMilliseconds: now()) {
      return .bytes(head, type: MediaType.cose)
    }
    guard let newest = try store.overview(of: device).newest else {
      throw RequestProblem(.notFound, "This device has sent no batch yet.")
    }
    return .json(DeviceJSON.head(newest))
  }

  /// The newest checkpoint as the device signed it.
  private func checkpoint(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
    _ = try request.negotiated([MediaType.cose])
    guard let newest = try store.overview(of: context.device(in: store)).newest else {
      throw RequestProblem(.notFound, "This device has sent no batch yet.")
    }
    return .bytes(newest.message, type: MediaType.cose)
  }

  private func readings(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
    let reader = try QueryReader(
      request, allowed: ["after", "limit", "name", "from", "to", "format"])
    let type = try format(request, reader)
    let keys = try keys(context)
    var query = ReadingsQuery()
    query.after = try cursor(reader, in: keys)
    query.limit = try reader.number("limit", in: 1...ReadingsQuery.maximumLimit) ?? 1000
    query.name = reader.text("name")
    query.from = try reader.time("from")
    query.to = try reader.time("to")
    let page = try store.readings(of: keys, query)
    if type != MediaType.json { return rows(page, of: keys, type: type) }
    let records = page.parts.flatMap { part in
      part.leaves.map { leaf in
        JSONText.object(
          LeafJSON.place(leaf, of: part.device) + LeafJSON.content(leaf.content))
      }
    }
    return .json(
      .object(
        asked(keys) + [
          ("records", .array(records)),
          ("next", page.next.map { .text($0.description) } ?? .null),
        ]))
  }

  /// One key, or all that the node has had.
  private func keys(_ context: GatewayRequestContext) throws -> AskedKeys {
    try store.keys(
      of: context.device(in: store), askedAs: context.parameters.get("id") ?? "")
  }

  /// A list over a node's keys goes on within one of them, and that of a key has no others.
  private func cursor(_ reader: QueryReader, in keys: AskedKeys) throws -> LogCursor? {
    let cursor = try reader.cursor("after")
    guard cursor == nil || (cursor?.key == nil) == (keys.node == nil) else {
      throw RequestProblem(
        .badRequest,
        "after= is of another list: a node's has three numbers, a key's has two.")
    }
    return cursor
  }

  /// The newest key, and the node when all its keys were asked for.
  private func asked(_ keys: AskedKeys) -> [(String, JSONText)] {
    [("device", .text(keys.newest.keyHash.hexadecimal))]
      + (keys.node.map { [("node", .text($0.hexadecimal))] } ?? [])
  }

  /// The formats that have no place for where the list goes on: headers say it.
  private func rows(_ page: KeyedReadingsPage, of keys: AskedKeys, type: String) -> Response {
    var response: Response
    if type == MediaType.csv {
      response = .text(ReadingsCSV.text(page.parts), type: type)
    } else {
      // By the node's id where it was asked for so: a name that outlives the key.
      let name = (keys.node ?? keys.newest.keyHash).hexadecimal
      let (records, withoutTimeCount) = SenML.records(page.leaves)
      response =
        type == MediaType.senMLCBOR
        ? .bytes(SenML.cbor(records, baseName: name + ":"), type: type)
        : .text(SenML.json(records, baseName: name + ":"), type: type)
      if withoutTimeCount > 0, let field = HTTPField.Name("Cairn-Without-Time") {
        response.headers[field] = String(withoutTimeCount)
      }
    }
    if let next = page.next, let field = HTTPField.Name("Cairn-Next") {
      response.headers[field] = next.description
    }
    return response
  }

  /// `format=` wins over Accept: it can be typed into a browser.
  private func format(_ request: Request, _ reader: QueryReader) throws -> String {
    switch reader.text("format") {
    case nil:
      return try request.negotiated(
        [MediaType.json, MediaType.csv, MediaType.senMLJSON, MediaType.senMLCBOR])
    case "json": return MediaType.json
    case "csv": return MediaType.csv
    case "senml": return MediaType.senMLJSON
    case "senml-cbor": return MediaType.senMLCBOR
    default:
      throw RequestProblem(.badRequest, "format= is json, csv, senml or senml-cbor.")
    }
  }

  private func log(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
    let reader = try QueryReader(request, allowed: ["after", "limit"])
    _ = try request.negotiated([MediaType.json])
    let keys = try keys(context)
    let limit = try reader.number("limit", in: 1...Self.maximumLogCount) ?? 100
    let after = try cursor(reader, in: keys)
    let found = try store.batches(of: keys, after: after, limit: limit + 1)
    let shown = found.prefix(limit)
    let next = found.count > limit ? shown.last?.place.description : nil
    return .json(
      .object(
        asked(keys) + [
          ("batches", .array(shown.map { DeviceJSON.logEntry($0.batch, of: $0.device) })),
          ("next", next.map { .text($0) } ?? .null),
        ]))
  }

  private func forks(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
    _ = try request.negotiated([MediaType.json])
    let device = try context.device(in: store)
    return .json(
      .object([
        ("device", .text(device.keyHash.hexadecimal)),
        ("forks", .array(try store.forks(of: device).map { .object(DeviceJSON.pair($0)) })),
      ]))
  }

  /// What came under this key behind the end of a closed epoch: no fork.
  private func closedEpoch(_ request: Request, _ context: GatewayRequestContext) throws -> Response
  {
    _ = try request.negotiated([MediaType.json])
    let device = try context.device(in: store)
    let pairs = try store.closedEpochPairs(of: device).map { pair in
      JSONText.object(
        DeviceJSON.pair(pair) + [("follows", .boolean(try pair.isOneHistory))])
    }
    return .json(
      .object([
        ("device", .text(device.keyHash.hexadecimal)), ("closedEpoch", .array(pairs)),
      ]))
  }

  private func batch(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
    _ = try request.negotiated([MediaType.cbor])
    let device = try context.device(in: store)
    guard let epoch = context.number("epoch"), let batch = context.number("batch"),
      let found = try store.batch(of: device, epoch: epoch, batch: batch)
    else { throw RequestProblem(.notFound, "This batch is not held.") }
    let shown = try store.shown(found, atUTCMilliseconds: now())
    var response = Response.bytes(shown.bytes, type: MediaType.cbor)
    if !shown.withheld.isEmpty, let field = HTTPField.Name("Cairn-Withheld") {
      response.headers[field] = String(shown.withheld.count)
    }
    return response
  }

  private func receipt(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
    let reader = try QueryReader(request, allowed: ["epoch", "size"])
    _ = try request.negotiated([MediaType.cose])
    let device = try context.device(in: store)
    guard let index = context.number("index") else {
      throw RequestProblem(.badRequest, "A leaf is named by its index.")
    }
    let answer = try store.inclusionReceipt(
      of: device, epoch: reader.unsigned("epoch"), index: index, size: reader.unsigned("size"))
    switch answer {
    case .receipt(let bytes): return .bytes(bytes, type: MediaType.cose)
    case .noSuchEpoch: throw RequestProblem(.notFound, "No batch of this epoch is held.")
    case .noSuchLeaf: throw RequestProblem(.notFound, "The log ends before this leaf.")
    case .noSuchSize:
      throw RequestProblem(.notFound, "No checkpoint of this size, behind this leaf, is held.")
    case .withheld:
      throw RequestProblem(.notFound, "This leaf is held only as part of a hash: ask the device.")
    }
  }
}

extension Response {
  static func json(_ value: JSONText) -> Response { .text(value.line + "\n", type: MediaType.json) }

  static func text(_ text: String, type: String) -> Response {
    Response(status: .ok, headers: headers(type), body: .init(text: text))
  }

  static func bytes(_ bytes: [UInt8], type: String) -> Response {
    Response(status: .ok, headers: headers(type), body: .init(bytes: bytes))
  }

  private static func headers(_ type: String) -> HTTPFields {
    var headers: HTTPFields = [.contentType: type, .cacheControl: "no-store"]
    headers[.xContentTypeOptions] = "nosniff"
    return headers
  }
}
