import AgentMessages
import Foundation
import Testing

private func channel(_ index: UInt8, _ median: Int16, hertz: UInt32 = 868_100_000)
  -> NoiseLevels.Channel
{
  var channel = NoiseLevels.Channel()
  channel.index = index
  channel.frequencyHertz = hertz
  (channel.count, channel.milliseconds) = (4, 258_000)
  channel.lastCentidecibelMilliwatts = median - 25
  channel.medianCentidecibelMilliwatts = median
  channel.lowestCentidecibelMilliwatts = median - 50
  channel.highestCentidecibelMilliwatts = median + 350
  return channel
}

private func levels(
  _ channels: [NoiseLevels.Channel], source: NoiseLevels.Source = .measured, kind: UInt8 = 7
) -> NoiseLevels {
  var levels = NoiseLevels()
  levels.uptimeMilliseconds = 300_000
  (levels.kindNumber, levels.sourceNumber, levels.planChannelCount) = (kind, source.rawValue, 64)
  for channel in channels { levels.channels.append(channel) }
  return levels
}

/// One answer of an agent, by the tool.
private func noise(_ answer: [UInt8], _ words: String...) throws -> Ending {
  let node = try TestNode()
  let agent = try AgentByHand(node, [answer])
  defer { agent.end() }
  let ending = try Tool.run(["radio", "noise"] + words + node.options)
  #expect(agent.questions == [AgentByHand.packet(.noiseRequest)])
  return ending
}

