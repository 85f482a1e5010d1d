import Foundation
import Testing

@testable import Simulation

@Suite struct DemoBlockTests {
  private func texts(
    _ line: String, weather: DemoWeather? = nil, start: Int64? = nil,
    receipt: DemoReceipt = .taken
  ) throws -> [String] {
    DemoBlock(
      batch: try DemoLines.decoded(line), gatewayKey: "063f66f82faba2c4", weather: weather,
      agentStartMilliseconds: start
    ).lines(receipt: receipt).map(\.text)
  }

  @Test func aBatchIsAFewAlignedLines() throws {
    let lines = try texts(
      DemoLines.batch(
        readings: DemoLines.reading + "," + DemoLines.humidity, faults: DemoLines.fault,
        more: #","clock":\#(DemoLines.clock)"#))
    #expect(
      lines == [
        "",
        "━━ batch 7 ━━ leaves 31 to 38 ━━ boot 3, epoch 0 ━━ simulated, and signed as that "
          + "━━━━━━━━━━━━━━",
        "  BME280     1 reading        4.40 °C    59.500 %RH",
        "  fault      SHT3x: frozen, 3 times: the same raw words again and again: the sensor no longer",
        "             measures",
        "  clock      2026-08-05 05:52:35.400 UTC, within 1.0 s, by the receiver",
        "  root       443d61abd6562a41…  signature 067a31ed3fe655ce…",
        "  verdict    ✔ verified: signature, 8 leaves, root, chain to batch 6",
        "  receipt    ✔ at 02:19:16.397 UTC by gateway key 063f66f8… · checked and kept by the agent",
      ])
  }

  @Test func theFirstBatchHasNoneToChainTo() throws {
    let lines = try texts(DemoLines.batch(number: 0, first: 0, size: 1))
    #expect(lines[1].hasPrefix("━━ batch 0 ━━ leaf 0 ━━"))
    #expect(lines[3] == "  verdict    ✔ verified: signature, 1 leaf, root, the log's first batch")
  }

  @Test func aValueThatTheChipDidNotGiveIsSaidToBeNone() throws {
    let reading = DemoLines.reading.replacing("4.40", with: "null")
    #expect(try texts(DemoLines.batch(readings: reading))[2].contains("none °C"))
  }

  @Test func onlyTheLastReadingOfAChipIsShownAndAllAreCounted() throws {
    let later = DemoLines.reading.replacing("4.40", with: "5.00").replacing(
      #""leaf":8"#, with: #""leaf":9"#)
    let lines = try texts(DemoLines.batch(readings: DemoLines.reading + "," + later))
    #expect(lines[2] == "  BME280     2 readings       5.00 °C")
  }

  @Test func aGapSaysWhatIsMissingAndWhy() throws {
    let lines = try texts(DemoLines.batch(gaps: DemoLines.gap))
    #expect(
      lines[2...3].map { $0.trimmingCharacters(in: .whitespaces) } == [
        "gap        BME280: 2 measurements missing, 2.5 s to 4.5 s after the start: something else took",
        "too long",
      ])
  }

  @Test func equalFaultsAreOneLineAndMoreThanAFewAreCounted() throws {
    let equal = Array(repeating: DemoLines.fault, count: 20).joined(separator: ",")
    #expect(try texts(DemoLines.batch(faults: equal))[2].contains("frozen, 60 times"))
    let different = (1...9).map {
      DemoLines.fault.replacing(#""code":7"#, with: #""code":\#($0 + 100)"#)
    }
    let lines = try texts(DemoLines.batch(faults: different.joined(separator: ",")))
    #expect(lines.filter { $0.contains("frozen") }.count == DemoBlock.absenceLimit)
    #expect(lines.contains("             and 5 more of these"))
  }

  @Test(arguments: [
    (
      DemoReceipt.taken,
      "✔ at 02:19:16.397 UTC by gateway key 063f66f8… · checked and kept by the agent"
    ),
    (
      .agentEnded,
      "– at 02:19:16.397 UTC by gateway key 063f66f8… · the agent gets it at its next start"
    ),
    (.notSeen, "– at 02:19:16.397 UTC by gateway key 063f66f8… · the agent has not taken it yet"),
  ])
  func theReceiptSaysWhatBecameOfIt(_ receipt: DemoReceipt, _ words: String) throws {
    #expect(try texts(DemoLines.batch(), receipt: receipt).last == "  receipt    " + words)
  }

  @Test func aVerdictThatIsNotVerifiedIsNotShownAsOne() throws {
    let lines = try texts(DemoLines.batch(verdict: "doubtful"))
    #expect(lines.contains("  verdict    ✘ doubtful"))
    #expect(!lines.joined().contains("✔ verified"))
  }

  @Test func aRefusalSaysCodeMeaningDetailAndRemedy() throws {
    guard case .refused(let refusal) = try DemoEvent(line: DemoLines.refused(code: 45)) else {
      Issue.record("not a refusal")
      return
    }
    let lines = refusal.lines.map(\.text)
    #expect(lines[1] == "  refused    ✘ batch 7 of epoch 0: root-mismatch (45)")
    #expect(lines[2] == "  meaning    The leaves do not give the signed root.")
    #expect(lines[3] == "  detail     Leaf 31 is at fault.")
    #expect(lines[4].hasPrefix("  remedy     A fault of the agent or of the gateway"))
  }

  @Test func noLineIsWiderThanTheLimit() throws {
    let long = String(repeating: "x", count: 150)
    let lines = try texts(
      DemoLines.batch(
        number: 999_999, first: 99_999_000, size: 99_999_500,
        faults: DemoLines.fault.replacing("frozen", with: long),
        gaps: DemoLines.gap.replacing("late", with: long + " " + long),
        others: #"{"kind":"event","event":"\#(long)","device":"\#(long)"}"#))
    for line in lines { #expect(line.count <= DemoLine.columnLimit, "\(line)") }
  }
}

@Suite struct DemoWeatherTests {
  private func weather(speed: Int64) throws -> DemoWeather {
    DemoWeather(
      WeatherReplay(record: try jfk2013(), speed: speed, startMilliseconds: 1_000_000))
  }

  private func reading(_ name: String, _ unit: String, _ value: String?) throws -> DemoReading {
    let line =
      #"{"name":"\#(name)","unit":"\#(unit)","value":\#(value ?? "null"),"#
      + #""t":0,"chip":"SCD4x","leaf":1}"#
    return try DemoReading(DemoJSON(line))
  }

  /// What a chip model makes of an observation, at the edge of its noise.
  private func values(_ observation: WeatherObservation) throws -> [DemoReading] {
    func thousandths(_ value: Int64) -> String {
      "\(value < 0 ? "-" : "")\(value.magnitude / 1000)."
        + String("\(value.magnitude % 1000 + 1000)".dropFirst())
    }
    return [
      try reading("t", "Cel", thousandths(observation.temperatureMillidegreesCelsius + 20)),
      try reading("h", "%RH", thousandths(observation.relativeHumidityMillipercent - 30)),
      try reading("p", "Pa", "\(observation.pressurePascals + 5)"),
      try reading("c", "ppm", "421"),
    ]
  }

  @Test(arguments: [Int64(1), 600, 3_600, 86_400])
  func aReadingEqualsTheObservationThatWasInForce(_ speed: Int64) throws {
    let weather = try weather(speed: speed)
    for age in [Int64(0), 20, 5_000, 6_400] {
      for index in Int64(0)..<200 {
        let time = 1_010_000 + index * 997
        let observation = weather.replay.observation(
          atVirtualMilliseconds: weather.replay.virtualMilliseconds(at: time))
        let found = weather.observation(
          of: try values(observation), atBoardMilliseconds: time + age)
        // Hours that differ by less than the noise can't be told apart: the later one is as true.
        let newest = weather.replay.virtualMilliseconds(at: time + age)
        #expect(
          try #require(found).utcMilliseconds >= observation.utcMilliseconds
            && (found?.utcMilliseconds ?? .max) <= newest)
        if age == 0 { #expect(found == observation) }
      }
    }
  }

  @Test func aReadingThatIsWrongByMoreThanTheNoiseEqualsNone() throws {
    let weather = try weather(speed: 1)
    let observation = weather.replay.record.observations[0]
    for (index, wrong) in [("Cel", "99.000"), ("%RH", "1.000"), ("Pa", "90000")].enumerated() {
      var values = try values(observation)
      #expect(weather.observation(of: values, atBoardMilliseconds: 1_020_000) != nil)
      values[index] = try reading("x", wrong.0, wrong.1)
      #expect(weather.observation(of: values, atBoardMilliseconds: 1_020_000) == nil)
    }
  }

  @Test func anOlderReadingThanAnyChipGivesEqualsNone() throws {
    let weather = try weather(speed: 3_600)
    let observations = weather.replay.record.observations
    let first = try values(observations[0])
    #expect(weather.observation(of: first, atBoardMilliseconds: 1_000_500) == observations[0])
    #expect(weather.observation(of: first, atBoardMilliseconds: 1_060_000) == nil)
  }

  @Test func onlyAnSCD4xMayShowWhatWasSomeSecondsAgo() throws {
    let weather = try weather(speed: 3_600)
    var values = try values(weather.replay.record.observations[0])
    #expect(weather.observation(of: values, atBoardMilliseconds: 1_004_000) != nil)
    for index in values.indices { values[index].chip = "SHT3x" }
    #expect(weather.observation(of: values, atBoardMilliseconds: 1_000_900) != nil)
    #expect(weather.observation(of: values, atBoardMilliseconds: 1_004_000) == nil)
  }

  @Test func carbonDioxideAloneAndMissingValuesEqualNone() throws {
    let weather = try weather(speed: 1)
    for values in [[], [try reading("c", "ppm", "420")], [try reading("t", "Cel", nil)]] {
      #expect(weather.observation(of: values, atBoardMilliseconds: 1_020_000) == nil)
    }
  }

  @Test func everyKindOfLeafHasWords() {
    var words: Set<String> = []
    for number in UInt64(7)...14 {
      let text = DemoBlock.words(ofKind: number)
      #expect(!text.contains("kind"), "\(number): \(text)")
      words.insert(text)
    }
    #expect(words.count == 8)
    #expect(DemoBlock.words(ofKind: 99).contains("a leaf of kind 99"))
    #expect(DemoBlock.words(ofKind: nil) == "a leaf without a kind")
  }
}
