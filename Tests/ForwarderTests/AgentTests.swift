import FixedMemory
import Foundation
import GWMP
import LinuxPlatform
import Testing

@Suite struct AgentTests {
  func request(_ number: UInt32) throws -> ForwarderMessage.Transmit {
    let data: [UInt8] = [0xfb, 0xff, 0xfe]
    let made = TransmitPacket(
      frequencyHertz: 868_300_000, spreadingFactor: 10, bandwidthHertz: 125_000,
      codingRateDenominator: 5, powerDecibelMilliwatts: 14, bytes: data.span)
    let packet = try #require(made)
    return ForwarderMessage.Transmit(number: number, gateway: gatewayNumber, packet: packet)
  }

  @Test func aFrameReachesTheAgentOnceWithItsFigures() throws {
    let bench = try ForwarderBench(hasServer: false)
    let (agent, gateway) = (try bench.agent(), try bench.gateway())
    try gateway.send(up(0, token: 1, "{\"stat\":{\"time\":null}}"))
    try gateway.send(up(0, token: 1, rxpk(5)))
    try gateway.send(up(0, token: 2, rxpk(5)))
    try gateway.send(up(0, token: 3, rxpk(6)))
    guard case .frame(let first) = try agent.receive(),
      case .frame(let second) = try agent.receive()
    else {
      Issue.record("no frame")
      return
    }
    #expect(first.gateway == gatewayNumber && first.receivedMilliseconds > 0)
    #expect(first.packet.frequencyHertz == 868_100_000 && first.packet.checksum == 1)
    #expect(first.packet.packetRSSICentidecibelMilliwatts == -10_100)
    #expect(first.packet.signalRSSICentidecibelMilliwatts == -10_350)
    #expect(first.packet.snrCentidecibels == -225)
    #expect((0..<3).map { first.packet.bytes[$0] } == [1, 2, 3])
    #expect(second.packet.concentratorMicroseconds == 6)
  }