@Suite(.timeLimit(.minutes(5))) struct NoiseCommandTests {
  @Test func aPersonReadsEachChannelsFiguresAndTheirAge() throws {
    let told = levels([channel(0, -11_250), channel(3, -10_900, hertz: 867_100_000)])
    let ending = try noise(AgentByHand.packet(.noise(told)))
    #expect(ending.status == 0, "\(ending.error)")
    #expect(
      ending.words.contains("868.100 -112.75 -112.50 -113.00 -109.00 42 s ago"),
      "\(ending.output)")
    #expect(ending.words.contains("867.100 -109.25 -109.00 -109.50 -105.50 42 s ago"))
    #expect(ending.words.contains("2 of 64 channels measured"))
    #expect(!ending.words.contains("loud") && !ending.words.contains("more by"))
    #expect(ending.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
    #expect(!ending.output.contains("\u{1b}"))
  }

  @Test func aLoudChannelIsNamedInWordsAndWithARemedy() throws {
    let told = levels([channel(0, -10_001), channel(1, -10_000)])
    let ending = try noise(AgentByHand.packet(.noise(told)))
    #expect(ending.output.components(separatedBy: "ago, loud").count == 2, "\(ending.output)")
    #expect(ending.words.contains("USB 3"))
    #expect(ending.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
  }

  @Test(arguments: [
    (NoiseLevels.Source.noRadio, "no-radio", "the agent has no radio"),
    (.notKnown, "not-known", "is being identified"), (.measured, "measured", "none measured yet"),
    (.module, "module", "the module's firmware knows the power of its last frame"),
    (.forwarder, "forwarder", "a packet forwarder tells the power of frames"),
  ])
  func whereThereIsNoFigureItIsSaidWhy(
    source: NoiseLevels.Source, name: String, words: String
  ) throws {
    let packet = AgentByHand.packet(.noise(levels([], source: source, kind: 0)))
    let ending = try noise(packet)
    #expect(ending.status == 0 && ending.words.contains(words), "\(ending.output)")
    #expect(!ending.words.contains("dBm") && ending.output.split(separator: "\n").count <= 2)
    let json = try noise(packet, "--json").json()
    #expect(json["source"] as? String == name)
    #expect((json["explanation"] as? String)?.contains(words) == true)
    #expect(json["radio"] is NSNull && (json["channels"] as? [Any])?.isEmpty == true)
  }

  @Test func programsReadTheNumbersThatTheAgentTold() throws {
    let told = levels([channel(5, -11_250)])
    let json = try noise(AgentByHand.packet(.noise(told)), "--json").json()
    #expect(json["source"] as? String == "measured" && json["explanation"] is NSNull)
    #expect(json["radio"] as? String == "SX1262")
    #expect(json["uptimeMilliseconds"] as? Int == 300_000)
    #expect(json["planChannelCount"] as? Int == 64)
    let channels = try #require(json["channels"] as? [[String: Any]])
    #expect(channels.count == 1)
    let numbers = channels.first?.compactMapValues { $0 as? Int }
    #expect(
      numbers == [
        "channel": 5, "frequencyHertz": 868_100_000, "count": 4, "milliseconds": 258_000,
        "lastCentidecibelMilliwatts": -11_275, "medianCentidecibelMilliwatts": -11_250,
        "lowestCentidecibelMilliwatts": -11_300, "highestCentidecibelMilliwatts": -10_900,
      ])
  }

  @Test func aSourceOfANewerAgentIsSaidToBeUnknown() throws {
    var told = levels([], kind: 200)
    told.sourceNumber = 77
    let packet = AgentByHand.packet(.noise(told))
    #expect(try noise(packet).words.contains("this version does not know"))
    #expect(try noise(packet, "--json").json()["source"] as? String == "unknown")
  }

  @Test func anAgentThatDoesNotSayItIsTold() throws {
    for answer in [
      AgentByHand.packet(.denied(type: 0, reason: .unknownType)),
      AgentByHand.packet(.denied(type: 25, reason: .notNow)), [0x83, 0x02, 0x18],
      AgentByHand.packet(.heard(HeardFrames())),
    ] {
      let ending = try noise(answer)
      #expect(ending.status == 77 && ending.words.contains("take its own `cairn`"))
      #expect(ending.output.isEmpty)
    }
    let node = try TestNode()
    let ending = try node.run("radio", "noise")
    #expect(ending.status == 69 && ending.words.contains("start it first"))
  }

  /// 0 for the loudest.
  private static func rank(_ index: Int) -> Int { index * 5 % 12 }

  /// The console's page has the eight loudest of a large plan; colours only where they are wanted.
  @Test(arguments: [["TERM": "vt220"], ["TERM": "vt220", "NO_COLOR": "1"]])
  func theConsolesPageHasTheLoudestChannels(environment: [String: String]) throws {
    var radio = RadioStatus()
    (radio.isAttached, radio.kindNumber, radio.stateNumber) = (true, 7, 4)
    var status = AgentStatus()
    status.radio = radio
    var channels: [NoiseLevels.Channel] = []
    for index in 0..<12 {
      let median = Int16(-9_900 - Self.rank(index) * 100)
      channels.append(channel(UInt8(index), median, hertz: 902_300_000 + UInt32(index) * 200_000))
    }
    let told = levels(channels)
    let node = try TestNode()
    let agent = try AgentByHand(
      node,
      [
        AgentByHand.packet(.status(status)), AgentByHand.packet(.noise(told)),
        AgentByHand.packet(.heard(HeardFrames())),
      ])
    defer { agent.end() }
    let person = try ConsolePerson(["console"] + node.options, environment: environment)
    try person.wait(for: "cairn> ")
    try person.ask("radios", "none heard since")
    #expect(
      agent.questions.prefix(3) == [
        AgentByHand.packet(.statusRequest), AgentByHand.packet(.noiseRequest),
        AgentByHand.packet(.heardRequest),
      ])
    let said = person.said
    #expect(said.contains("12 of 64 channels measured"), "\(said)")
    #expect(said.contains("4 more by `cairn radio noise`"))
    // The loudest has -99 dBm, the eighth -106.
    for index in 0..<12 {
      let hundreds = 9_023 + index * 2
      let isShown = said.contains("\(hundreds / 10).\(hundreds % 10)00 ")
      #expect(isShown == (Self.rank(index) < 8), "\(index)")
    }
    #expect(said.contains("\u{1b}[33m") == (environment["NO_COLOR"] == nil), "\(said)")
  }
}
