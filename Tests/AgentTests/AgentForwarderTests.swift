import AgentMessages
import Coverage
import FixedMemory
import Foundation
import LinuxPlatform
import Proofs
import Radios
import Records
import TestSupport
import Testing

/// The agent with a concentrator: packet forwarder → cairn-forwarder → agent → leaves.
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct AgentForwarderTests {
  private func node(_ more: String = "") throws -> AgentNode {
    try AgentNode(
      site: """
        [radio]
        model = RAK2287
        region = EU868
        transmit_power = 14 dBm
        antenna_gain = 2.15 dBi
        forwarder = yes
        \(more)
        """)
  }

  private func radio(_ connection: borrowing UnixConnection) throws -> RadioStatus {
    try connection.send(.statusRequest)
    return try #require(try connection.receiveStatus().radio)
  }

  private func wait(
    _ connection: borrowing UnixConnection, until isSo: (RadioStatus) -> Bool
  ) throws -> Bool {
    for _ in 0..<60_000 {
      if isSo(try radio(connection)) { return true }
      usleep(1000)
    }
    return false
  }

  private func isListening(_ radio: RadioStatus) -> Bool {
    radio.stateNumber == RadioState.listening.rawValue
  }

  private func beacon(_ key: UInt8) -> [UInt8] {
    let frame = BeaconFrame(
      seed: SHA256.hash([key, 2].span), keyHash: SHA256.hash([key].span), number: 7)
    return (0..<24).map { frame.bytes[$0] }
  }

  private func uplink(_ counter: Int) -> [UInt8] {
    [0x40, 1, 2, 3, 4, 0, UInt8(counter & 255), UInt8(counter >> 8), 1, 0xaa, 0xbb, 9, 8, 7, 6]
  }

  private func leaves(_ node: AgentNode) throws -> [BenchLeaf] {
    try BenchLeaf.all(in: node.path("agent/spool"))
  }

  @Test func whatAConcentratorHearsStandsInSignedBatches() throws {
    let node = try node()
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    // It is there before its forwarder, and says why it hears nothing.
    #expect(
      try wait(connection) { !$0.isAttached && $0.lastFaultNumber == 8 && $0.kindNumber == 11 })
    let forwarder = try PacketForwarder(run: node.folder.path)
    #expect(try wait(connection) { $0.isAttached })
    try forwarder.pull()
    #expect(try wait(connection, until: isListening))
    try forwarder.hear(beacon(7))
    try forwarder.hear(uplink(1))
    #expect(try wait(connection) { $0.frameCount == 2 && $0.witnessCount == 1 })
    #expect(try radio(connection).lastRSSICentidecibelMilliwatts == -10_100)
    #expect(try agent.end().status == 0)

    let logged = try node.leaves()
    #expect(logged.compactMap(\.device).map(\.name) == ["forwarder"])
    let witness = try #require(logged.compactMap(\.witness).first)
    #expect((0..<24).map { witness.frame[$0] } == beacon(7))
    #expect(witness.reception.frequencyHertz == 868_300_000)
    #expect(witness.reception.spreadingFactor == 9)
    #expect(witness.reception.signalCentidecibelMilliwatts == -10_300)
    #expect(witness.reception.snrCentidecibels == -225)
    #expect(witness.reception.frequencyErrorHertz == -730)
    let frames = try leaves(node).compactMap { try $0.evidence(.frame) { try $0.frame() } }
    #expect(frames.map(\.value.hash) == [SHA256.hash(uplink(1).span)])
    #expect(frames.map(\.value.byteCount) == [15])
    // Which concentrator it is stands before what it heard.
    let serial: [String] = try leaves(node).compactMap { leaf in
      let decoded = try Leaf(decoding: leaf.bytes.span)
      guard decoded.kind == .schema, decoded.schema == 33 else { return nil }
      let record = try decoded.schemaRecord()
      return record.serialNumber.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
    #expect(serial == ["b827ebfffe123456"])
  }

  @Test func ofAHundredFramesASecondNoneIsLostFromTheCounts() throws {
    let node = try node("frames_per_minute = 20")
    let forwarder = try PacketForwarder(run: node.folder.path)
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    #expect(try wait(connection) { $0.isAttached })
    try forwarder.pull()
    let count = 400
    for counter in 0..<count {
      try forwarder.hear(uplink(counter))
      usleep(10_000)
    }
    // What was lost on the way would be counted there; on a busy machine too the sum is right.
    #expect(try wait(connection) { $0.frameCount > 0 })
    var last: UInt64 = 0
    for _ in 0..<1_000 {
      last = try radio(connection).frameCount
      if last == UInt64(count) { break }
      usleep(10_000)
    }
    #expect(try agent.end().status == 0)
    let leaves = try leaves(node)
    let frames = try leaves.compactMap { try $0.evidence(.frame) { try $0.frame() } }
    var refused: [UInt64: UInt64] = [:]
    for numbers in try leaves.compactMap({ try $0.event(.framesRefused) }) {
      refused[numbers[0], default: 0] += numbers[1]
    }
    #expect(frames.count >= 20 && frames.count < count)
    #expect(UInt64(frames.count) + refused.values.reduce(0, +) == UInt64(count), "\(refused)")
    #expect(last + refused[4, default: 0] == UInt64(count), "\(last) \(refused)")
    #expect(refused[3, default: 0] > 0)
  }

  @Test func aForwarderThatRestartsIsFoundAgain() throws {
    let node = try node()
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    for round in 0..<2 {
      let forwarder = try PacketForwarder(run: node.folder.path)
      try forwarder.pull()
      #expect(try wait(connection, until: isListening), "round \(round)")
      try forwarder.hear(beacon(UInt8(10 + round)))
      #expect(try wait(connection) { $0.witnessCount == round + 1 })
      forwarder.end()
      #expect(try wait(connection) { !$0.isAttached && $0.lastFaultNumber == 8 })
    }
    #expect(try agent.end().status == 0)
    let logged = try node.leaves()
    #expect(logged.compactMap(\.device).states == [true, false, true, false])
    #expect(logged.compactMap(\.fault).allSatisfy { $0.schema == 33 && $0.codeNumber == 8 })
    // The same concentrator: it is told once.
    #expect(logged.filter { $0.kind == .schema }.count == 1)
  }

  @Test func aForwarderThatSaysGarbageIsLeftWithItsReason() throws {
    let node = try node()
    let path = FixedPath(Array(node.path("forwarder.sock").utf8).span)
    let listener = try UnixListener(at: try #require(path), mode: 0o600)
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    var accepted: UnixConnection?
    for _ in 0..<60_000 where accepted == nil {
      accepted = try listener.accept()
      usleep(1000)
    }
    let garbage: [UInt8] = [0x83, 0x01, 0x18, 0xff, 0x00]
    try accepted?.send(garbage.span, timeoutMilliseconds: 1_000)
    #expect(try wait(connection) { !$0.isAttached && $0.lastFaultNumber == 12 })
    #expect(try agent.end().status == 0)
    #expect(try node.leaves().compactMap(\.fault).map(\.codeNumber).contains(12))
  }

  @Test func aTestFrameGoesOutThroughThePacketForwarder() throws {
    let node = try node("transmit = yes")
    let forwarder = try PacketForwarder(run: node.folder.path)
    let agent = try node.startAgent()
    _ = agent.words()
    let connection = try node.connect()
    try forwarder.pull()
    #expect(try wait(connection) { isListening($0) && $0.transmits })
    try connection.send(.radioTest(channel: 1, spreadingFactor: 9))
    let answer: UInt8? = try connection.receiveMessage { message in
      if case .radioTestAnswer(let reason) = message { return reason }
      return nil
    }
    #expect(answer == 0)
    let sent = try forwarder.transmission(answer: "{\"txpk_ack\":{\"error\":\"NONE\"}}")
    #expect(sent["imme"] as? Bool == true && sent["freq"] as? Double == 868.3)
    #expect(sent["datr"] as? String == "SF9BW125" && sent["codr"] as? String == "4/5")
    // 14 dBm would be 16.15 dBm EIRP of the 16.15 that the plan allows.
    #expect(sent["powe"] as? Int == 14 && sent["ipol"] as? Bool == false)
    let data = try #require(Data(base64Encoded: sent["data"] as? String ?? ""))
    #expect(data.count == 8 && data.first == 0xe0)
    #expect(try wait(connection, until: isListening))
    #expect(try agent.end().status == 0)
  }

  @Test(arguments: [
    ("port = usb0", "the radio has a port or wiring already"),
    ("first_channel = 8", "EU868 has the channels 0 to "),
    ("frames_per_minute = 6001", "frames_per_minute"),
  ])
  func aContradictionIsRefusedWithItsReason(more: String, reason: String) throws {
    let ending = try node(more).runAgent()
    #expect(ending.status == 78 && ending.said.contains(reason), "\(ending.said)")
  }
}
