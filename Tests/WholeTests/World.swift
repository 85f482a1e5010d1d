import FixedMemory
import Foundation
import Proofs
import TestSupport

/// A gateway, chip models and nodes, each program a process of its own, in one folder. All of it ends with
/// this.
final class World {
  let folder: String
  let gateway: WorldGateway
  private let board: WorldProgram
  private var nodes: [WorldNode] = []

  /// `owners` are those whose invites count; nil takes whoever posts an enrolment.
  init(owners: [PublicKey]? = nil) throws {
    folder = "/tmp/cairn-world-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    var options: [String] = []
    if let owners {
      let list = folder + "/owners"
      try owners.map { $0.bytes.span.hexadecimal + "\n" }.joined().write(
        toFile: list, atomically: true, encoding: .utf8)
      options = ["--enrolment", "invite", "--owners", list]
    }
    gateway = try WorldGateway(folder: folder + "/gateway", options: options)
    try Self.weather.write(toFile: folder + "/weather.csv", atomically: true, encoding: .utf8)
    board = try WorldProgram(
      "cairn-simulate",
      [
        "board", "--bus", folder + "/i2c-1.sock", "--weather", folder + "/weather.csv",
        "--until-end-of-input",
      ], journal: folder + "/board.journal")
    try board.awaitWords("chip models")
  }

  deinit {
    for node in nodes { node.kill() }
    // What stays behind in /tmp is no failure of what was tested.
    do { try FileManager.default.removeItem(atPath: folder) } catch {}
  }

  private static let weather = """
    utc,temperature_celsius,relative_humidity_percent,pressure_hectopascal
    2013-01-01T06:00:00Z,3.90,59.37,1012.6
    2013-01-01T07:00:00Z,4.40,62.21,1012.6

    """

  /// A board without key and spool. `serial` is what its kernel shows of board and card; nil shows nothing.
  func node(serial: String?) throws -> WorldNode {
    let node = try WorldNode(
      folder: folder + "/n\(nodes.count)", bus: folder + "/i2c-1.sock", gateway: gateway.url,
      gatewayKey: gateway.publicKey(), serial: serial)
    nodes.append(node)
    return node
  }

  /// Another board with a copy of this one's card: key, spool and cursor.
  func copy(of node: WorldNode, serial: String?) throws -> WorldNode {
    let copy = try self.node(serial: serial)
    try copy.restore(node.folder)
    copy.sections = node.sections
    return copy
  }
}

extension Span<UInt8> {
  var hexadecimal: String {
    indices.map { (self[$0] < 16 ? "0" : "") + String(self[$0], radix: 16) }.joined()
  }
}
