import FixedMemory
import Foundation
import Testing

@testable import GWMP

/// Every packet of a JSON text, and what became of each; nil for a text that can't be read to its end.
func read(_ json: String) -> (
  frames: [ReceivedPacket], outcomes: [PacketReader.Outcome], isWhole: Bool
) {
  read(Array(json.utf8))
}

func read(_ bytes: [UInt8]) -> (
  frames: [ReceivedPacket], outcomes: [PacketReader.Outcome], isWhole: Bool
) {
  var reader = PacketReader()
  var packet = ReceivedPacket()
  var frames: [ReceivedPacket] = []
  var outcomes: [PacketReader.Outcome] = []
  do throws(JSONCursor.Failure) {
    for _ in 0..<1000 {
      guard let outcome = try reader.next(bytes.span, into: &packet) else { break }
      outcomes.append(outcome)
      if outcome == .frame { frames.append(packet) }
    }
    return (frames, outcomes, true)
  } catch {
    return (frames, outcomes, false)
  }
}

func bytes(_ packet: ReceivedPacket) -> [UInt8] {
  (0..<packet.bytes.count).map { packet.bytes[$0] }
}

/// The first example of Semtech's document of the protocol, its LoRa packet.
let example = """
  {"tmst":3512348611,"time":"2013-03-31T16:21:17.528002Z","chan":2,"rfch":0,"freq":866.349812,"stat":1,\
  "modu":"LORA","datr":"SF7BW125","codr":"4/6","rssi":-35,"lsnr":5.1,"size":32,\
  "data":"LfRHUmH3KlYnNRcYM8nmyPBLgGBnvTDfTPAZTuiDWJE="}
  """

@Suite struct PacketReaderTests {
  @Test func theExampleOfTheProtocolIsReadWithAllItsFigures() throws {
    let read = read("{\"rxpk\":[\(example)]}")
    let frame = try #require(read.frames.first)
    #expect(read.isWhole && read.outcomes == [.frame])
    #expect(frame.concentratorMicroseconds == 3_512_348_611)
    #expect(frame.frequencyHertz == 866_349_812)
    #expect(frame.spreadingFactor == 7 && frame.bandwidthHertz == 125_000)
    #expect(frame.codingRateDenominator == 6 && frame.checksum == 1)
    #expect(frame.packetRSSICentidecibelMilliwatts == -3500 && frame.snrCentidecibels == 510)
    #expect(frame.signalRSSICentidecibelMilliwatts == nil && frame.frequencyErrorHertz == nil)
    let data = try #require(Data(base64Encoded: "LfRHUmH3KlYnNRcYM8nmyPBLgGBnvTDfTPAZTuiDWJE="))
    #expect(bytes(frame) == Array(data))
  }

