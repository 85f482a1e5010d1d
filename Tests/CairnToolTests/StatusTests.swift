import AgentMessages
import CBOR
import Delivery
import FixedMemory
import Foundation
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Records
import TestSupport
import Testing

@testable import cairn

@Test func aFolderWithoutANodeSaysWhatIsMissingAndWhatToDo() throws {
  let ending = try Tool.run([
    "status", "--state", "/tmp/cairn-no-such", "--run", "/tmp/cairn-no-such",
  ])
  #expect(ending.status == 69)
  #expect(ending.words.contains("no public key: the agent writes it when it first starts"))
  #expect(ending.words.contains("nobody listens on the socket"))
  #expect(ending.words.contains("no spool: the agent has never run here"))
}

@Test func aSpoolWithoutEntriesIsCalledEmpty() throws {
  let node = try TestNode()
  try node.makeSpool()
  let ending = try node.run("status")
  #expect(ending.status == 0)
  #expect(ending.words.contains("nothing has been sealed yet"))
  let json = try node.run("status", "--json").json()
  let log = try #require(json["log"] as? [String: Any])
  #expect(log["lastBatch"] is NSNull)
}

@Test func readingsAreShownExactlyWithTheirUnits() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  let ending = try node.run("status")
  #expect(ending.status == 0)
  #expect(ending.words.contains("temperature 21.35 °C"))
  #expect(ending.words.contains("pressure 101325.0 Pa"))
  #expect(ending.words.contains("light 7000 lx"))
  #expect(ending.words.contains("BME280 at 0x76 on i2c-1, serial cal-1"))
}

@Test func aFailingSensorIsExplainedAndHasNoReading() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  let ending = try node.run("status")
  #expect(ending.words.contains("1 of 2 fails"))
  #expect(ending.words.contains("FAULT"))
  #expect(ending.words.contains("12 counted in this boot: nothing answers at this address"))
  #expect(ending.words.contains("no reading in this boot"))
}

@Test func aSensorThatAnswersAgainNoLongerCountsAsFailing() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  try node.write { log, key in
    try log.appendReading(2, at: 4000, [1])
    _ = try log.seal(with: &key)
  }
  let ending = try node.run("status")
  #expect(ending.words.contains("all 2 answer"))
  #expect(ending.words.contains("last fault"))
}

@Test func leavesThatAreDurableAndNotSealedAreShownToo() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  try node.write { log, _ in
    try log.appendReading(1, at: 9000, [2999, 1, 1])
    try log.commit()
  }
  #expect(try node.run("status").words.contains("temperature 29.99 °C"))
  let log = try #require(try node.run("status", "--json").json()["log"] as? [String: Any])
  #expect(log["openLeaves"] as? Int == 1)
}

@Test func whatAnEarlierBootMeasuredIsNotShownAsThisBoots() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  try node.write { log, key in
    try log.beginBoot(2)
    _ = try log.seal(with: &key)
  }
  let ending = try node.run("status")
  #expect(!ending.words.contains("21.35"))
  #expect(ending.words.contains("none has been heard of in this boot"))
}

@Test func clockPositionAndGapsAreTold() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  #expect(try node.run("status").words.contains("no clock"))
  try node.write { log, key in
    try log.append(at: 5000) {
      LeafEncoding.clock(
        milliseconds: 5000, source: .gnss, utcMilliseconds: 1_709_164_800_250,
        uncertaintyMilliseconds: 100, into: $0.mutableSpan)
    }
    try log.append(at: 5000) {
      LeafEncoding.position(
        milliseconds: 5000, source: .gnss, latitudeE7: -472_850_000, longitudeE7: 85_650_001,
        altitudeCentimetres: 49_960, accuracyCentimetres: 250, into: $0.mutableSpan)
    }
    try log.append(at: 6000) {
      LeafEncoding.gap(
        .measurementsMissed, schema: 1, milliseconds: 6000, from: 2000, to: 6000, count: 4,
        reason: .suspended, into: $0.mutableSpan)
    }
    _ = try log.seal(with: &key)
  }
  let words = try node.run("status").words
  #expect(words.contains("GNSS: 2024-02-29 00:00:00.250 UTC ± 100 ms"))
  #expect(words.contains("47.2850000 S 8.5650001 E ± 2.50 m, 499.60 m high, GNSS"))
  #expect(words.contains("4 measurements of sensor 1 missed"))
  #expect(words.contains("the board was suspended"))
}

