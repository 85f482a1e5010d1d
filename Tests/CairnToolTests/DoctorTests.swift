import AgentMessages
import CBOR
import FixedMemory
import Foundation
import LinuxPlatform
import NodeFiles
import Signers
import TestSupport
import Testing

@testable import cairn

/// Each thing that `cairn doctor` looks at, well and not, by the real program in folders of its own.
@Suite struct DoctorTests {
  @Test func whatIsWellIsNotCalledWrong() throws {
    let node = try DoctorNode()
    try node.serveBus()
    defer { node.endBus() }
    let lock = try FolderLock(of: node.node.fixedPath(node.node.folder.appending(path: "uplink")))
    let rows = try node.withAgent { try node.run() }
    lock.release()
    // The gateway's port is nobody's, and what keeps this machine's clock is not the test's.
    #expect(rows.failed == ["network.connect"], "\(rows.list)")
    #expect(rows.status == 69)
    for id in ["config.site", "config.board", "agent.running", "agent.version", "uplink.running"] {
      #expect(rows.state(id) == "ok", "\(id): \(rows.reason(id))")
    }
    for id in ["bus.device", "clock.time", "key.file", "key.access", "key.content", "disk.mount"] {
      #expect(rows.state(id) == "ok", "\(id): \(rows.reason(id))")
    }
    for id in ["folder.agent", "folder.uplink", "folder.run", "socket.agent", "disk.spool"] {
      #expect(rows.state(id) == "ok", "\(id): \(rows.reason(id))")
    }
  }

  @Test func everyFailedRowSaysWhatToDo() throws {
    let folder = "/tmp/cairn-no-such-\(UUID().uuidString.prefix(8))"
    let rows = try DoctorNode.Rows(
      Tool.run([
        "doctor", "--json", "--state", folder, "--run", folder, "--config", folder + "/site.ini",
      ]))
    #expect(rows.failed.count > 4)
    #expect(rows.status == 69)
    for row in rows.list where row.state == "failed" || row.state == "warning" {
      #expect(row.remedy?.isEmpty == false, "\(row.id)")
    }
  }

  // MARK: Configuration

  @Test func mistakesInTheSiteFileAreToldWithTheirLines() throws {
    let node = try DoctorNode()
    #expect(try node.run().state("config.site") == "ok")
    try node.write("site.ini", "[gateway]\nurll = http://127.0.0.1:9\n")
    let rows = try node.run()
    #expect(rows.state("config.site") == "failed")
    #expect(rows.reason("config.site").contains("site.ini:2: unknown key \"urll\""))
    #expect(rows.state("network.name") == "not-checked")
  }

  @Test func aBusThatTheProfileLacksIsTold() throws {
    let node = try DoctorNode(sensors: "[sensor.air]\nchip = bme280\nbus = i2c-7\n")
    let rows = try node.run()
    #expect(rows.state("config.board") == "failed")
    #expect(rows.reason("config.board").contains("is missing in the profile of board bench"))
  }

  @Test func aBoardWithoutAProfileIsTold() throws {
    let node = try DoctorNode()
    try node.remove("profile.ini")
    #expect(try node.run().reason("config.board").contains("no such file"))
    // Without --board: no profile beside the site file, and this machine is no known board.
    let rows = try DoctorNode.Rows(Tool.run(["doctor", "--json"] + node.node.options))
    #expect(rows.state("config.board") == "failed")
    #expect(rows.state("bus.device") == "not-checked")
  }

  // MARK: Programs

  @Test func anAgentThatDoesNotRunIsTold() throws {
    let rows = try DoctorNode().run()
    #expect(rows.state("agent.running") == "failed")
    #expect(rows.reason("agent.running").contains("does not run"))
    #expect(rows.state("uplink.running") == "failed")
  }

  @Test func anAgentThatNeverAnswersIsToldInTime() throws {
    let node = try DoctorNode()
    let path = try node.node.fixedPath(node.node.folder.appending(path: "agent.sock"))
    let listener = try UnixListener(at: path, mode: 0o660)
    let rows = try node.run()
    #expect(rows.state("agent.running") == "failed")
    #expect(rows.reason("agent.running").contains("did not answer"))
    // Whoever hangs may still have the buses.
    #expect(!rows.list.contains { $0.id == "bus.others" })
    #expect(listener.pollDescriptor >= 0)
  }

  @Test func anAgentOfAnotherVersionIsAWarning() throws {
    let node = try DoctorNode()
    let rows = try node.withAgent(version: "9.9.9") { try node.run() }
    #expect(rows.state("agent.version") == "warning")
    #expect(rows.reason("agent.version").contains("9.9.9, and this tool is 0.1.0"))
  }

  // MARK: Buses

