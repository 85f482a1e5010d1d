import CBOR
import CLinux
import Foundation
import Simulation
import Testing

@Suite struct VirtualBusMessageTests {
  /// The examples of docs/simulation.md, byte by byte.
  @Test func messagesAreThoseOfTheSpecification() throws {
    let request = VirtualBusRequest(
      address: 0x76, bytes: [0xd0], readCount: 1, timeoutMilliseconds: 100)
    #expect(request.encoded == [0x84, 0x18, 0x76, 0x41, 0xd0, 0x01, 0x18, 0x64])
    #expect(try VirtualBusRequest(decoding: request.encoded) == request)
    let reply = VirtualBusReply(status: .done, bytes: [0x60])
    #expect(reply.encoded == [0x82, 0x00, 0x41, 0x60])
    #expect(VirtualBusReply(decoding: reply.encoded) == reply)
    #expect(VirtualBusReply(status: .notAcknowledged).encoded == [0x82, 0x01, 0x40])
    #expect(VirtualBusReply(status: .timedOut).encoded == [0x82, 0x02, 0x40])
    #expect(VirtualBusReply(status: .invalidRequest).encoded == [0x82, 0x16, 0x40])
    #expect(VirtualBusReply(status: .tooLarge).encoded == [0x82, 0x18, 0x5a, 0x40])
  }

  @Test func theLargestMessagesFit() throws {
    let bytes = [UInt8](repeating: 0xff, count: VirtualBusLimit.transferByteCount)
    let request = VirtualBusRequest(
      address: 0x77, bytes: bytes, readCount: bytes.count,
      timeoutMilliseconds: VirtualBusLimit.timeoutMilliseconds)
    #expect(request.encoded.count <= VirtualBusLimit.messageByteCount)
    #expect(try VirtualBusRequest(decoding: request.encoded) == request)
    let reply = VirtualBusReply(status: .system(errno: .max), bytes: bytes)
    #expect(reply.encoded.count <= VirtualBusLimit.messageByteCount)
    #expect(VirtualBusReply(decoding: reply.encoded) == reply)
  }

  private func status(_ message: [UInt8]) -> VirtualBusStatus {
    Bench().board.bus.reply(to: message, now: 1_002_000).status
  }