@Test func everyLineFitsATerminalAndNothingIsColouredInAPipe() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  for words in [["status"], ["log", "list"], ["log", "show", "0/1"], ["key", "show"]] {
    let ending = try Tool.run(
      words + node.options, environment: ["LANG": "C.UTF-8", "TERM": "xterm"])
    for line in ending.lines {
      #expect(line.count <= 80, "\(line)")
      #expect(line.last != " ", "\(line)")
      #expect(!line.contains("\u{1b}"))
    }
  }
}

@Test func withoutAUnicodeLocaleTheOutputIsASCII() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  let ending = try Tool.run(
    ["status"] + node.options, environment: ["LC_ALL": "C", "LANG": "C.UTF-8"])
  #expect(ending.output.utf8.allSatisfy { $0 < 0x80 })
  #expect(ending.words.contains("temperature 21.35 C"))
}

@Test func theJSONHasTheSameReadings() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  let json = try node.run("status", "--json").json()
  let identity = try #require(json["identity"] as? [String: Any])
  #expect(identity["kid"] as? String == hexadecimal(node.publicKey.keyID))
  #expect(json["simulated"] as? Bool == false)
  let sensors = try #require(json["sensors"] as? [[String: Any]])
  #expect(sensors.map { $0["failing"] as? Bool } == [false, true])
  let reading = try #require(sensors[0]["reading"] as? [String: Any])
  let values = try #require(reading["values"] as? [[String: Any]])
  #expect(values.map { $0["value"] as? Double } == [21.35, 101_325, 7000])
  #expect(values.map { $0["unit"] as? String } == ["Cel", "Pa", "lx"])
}

@Test func namesOfTheSiteFileAreShown() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  let site = """
    [gateway]
    url = https://gateway.example
    [node]
    name = roof
    [sensor.north-wall]
    chip = bme280
    bus = i2c-1
    """
  try Data(site.utf8).write(to: node.folder.appending(path: "site.ini"))
  let words = try node.run("status").words
  #expect(words.contains("roof, kid") && words.contains("north-wall"))
  #expect(words.contains("[gateway] has no public_key"))
}

@Test func textOfTheLogCanNotCommandTheTerminal() throws {
  let node = try TestNode()
  try node.makeSpool()
  try node.write { log, key in
    try log.beginBoot(1)
    try log.appendSchema(1, at: 1, serial: "\u{1b}[2J\u{7}\"\\\n\u{9b}x")
    _ = try log.seal(with: &key)
  }
  for words in [["status"], ["log", "show", "0/0"]] {
    let output = try Tool.run(words + node.options).output
    #expect(!output.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" || $0.value == 0x9b })
  }
  let sensors = try #require(
    try node.run("status", "--json").json()["sensors"] as? [[String: Any]])
  #expect(sensors[0]["serialNumber"] as? String == "\u{1b}[2J\u{7}\"\\\n\u{9b}x")
}

