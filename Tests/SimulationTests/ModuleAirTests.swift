import Air
import LoRa
import Testing

@testable import Simulation

/// Modules in one air, commanded as a host would, on a clock that is turned by hand.
private struct AirBench {
  let air: ModuleAir
  let models: [SerialModuleModel]
  var now: Int64 = 0
  var told: [ModuleAir.Told] = []
  var lines: [String]

  init(_ kinds: [AirOption.Module], metres: Double = 1_000) {
    air = ModuleAir(Medium(seed: 1, pathLoss: .freeSpace))
    let origin = AirPlace(latitudeDegrees: 0, longitudeDegrees: 0)
    models = kinds.map { $0.model(seed: 1) }
    lines = models.map { _ in "" }
    for (index, model) in models.enumerated() {
      let place = origin.moved(metres: metres * Double(index), bearingDegrees: 90)
      air.attach(model, AirStation(place: place, antennaGainDecibels: 0))
    }
  }

  mutating func turn(milliseconds: Int64) {
    for _ in 0..<milliseconds {
      now += 1
      told += air.turn(now: now).told
      for index in models.indices {
        lines[index] += String(decoding: models[index].output(now: now), as: UTF8.self)
      }
    }
  }

  mutating func say(_ index: Int, _ commands: String...) {
    for command in commands {
      models[index].receive(Array((command + "\r\n").utf8), now: now)
      turn(milliseconds: 100)
    }
  }

  /// To SF9 on 868.1 MHz with LoRaWAN's sync word, and listening.
  mutating func listen(_ index: Int) {
    switch models[index].name {
    case "rak3172":
      say(index, "AT+P2P=868100000:9:0:0:8:14", "AT+SYNCWORD=3444", "AT+PRECV=65533")
    case "rn2483":
      say(
        index, "mac pause", "radio set mod lora", "radio set freq 868100000", "radio set sf sf9",
        "radio set sync 34", "radio set wdt 0", "radio rx 0")
    case "lora-e5":
      say(index, "AT+MODE=TEST", "AT+TEST=RFCFG,868.1,SF9,125,8,8,14,ON,OFF,ON", "AT+TEST=RXLRPKT")
    default:
      say(
        index, "AT+FRE=868.100,868.100", "AT+SF=9,9", "AT+SYNCWORD=1", "AT+GROUPMOD=224,0",
        "AT+RXMOD=65535,0", "ATZ")
      turn(milliseconds: 6_000)
    }
  }
}

private let bytes: [UInt8] = [0xe0, 0x01] + (0..<22).map { UInt8($0) }
private let hex = bytes.map { hexadecimal(UInt64($0), digitCount: 2).uppercased() }.joined()

@Test(arguments: [AirOption.Module.rak3172, .rn2483, .loraE5, .la66])
func aModuleHearsAnotherWithTheFiguresOfTheAir(kind: AirOption.Module) {
  var bench = AirBench([.rak3172, kind])
  bench.listen(0)
  bench.listen(1)
  #expect(bench.models[1].isReceiving)
  bench.say(0, "AT+PSEND=\(hex)")
  bench.turn(milliseconds: 1_000)
  #expect(bench.lines[0].contains("+EVT:TXP2P DONE"))
  guard case .heard(let reception)? = bench.told.last?.event else {
    Issue.record("nothing was heard: \(bench.told) \(bench.lines)")
    return
  }
  #expect(bench.told.count == 1 && bench.told.last?.isTaken == true)
  #expect(reception.transmission.bytes == bytes)
  // 14 dBm less 91.2 dB; firmware cuts the fraction off.
  #expect(reception.rssiCentidecibelMilliwatts == -7_700)
  if kind == .rn2483 { bench.say(1, "radio get rssi") }
  #expect(bench.lines[1].contains("-77"), "\(bench.lines[1])")
  if kind != .la66 {
    #expect(bench.lines[1].replacing(" ", with: "").contains(hex), "\(bench.lines[1])")
  }
}

@Test func aModuleThatSendsHearsNothingAndListensAgain() {
  var bench = AirBench([.rak3172, .rak3172])
  bench.listen(0)
  bench.listen(1)
  for index in 0...1 {
    bench.models[index].receive(Array("AT+PSEND=\(hex)\r\n".utf8), now: bench.now)
  }
  bench.turn(milliseconds: 1_000)
  #expect(bench.told.isEmpty)
  #expect(bench.models.allSatisfy { $0.transmitted.count == 1 && $0.isReceiving })
  bench.say(1, "AT+PSEND=\(hex)")
  bench.turn(milliseconds: 1_000)
  #expect(bench.told.count == 1 && bench.lines[0].contains("+EVT:RXP2P:-77:"))
}

@Test func aDeafModuleTakesNothing() {
  var bench = AirBench([.rak3172, .rak3172])
  bench.listen(0)
  bench.listen(1)
  bench.models[1].fault = .deaf
  bench.say(0, "AT+PSEND=\(hex)")
  bench.turn(milliseconds: 1_000)
  #expect(bench.told.map(\.isTaken) == [false])
  #expect(!bench.lines[1].contains("RXP2P"))
}

@Test func aStationIsReadAsItIsWritten() throws {
  let module = try AirOption("north:lora-e5:/run/a.tty@40.6,-73.7,12")
  #expect(module.name == "north" && module.kind == .module(.loraE5, path: "/run/a.tty"))
  #expect(
    module.place
      == AirPlace(latitudeDegrees: 40.6, longitudeDegrees: -73.7, antennaHeightMetres: 12))
  let chip = try AirOption("south:sx1262:/run/spi-0.sock@40.6,-73.7")
  #expect(chip.kind == .chip(.sx1262, path: "/run/spi-0.sock"))
  let device = try AirOption("meter:every=30@40.6,-73.7")
  #expect(device.kind == .device(everySeconds: 30) && device.place.antennaHeightMetres == 10)
  for (text, failure) in [
    ("", AirOption.Failure.shape), ("a:rak3172:/x", .shape), ("a@1,2", .shape),
    (":rak3172:/x@1,2", .shape), ("a:rak3172:@1,2", .shape),
    ("a:sx1302:/x@1,2", .unknownModule("sx1302")), ("a:sx1262:@1,2", .shape),
    ("a:rak3172:/x@91,2", .place("91,2")), ("a:rak3172:/x@1", .place("1")),
    ("a:rak3172:/x@1,2,3,4", .place("1,2,3,4")), ("a:rak3172:/x@nan,2", .place("nan,2")),
    ("a:every=0@1,2", .interval("0")), ("a:every=@1,2", .interval("")),
  ] {
    #expect(throws: failure) { try AirOption(text) }
  }
}

@Test func aDeviceSendsAsOftenAsItIsToldAndTheSameWithTheSameSeed() throws {
  func frames(seed: UInt64) -> [AirTransmission] {
    var device = AirDevice(
      station: 0, everySeconds: 10, frequenciesHertz: [868_100_000, 868_300_000], seed: seed,
      now: 0)
    return stride(from: Int64(0), to: 100_000, by: 50).compactMap { device.frame(now: $0) }
  }
  let first = frames(seed: 4)
  #expect(first.count == 10 && first == frames(seed: 4) && first != frames(seed: 5))
  #expect(first.allSatisfy { $0.bytes.first == 0x40 && $0.bytes.count == 21 })
  #expect(
    zip(first, first.dropFirst()).allSatisfy {
      $1.startMicroseconds - $0.startMicroseconds == 10_000_000
    })
}
