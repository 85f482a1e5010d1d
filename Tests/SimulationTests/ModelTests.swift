import Buses
import Simulation
import Testing

@Suite struct ModelTests {
  private func chips(seed: UInt64) -> [any ChipModel] {
    let surroundings = ConstantSurroundings(mild)
    return [
      BME280Model(surroundings: surroundings, seed: seed, now: 0),
      SHT3xModel(surroundings: surroundings, seed: seed, now: 0),
      SCD4xModel(surroundings: surroundings, seed: seed, now: 0),
    ]
  }

  /// Command words and register addresses that the chips know, so that random bytes go deep.
  private static let known: [[UInt8]] = [
    [0xf2, 0x01], [0xf4, 0x25], [0xf4, 0xff], [0xf4, 0x27], [0xe0, 0xb6], [0xd0], [0xf7], [0x88],
    [0x24, 0x00], [0x24, 0x16], [0x37, 0x80], [0xf3, 0x2d], [0x30, 0xa2], [0x30, 0x93],
    [0x30, 0x6d], [0x21, 0xb1], [0x3f, 0x86], [0x36, 0x82], [0xe4, 0xb8], [0xec, 0x05],
    [0x36, 0x46],
  ]

  @Test(arguments: [UInt64(1), 2, 3, 4])
  func randomTransfersNeverCrashAModelAndReadsHaveTheirLength(seed: UInt64) {
    var generator = SeededNoise(seed: seed)
    for chip in chips(seed: seed) {
      var now: Int64 = 0
      for _ in 0..<20_000 {
        now += Int64.random(in: 0...600, using: &generator)
        if UInt8.random(in: 0..<50, using: &generator) == 0 {
          chip.fault = ChipFault.allCases.randomElement(using: &generator) ?? .none
        }
        if UInt8.random(in: 0..<200, using: &generator) == 0 { chip.powerCycle(now: now) }
        do throws(BusError) {
          if Bool.random(using: &generator) {
            let isKnown = UInt8.random(in: 0..<4, using: &generator) > 0
            let bytes =
              isKnown
              ? Self.known.randomElement(using: &generator) ?? []
              : (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
              }
            try chip.write(bytes, now: now)
          }
          let count = Int.random(in: 0...40, using: &generator)
          #expect(try chip.read(count: count, now: now).count == count)
        } catch {
          #expect(error == .notAcknowledged)
        }
      }
    }
  }

  @Test func theSameSeedGivesTheSameBytes() throws {
    for _ in 0..<2 {
      let all = (0..<2).map { _ in chips(seed: 9) }
      for (first, second) in zip(all[0], all[1]) {
        #expect(first.serialNumber == second.serialNumber)
        for now in stride(from: Int64(2_000), to: 60_000, by: 700) {
          for bytes in Self.known {
            #expect(transfer(first, bytes, now: now) == transfer(second, bytes, now: now))
          }
        }
      }
    }
    #expect(Set(chips(seed: 1).map(\.serialNumber) + chips(seed: 2).map(\.serialNumber)).count == 6)
  }

  private func transfer(_ chip: any ChipModel, _ bytes: [UInt8], now: Int64) -> [UInt8]? {
    do throws(BusError) {
      try chip.write(bytes, now: now)
      return try chip.read(count: 9, now: now)
    } catch {
      return nil
    }
  }

  @Test func bme280RegistersAreThoseOfTheMemoryMapAfterAReset() throws {
    let chip = BME280Model(surroundings: ConstantSurroundings(mild), seed: 3, now: 0)
    #expect(throws: BusError.notAcknowledged) { try chip.read(count: 1, now: 1) }
    try chip.write([0xf4, 0x25, 0xf5, 0x10, 0xf2, 0x01], now: 10)
    try chip.write([0xd0], now: 30)
    #expect(try chip.read(count: 1, now: 30) == [0x60])
    try chip.write([0xf2], now: 30)
    #expect(try chip.read(count: 4, now: 30) == [0x01, 0x00, 0x24, 0x10])
    // ctrl_hum was written after ctrl_meas: it had no part in this conversion.
    try chip.write([0xfd], now: 30)
    #expect(try chip.read(count: 2, now: 30) == [0x80, 0x00])
    try chip.write([0xe0, 0xb6], now: 40)
    #expect(throws: BusError.notAcknowledged) { try chip.write([0xf2], now: 41) }
    try chip.write([0xf2], now: 43)
    #expect(
      try chip.read(count: 13, now: 43) == [0, 0, 0, 0, 0, 0x80, 0, 0, 0x80, 0, 0, 0x80, 0])
  }

  @Test func bme280IsMeasuringForTheTimeOfAppendixBAndThenSleeps() throws {
    let chip = BME280Model(surroundings: ConstantSurroundings(mild), seed: 3, now: 0)
    try chip.write([0xf2, 0x01, 0xf4, 0x25], now: 100)
    try chip.write([0xf3], now: 109)
    #expect(try chip.read(count: 2, now: 109) == [0x08, 0x25])
    try chip.write([0xf3], now: 110)
    #expect(try chip.read(count: 2, now: 110) == [0x00, 0x24])
  }

  @Test func sht3xDoesNotAcknowledgeAReadWhileItConverts() throws {
    let chip = SHT3xModel(surroundings: ConstantSurroundings(mild), seed: 3, now: 0)
    try chip.write([0x24, 0x00], now: 100)
    #expect(throws: BusError.notAcknowledged) { try chip.read(count: 6, now: 115) }
    #expect(try chip.read(count: 6, now: 116).count == 6)
    // Read once, it is gone.
    #expect(throws: BusError.notAcknowledged) { try chip.read(count: 6, now: 117) }
  }

  @Test func scd4xTakesNoSerialNumberCommandWhileItMeasuresAndNothingWhileItStops() throws {
    let chip = SCD4xModel(surroundings: ConstantSurroundings(mild), seed: 3, now: 0)
    try chip.write([0x21, 0xb1], now: 0)
    #expect(throws: BusError.notAcknowledged) { try chip.write([0x36, 0x82], now: 10) }
    try chip.write([0x3f, 0x86], now: 20)
    #expect(throws: BusError.notAcknowledged) { try chip.write([0x36, 0x82], now: 519) }
    try chip.write([0x36, 0x82], now: 520)
    #expect(throws: BusError.notAcknowledged) { try chip.read(count: 9, now: 520) }
    #expect(try chip.read(count: 9, now: 521).count == 9)
  }

  @Test func replyOfAnotherChipHasNoValidChecksum() throws {
    // The table's own CRC is checked in SensorsTests; here against bit by bit division.
    func remainder(_ bytes: [UInt8]) -> UInt8 {
      bytes.reduce(UInt8(0xff)) { crc, byte in
        (0..<8).reduce(crc ^ byte) { crc, _ in crc & 0x80 == 0 ? crc << 1 : (crc << 1) ^ 0x31 }
      }
    }
    let chip = SHT3xModel(surroundings: ConstantSurroundings(mild), seed: 3, now: 0)
    chip.fault = .wrongChip
    try chip.write([0x37, 0x80], now: 10)
    let bytes = try chip.read(count: 6, now: 10)
    #expect(remainder([bytes[0], bytes[1]]) != bytes[2])
    #expect(remainder([bytes[3], bytes[4]]) != bytes[5])
    chip.fault = .none
    try chip.write([0x37, 0x80], now: 20)
    let healthy = try chip.read(count: 6, now: 20)
    #expect(remainder([healthy[0], healthy[1]]) == healthy[2])
    #expect(remainder([healthy[3], healthy[4]]) == healthy[5])
  }
}
