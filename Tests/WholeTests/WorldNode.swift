import FixedMemory
import Foundation
import Proofs
import Simulation
import TestSupport

/// A board: its folder, its agent and its uplink.
final class WorldNode {
  let folder: String
  /// Of site.ini, beside gateway, sensor and intervals: what the owner has signed, the place.
  var sections = ""
  /// Of site.ini: keys of [delivery], and what happens when the spool is full.
  var delivery = ""
  var whenFull = "stop"
  var batchInterval = "300 ms"
  /// Of the environment of its programs, beside the tests' own.
  var environment: [String: String] = [:]
  /// Where it delivers to.
  var gatewayURL: String
  private let gatewayKey: PublicKey
  private var programs: [String: WorldProgram] = [:]
  private var startCount = 0

  init(folder: String, bus: String, gateway: String, gatewayKey: PublicKey, serial: String?) throws
  {
    self.folder = folder
    gatewayURL = gateway
    self.gatewayKey = gatewayKey
    for name in ["agent", "uplink"] {
      try FileManager.default.createDirectory(
        atPath: folder + "/" + name, withIntermediateDirectories: true)
    }
    try """
    [board]
    name = world
    serial_file = \(folder)/board-serial
    card_file = \(folder)/card-serial
    [i2c.i2c-1]
    virtual = \(bus)

    """.write(toFile: folder + "/board.ini", atomically: true, encoding: .utf8)
    guard let serial else { return }
    for what in ["board", "card"] {
      try "\(what)-\(serial)\n".write(
        toFile: folder + "/\(what)-serial", atomically: true, encoding: .utf8)
    }
  }

  private func writeSite() throws {
    try """
    [gateway]
    url = \(gatewayURL)
    public_key = \(gatewayKey.bytes.span.hexadecimal)
    [delivery]
    connect_timeout = 20 s
    timeout = 60 s
    \(delivery)
    [spool]
    size = 1 MiB
    segment = 128 KiB
    when_full = \(whenFull)
    [batch]
    interval = \(batchInterval)
    [commit]
    interval = 100 ms
    [sensor.air]
    chip = bme280
    bus = i2c-1
    interval = 200 ms
    \(sections)

    """.write(toFile: folder + "/site.ini", atomically: true, encoding: .utf8)
  }

  // MARK: the programs

  var options: [String] {
    ["--config", folder + "/site.ini", "--state", folder, "--run", folder]
  }

  private func start(_ name: String, _ more: [String]) throws -> WorldProgram {
    try writeSite()
    startCount += 1
    let program = try WorldProgram(
      name, options + more, journal: "\(folder)/\(name)-\(startCount).journal",
      environment: environment)
    programs[name] = program
    return program
  }

  /// Returns at once: what it says is in its journal.
  @discardableResult func startAgent() throws -> WorldProgram {
    try start("cairn-agent", ["--board", folder + "/board.ini"])
  }

  @discardableResult func startUplink() throws -> WorldProgram {
    try start("cairn-uplink-https", [])
  }

  /// Both at once, as a board does; the agent has begun its boot when this returns.
  func start() throws {
    let agent = try startAgent()
    try startUplink()
    try agent.awaitWords(": boot ")
  }

  var agent: WorldProgram? { programs["cairn-agent"] }
  var uplink: WorldProgram? { programs["cairn-uplink-https"] }

  /// In order: what was measured is sealed.
  func stop() throws {
    for name in ["cairn-agent", "cairn-uplink-https"] {
      guard let program = programs.removeValue(forKey: name) else { continue }
      let status = try program.end()
      guard status == 0 else {
        throw WorldProblem("\(name) ended with \(status): \(try program.journal)")
      }
    }
  }

  func kill() { for program in programs.values { program.kill() } }

  // MARK: its state