@Test func theCursorTellsHowFarDeliveryHasCome() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  var key = try TestNode.key()
  let receipt = try written { buffer in
    try Receipt(
      algorithm: .ed25519, keyID: key.publicKey.keyID, deviceKeyHash: key.publicKey.hash, epoch: 0,
      batch: 0, size: 3, receivedUTCMilliseconds: 1_700_000_000_000, result: 0,
      checkpointHash: Digest()
    ).sign(with: &key, into: buffer.mutableSpan)
  }
  var cursor = DeliveryCursor(
    keyHash: key.publicKey.hash, next: BatchPosition(epoch: 0, batch: 0), spoolSequence: 1)
  cursor.advance(
    past: BatchPosition(epoch: 0, batch: 0), spoolSequence: 4, receipt: receipt.span,
    agentWasAway: true)
  var bytes = [UInt8](repeating: 0, count: DeliveryCursor.byteCount)
  var span = bytes.mutableSpan
  cursor.encode(into: &span)
  let file = node.folder.appending(path: "uplink/cursor")
  try Data(bytes).write(to: file)
  let words = try node.run("status").words
  #expect(words.contains("last receipt for 0/0, received by the gateway 2023-11-14 22:13:20 UTC"))
  #expect(
    words.contains(
      "not yet seen by the agent; next is batch 0/1, 2 without a verified receipt"))
  bytes[100] ^= 1
  try Data(bytes).write(to: file)
  #expect(try node.run("status").words.contains("the cursor is damaged"))
  #expect(try node.run("status", "--json").json()["deliveryProblem"] as? String == "damaged")
}

@Test func whatTheAgentSaysIsShown() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  var status = AgentStatus()
  for byte in "9.8.7".utf8 { status.agentVersion.append(byte) }
  status.boot = 1
  status.uptimeMilliseconds = 63_000
  status.problem = AgentProblem.spoolStopped.rawValue
  let packet: [UInt8] = written { buffer in
    var encoder = CBOREncoder(buffer.mutableSpan)
    AgentMessage.status(status).encode(into: &encoder)
    return encoder.byteCount
  }
  let words = try answering(node, packet) { try node.run("status").words }
  #expect(words.contains("running for 1 min 3 s, version 9.8.7"))
  #expect(words.contains("The spool is full and measuring has stopped"))
  // 63 s after the boot, a reading of 2 s after it is 61 s old.
  #expect(words.contains("serial cal-1, 1 min 1 s ago temperature 21.35 °C"))
}

@Test func linesThatTheAgentCanNotHaveAreShown() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  try node.writeSite("[contact.lid]\nline = lid\n[contact.door]\nline = door\n")
  var status = AgentStatus()
  status.boot = 1
  status.uptimeMilliseconds = 63_000
  status.failingLines.insert(.contact(1))
  status.failingLines.insert(.led)
  let packet: [UInt8] = written { buffer in
    var encoder = CBOREncoder(buffer.mutableSpan)
    AgentMessage.status(status).encode(into: &encoder)
    return encoder.byteCount
  }
  let words = try answering(node, packet) { try node.run("status").words }
  #expect(words.contains("contact door, the LED can't be had"), "\(words)")
  #expect(words.contains("GPIO lines fail"))
  let json = try answering(node, packet) { try node.run("status", "--json").json() }
  let agent = json["agent"] as? [String: Any]
  #expect(agent?["failingLines"] as? [String] == ["contact door", "led"])
}

@Test func theRadioThatTheAgentListensWithIsShown() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  var status = AgentStatus()
  status.boot = 1
  status.uptimeMilliseconds = 63_000
  var radio = RadioStatus()
  radio.isAttached = true
  radio.kindNumber = 1
  radio.stateNumber = 4
  radio.frequencyHertz = 868_100_000
  radio.spreadingFactor = 10
  radio.frameCount = 12
  radio.witnessCount = 1
  radio.lastFrameMilliseconds = 60_000
  radio.lastRSSICentidecibelMilliwatts = -11_300
  radio.lastSNRCentidecibels = -700
  radio.lastFaultNumber = UInt16(FaultCode.radioDeaf.rawValue)
  status.radio = radio
  let packet: [UInt8] = written { buffer in
    var encoder = CBOREncoder(buffer.mutableSpan)
    AgentMessage.status(status).encode(into: &encoder)
    return encoder.byteCount
  }
  let words = try answering(node, packet) { try node.run("status").words }
  #expect(words.contains("RAK3172, listening at 868.100 MHz, SF10"), "\(words)")
  #expect(words.contains("12 frames, 1 beacon witnessed, last 3 s ago at -113.00 dBm"))
  #expect(words.contains("SNR -7.00 dB") && words.contains("was not in reception"))
  let json = try answering(node, packet) { try node.run("status", "--json").json() }
  let shown = (json["agent"] as? [String: Any])?["radio"] as? [String: Any]
  #expect(shown?["name"] as? String == "RAK3172" && shown?["frames"] as? Int == 12)
  #expect(shown?["lastRSSI"] as? Int == -11_300)
}

