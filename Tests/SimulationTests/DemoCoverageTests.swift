import Air
import Testing

@testable import Simulation

/// Answers as `cairn-gateway` gives them at /v1/verdicts/ID.
private let sound =
  #"{"id":"aa.7","due":"2025-04-03T00:00:16Z","verdict":{"challenge":"cc","checks":[{"figures":[],"name":"a","#
  + #""outcome":"passed"},{"figures":[],"name":"b","outcome":"not-made"}],"derived":{"channel":3,"#
  + #""frequencyHertz":903900000,"isRetry":false,"powerCentidecibelMilliwatts":1100,"powerStep":1,"slot":4,"#
  + #""spreadingFactor":9},"isSimulated":true,"key":"aa","number":7,"outcome":"sound","silentListeners":["dd"],"#
  + #""version":1,"witnesses":[{"checks":[{"figures":[{"name":"signal","value":-9312},{"name":"rssi","#
  + #""value":-9300},{"name":"snr","value":1200}],"name":"signal is not above free space","outcome":"passed"}],"#
  + #""counts":true,"distanceMetres":3104,"epoch":0,"freeSpaceCentidecibelMilliwatts":-8676,"isSimulated":true,"#
  + #""key":"bb","leaf":31,"signalCentidecibelMilliwatts":-9312,"weightPermille":250},{"checks":[],"#
  + #""counts":false,"epoch":0,"isSimulated":true,"key":"cc","leaf":3,"reason":"after-reveal","weightPermille":0}]},"#
  + #""inputs":{}}"#

private let refused =
  #"{"id":"aa.8","due":null,"verdict":{"checks":[{"figures":[],"name":"the frame lies in its slot","outcome":"#
  + #""failed"}],"isSimulated":true,"key":"aa","number":8,"outcome":"refused","reason":"outside-slot","#
  + #""silentListeners":[],"witnesses":[]}}"#

private func name(_ key: String) -> String? { ["aa": "north", "bb": "east", "cc": "far"][key] }

private func verdict(_ text: String) throws -> DemoVerdict { try DemoVerdict(DemoJSON(text)) }

