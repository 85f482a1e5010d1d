import FixedMemory
import Foundation
import HTTPSTransport
import Proofs
import Simulation

/// A running cairn-gateway on a port of loopback, with a folder of its own. It keeps both when it is started
/// again.
final class WorldGateway {
  let folder: String
  private(set) var address = "127.0.0.1:0"
  private var program: WorldProgram?
  private var startCount = 0

  init(folder: String, options: [String]) throws {
    self.folder = folder
    try start(options)
  }

  /// Listens when this returns.
  func start(_ options: [String]) throws {
    startCount += 1
    let program = try WorldProgram(
      "cairn-gateway",
      ["serve", "--data", folder, "--listen", address, "--events"] + options,
      journal: "\(folder)-\(startCount).journal")
    self.program = program
    try program.awaitWords("\"event\":\"started\"")
    guard let started = try events("started").first?["address"]?.string else {
      throw WorldProblem("the gateway did not say where it listens: \(try program.journal)")
    }
    address = started
  }

  func stop() throws {
    guard let program else { return }
    self.program = nil
    let status = try program.end()
    guard status == 0 else {
      throw WorldProblem("the gateway ended with \(status): \(try program.journal)")
    }
  }

  var url: String { "http://" + address }

  func publicKey() throws -> PublicKey {
    let bytes = Array(try Data(contentsOf: URL(filePath: folder + "/gateway.pub")))
    guard let key = PublicKey(algorithm: .ed25519, bytes: bytes.span) else {
      throw WorldProblem("gateway.pub is no key")
    }
    return key
  }

  /// What it has told since it was started, of one kind.
  func events(_ name: String) throws -> [DemoJSON] {
    guard let program else { return [] }
    return try program.journal.split(separator: "\n").filter { $0.contains("\"\(name)\"") }
      .compactMap { line in
        do throws(DemoJSON.Failure) { return try DemoJSON(String(line)) } catch { return nil }
      }
      .filter { $0["event"]?.string == name }
  }

  /// Waits until it has refused something for this reason since it was started. It tells of that beside the answer.
  func awaitRefusal(_ name: String) throws {
    try waitUntil("a refusal as \(name)") {
      try ["refused", "closedEpoch"].flatMap { try events($0) }.contains {
        $0["name"]?.string == name
      }
    }
  }

  // MARK: asking

  private func transport() throws -> HTTPSTransport {
    let url = Array(self.url.utf8)
    return try HTTPSTransport(
      gateway: url.span, authorities: Span(), userAgent: "tests",
      timeouts: HTTPSTransport.Timeouts(connectMilliseconds: 20_000, totalMilliseconds: 60_000))
  }

  func get(_ path: String) throws -> (status: Int, body: String) {
    var transport = try transport()
    var reply = [UInt8](repeating: 0, count: 4 << 20)
    let bytes = Array(path.utf8)
    var span = reply.mutableSpan
    let response = try transport.get(path: bytes.span, accept: "*/*", into: &span)
    let count = response.byteCount
    return (response.status, String(decoding: reply[..<count], as: UTF8.self))
  }

  func json(_ path: String) throws -> DemoJSON {
    let (status, body) = try get(path)
    guard status == 200 else { throw WorldProblem("\(path): \(status) \(body)") }
    return try DemoJSON(body.trimmingCharacters(in: .newlines))
  }

  /// Posts an owner's revocation; returns the status.
  func revoke(_ message: [UInt8]) throws -> Int {
    try post("/v1/revocations", message, "application/cose")
  }

  /// Posts a batch, as anybody can who has it; returns the status.
  func post(batch: [UInt8]) throws -> Int { try post("/v1/batches", batch, "application/cbor") }

  private func post(_ path: StaticString, _ body: [UInt8], _ contentType: StaticString) throws
    -> Int
  {
    var transport = try transport()
    var reply = [UInt8](repeating: 0, count: 4096)
    var span = reply.mutableSpan
    return try transport.post(
      path: path, body: body.span, contentType: contentType, accept: "application/json",
      into: &span
    ).status
  }

  /// The device with this id, as the API has it; nil while it is not known.
  func device(_ id: String) throws -> DemoJSON? {
    let (status, body) = try get("/v1/devices/\(id)")
    guard status == 200 else { return nil }
    return try DemoJSON(body.trimmingCharacters(in: .newlines))
  }

  /// Where the log of this device ends here; nil while nothing has come.
  func end(of id: String) throws -> WorldBatch? {
    guard let head = try device(id)?["head"] else { return nil }
    return WorldBatch(head)
  }

  /// All batches of a device, in order.
  func batches(of id: String) throws -> [WorldBatch] {
    var batches: [WorldBatch] = []
    var after = ""
    for _ in 0..<1000 {
      let page = try json("/v1/devices/\(id)/log?limit=500" + after)
      batches += (page["batches"]?.elements ?? []).compactMap { WorldBatch($0) }
      guard let next = page["next"]?.string else { return batches }
      after = "&after=" + next
    }
    throw WorldProblem("the log of \(id) has no end")
  }

  /// Pairs of checkpoint messages that exclude each other.
  func forks(of id: String) throws -> [DemoJSON] {
    try json("/v1/devices/\(id)/forks")["forks"]?.elements ?? []
  }

  /// Checkpoints that went on in a closed epoch, each with the last one that is held of it.
  func closedEpoch(of id: String) throws -> [DemoJSON] {
    try json("/v1/devices/\(id)/closed-epoch")["closedEpoch"]?.elements ?? []
  }
}

/// Where a batch stands, and which it is: in a node's log, or in what a gateway has of it.
struct WorldBatch: Hashable, CustomStringConvertible {
  let epoch: UInt64
  let batch: UInt64
  let size: UInt64
  let root: String

  init?(_ json: DemoJSON) {
    guard let epoch = json["epoch"]?.unsigned, let batch = json["batch"]?.unsigned,
      let size = json["size"]?.unsigned, let root = json["root"]?.string
    else { return nil }
    self.epoch = epoch
    self.batch = batch
    self.size = size
    self.root = root
  }

  var position: String { "\(epoch)/\(batch)" }

  var description: String { position + ":" + root.prefix(8) }
}