  @Test func aBadRequestHasAStatusOfItsOwn() {
    let good: [UInt8] = [0x84, 0x18, 0x76, 0x41, 0xd0, 0x01, 0x18, 0x64]
    #expect(status(good) == .done)
    // Every prefix, and every trailing byte.
    for cut in 0..<good.count { #expect(status(Array(good[..<cut])) == .invalidRequest) }
    for byte in UInt8.min...UInt8.max { #expect(status(good + [byte]) == .invalidRequest) }
    for bad: [UInt8] in [
      // Three items, five items, a map.
      [0x83, 0x18, 0x76, 0x41, 0xd0, 0x01], [0x85, 0x18, 0x76, 0x41, 0xd0, 0x01, 0x01, 0x01],
      [0xa2, 0x18, 0x76, 0x41, 0xd0, 0x01, 0x01],
      // Address not shortest, negative, reserved, beyond seven bits.
      [0x84, 0x19, 0x00, 0x76, 0x41, 0xd0, 0x01, 0x01], [0x84, 0x20, 0x41, 0xd0, 0x01, 0x01],
      [0x84, 0x07, 0x41, 0xd0, 0x01, 0x01], [0x84, 0x18, 0x78, 0x41, 0xd0, 0x01, 0x01],
      [0x84, 0x19, 0x01, 0x76, 0x41, 0xd0, 0x01, 0x01],
      // Text for bytes, bytes for a count, a timeout of more than a minute.
      [0x84, 0x18, 0x76, 0x61, 0x41, 0x01, 0x01], [0x84, 0x18, 0x76, 0x41, 0xd0, 0x41, 0x00, 0x01],
      [0x84, 0x18, 0x76, 0x41, 0xd0, 0x01, 0x19, 0xea, 0x61],
    ] { #expect(status(bad) == .invalidRequest, "\(bad)") }
    // 4081 bytes to read.
    #expect(status([0x84, 0x18, 0x76, 0x41, 0xd0, 0x19, 0x0f, 0xf1, 0x01]) == .tooLarge)
    // No chip at 0x10.
    #expect(status([0x84, 0x10, 0x40, 0x01, 0x01]) == .notAcknowledged)
  }

  @Test(arguments: [UInt64(21), 22, 23])
  func randomMessagesAlwaysHaveAReply(seed: UInt64) {
    var generator = SeededNoise(seed: seed)
    let bench = Bench()
    let good = VirtualBusRequest(
      address: 0x44, bytes: [0x24, 0x00], readCount: 6, timeoutMilliseconds: 5
    ).encoded
    for _ in 0..<20_000 {
      var message = good
      if Bool.random(using: &generator) {
        message = (0..<Int.random(in: 0...20, using: &generator)).map { _ in
          UInt8.random(in: 0...255, using: &generator)
        }
      } else {
        let index = Int.random(in: 0..<message.count, using: &generator)
        message[index] = UInt8.random(in: 0...255, using: &generator)
      }
      bench.clock.now += 7
      let reply = bench.board.bus.reply(to: message, now: bench.clock.now)
      #expect(VirtualBusReply(decoding: reply.encoded) == reply)
    }
  }
}

@Suite struct VirtualBoardServerTests {
  private let path: [UInt8]
  private let pathText: String
  private let bench = Bench()

  init() {
    pathText = NSTemporaryDirectory() + "cairn-\(UUID().uuidString.prefix(13)).sock"
    path = Array(pathText.utf8)
  }

  /// Sends a message, turns the server once, and takes the reply; nil when the server has hung up.
  private func ask(_ client: Int32, _ server: VirtualBoardServer, _ message: [UInt8]) throws
    -> [UInt8]?
  {
    #expect(cairn_board_send(client, message, message.count) == message.count)
    _ = try server.serve(forMilliseconds: 1_000) { bench.clock.now }
    var buffer = [UInt8](repeating: 0, count: VirtualBusLimit.messageByteCount)
    let count = cairn_board_receive(client, &buffer, buffer.count)
    return count > 0 ? Array(buffer[..<count]) : nil
  }

  private func connect(_ server: VirtualBoardServer) throws -> Int32 {
    let client = cairn_board_connect(path, path.count)
    try #require(client >= 0)
    _ = try server.serve(forMilliseconds: 1_000) { bench.clock.now }
    return client
  }

  @Test func aRequestOverTheSocketIsATransferOnTheBus() throws {
    let server = VirtualBoardServer()
    try server.add(bench.board.bus, at: pathText)
    let clients = [try connect(server), try connect(server)]
    defer { for client in clients { _ = cairn_board_close(client) } }
    for client in clients {
      #expect(
        try ask(client, server, [0x84, 0x18, 0x76, 0x41, 0xd0, 0x01, 0x18, 0x64])
          == [0x82, 0x00, 0x41, 0x60])
      #expect(try ask(client, server, [0x84, 0x10, 0x40, 0x01, 0x01]) == [0x82, 0x01, 0x40])
      #expect(try ask(client, server, [0xff]) == [0x82, 0x16, 0x40])
      let tooLarge = [UInt8](repeating: 0, count: VirtualBusLimit.messageByteCount + 1)
      #expect(try ask(client, server, tooLarge) == [0x82, 0x18, 0x5a, 0x40])
    }
  }

  @Test func theSocketIsGoneWhenTheServerEndsAndAnotherMayServeIt() throws {
    for _ in 0..<2 {
      let server = VirtualBoardServer()
      try server.add(bench.board.bus, at: pathText)
      #expect(FileManager.default.fileExists(atPath: pathText))
      server.close()
      #expect(!FileManager.default.fileExists(atPath: pathText))
    }
  }

  @Test func aSocketLeftBehindIsReplacedAndOneInUseOrAFileIsNot() throws {
    // What a killed program leaves: a bound socket without anybody behind it.
    let abandoned = cairn_board_listen(path, path.count, 1)
    #expect(abandoned >= 0)
    _ = cairn_board_close(abandoned)
    let server = VirtualBoardServer()
    try server.add(bench.board.bus, at: pathText)
    let second = VirtualBoardServer()
    #expect(throws: VirtualBoardServer.Failure.pathInUse) {
      try second.add(bench.board.bus, at: pathText)
    }
    server.close()
    try "precious".write(toFile: pathText, atomically: false, encoding: .utf8)
    #expect(throws: VirtualBoardServer.Failure.self) {
      try second.add(bench.board.bus, at: pathText)
    }
    #expect(try String(contentsOfFile: pathText, encoding: .utf8) == "precious")
    try FileManager.default.removeItem(atPath: pathText)
  }

