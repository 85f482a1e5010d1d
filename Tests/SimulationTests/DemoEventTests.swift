import Records
import Testing

@testable import Simulation

/// Lines as `cairn-gateway serve --events` writes them.
enum DemoLines {
  static let reading =
    #"{"name":"temperature","unit":"Cel","value":4.40,"t":9000,"chip":"BME280","leaf":8}"#
  static let humidity =
    #"{"name":"humidity","unit":"%RH","value":59.500,"t":9000,"chip":"BME280","leaf":8}"#
  static let fault =
    #"{"kind":"fault","schema":2,"chip":"SHT3x","bus":"i2c-1","#
    + #""code":7,"fault":"frozen","count":3,"t":9100}"#
  static let gap =
    #"{"kind":"gap","gap":"measurements-missed","schema":1,"chip":"BME280","#
    + #""bus":"i2c-1","from":2500,"to":4500,"count":2,"reason":"late","t":9200}"#
  static let clock =
    #"{"kind":"clock","source":"gnss","utcMilliseconds":1785909155400,"#
    + #""uncertaintyMilliseconds":1000,"t":10}"#
  static let position =
    #"{"kind":"position","source":"gnss","latitude":47.6619817,"longitude":-122.3263930,"#
    + #""altitudeMetres":76.50,"accuracyMetres":null,"t":10}"#

  static func batch(
    number: UInt64 = 7, first: UInt64 = 31, size: UInt64 = 39, verdict: String = "verified",
    readings: String = "", faults: String = "", gaps: String = "", others: String = "",
    more: String = ""
  ) -> String {
    #"{"event":"batch","device":"013a","epoch":0,"batch":\#(number),"first":\#(first),"#
      + #""size":\#(size),"boot":3,"simulated":true,"root":"443d61abd6562a41ffff","#
      + #""signature":"067a31ed3fe655ceffff","#
      + #""receivedUTC":1795400356397,"verdict":"\#(verdict)","readings":[\#(readings)],"#
      + #""faults":[\#(faults)],"gaps":[\#(gaps)],"others":[\#(others)]\#(more)}"#
  }

  static func decoded(_ line: String) throws -> DemoBatch {
    guard case .batch(let batch) = try DemoEvent(line: line) else {
      throw DemoEvent.Failure.missing("batch")
    }
    return batch
  }

  static func refused(code: Int, name: String = "root-mismatch") -> String {
    #"{"event":"refused","device":"013a","epoch":0,"batch":7,"code":\#(code),"name":"\#(name)","#
      + #""meaning":"The leaves do not give the signed root.","detail":"Leaf 31 is at fault."}"#
  }
}

@Suite struct DemoEventTests {
  @Test func aStartGivesAddressAndKey() throws {
    let line = #"{"event":"started","address":"127.0.0.1:1","publicKey":"ab"}"#
    #expect(try DemoEvent(line: line) == .started(address: "127.0.0.1:1", publicKey: "ab"))
  }

  @Test func anEnrolmentSaysWhichNodeItIsAndWhose() throws {
    let line = #"{"event":"device","device":"01","new":true,"node":"02","version":3,"owner":"04"}"#
    guard case .device(let enrolment) = try DemoEvent(line: line) else {
      throw DemoEvent.Failure.missing("device")
    }
    #expect(enrolment.device == "01" && enrolment.isNew && enrolment.node == "02")
    #expect(enrolment.version == 3 && enrolment.owner == "04")
    let ofNobody =
      #"{"event":"device","device":"01","new":false,"node":"02","version":3,"owner":null}"#
    guard case .device(let known) = try DemoEvent(line: ofNobody) else {
      throw DemoEvent.Failure.missing("device")
    }
    #expect(known.owner == nil && !known.isNew)
    #expect(throws: DemoEvent.Failure.missing("node")) {
      try DemoEvent(line: #"{"event":"device","device":"01","new":true,"version":3}"#)
    }
  }

  @Test func aBatchKeepsTheDigitsThatWereSigned() throws {
    let batch = try DemoLines.decoded(
      DemoLines.batch(
        readings: DemoLines.reading, faults: DemoLines.fault, gaps: DemoLines.gap,
        more: #","clock":\#(DemoLines.clock),"position":\#(DemoLines.position),"bytes":1000"#))
    #expect(batch.readings.map(\.value) == ["4.40"])
    #expect(batch.leafCount == 8)
    #expect(batch.faults.map(\.count) == [3])
    #expect(batch.gaps.map(\.to) == [4500])
    #expect(batch.clock?.utcMilliseconds == 1_785_909_155_400)
    #expect(batch.position?.longitude == "-122.3263930")
    #expect(batch.position?.accuracyMetres == nil)
    #expect(batch.byteCount == 1000)
  }

  @Test func aValueThatTheChipDidNotGiveIsNone() throws {
    let line = DemoLines.reading.replacing("4.40", with: "null")
    #expect(try DemoLines.decoded(DemoLines.batch(readings: line)).readings[0].value == nil)
  }

  @Test(arguments: ["event", "batch", "root", "verdict", "receivedUTC", "boot"])
  func aBatchWithoutAMemberIsRefused(_ name: String) throws {
    let line = DemoLines.batch().replacing("\"\(name)\":", with: "\"x\":")
    #expect(throws: DemoEvent.Failure.missing(name)) { try DemoEvent(line: line) }
  }

  @Test func aBatchThatEndsBeforeItBeginsIsRefused() {
    #expect(throws: DemoEvent.Failure.self) {
      try DemoEvent(line: DemoLines.batch(first: 39, size: 39))
    }
  }

  @Test func anEventOfALaterVersionIsTakenByItsName() throws {
    #expect(try DemoEvent(line: #"{"event":"moved"}"#) == .unknown("moved"))
  }

  @Test func aChallengeIsTakenWithItsNumberAndRegion() throws {
    #expect(
      try DemoEvent(line: #"{"event":"challenge","number":3,"region":"EU868","leaf":9}"#)
        == .challenge(number: 3, region: "EU868"))
    #expect(throws: DemoEvent.Failure.missing("region")) {
      _ = try DemoEvent(line: #"{"event":"challenge","number":3}"#)
    }
  }

  @Test func aLineThatIsNoJSONIsNoEvent() {
    #expect(throws: DemoEvent.Failure.notJSON) { try DemoEvent(line: "listening on 127.0.0.1:1") }
  }

  @Test func onlyWhatHealsItselfIsTalk() throws {
    let talk: Set<RefusalCode> = [.unknownKey, .gap, .closedEpoch, .rateLimited, .unavailable]
    for number in UInt16(0)...100 {
      guard
        case .refused(let refusal) = try DemoEvent(line: DemoLines.refused(code: Int(number)))
      else { throw DemoEvent.Failure.missing("refused") }
      let code = RefusalCode(rawValue: number)
      #expect(refusal.isTalk == code.map { talk.contains($0) } ?? false, "code \(number)")
    }
  }

  @Test func aForkIsARefusal() throws {
    let line = DemoLines.refused(code: 41, name: "fork")
      .replacing(#""event":"refused""#, with: #""event":"fork""#)
    guard case .refused(let refusal) = try DemoEvent(line: line) else {
      Issue.record("a fork is not taken as a refusal")
      return
    }
    #expect(!refusal.isTalk)
  }
}