  @Test func membersInAnyOrderAreTheSameFrame() throws {
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(example.utf8)) as? [String: Any])
    let first = try #require(read("{\"rxpk\":[\(example)]}").frames.first)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<50 {
      let members = try object.keys.shuffled(using: &generator).map { key in
        let value = try JSONSerialization.data(
          withJSONObject: try #require(object[key]), options: [.fragmentsAllowed])
        return "\"\(key)\" : " + String(decoding: value, as: UTF8.self)
      }
      // Foundation writes "4\/6" and "\/" in base64.
      let text = "{ \"stat\":{}, \"rxpk\" : [ {" + members.joined(separator: " , ") + "} ] }"
      #expect(read(text).frames == [first], "\(text)")
    }
  }

  @Test func newerFiguresAreReadAndUnknownMembersAreSkipped() throws {
    let read = read(
      """
      {"x":[1,{"y":[[],{}]}],"rxpk":[{"jver":1,"tmst":1.5e3,"freq":9.039E2,"modu":"LORA","datr":"SF12BW500",
      "codr":"4/5LI","rssi":-1.1952e2,"rssis":-124,"lsnr":-13.25,"foff":-2841,"ftime":123456789,"stat":0,"brd":0,
      "a_name_that_is_longer_than_sixteen_bytes":{"deep":[[[[true,false,null,"\\u0041\\"}]"]]]]},
      "meta":{"gateway_name":"ä\\\\"},"data":"AQI"}]}
      """)
    let frame = try #require(read.frames.first)
    #expect(frame.concentratorMicroseconds == 1500 && frame.frequencyHertz == 903_900_000)
    #expect(frame.spreadingFactor == 12 && frame.bandwidthHertz == 500_000)
    #expect(frame.packetRSSICentidecibelMilliwatts == -11_952)
    #expect(frame.signalRSSICentidecibelMilliwatts == -12_400)
    #expect(frame.snrCentidecibels == -1325 && frame.frequencyErrorHertz == -2841)
    #expect(frame.fineNanoseconds == 123_456_789 && frame.checksum == 3)
    #expect(bytes(frame) == [1, 2])
  }

  @Test func ofSeveralAntennasTheOneThatHearsBestIsTakenWhole() throws {
    let frame = try #require(
      read(
        """
        {"rxpk":[{"freq":868.1,"modu":"LORA","datr":"SF7BW125","codr":"4/5","size":1,"data":"AA==","rsig":[
        {"ant":0,"chan":7,"rssic":-75,"lsnr":2.0,"foff":5},{"ant":1,"chan":23,"rssic":-72,"rssis":-73,"lsnr":8.5},
        {"ant":2,"rssic":-60,"lsnr":-3},7]}]}
        """
      ).frames.first)
    #expect(frame.packetRSSICentidecibelMilliwatts == -7200)
    #expect(frame.signalRSSICentidecibelMilliwatts == -7300)
    #expect(frame.snrCentidecibels == 850 && frame.frequencyErrorHertz == nil)
  }

  @Test(arguments: [
    ("\"tmst\":null", PacketReader.Outcome.frame), ("\"tmst\":4294967296", .frame),
    ("\"rssi\":null", .frame), ("\"rssi\":\"-35\"", .frame), ("\"rssi\":1e30", .frame),
    ("\"stat\":7", .frame), ("\"prea\":null", .frame),
    ("\"size\":31", .unusable), ("\"freq\":-1", .unusable), ("\"freq\":1e10", .unusable),
    ("\"data\":\"A\"", .unusable), ("\"data\":\"\"", .unusable), ("\"data\":\"A*==\"", .unusable),
    ("\"codr\":\"OFF\"", .unusable), ("\"modu\":\"FSK\"", .otherModulation),
    ("\"modu\":\"Fsk\"", .otherModulation),
  ])
  func aMemberThatIsOddCostsItsPacketAtMost(member: String, outcome: PacketReader.Outcome) {
    let odd = String(example.dropLast()) + "," + member + "}"
    let read = read("{\"rxpk\":[\(odd),\(example)],\"stat\":{\"time\":7}}")
    #expect(read.isWhole && read.outcomes == [outcome, .frame])
  }

  @Test func whatIsMissingOrForeignIsNoFrame() {
    #expect(
      read("{\"rxpk\":[{}, 1, null, [], \"x\"]}").outcomes == Array(repeating: .unusable, count: 5))
    #expect(
      read("{\"rxpk\":[{\"modu\":\"FSK\",\"datr\":50000,\"freq\":869.3,\"data\":\"AA==\"}]}")
        .outcomes
        == [.otherModulation])
    for text in ["{}", "{\"rxpk\":[]}", "{\"rxpk\":null}", "{\"rxpk\":{}}", "{\"stat\":{}}"] {
      #expect(read(text).isWhole && read(text).outcomes.isEmpty)
    }
  }

  @Test func aFrameOf255BytesIsReadAndOneOf256IsNot() throws {
    for (count, outcome) in [(255, PacketReader.Outcome.frame), (256, .unusable), (700, .unusable)]
    {
      for isPadded in [true, false] {
        var data = Data(repeating: 0xff, count: count).base64EncodedString()
        if !isPadded { data = data.replacingOccurrences(of: "=", with: "") }
        // What is escaped is as long as what is not.
        data = data.replacingOccurrences(of: "/", with: "\\/")
        let text = "{\"rxpk\":[{\"freq\":868.1,\"datr\":\"SF7BW125\",\"data\":\"\(data)\"}]}"
        #expect(read(text).outcomes == [outcome], "\(count)")
      }
    }
  }

  @Test func everyCutOfATextIsRefusedAndReadsNothingPastItsEnd() {
    let text = "{\"rxpk\":[\(example)],\"stat\":{\"a\":[true,-1.5e-3,\"\\u00e4\"]}}"
    #expect(read(text).isWhole)
    for count in 0..<text.utf8.count {
      #expect(!read(String(text.prefix(count))).isWhole, "\(count)")
    }
  }

  /// Foundation reads the changed text too. Where that gets to the end of the object, so does the reader, and the frame
  /// is what Foundation's members make it, or there is none. Where it does not, the reader does not either, and what it
  /// has handed on before is the frame as it was.
  @Test func everyChangedByteIsReadAsFoundationReadsIt() throws {
    let text = Array("{\"rxpk\":[\(example)],\"stat\":{\"a\":[true,1]}}".utf8)
    let original = try #require(read(text).frames.first)
    var counts = (broken: 0, same: 0, other: 0, none: 0)
    for index in text.indices {
      for replacement in "\"\\{}[],:9. x".utf8 where replacement != text[index] {
        var changed = text
        changed[index] = replacement
        let read = read(changed)
        let place = "\(index): \(Character(UnicodeScalar(replacement)))"
        guard let object = ChangedText.object(changed) else {
          counts.broken += 1
          #expect(!read.isWhole && (read.frames.isEmpty || read.frames == [original]), "\(place)")
          continue
        }
        let expected = ChangedText.frame(object)
        #expect(read.isWhole && read.frames == (expected.map { [$0] } ?? []), "\(place)")
        counts.none += expected == nil ? 1 : 0
        counts.same += expected == original ? 1 : 0
        counts.other += expected != nil && expected != original ? 1 : 0
      }
    }
    // None of the four is empty by mistake.
    #expect(counts.broken > 500 && counts.none > 100 && counts.same > 100 && counts.other > 50)
  }

  /// Bytes that no JSON has: in a name or a text they are another character, elsewhere the end.
  @Test func aByteThatIsNoCharacterIsReadAsAnyOtherWrongOne() throws {
    let text = Array("{\"rxpk\":[\(example)],\"stat\":{\"a\":[true,1]}}".utf8)
    for index in text.indices {
      var changed = text
      // No digit of base64, and no character of a name or figure.
      changed[index] = UInt8(ascii: "!")
      let expected = read(changed)
      for replacement: UInt8 in [0, 1, 0x1f, 0x7f, 0x80, 0xc3, 0xff] {
        changed[index] = replacement
        let found = read(changed)
        #expect(found.isWhole == expected.isWhole && found.frames == expected.frames, "\(index)")
        #expect(found.outcomes == expected.outcomes, "\(index)")
      }
    }
  }

  @Test func aTextThatIsDeepOrLongIsBounded() {
    let deep = String(repeating: "[", count: 60_000)
    #expect(!read("{\"x\":\(deep)").isWhole)
    let fits = String(repeating: "[", count: 32) + String(repeating: "]", count: 32)
    #expect(read("{\"x\":\(fits)}").isWhole)
    let tooDeep = String(repeating: "[", count: 33) + String(repeating: "]", count: 33)
    #expect(!read("{\"x\":\(tooDeep)}").isWhole)
    let digits = String(repeating: "9", count: 60_000)
    #expect(read("{\"rxpk\":[{\"tmst\":\(digits),\"freq\":0.\(digits)e-\(digits)}]}").isWhole)
  }
}