  /// Keeps a copy of key, spool and cursor.
  func backUp(to path: String) throws {
    for name in ["agent", "uplink"] {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: "\(folder)/\(name)", toPath: "\(path)/\(name)")
    }
  }

  /// Puts a copy of key, spool and cursor in the place of what is there.
  func restore(_ path: String) throws {
    for name in ["agent", "uplink"] {
      try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
      try FileManager.default.copyItem(atPath: "\(path)/\(name)", toPath: "\(folder)/\(name)")
    }
  }

  /// Another card, on which there is only this key.
  func restoreKeyAlone(_ key: Data) throws {
    for name in ["agent", "uplink"] {
      try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
      try FileManager.default.createDirectory(
        atPath: folder + "/" + name, withIntermediateDirectories: true)
    }
    guard
      FileManager.default.createFile(
        atPath: folder + "/agent/agent.key", contents: key, attributes: [.posixPermissions: 0o600])
    else { throw WorldProblem("the key can't be written") }
  }

  func keyFile() throws -> Data {
    try Data(contentsOf: URL(filePath: folder + "/agent/agent.key"))
  }

  func loseSpool() throws { try FileManager.default.removeItem(atPath: folder + "/agent/spool") }

  func publicKey() throws -> PublicKey {
    let bytes = Array(try Data(contentsOf: URL(filePath: folder + "/agent/device.pub")))
    guard let key = PublicKey(algorithm: .ed25519, bytes: bytes.span) else {
      throw WorldProblem("device.pub is no key")
    }
    return key
  }

  /// SHA-256 of its key: how a gateway names it.
  func id() throws -> String { try publicKey().hash.span.hexadecimal }

  // MARK: as its operator sees it

  /// The operator's tool.
  func cairn(_ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
    try WorldProgram.run("cairn", arguments + options)
  }

  func status() throws -> DemoJSON {
    let (status, output, errors) = try cairn(["status", "--json"])
    guard status == 0 else { throw WorldProblem("cairn status: \(status) \(errors)") }
    return try DemoJSON(output.trimmingCharacters(in: .newlines))
  }

  /// The problem that the running agent tells; nil while it does not run.
  func problem() throws -> UInt64? { try status()["agent"]?["problem"]?.unsigned }

  private func log() throws -> [DemoJSON] {
    let (status, output, errors) = try cairn(["log", "list", "--json"])
    guard status == 0 else { throw WorldProblem("cairn log list: \(status) \(errors)") }
    return try DemoJSON(output.trimmingCharacters(in: .newlines))["batches"]?.elements ?? []
  }

  /// What it has signed and still holds.
  func batches() throws -> [WorldBatch] { try log().compactMap { WorldBatch($0) } }

  /// Of these, what can be delivered: all of the batch's leaves are held.
  func wholeBatches() throws -> [WorldBatch] {
    try log().filter { $0["whole"]?.isTrue == true }.compactMap { WorldBatch($0) }
  }

  /// The first leaf of the oldest of them.
  func firstDeliverableLeaf() throws -> UInt64? {
    try log().first { $0["whole"]?.isTrue == true }?["first"]?.unsigned
  }

  /// Of these, what a receipt that the agent has verified covers.
  func deliveredBatches() throws -> [WorldBatch] {
    try log().filter { $0["delivered"]?.isTrue == true }.compactMap { WorldBatch($0) }
  }

  func awaitUplinkWords(_ words: String) throws {
    guard let uplink else { throw WorldProblem("no uplink runs") }
    try uplink.awaitWords(words)
  }
}

extension World {
  /// Waits until this many more batches of a node are at the gateway than now.
  func awaitBatches(_ count: UInt64, of node: WorldNode) throws {
    let id = try node.id()
    let before = try gateway.batches(ofKnown: id).count
    try waitUntil("\(count) batches of \(node.folder)") {
      try gateway.batches(ofKnown: id).count >= before + Int(count)
    } otherwise: {
      try node.uplink?.lastWords ?? "no uplink"
    }
  }

  /// Waits until something that a node has measured is at the gateway.
  func awaitReadings(of node: WorldNode) throws {
    let id = try node.id()
    try waitUntil("readings of \(node.folder)") {
      try gateway.device(id) != nil && !gateway.readings(of: id).isEmpty
    } otherwise: {
      try node.uplink?.lastWords ?? "no uplink"
    }
  }

  /// Waits until the gateway has all that the node has signed up to now; returns that.
  @discardableResult func awaitAll(of node: WorldNode) throws -> [WorldBatch] {
    let signed = try node.batches()
    guard let last = signed.last else { throw WorldProblem("\(node.folder) has signed nothing") }
    let id = try node.id()
    try waitUntil("batch \(last) of \(node.folder)") {
      try gateway.batches(ofKnown: id).contains(last)
    } otherwise: {
      try node.uplink?.lastWords ?? "no uplink"
    }
    return signed
  }
}

extension WorldGateway {
  /// None of a device that is not known yet.
  func batches(ofKnown id: String) throws -> [WorldBatch] {
    try device(id) == nil ? [] : batches(of: id)
  }
}