  @Test func aChipThatAnswersIsIdentifiedAndOthersAreNamed() throws {
    let node = try DoctorNode()
    try node.serveBus()
    defer { node.endBus() }
    let rows = try node.run()
    #expect(rows.state("bus.lines") == "ok", "\(rows.reason("bus.lines"))")
    #expect(rows.state("sensor.chip") == "ok", "\(rows.reason("sensor.chip"))")
    #expect(rows.reason("sensor.chip").contains("bme280 at 0x76 on i2c-1, serial cal-"))
    // The simulator's other two are in no section of the site file.
    #expect(rows.state("bus.others") == "warning")
    #expect(rows.reason("bus.others").contains("0x44 (often an SHT3x or SHT4x), 0x62"))
  }

  @Test func aBusWithoutItsDeviceIsTold() throws {
    let rows = try DoctorNode().run()
    #expect(rows.state("bus.device") == "failed")
    #expect(rows.reason("bus.device").contains("no such bus"))
  }

  @Test func aMissingChipIsToldAndAnOptionalOneIsAWarning() throws {
    let node = try DoctorNode()
    try node.serveBus(.noAcknowledge)
    defer { node.endBus() }
    let rows = try node.run()
    #expect(rows.state("bus.lines") == "ok")
    #expect(rows.state("sensor.chip") == "failed")
    #expect(rows.reason("sensor.chip").contains("nothing answers at this address"))
    let site = try String(contentsOfFile: node.node.path("site.ini"), encoding: .utf8)
    try node.write("site.ini", site + "optional = yes\n")
    #expect(try node.run().state("sensor.chip") == "warning")
  }

  @Test func anotherChipAtTheAddressIsTold() throws {
    let node = try DoctorNode()
    try node.serveBus(.wrongChip)
    defer { node.endBus() }
    let rows = try node.run()
    #expect(rows.state("sensor.chip") == "failed")
    #expect(rows.reason("sensor.chip").contains("another chip answers"))
  }

  @Test func aBusThatIsHeldLowIsTold() throws {
    let node = try DoctorNode()
    try node.serveBus(.stuckBus, of: "sht3x")
    defer { node.endBus() }
    let rows = try node.run()
    #expect(rows.state("bus.lines") == "failed")
    #expect(rows.reason("bus.lines").contains("held low"))
    #expect(!rows.list.contains { $0.id == "sensor.chip" })
  }

  @Test func aBusWhoseServerHangsEnds() throws {
    let node = try DoctorNode()
    let path = try node.node.fixedPath(node.node.folder.appending(path: "i2c-1.sock"))
    let listener = try UnixListener(at: path, mode: 0o660)
    #expect(try node.run().state("bus.lines") == "failed")
    #expect(listener.pollDescriptor >= 0)
  }

  @Test func aRunningAgentsSensorsAreToldByItsLogAndTheBusIsLeftAlone() throws {
    let node = try DoctorNode()
    try node.serveBus()
    defer { node.endBus() }
    let rows = try node.withAgent { try node.run() }
    #expect(rows.state("sensor.chip") == "ok", "\(rows.reason("sensor.chip"))")
    #expect(rows.reason("sensor.chip").contains("measured"))
    #expect(!rows.list.contains { $0.id == "bus.lines" })
    try node.node.write { log, key in
      try log.appendFault(1, .checksumMismatch, count: 1, at: 5000)
      _ = try log.seal(with: &key)
    }
    let failing = try node.withAgent { try node.run() }
    #expect(failing.state("sensor.chip") == "failed")
    #expect(failing.reason("sensor.chip").contains("checksum"))
  }

  @Test func anAgentThatBeginsMeanwhileWaitsForTheLock() throws {
    // Somebody else has the folder: the buses are left alone, and it is said why.
    let node = try DoctorNode()
    try node.serveBus()
    defer { node.endBus() }
    let lock = try FolderLock(of: node.node.fixedPath(node.node.folder.appending(path: "agent")))
    let rows = try node.run()
    lock.release()
    #expect(rows.state("bus.lines") == "not-checked")
    #expect(!rows.list.contains { $0.id == "sensor.chip" })
  }
}

extension DoctorNode {
  /// Runs `body` while an agent answers one question.
  func withAgent(
    version: StaticString = "0.1.0", radio: RadioStatus? = nil, _ body: () throws -> Rows
  ) throws -> Rows {
    var status = AgentStatus()
    status.setAgentVersion(version)
    status.boot = 1
    status.uptimeMilliseconds = 4000
    status.radio = radio
    var packet = [UInt8](repeating: 0, count: 4096)
    var encoder = CBOREncoder(packet.mutableSpan)
    AgentMessage.status(status).encode(into: &encoder)
    let count = encoder.byteCount
    let answer = Array(packet[..<count])
    let path = try node.fixedPath(node.folder.appending(path: "agent.sock"))
    let listener = try UnixListener(at: path, mode: 0o660)
    let descriptor = listener.pollDescriptor
    let thread = Thread {
      let client = AgentOnADescriptor.accept(descriptor)
      guard client >= 0 else { return }
      AgentOnADescriptor.answer(client, answer)
    }
    thread.start()
    return try body()
  }
}