  @Test func aTransmissionOfTheAgentAndItsAcknowledgementStayOurs() throws {
    let bench = try ForwarderBench()
    let server = try #require(bench.server)
    let (agent, gateway) = (try bench.agent(), try bench.gateway())
    try agent.send(try request(1))
    #expect(
      try agent.receive()
        == .outcome(ForwarderMessage.Outcome(number: 1, outcome: .gatewayAbsent)))
    try gateway.send(up(2, token: 1))
    #expect(try server.receive() == up(2, token: 1))
    _ = try agent.receive()
    try agent.send(try request(2))
    let response = try gateway.receive()
    #expect(response[0] == 2 && response[3] == 3)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(response[4...])) as? [String: [String: Any]])
    #expect(object["txpk"]?["freq"] as? Double == 868.3)
    #expect(object["txpk"]?["data"] as? String == "+//+")
    let token = UInt16(response[1]) << 8 | UInt16(response[2])
    try gateway.send(up(5, token: token, "{\"txpk_ack\":{\"warn\":\"TX_POWER\",\"value\":12}}"))
    #expect(
      try agent.receive()
        == .outcome(
          ForwarderMessage.Outcome(
            number: 2, outcome: .sentWithOtherPower, powerDecibelMilliwatts: 12)))
    // The server hears of the next datagram, and not of ours.
    try gateway.send(up(5, token: token &+ 100))
    #expect(try server.receive() == up(5, token: token &+ 100))
  }

  @Test func whatTheServerHasSentIsToldTheAgent() throws {
    let bench = try ForwarderBench()
    let server = try #require(bench.server)
    let (agent, gateway) = (try bench.agent(), try bench.gateway())
    try gateway.send(up(2, token: 1))
    _ = try server.receive()
    _ = try agent.receive()
    let response = down(
      3, token: 9, "{\"txpk\":{\"imme\":true,\"datr\":\"SF12BW125\",\"size\":51}}")
    try server.answer(response)
    #expect(try gateway.receive() == response)
    guard case .sending(let sending) = try agent.receive() else {
      Issue.record("another message")
      return
    }
    #expect(sending.gateway == gatewayNumber)
    // 2.5 s on the air, and 150 ms.
    #expect((2_400...2_700).contains(sending.toMilliseconds - sending.fromMilliseconds))
    try server.answer(
      down(
        3, token: 10,
        "{\"txpk\":{\"imme\":true,\"datr\":\"SF12BW125\",\"size\":51,\"prea\":200}}"))
    guard case .sending(let longer) = try agent.receive() else {
      Issue.record("another message")
      return
    }
    // 192 symbols of 32.768 ms more.
    #expect((8_700...9_000).contains(longer.toMilliseconds - longer.fromMilliseconds))
  }

  /// The server's transmission and a new gateway, told while the agent's socket is full.
  @Test func anAgentThatReadsNothingLearnsWhatElseItMissed() throws {
    let bench = try ForwarderBench()
    let server = try #require(bench.server)
    let (agent, gateway) = (try bench.agent(), try bench.gateway())
    try gateway.send(up(2, token: 1))
    #expect(try server.receive() == up(2, token: 1))
    // A socket takes some hundreds.
    for turn in 0..<3_000 {
      try gateway.send(up(0, token: UInt16(turn), rxpk(turn)))
      _ = try server.receive()
    }
    let began = SystemClock().bootMilliseconds()
    // Ahead by no clock that is known: 10 s from now, and the longest frame.
    try server.answer(down(3, token: 9, "{\"txpk\":{\"tmms\":1,\"datr\":\"SF12BW125\"}}"))
    _ = try gateway.receive()
    try gateway.send(up(2, token: 2, eui: otherEUI))
    #expect(try server.receive() == up(2, token: 2, eui: otherEUI))
    var frames = 0
    var before: [ForwarderMessage.Decoded] = []
    while true {
      let message = try agent.receive()
      if case .frame = message { frames += 1 } else { before.append(message) }
      guard case .lost(let count) = message else { continue }
      // The transmission is one of what got lost.
      #expect(frames + Int(count) == 3_001)
      break
    }
    #expect(
      before.contains(
        .gateway(ForwarderMessage.Gateway(identifier: 2, version: 2, isPresent: true))))
    // On a machine that took so long for it nothing of it lies ahead.
    let isTold = before.contains { if case .sending = $0 { true } else { false } }
    #expect(isTold || SystemClock().bootMilliseconds() - began >= 10_000)
  }

  @Test func aGatewayOfVersion1IsAskedToSendAndCanNotConfirm() throws {
    let bench = try ForwarderBench(hasServer: false)
    let (agent, gateway) = (try bench.agent(), try bench.gateway())
    try gateway.send(up(2, token: 1, version: 1))
    #expect(try gateway.receive() == down(4, token: 1, version: 1))
    _ = try agent.receive()
    try agent.send(try request(3))
    #expect(try gateway.receive()[0] == 1)
    #expect(
      try agent.receive() == .outcome(ForwarderMessage.Outcome(number: 3, outcome: .unknown)))
  }

  @Test func anAgentThatReadsNothingLosesFramesAndLearnsHowMany() throws {
    let bench = try ForwarderBench(hasServer: false)
    let (agent, gateway) = (try bench.agent(), try bench.gateway())
    let count = 3000
    for turn in 0..<count {
      try gateway.send(up(0, token: UInt16(turn & 0xffff), rxpk(turn)))
      // Its acknowledgement says that it was taken.
      #expect(try gateway.receive()[3] == 1)
    }
    var frames = 0
    var lost: UInt64 = 0
    while frames + Int(lost) < count {
      switch try agent.receive() {
      case .frame: frames += 1
      case .lost(let number): lost = number
      case .gateway, .outcome, .transmit, .invalidTransmit, .sending:
        Issue.record("another message")
      }
    }
    #expect(frames + Int(lost) == count && lost > 0)
  }

  @Test func whoSaysWhatNoAgentSaysIsLetGoAndOthersStay() throws {
    let bench = try ForwarderBench(hasServer: false)
    let (wrong, agent, gateway) = (try bench.agent(), try bench.agent(), try bench.gateway())
    let garbage: [UInt8] = [0x83, 0x01, 0x05, 0x00]
    try wrong.connection.send(garbage.span, timeoutMilliseconds: 60_000)
    #expect(throws: SocketFailure.closed) { _ = try wrong.receive() }
    try gateway.send(up(0, token: 1, rxpk(1)))
    guard case .frame = try agent.receive() else {
      Issue.record("no frame")
      return
    }
  }
}

@Suite struct CommandLineTests {
  func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = try ForwarderBench.program()
    process.arguments = arguments
    let pipe = Pipe()
    process.standardError = pipe
    process.standardOutput = pipe
    try process.run()
    let bytes = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
  }

  @Test func helpAndVersionAreNoErrors() throws {
    let help = try run(["--help"])
    #expect(help.status == 0 && help.output.contains("--server ADDRESS:PORT"))
    #expect(try run(["--version"]).output == "cairn-forwarder 0.1.0\n")
  }

  @Test(arguments: [
    (["--listen", "localhost:1700"], "--listen: an address"), (["--listen"], "needs a value"),
    (["--listen", "127.0.0.1:70000"], "--listen: an address"),
    (["--listen", "127.0.0.1"], "--listen: an address"),
    (["--listen", "::1:1"], "--listen: an address"),
    (["--listen", "0.0.0.0:1700"], "--open"), (["--listen", "[::]:1700"], "--open"),
    (["--server", "server.example:1700"], "--server: an address of digits"),
    (["--server", "127.0.0.1:1700"], "that is the address of --listen"),
    (["--frobnicate"], "unknown argument"),
  ])
  func aWrongCommandLineIsRefusedWithItsReason(arguments: [String], reason: String) throws {
    let result = try run(arguments)
    #expect(result.status == 2)
    #expect(result.output.hasPrefix("cairn-forwarder: ") && result.output.contains(reason))
  }

  @Test func aFolderOrAPortThatCanNotBeHadIsRefused() throws {
    #expect(try run(["--run", "/nonexistent"]).status == 77)
    let taken = try Peer()
    let result = try run([
      "--listen", "127.0.0.1:\(try taken.port())", "--run",
      FileManager.default.temporaryDirectory.path,
    ])
    #expect(result.status == 77 && result.output.contains("--listen: "))
  }
}