@Suite struct DemoCoverageTests {
  @Test func aVerdictShowsWhoHeardTheBeaconAndWhatThatIsWorth() throws {
    let lines = try verdict(sound).lines(name).map(\.text)
    #expect(
      lines == [
        "",
        "━━ beacon 7 of north ━━ slot 4, 903.9 MHz, SF9, 11 dBm ━━ simulated "
          + "━━━━━━━━━━━━━━━━━━━━━━━━━━━━",
        "  east         3.1 km  RSSI    −93 dBm  SNR   12 dB  free space  −86.8     ✔ counts, weight 0.25",
        "  far                                                                      ✘ after-reveal",
        "  another    listened there, and has not heard it",
        "  verdict    ✔ sound: 2 checks, 1 witness",
      ], "\(lines.joined(separator: "\n"))")
    #expect(lines.allSatisfy { $0.count <= DemoLine.columnLimit })
  }

  @Test func aRefusalNamesTheCheckThatDecided() throws {
    let lines = try verdict(refused).lines(name).map(\.text)
    #expect(
      lines.last == "  verdict    ✘ refused: outside-slot (not so: the frame lies in its slot)")
  }

  @Test func whatIsNoVerdictIsSaidToBeNone() throws {
    #expect(throws: DemoEvent.Failure.missing("verdict")) { try verdict(#"{"id":"aa.7"}"#) }
    #expect(throws: DemoEvent.Failure.missing("number")) {
      try verdict(#"{"id":"aa.7","verdict":{}}"#)
    }
    #expect(throws: DemoEvent.Failure.missing("outcome")) {
      try DemoBeaconState(DemoJSON(#"{"id":"aa.7"}"#))
    }
  }

  private func frame(bytes: [UInt8] = [0xe0, 0x01] + [UInt8](repeating: 0, count: 22)) throws
    -> DemoAirFrame
  {
    let transmission = try #require(
      AirTransmission(
        sender: 0, bytes: bytes,
        channel: AirChannel(frequencyHertz: 903_900_000, spreadingFactor: 9),
        powerCentidecibelMilliwatts: 1_100, startMicroseconds: 0))
    return DemoAirFrame(
      number: 5, sender: "north", transmission: transmission,
      receivers: [("east", 3_104), ("far", 9_400)])
  }

  /// What a medium tells of a frame at 3 km and of one that is too weak.
  private func told() throws -> [ModuleAir.Told] {
    var medium = Medium(
      seed: 1,
      pathLoss: .logDistance(
        exponent: 6.5, referenceMetres: 1_000, shadowingDecibels: 0))
    medium.tellsMisses = true
    let origin = AirPlace(latitudeDegrees: 0, longitudeDegrees: 0)
    let sent = try frame().transmission
    for metres in [0.0, 3_104, 9_400] {
      let number = medium.add(
        AirStation(place: origin.moved(metres: metres, bearingDegrees: 90)))
      try medium.tune(number, to: .one(sent.channel), atMicroseconds: 0)
    }
    try medium.transmit(sent)
    return medium.advance(toMicroseconds: 1_000_000).map {
      ModuleAir.Told(event: $0, isTaken: true)
    }
  }

  @Test func aFrameOnTheAirSaysWhatBecameOfItAtEachBoard() throws {
    var frame = try frame()
    #expect(frame.lines().map(\.text)[1].hasSuffix("did not listen there"))
    for told in try told() {
      switch told.event {
      case .heard: frame.take(told, at: "east")
      case .missed: frame.take(told, at: "far")
      }
    }
    let lines = frame.lines().map(\.text)
    #expect(lines[0] == "  on air     north sends a beacon: 903.9 MHz, SF9, 11 dBm")
    #expect(lines[1].hasPrefix("             → east     3.1 km   heard  RSSI"), "\(lines[1])")
    #expect(lines[2].contains("→ far      9.4 km   not heard: too weak, SNR −"), "\(lines[2])")
    var tally = DemoCoverageTally(names: ["north", "east", "far"])
    tally.count(frame)
    #expect(tally.sentCount == 1 && tally.receptionCount == 1)
    let table = tally.lines().map(\.text)
    #expect(table[3].contains("1 of 1") && table[3].contains("0 of 1"), "\(table[3])")
    #expect(table[4].contains("nothing sent"))
    #expect(
      DemoJSON.object(frame.members).line.contains(#""name":"far","metres":9400,"fate":"tooWeak""#))
  }

  @Test func onlyBeaconsAreCountedAsSuch() throws {
    var tally = DemoCoverageTally(names: ["north", "east", "far"])
    tally.count(try frame(bytes: [0x40, 0x01] + [UInt8](repeating: 0, count: 22)))
    tally.count(try frame(bytes: [0xe0, 0x01]))
    #expect(tally.sentCount == 0)
  }

  @Test func theCountHasTheGatewaysLastWordOfEachBeacon() throws {
    var tally = DemoCoverageTally(names: ["north"])
    tally.count(try DemoBeaconState(DemoJSON(#"{"id":"aa.7","outcome":"not-due"}"#)))
    tally.count(try DemoBeaconState(DemoJSON(#"{"id":"aa.9","outcome":"not-due"}"#)))
    #expect(tally.outcomeCount("not-due") == 2)
    tally.count(try verdict(sound))
    tally.count(try verdict(refused))
    #expect(tally.outcomeCount("not-due") == 1 && tally.outcomeCount("sound") == 1)
    #expect(
      tally.rows().map(\.text) == [
        "0 sent, heard 0 times by others",
        "1 sound, 1 refused (outside-slot 1), 1 still open when the run ended",
        "witnesses that do not count: after-reveal 1",
      ])
    let line = DemoJSON.object(tally.members).line
    #expect(
      line.contains(#""beaconsSound":1"#) && line.contains(#""beaconReasons":{"outside-slot":1}"#))
  }

  @Test func figuresAreShortAndKeepTheirSign() {
    #expect(DemoFigures.decibels(-9_350) == "−93.5" && DemoFigures.decibels(-9_300) == "−93")
    #expect(DemoFigures.decibels(0) == "0" && DemoFigures.decibels(-4) == "0")
    #expect(DemoFigures.decibels(1_204) == "12" && DemoFigures.decibels(1_205) == "12.1")
    #expect(DemoFigures.kilometres(3_104) == "3.1 km" && DemoFigures.kilometres(40) == "0.0 km")
    #expect(DemoFigures.megahertz(903_900_000) == "903.9 MHz")
    #expect(DemoFigures.megahertz(865_062_500) == "865.062 MHz")
    #expect(DemoFigures.megahertz(868_000_000) == "868.0 MHz")
    #expect(DemoVerdict.weight(1_000) == "1.0" && DemoVerdict.weight(125) == "0.125")
  }

  @Test func severalBoardsHaveALineForEachBatch() throws {
    let batch = try DemoLines.decoded(
      DemoLines.batch(
        readings: DemoLines.reading + "," + DemoLines.humidity, faults: DemoLines.fault))
    let block = DemoBlock(
      batch: batch, gatewayKey: "06", weather: nil, agentStartMilliseconds: nil, node: "north")
    let lines = block.short(node: "north", receipt: .taken).map(\.text)
    #expect(lines[0].hasPrefix("  north      ✔ batch 7    8 leaves   4.40 °C  59.500 %RH"))
    #expect(lines[0].hasSuffix("receipt"))
    #expect(lines[1].hasPrefix("  fault      SHT3x: frozen, 3 times"))
    #expect(block.short(node: "north", receipt: .notSeen)[0].text.hasSuffix("– open"))
    #expect(block.lines(receipt: .taken)[1].text.hasPrefix("━━ north, batch 7 ━━"))
  }
}