@Test func aClockThatIsTooFarOffForBeaconsIsSaid() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  func words(_ error: UInt64?) throws -> String {
    var status = AgentStatus()
    var radio = RadioStatus()
    radio.isAttached = true
    radio.transmits = true
    radio.clockErrorMilliseconds = error
    radio.clockLimitMilliseconds = 300
    status.radio = radio
    return try answering(node, AgentByHand.packet(.status(status))) { try node.run("status").words }
  }
  #expect(try words(1024).contains("its clock may be off by 1 s, and beacons need 300 ms: none"))
  #expect(try words(nil).contains("nobody has told it the time, and beacons need 300 ms"))
  #expect(try !words(300).contains("beacons need"))
}

@Test func anAgentThatAnswersNothingOrNonsenseIsToldApart() throws {
  let node = try TestNode()
  try node.writeSmallLog()
  let nonsense = try answering(node, [0x83, 0x02, 0x18]) { try node.run("status").words }
  #expect(nonsense.contains("not in this version's words"))
  let silence = try answering(node, []) { try node.run("status").words }
  #expect(silence.contains("did not answer within a second"))
}

/// Listens where the agent would, and gives one answer to one client, or none.
private func answering<Result>(
  _ node: TestNode, _ packet: [UInt8], _ body: () throws -> Result
) throws -> Result {
  let path = try node.fixedPath(node.folder.appending(path: "agent.sock"))
  let listener = try UnixListener(at: path, mode: 0o600)
  let descriptor = listener.pollDescriptor
  // The listener is not Sendable and stays here; the thread has its descriptor's number.
  let thread = Thread {
    let client = AgentOnADescriptor.accept(descriptor)
    guard client >= 0, !packet.isEmpty else { return }
    AgentOnADescriptor.answer(client, packet)
  }
  thread.start()
  return try body()
}

@Test func aLongBootIsShownByItsBeginningAndItsEnd() throws {
  let node = try TestNode()
  try node.makeSpool(segmentCount: 40, segmentByteCount: 8192)
  try node.write { log, key in
    try log.beginBoot(1)
    try log.appendSchema(1, at: 0)
    for batch in 1...400 {
      try log.appendReading(1, at: Int64(batch) * 1000, [Int64(batch)])
      _ = try log.seal(with: &key)
    }
  }
  var problems = ProblemList()
  var options = ProgramOptions(stateFolder: "/nowhere")
  for word in node.options { _ = options.take(Array(word.utf8).span, problems: &problems) }
  guard let paths = NodePaths(options: options) else { throw TestNode.PathTooLong() }
  // The first checkpoint is entry 3, behind the epoch and its leaves; the last one is 2 × 399
  // further on.
  for limit: UInt64 in [1, 100, 700, 797, 798, 900] {
    let report = try SpoolReport(reading: paths, limit: limit)
    #expect(report.isExcerpt == (limit < 798), "\(limit)")
    let survey = report.survey
    #expect(survey.sensorCount == 1 && survey.sensors[0].chip == FixedText("BME280"))
    #expect(survey.sensors[0].reading?[0] == 400)
  }
}