@Suite struct JSONTests {
  @Test func whatFoundationReadsWeReadAndWhatItRefusesWeRefuse() {
    let texts = [
      "{}", "{\"a\":1}", "{\"a\":-0.5e+2}", "{\"a\":[]}", "{\"a\":[1,2]}", "{\"a\":{\"b\":{}}}",
      "{\"a\":true,\"b\":false,\"c\":null}", "{\"a\":\"\\n\\t\\\"\\/\\u0041\"}",
      " {\r\n\t\"a\" : 1 } ",
      "{\"a\":}", "{\"a\"}", "{a:1}", "{\"a\":1", "{\"a\":tru}", "{\"a\":nul}", "{\"a\":\"\\x\"}",
      "{\"a\":[1 2]}", "{\"a\":1 \"b\":2}", "{\"a\":[1}", "{\"a\":1]", "{\"a\":+1}", "{\"a\":.5}",
      "{\"a\":1.}", "{\"a\":1e}", "{\"a\":-}", "{\"a\":[,]}", "{,}", "", "[", "{\"a\":\"\\u12\"}",
    ]
    for text in texts {
      var foundation = true
      do { _ = try JSONSerialization.jsonObject(with: Data(text.utf8)) } catch {
        foundation = false
      }
      #expect(read(text).isWhole == foundation, "\(text)")
    }
  }

  @Test func numbersAreScaledAndRounded() throws {
    for (text, power, expected) in [
      ("868.1", Int32(6), Int64?.some(868_100_000)), ("866.3498125", 6, 866_349_813),
      ("-0.005", 2, -1),
      ("-0.0049", 2, 0), ("1e3", 0, 1000), ("1E-3", 3, 1),
      ("123456789012345678901234567890", 0, nil),
      ("0e99999999999", 6, 0), ("1e-99999999999", 6, 0), ("1e99999999999", 6, nil), ("5.1", 2, 510),
      ("99999999999999999", 0, 99_999_999_999_999_999), ("9.999999999999999999999", 0, 10),
    ] {
      var cursor = JSONCursor()
      let bytes = Array(text.utf8)
      let read = try cursor.number(bytes.span)
      let number = try #require(read)
      #expect(number.scaled(powerOfTen: power) == expected, "\(text)")
    }
  }
}
