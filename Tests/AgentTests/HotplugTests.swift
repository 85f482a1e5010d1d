import AgentMessages
import Foundation
import LinuxPlatform
import Records
import TestSupport
import Testing

/// Receivers and buses that come and go while the agent runs. A folder of links stands for /dev/cairn.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct HotplugTests {
  private static let receiver = "[gnss]\nport = usb0"
  private static let sensor = """
    [sensor.air]
    chip = bme280
    bus = i2c-1
    interval = 1 s
    """

  private func nodeWithReceiver() throws -> AgentNode {
    let node = try AgentNode(site: Self.receiver)
    try node.writeBoard("[serial.usb0]\ndevice = \(node.path("dev/ublox-1"))\nbaud = 9600")
    return node
  }

  /// Looks a bounded number of times.
  private func eventually(_ isSo: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<60_000 {
      if try isSo() { return true }
      usleep(1000)
    }
    return false
  }

  /// As udev does: the folder is made for the first link, and goes with the last one.
  private func plug(_ target: String, _ node: AgentNode, as name: String = "ublox-1") throws {
    try FileManager.default.createDirectory(
      atPath: node.path("dev"), withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: node.path("dev/" + name), withDestinationPath: target)
  }

  private func unplug(_ node: AgentNode, _ name: String = "ublox-1") throws {
    try FileManager.default.removeItem(atPath: node.path("dev/" + name))
    try FileManager.default.removeItem(atPath: node.path("dev"))
  }

  private func changes(_ node: AgentNode, of name: String) throws -> [Device] {
    try node.leaves().compactMap(\.device).filter { $0.name == name }
  }

  @Test func aReceiverThatIsReplugged50TimesIsTakenEachTimeAndLeavesNoDescriptorOpen() throws {
    let node = try nodeWithReceiver()
    let agent = try node.startAgent()
    _ = agent.words()
    let before = try agent.descriptors().count
    for round in 0..<50 {
      let terminal = try PseudoTerminal()
      try plug(terminal.path, node)
      #expect(
        try eventually { try agent.descriptors().contains(terminal.path) }, "round \(round)")
      try unplug(node)
      #expect(
        try eventually { try !agent.descriptors().contains { $0.hasPrefix(terminal.path) } },
        "round \(round)")
      withExtendedLifetime(terminal) {}
    }
    #expect(try eventually { try agent.descriptors().count == before })
    #expect(try agent.end().status == 0)
    let told = try changes(node, of: "usb0")
    // All are counted, and few are leaves.
    #expect(told.map(\.changeCount).reduce(0, +) == 100)
    #expect(told.count <= 12)
    #expect(told.first == Device(name: "usb0", isThere: true, changeCount: 1))
    #expect(told.last?.isThere == false)
  }

  /// Nothing tells that the other program has given the line back: the agent asks again.
  @Test func aReceiverThatAnotherProgramHasIsToldAndTakenWhenItIsFree() throws {
    let node = try nodeWithReceiver()
    let terminal = try PseudoTerminal()
    let other = try HeldLine(terminal.path)
    try plug(terminal.path, node)
    let agent = try node.startAgent()
    let words = agent.words(until: "[gnss] port usb0: another program has this line")
    #expect(words.contains("[gnss] port usb0: another program has this line: fuser tells which"))
    #expect(try !agent.descriptors().contains(terminal.path))
    other.release()
    #expect(try eventually { try agent.descriptors().contains(terminal.path) })
    withExtendedLifetime(terminal) {}
    #expect(try agent.end().status == 0)
    #expect(try changes(node, of: "usb0").states == [true])
  }

  /// The device itself goes, and its link stays: what is read says so.
  @Test func aLineThatHangsUpIsGivenBackAndTakenAgainUnderTheSameName() throws {
    let node = try nodeWithReceiver()
    let agent = try node.startAgent()
    _ = agent.words()
    var terminal: PseudoTerminal? = try PseudoTerminal()
    let first = try #require(terminal?.path)
    try plug(first, node)
    #expect(try eventually { try agent.descriptors().contains(first) })
    terminal = nil
    #expect(try eventually { try !agent.descriptors().contains { $0.hasPrefix(first) } })
    try unplug(node)
    let second = try PseudoTerminal()
    try plug(second.path, node)
    #expect(try eventually { try agent.descriptors().contains(second.path) })
    #expect(try agent.end().status == 0)
    #expect(try changes(node, of: "usb0").states == [true, false, true])
  }

  /// A name that leads to another device from one moment to the next.
  @Test func aLinkThatIsTurnedToAnotherLineIsFollowed() throws {
    let node = try nodeWithReceiver()
    let agent = try node.startAgent()
    _ = agent.words()
    let (first, second) = (try PseudoTerminal(), try PseudoTerminal())
    try plug(first.path, node)
    #expect(try eventually { try agent.descriptors().contains(first.path) })
    try FileManager.default.createSymbolicLink(
      atPath: node.path("dev/new"), withDestinationPath: second.path)
    #expect(rename(node.path("dev/new"), node.path("dev/ublox-1")) == 0)
    #expect(
      try eventually {
        let open = try agent.descriptors()
        return open.contains(second.path) && !open.contains(first.path)
      })
    #expect(try agent.end().status == 0)
  }

  @Test func aReceiverThatFlapsAThousandTimesLeavesFewLeavesAndADevice() throws {
    let node = try nodeWithReceiver()
    let agent = try node.startAgent()
    _ = agent.words()
    let terminal = try PseudoTerminal()
    for _ in 0..<1000 {
      try plug(terminal.path, node)
      usleep(500)
      try unplug(node)
      usleep(500)
    }
    try plug(terminal.path, node)
    #expect(try eventually { try agent.descriptors().contains(terminal.path) })
    #expect(try agent.end().status == 0)
    let told = try changes(node, of: "usb0")
    #expect((1...12).contains(told.count))
    #expect(told.last?.isThere == true)
  }

  @Test func aBusThatComesLateIsTakenAndItsGoingIsAFaultAndNotTheEnd() throws {
    let node = try AgentNode(site: Self.sensor + "\noptional = yes")
    let agent = try node.startAgent()
    #expect(agent.words().contains("no such bus"))
    #expect(try node.connect().failingSensorCount() == 1)
    try node.startBoard()
    let connection = try node.connect()
    #expect(try eventually { try connection.failingSensorCount() == 0 })
    node.stopBoard()
    #expect(try eventually { try connection.failingSensorCount() == 1 })
    try node.startBoard()
    #expect(try eventually { try connection.failingSensorCount() == 0 })
    // A reading a second: of so many leaves some are readings.
    let before = try connection.leafCount()
    #expect(try eventually { try connection.leafCount() >= before + 6 })
    #expect(try agent.end().status == 0)
    let leaves = try node.leaves()
    #expect(try changes(node, of: "i2c-1").states == [true, false, true])
    #expect(leaves.contains { $0.kind == .reading })
    // The same chip: its schema is told once.
    #expect(leaves.filter { $0.kind == .schema }.count == 1)
    let faults = leaves.compactMap(\.fault)
    #expect(faults.allSatisfy { $0.schema == 1 } && !faults.isEmpty)
    #expect(faults.contains { $0.codeNumber == UInt64(FaultCode.disconnected.rawValue) })
  }

  @Test func aNeededBusThatGoesLaterIsAFaultUntilItIsBack() throws {
    let node = try AgentNode(site: Self.sensor)
    try node.startBoard()
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    #expect(try connection.failingSensorCount() == 0)
    node.stopBoard()
    #expect(try eventually { try connection.failingSensorCount() == 1 })
    try node.startBoard()
    #expect(try eventually { try connection.failingSensorCount() == 0 })
    #expect(try agent.end().status == 0)
    #expect(try changes(node, of: "i2c-1").states == [false, true])
  }

  @Test func aNeededBusThatIsMissingAtTheStartEndsWithItsReason() throws {
    let node = try AgentNode(site: Self.sensor)
    try node.writeBoard("[i2c.i2c-1]\ndevice = \(node.path("dev/i2c-tiny-usb-1"))")
    let ending = try node.runAgent()
    #expect(ending.status == 69)
    #expect(ending.said.contains("i2c-tiny-usb-1: no such bus"), "\(ending.said)")
    #expect(ending.said.contains("optional = yes"), "\(ending.said)")
  }

  /// A name of an adapter may lead anywhere: what is no I2C bus is asked nothing, said once, and left alone.
  @Test(arguments: ["/dev/null", "/etc/passwd", "/dev/ptmx"])
  func whatIsNoBusIsSaidAndEachTimeClosed(target: String) throws {
    let node = try AgentNode(site: Self.sensor + "\noptional = yes")
    try node.writeBoard("[i2c.i2c-1]\ndevice = \(node.path("dev/i2c-tiny-usb-1"))")
    try plug(target, node, as: "i2c-tiny-usb-1")
    let agent = try node.startAgent()
    let said = agent.words()
    #expect(said.contains("A bus is a file such as /dev/i2c-1"), "\(said)")
    let before = try agent.descriptors().count
    for _ in 0..<10 {
      try unplug(node, "i2c-tiny-usb-1")
      usleep(20_000)
      try plug(target, node, as: "i2c-tiny-usb-1")
      usleep(20_000)
    }
    #expect(try eventually { try agent.descriptors().count == before })
    #expect(try agent.end().status == 0)
    #expect(try node.leaves().contains { $0.fault?.schema == 1 })
  }
}

extension UnixConnection {
  func failingSensorCount() throws -> UInt16 {
    try send(.statusRequest)
    return try receiveStatus().failingSensorCount
  }

  func leafCount() throws -> UInt64 {
    try send(.statusRequest)
    return try receiveStatus().leafCount
  }
}