  @Test func aPathThatIsTooLongIsRefused() {
    let server = VirtualBoardServer()
    #expect(throws: VirtualBoardServer.Failure.system(errno: ENAMETOOLONG)) {
      try server.add(bench.board.bus, at: "/tmp/" + String(repeating: "x", count: 103))
    }
  }

  @Test func aClientThatGoesOrOneTooManyDoesNotStopTheOthers() throws {
    let server = VirtualBoardServer()
    try server.add(bench.board.bus, at: pathText)
    var clients: [Int32] = []
    for _ in 0..<VirtualBoardServer.clientLimit { clients.append(try connect(server)) }
    let extra = try connect(server)
    var buffer = [UInt8](repeating: 0, count: 16)
    #expect(cairn_board_receive(extra, &buffer, buffer.count) == 0)
    _ = cairn_board_close(extra)
    _ = cairn_board_close(clients.removeFirst())
    _ = try server.serve(forMilliseconds: 1_000) { bench.clock.now }
    clients.append(try connect(server))
    for client in clients {
      #expect(try ask(client, server, [0x84, 0x10, 0x40, 0x01, 0x01]) == [0x82, 0x01, 0x40])
      _ = cairn_board_close(client)
    }
  }
}

@Suite struct FaultCommandTests {
  @Test func everyFaultIsReadFromALineAndFromAnOption() throws {
    for fault in ChipFault.allCases {
      let line = try FaultCommand(line: "fault sht3x \(fault.rawValue)")
      #expect(line.chipName == "sht3x" && line.fault == fault && line.delayMilliseconds == 0)
      for (delay, milliseconds): (String, Int64) in [
        ("", 0), ("@500ms", 500), ("@30s", 30_000), ("@2m", 120_000), ("@0s", 0),
      ] {
        let option = try FaultCommand(option: "sht3x:\(fault.rawValue)\(delay)")
        #expect(option.fault == fault && option.delayMilliseconds == milliseconds)
      }
    }
  }

  @Test func whatIsNotOfTheFormIsRefused() {
    for line in ["", "fault", "fault sht3x", "fault sht3x none now", "sht3x none", "Fault a none"] {
      #expect(throws: FaultCommand.Failure.notUnderstood) { try FaultCommand(line: line) }
    }
    #expect(throws: FaultCommand.Failure.unknownFault) {
      try FaultCommand(line: "fault sht3x asleep")
    }
    for option in [
      "", "sht3x", ":none", "sht3x:none@", "sht3x:none@s", "sht3x:none@30", "sht3x:none@-1s",
      "sht3x:none@1s@2s", "sht3x:none:x", "sht3x:none@604800001ms", "sht3x:none@99999999999999999s",
    ] {
      #expect(throws: FaultCommand.Failure.notUnderstood) { try FaultCommand(option: option) }
    }
  }

  @Test func aDelayedFaultComesInItsTime() throws {
    let bench = Bench()
    let start = bench.clock.now
    func perform(_ option: String) throws -> String {
      bench.board.perform(try FaultCommand(option: option), now: start)
    }
    #expect(try perform("sht3x:frozen@30s") == "sht3x: frozen in 30000 ms")
    #expect(try perform("scd4x:no-acknowledge@10s") == "scd4x: no-acknowledge in 10000 ms")
    #expect(try perform("bme280:wrong-chip") == "bme280: wrong-chip")
    #expect(try perform("bmp180:none") == "no chip bmp180 here, only sht3x, scd4x, bme280")
    #expect(bench.board.nextCommandMilliseconds == start + 10_000)
    #expect(bench.board.performDue(now: start + 9_999).isEmpty)
    #expect(
      bench.board.performDue(now: start + 40_000) == ["scd4x: no-acknowledge", "sht3x: frozen"])
    #expect(bench.board.nextCommandMilliseconds == nil)
    #expect(bench.board.bus.attached.map(\.chip.fault) == [.frozen, .noAcknowledge, .wrongChip])
  }
}
