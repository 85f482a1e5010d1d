import CBOR
import DeviceLog
import FixedMemory
import Foundation
import LinuxPlatform
import Proofs
import Records
import Simulation
import Testing

/// The built agent on a virtual GPIO chip that the test serves.
@Suite(.timeLimit(.minutes(30))) struct AgentLinesTests {
  private static let profile = """
    [board]
    name = bench
    [gpio.gauge]
    chip = gpio.sock
    line = 5
    [gpio.lid]
    chip = gpio.sock
    line = 6
    [gpio.button]
    chip = gpio.sock
    line = 4
    [gpio.led]
    chip = gpio.sock
    line = 7
    [led]
    line = led
    [button]
    line = button

    """
  private static let site = """
    [pulse.rain]
    line = gauge
    quantity = rain
    per_pulse = 0.2794
    interval = 1 s
    [contact.lid]
    line = lid
    tamper = yes
    """

  private struct Seen {
    var pulses: Int64 = 0
    var rain: Int64 = 0
    var total: Int64 = 0
    var lost: UInt64 = 0
    var faults: [UInt64] = []
    var lid: [Bool] = []
    var lidChanges: UInt64 = 0
    var presses: UInt64 = 0
    var chips: [String] = []
  }

  private func node() throws -> AgentNode {
    let node = try AgentNode(site: Self.site)
    try node.write(Self.profile, to: "board.ini")
    return node
  }

  /// What the sealed leaves say.
  private func look(_ node: AgentNode) throws -> Seen {
    var seen = Seen()
    guard let path = FixedPath(Array(node.path("agent/spool").utf8).span) else {
      throw AgentNode.NoPath()
    }
    var reader = try LogReader(opening: try FileStorage.open(at: path, access: .readOnly))
    while let batch = try reader.next() {
      guard batch.isWhole else { continue }
      try reader.assemble()
      var items = try BatchReader(reader.bytes)
      while !items.isAtEnd {
        guard case .leaf(let bytes) = try items.next() else { continue }
        try take(Leaf(decoding: bytes), into: &seen)
      }
    }
    return seen
  }

  private func take(_ leaf: borrowing Leaf, into seen: inout Seen) throws {
    switch leaf.kind {
    case .schema:
      let chip = try leaf.schemaRecord().chip
      seen.chips.append(String(decoding: chip.indices.map { chip[$0] }, as: UTF8.self))
    case .reading where leaf.schema == 17:
      let values = try leaf.reading()
      seen.pulses += values[0] ?? 0
      seen.rain += values[1] ?? 0
      seen.total = values[2] ?? -1
    case .fault:
      let fault = try leaf.fault()
      seen.faults.append(fault.codeNumber)
      if fault.code == .edgesLost { seen.lost += fault.count }
    case .event:
      let event = try leaf.event()
      if event.code == .contactChanged {
        let contact = try event.contact()
        let isLid = contact.isTamper && contact.name.equals("lid")
        #expect(isLid)
        seen.lid.append(contact.isOn)
        seen.lidChanges += contact.count
      }
      if event.code == .buttonPressed { seen.presses += try event.button().count }
    default: break
    }
  }

  /// Turns the server until the log says so, a bounded number of times.
  private func turn(
    _ server: VirtualGPIOServer, _ node: AgentNode, until isDone: (Seen) -> Bool
  ) throws -> Seen {
    var seen = Seen()
    for count in 0..<60_000 {
      server.turn()
      if count % 200 == 0 {
        seen = try look(node)
        if isDone(seen) { return seen }
      }
      usleep(1000)
    }
    return seen
  }

  /// The server answers while the agent starts.
  private func start(_ node: AgentNode, _ server: VirtualGPIOServer) throws -> Agent {
    let agent = try node.startAgent()
    for _ in 0..<60_000 where server.descriptors.count < 5 {
      server.turn()
      usleep(1000)
    }
    return agent
  }

  @Test func pulsesContactAndButtonAreInTheSignedLog() throws {
    let node = try node()
    let chip = VirtualGPIOChip(label: "gpio.sock", lineCount: 8)
    let server = try VirtualGPIOServer(chip, at: node.path("gpio.sock"))
    let agent = try start(node, server)
    #expect(server.descriptors.count == 5, "four lines are open")
    for _ in 0..<7 { chip.pulse(5, nanoseconds: 1) }
    chip.drive(6, high: true, nanoseconds: 1)
    chip.pulse(4, nanoseconds: 1)
    var seen = try turn(server, node) { $0.total == 7 && $0.presses == 1 && $0.lidChanges == 1 }
    #expect(seen.chips.first == "rain gauge")
    #expect(seen.pulses == 7 && seen.rain == 7 * 2794 && seen.total == 7 && seen.lost == 0)
    #expect(seen.lid == [false, true] && seen.lidChanges == 1 && seen.presses == 1)

    // A flood: every pulse is counted, those without their times are told, the log does not fill with the lid.
    for _ in 0..<100_000 { chip.pulse(5, nanoseconds: 2) }
    for _ in 0..<10_000 { chip.pulse(6, nanoseconds: 2) }
    chip.drive(6, high: false, nanoseconds: 3)
    seen = try turn(server, node) { $0.total == 100_007 && $0.lidChanges >= 20_000 }
    #expect(seen.total == 100_007 && seen.pulses == 100_007 && seen.lost > 0)
    #expect(seen.lid.count < 10 && seen.lid.last == false)
    #expect(try agent.end().status == 0)
  }

  @Test func aNeededLineThatIsInUseEndsTheAgentAndSaysByWhom() throws {
    let node = try node()
    let chip = VirtualGPIOChip(label: "gpio.sock", lineCount: 8)
    chip.occupy(5, consumer: "another-counter")
    let server = try VirtualGPIOServer(chip, at: node.path("gpio.sock"))
    let agent = try node.startAgent()
    var seen = Seen()
    for _ in 0..<60_000 {
      server.turn()
      do { seen = try look(node) } catch {}
      if seen.lid.count > 0 || !agent.isRunning { break }
      usleep(1000)
    }
    let ending = try agent.end()
    #expect(ending.status == 69)
    #expect(ending.said.contains("gauge: is in use by another-counter"))
  }

  @Test func aMissingChipIsAFaultAndNeverStopsAnAgentThatCanDoWithoutIt() throws {
    let node = try AgentNode(site: Self.site)
    try node.writeSite(
      Self.site.replacing("interval = 1 s", with: "interval = 1 s\noptional = yes"))
    try node.write(Self.profile, to: "board.ini")
    let agent = try node.startAgent()
    _ = agent.words()
    var faults: [UInt64] = []
    for _ in 0..<60_000 where faults.isEmpty {
      faults = try look(node).faults
      usleep(1000)
    }
    #expect(faults.first == UInt64(FaultCode.disconnected.rawValue))
    let ending = try agent.end()
    #expect(ending.status == 0)
  }
}
