import Buses
import Records
import Sensors
import Simulation
import Testing

@Suite struct DriversAgainstModelsTests {
  @Test(arguments: everyKind)
  func aHealthyChipIsReadWithinItsResolution(kind: SensorKind) throws {
    for seed in UInt64(0)..<20 {
      let bench = Bench(seed: seed)
      var sensor = bench.sensor(kind)
      let values = try bench.firstReading(&sensor).get()
      #expect(!values.contains(nil) && Tolerance.holds(values, kind, mild), "seed \(seed)")
      let chip = bench.board.bus.attached.first { $0.chip.name == "\(kind.name)" }
      #expect(text(sensor.serialNumber.span) == chip?.chip.serialNumber)
    }
  }

  @Test func theFirstMeasurementOfAnSCD4xIsNotReadyForFiveSeconds() {
    let bench = Bench()
    var sensor = bench.sensor(.scd4x)
    #expect(bench.measure(&sensor) == .failure(.notReady))
    let started = bench.clock.now
    bench.clock.now = started + 4_900
    #expect(bench.measure(&sensor) == .failure(.notReady))
    bench.clock.now = started + 5_000
    #expect(throws: Never.self) { try bench.measure(&sensor).get() }
    // Read once, it is gone until the next.
    #expect(bench.measure(&sensor) == .failure(.notReady))
  }

  @Test func anSCD4xThatIsAskedTooOftenStillGivesReadings() {
    for interval: Int64 in [500, 1_000, 2_000, 4_000] {
      let bench = Bench()
      var sensor = bench.sensor(.scd4x)
      var readingCount = 0
      for _ in 0..<(300_000 / interval) {
        if case .success = bench.measure(&sensor) { readingCount += 1 }
        bench.clock.now += interval
      }
      // One in five seconds, but for the starts that were one too many.
      #expect(readingCount >= 40, "every \(interval) ms")
    }
  }

  @Test(arguments: everyKind)
  func everyBusErrorAtEveryTransferIsNeverAReadingAndTheChipComesBack(kind: SensorKind) throws {
    let errors: [BusError] = [
      .notAcknowledged, .timedOut, .arbitrationLost, .disconnected, .system(errno: 5),
    ]
    for error in errors {
      var index = 0
      while true {
        let bench = Bench()
        var sensor = bench.sensor(kind)
        var hasFailed = false
        bench.beforeTransfer = { transfer throws(BusError) in
          if transfer == index {
            hasFailed = true
            throw error
          }
        }
        // Until the failure, outcomes may be anything; the one in which it falls is the failure.
        var outcome = bench.measure(&sensor)
        for _ in 0..<3 where !hasFailed {
          bench.clock.now += 5_000
          outcome = bench.measure(&sensor)
        }
        guard hasFailed, index < 40 else { break }
        #expect(outcome == .failure(.bus(error)), "transfer \(index)")
        let values = try bench.firstReading(&sensor).get()
        #expect(!values.contains(nil) && Tolerance.holds(values, kind, mild))
        index += 1
      }
      #expect(index >= 6)
    }
  }

  @Test(arguments: everyKind)
  func aBrownOutBeforeAnyTransferIsNeverAReadingOfDefaults(kind: SensorKind) throws {
    for seed in UInt64(0)..<10 {
      for index in 0..<40 {
        let bench = Bench(seed: seed)
        var sensor = bench.sensor(kind)
        bench.beforeTransfer = { transfer throws(BusError) in
          if transfer == index { bench.set(.brownOut, kind) }
        }
        var readingCount = 0
        for _ in 0..<14 {
          if case .success(let values) = bench.measure(&sensor) {
            #expect(!values.contains(nil) && Tolerance.holds(values, kind, mild))
            readingCount += 1
          }
          bench.clock.now += 5_000
        }
        #expect(readingCount >= 5, "transfer \(index)")
      }
    }
  }

