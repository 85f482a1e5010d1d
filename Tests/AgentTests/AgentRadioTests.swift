import AgentMessages
import Coverage
import Foundation
import LinuxPlatform
import Proofs
import Radios
import Records
import Simulation
import TestSupport
import Testing

/// The agent with a module behind a terminal, as it would be on a board.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct AgentRadioTests {
  private func node(region: String = "EU868", model: String = "RAK3172", port: String = "usb0")
    throws -> AgentNode
  {
    let node = try AgentNode(
      site: """
        [radio]
        model = \(model)
        region = \(region)
        transmit_power = 14 dBm
        antenna_gain = 2.15 dBi
        port = \(port)
        """)
    try node.writeBoard("[serial.usb0]\ndevice = \(node.path("dev/radio"))\nbaud = 115200")
    try FileManager.default.createDirectory(
      atPath: node.path("dev"), withIntermediateDirectories: true)
    return node
  }

  private func radio(_ connection: borrowing UnixConnection) throws -> RadioStatus {
    try connection.send(.statusRequest)
    return try #require(try connection.receiveStatus().radio)
  }

  /// Turns the module until the agent's status is so.
  private func turn(
    _ end: inout ModuleTerminal, _ connection: borrowing UnixConnection,
    until isSo: (RadioStatus) -> Bool
  ) throws -> Bool {
    for _ in 0..<60_000 {
      try end.turn(now: SystemClock().bootMilliseconds())
      if isSo(try radio(connection)) { return true }
      usleep(1000)
    }
    return false
  }

  private func deliver(_ bytes: [UInt8], _ end: borrowing ModuleTerminal) {
    end.model.deliver(
      bytes, AirFigures(rssi: -11_300, snr: -700), now: SystemClock().bootMilliseconds())
  }

  private func beacon(_ key: UInt8) -> [UInt8] {
    let frame = BeaconFrame(
      seed: SHA256.hash([key, 2].span), keyHash: SHA256.hash([key].span), number: 7)
    return (0..<24).map { frame.bytes[$0] }
  }

  @Test func aBeaconThatTheModuleHearsIsAWitnessLeafOfASignedBatch() throws {
    let node = try node()
    var end = try ModuleTerminal(model: RAK3172Model(), path: node.path("dev/radio"))
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    #expect(try turn(&end, connection) { $0.stateNumber == RadioState.listening.rawValue })
    let listening = try radio(connection)
    #expect(listening.isAttached && listening.kindNumber == RadioKind.rak3172.rawValue)
    #expect(listening.frequencyHertz == 868_100_000 && listening.spreadingFactor == 10)
    deliver(beacon(7), end)
    #expect(try turn(&end, connection) { $0.witnessCount == 1 })
    deliver([0x40, 1, 2, 3], end)
    #expect(try turn(&end, connection) { $0.frameCount == 2 })
    let heard = try radio(connection)
    #expect(heard.lastRSSICentidecibelMilliwatts == -11_300 && heard.lastSNRCentidecibels == -700)
    #expect(agent.isRunning)
    #expect(try agent.end().status == 0)
    let leaves = try node.leaves()
    let witnesses = leaves.compactMap(\.witness)
    #expect(witnesses.count == 1)
    #expect(witnesses.first?.reception.rssiCentidecibelMilliwatts == -11_300)
    #expect((0..<24).map { witnesses.first?.frame[$0] } == beacon(7))
    let numbers = leaves.compactMap(\.schemaNumber)
    // What the radio is stands before what it heard.
    #expect(numbers == [33, 33])
    #expect(leaves.compactMap(\.device).states == [true])
  }

  @Test func aModuleThatIsPulledAndPutBackListensAgain() throws {
    let node = try node(model: "any")
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    #expect(try radio(connection).isAttached == false)
    for round in 0..<2 {
      var end = try ModuleTerminal(model: RAK3172Model(), path: node.path("dev/radio"))
      #expect(
        try turn(&end, connection) { $0.stateNumber == RadioState.listening.rawValue },
        "round \(round)")
      deliver(beacon(UInt8(10 + round)), end)
      #expect(try turn(&end, connection) { $0.witnessCount == round + 1 })
      _ = consume end
      var isGone = false
      for _ in 0..<60_000 where !isGone {
        isGone = try !radio(connection).isAttached
        usleep(1000)
      }
      #expect(isGone)
    }
    #expect(try agent.end().status == 0)
    let leaves = try node.leaves()
    #expect(leaves.compactMap(\.device).states == [true, false, true, false])
    // The same module: it is told once.
    #expect(leaves.filter { $0.kind == .schema }.count == 1)
  }

  @Test func aModuleThatAnotherProgramHasIsAFaultWithAReasonAndTakenWhenItIsFree() throws {
    let node = try node(model: "any")
    var end = try ModuleTerminal(model: RAK3172Model(), path: node.path("dev/radio"))
    let other = try HeldLine(node.path("dev/radio"))
    let agent = try node.startAgent()
    let firstWords = agent.words()
    let connection = try node.connect()
    #expect(
      try turn(&end, connection) { $0.lastFaultNumber == FaultCode.lineInUse.rawValue })
    #expect(try radio(connection).isAttached == false)
    other.release()
    #expect(
      try turn(&end, connection) { $0.stateNumber == RadioState.listening.rawValue })
    #expect(try radio(connection).lastFaultNumber == 0)
    let ending = try agent.end()
    #expect(ending.status == 0)
    let said = firstWords + ending.said
    #expect(said.contains("[radio] port usb0: another program has this line"), "\(said)")
    let faults = try node.leaves().compactMap(\.fault)
    #expect(
      faults == [Fault(schema: 33, codeNumber: UInt64(FaultCode.lineInUse.rawValue), count: 1)])
  }

  @Test func aRegionThatIsNoneEndsWithItsReason() throws {
    let ending = try node(region: "EU686").runAgent()
    #expect(ending.status == 78)
    #expect(ending.said.contains("EU686 is none of EU868, US915"), "\(ending.said)")
  }

  @Test func aPortThatTheBoardLacksIsRefused() throws {
    let ending = try node(port: "usb9").runAgent()
    #expect(ending.status == 78)
    #expect(ending.said.contains("usb9"), "\(ending.said)")
  }
}
