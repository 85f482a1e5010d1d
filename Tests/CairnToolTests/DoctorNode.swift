import FixedMemory
import Foundation
import LinuxPlatform
import Signers
import Simulation
import TestSupport

/// A node that `cairn doctor` finds well, but for what a test does to it: key, log, site file, virtual bus. There is no
/// agent; its gateway's port is refused.
final class DoctorNode {
  let node: TestNode
  private var server: BusServer?

  struct NoRows: Error { let ending: Ending }

  init(sensors: String = DoctorNode.air) throws {
    node = try TestNode()
    try node.writeSmallLog()
    for name in ["agent", "uplink"] { try setMode(0o750, of: name) }
    try setMode(0o755, of: "")
    let path = Array(node.path("agent/agent.key").utf8)
    try TestNode.key().restore(
      to: path.span, epoch: 0, hardware: HardwareIdentity(board: Span(), card: Span()))
    try write(
      "site.ini",
      """
      [gateway]
      url = http://127.0.0.1:9
      public_key = 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f

      \(sensors)
      """)
    try writeProfile()
  }

  static let air = "[sensor.air]\nchip = bme280\nbus = i2c-1\n"

  /// - `board`: a file with the board's serial number.
  func writeProfile(board: String = "/nowhere") throws {
    try write(
      "profile.ini",
      """
      [board]
      name = bench
      serial_file = \(board)
      card_file = /nowhere
      [i2c.i2c-1]
      virtual = i2c-1.sock
      timeout = 100 ms
      """)
  }

  func write(_ name: String, _ text: String) throws {
    try text.write(toFile: node.path(name), atomically: true, encoding: .utf8)
  }

  func setMode(_ mode: Int, of name: String) throws {
    try FileManager.default.setAttributes(
      [.posixPermissions: mode], ofItemAtPath: name.isEmpty ? node.folder.path : node.path(name))
  }

  func remove(_ name: String) throws {
    try FileManager.default.removeItem(atPath: node.path(name))
  }

  /// From here on the bus has the simulator's three chips, one of them with something wrong.
  func serveBus(_ fault: ChipFault = .none, of chip: String = "bme280") throws {
    server = try BusServer(at: node.path("i2c-1.sock"), fault, of: chip)
  }

  func endBus() {
    server?.end()
    server = nil
  }

  func run(_ extra: String...) throws -> Rows {
    try Rows(
      Tool.run(
        ["doctor", "--json", "--board", node.path("profile.ini")] + node.options + extra))
  }

  /// What the tool has told.
  struct Rows {
    struct Row {
      let id, state, reason: String
      let subject, remedy: String?
    }

    let list: [Row]
    let worst: String
    let status: Int32

    init(_ ending: Ending) throws {
      let json = try ending.json()
      guard let rows = json["rows"] as? [[String: Any]], let worst = json["worst"] as? String else {
        throw NoRows(ending: ending)
      }
      list = try rows.map { row in
        guard let id = row["id"] as? String, let state = row["state"] as? String,
          let reason = row["reason"] as? String
        else { throw NoRows(ending: ending) }
        return Row(
          id: id, state: state, reason: reason, subject: row["subject"] as? String,
          remedy: row["remedy"] as? String)
      }
      self.worst = worst
      status = ending.status
    }

    func state(_ id: String) -> String? { list.first { $0.id == id }?.state }
    func reason(_ id: String) -> String { list.first { $0.id == id }?.reason ?? "no row" }
    var failed: [String] { list.filter { $0.state == "failed" }.map(\.id) }
  }
}

/// A virtual bus that is served on a thread of its own, until it goes.
final class BusServer: @unchecked Sendable {
  private let lock = NSLock()
  private var isAskedToEnd = false
  private let ended = DispatchSemaphore(value: 0)

  struct NotServed: Error {}

  init(at path: String, _ fault: ChipFault, of chip: String) throws {
    let served = DispatchSemaphore(value: 0)
    let thread = Thread { [self] in
      let calm = ConstantSurroundings(
        Conditions(
          temperatureMillidegreesCelsius: 20_000, relativeHumidityMillipercent: 50_000,
          pressurePascals: 100_000, carbonDioxidePPM: 500))
      // The models' time runs ahead, so that none is still starting.
      var now = Int64(0)
      let board = VirtualBoard(surroundings: calm, seed: 1, now: 0)
      _ = board.bus.setFault(fault, chipsNamed: chip, now: 0)
      let server = VirtualBoardServer()
      do {
        try server.add(board.bus, at: path)
        served.signal()
        while !lock.withLock({ isAskedToEnd }) {
          _ = try server.serve(forMilliseconds: 10) {
            now += 1000
            return now
          }
        }
      } catch {}
      server.close()
      ended.signal()
    }
    thread.start()
    guard served.wait(timeout: .now() + 60) == .success else { throw NotServed() }
  }

  func end() {
    lock.withLock { isAskedToEnd = true }
    ended.wait()
  }
}