  /// The same, with the chip back on its feet at once: its start-up time does not hide the reset.
  @Test(arguments: everyKind)
  func aBrownOutThatHasPassedUnseenIsNeverAReadingOfDefaults(kind: SensorKind) {
    for index in 0..<40 {
      let bench = Bench()
      var sensor = bench.sensor(kind)
      bench.beforeTransfer = { transfer throws(BusError) in
        if transfer == index {
          bench.set(.brownOut, kind)
          bench.clock.now += 1_500
        }
      }
      for _ in 0..<14 {
        if case .success(let values) = bench.measure(&sensor) {
          #expect(!values.contains(nil) && Tolerance.holds(values, kind, mild))
        }
        bench.clock.now += 5_000
      }
      #expect(throws: Never.self) { try bench.firstReading(&sensor).get() }
    }
  }

  @Test(arguments: everyKind)
  func everyFaultHasItsCodeAndEndsWhenTheFaultEnds(kind: SensorKind) throws {
    let table: [(ChipFault, FaultCode)] = [
      (.noAcknowledge, .notAcknowledged), (.stuckBus, .timedOut),
      (.badChecksum, .checksumMismatch), (.frozen, .frozen),
    ]
    for (fault, code) in table where !(fault == .badChecksum && kind == .bme280) {
      let bench = Bench()
      var sensor = bench.sensor(kind, frozenLimit: 4)
      _ = try bench.firstReading(&sensor).get()
      bench.set(fault, kind)
      var codes: [FaultCode] = []
      for _ in 0..<12 {
        bench.clock.now += 5_000
        if case .failure(let failure) = bench.measure(&sensor) { codes.append(failure.faultCode) }
      }
      #expect(codes.contains(code), "\(fault.rawValue)")
      #expect(codes.allSatisfy { $0 == code || $0 == .notReady }, "\(fault.rawValue)")
      bench.set(.none, kind)
      bench.clock.now += 5_000
      let values = try bench.firstReading(&sensor).get()
      #expect(Tolerance.holds(values, kind, mild))
    }
  }

  @Test(arguments: everyKind)
  func anotherChipAtTheAddressIsToldAsSuch(kind: SensorKind) {
    let bench = Bench()
    bench.set(.wrongChip, kind)
    var sensor = bench.sensor(kind)
    guard case .failure(.wrongChip) = bench.measure(&sensor) else {
      Issue.record("another chip was taken for \(kind.name)")
      return
    }
  }

  @Test(arguments: everyKind)
  func aChipThatIsExchangedForAnotherWhileItRunsGivesNoReading(kind: SensorKind) {
    let bench = Bench()
    var sensor = bench.sensor(kind)
    _ = bench.firstReading(&sensor)
    // Unplugged, a measurement tried, another chip plugged in.
    bench.set(.noAcknowledge, kind)
    #expect(bench.measure(&sensor) == .failure(.bus(.notAcknowledged)))
    bench.set(.wrongChip, kind)
    for _ in 0..<5 {
      bench.clock.now += 5_000
      guard case .failure(.wrongChip) = bench.measure(&sensor) else {
        Issue.record("another chip was read as \(kind.name)")
        return
      }
    }
  }

  @Test(arguments: everyKind)
  func aHealthySensorInStillAirIsNeverFrozen(kind: SensorKind) throws {
    for seed in UInt64(0)..<5 {
      let bench = Bench(seed: seed)
      var sensor = bench.sensor(kind, frozenLimit: FrozenDetector.defaultLimit)
      _ = try bench.firstReading(&sensor).get()
      for _ in 0..<3_000 {
        bench.clock.now += 6_000
        #expect(throws: Never.self) { try bench.measure(&sensor).get() }
      }
    }
  }

  @Test func aBadChecksumMeansNothingToAChipWithoutChecksums() throws {
    let bench = Bench()
    bench.set(.badChecksum, .bme280)
    var sensor = bench.sensor(.bme280)
    #expect(Tolerance.holds(try bench.measure(&sensor).get(), .bme280, mild))
    let command = try FaultCommand(line: "fault bme280 bad-checksum")
    #expect(bench.board.perform(command, now: 0).contains("no checksums"))
  }

  @Test func aStuckChipStopsTheWholeBus() {
    let bench = Bench()
    bench.set(.stuckBus, .sht3x)
    for kind in everyKind {
      var sensor = bench.sensor(kind)
      #expect(bench.measure(&sensor) == .failure(.bus(.timedOut)))
    }
  }
}
