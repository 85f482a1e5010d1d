import Buses
import Records
import Sensors
import Testing

@Suite struct FrozenDetectorTests {
  /// Every sequence of two fingerprints up to eight long, against counting by hand.
  @Test func theLimitThOfTheSameIsFrozenUntilOneDiffers() {
    for limit in UInt32(1)...4 {
      for sequence in 0..<256 {
        var detector = FrozenDetector(limit: limit)
        for index in 0..<8 {
          let fingerprint = UInt64(sequence >> index & 1)
          var same = 1
          while same <= index, UInt64(sequence >> (index - same) & 1) == fingerprint { same += 1 }
          let error = failure { () throws(SensorFailure) in try detector.check(fingerprint) }
          #expect(error == (same >= limit ? .frozen : nil))
          detector.checkInvariants()
        }
      }
    }
  }

  @Test func aDetectorThatIsOffNeverFindsAnything() throws {
    var detector = FrozenDetector(limit: 0)
    for _ in 0..<1_000 { try detector.check(7) }
    detector.checkInvariants()
  }

  @Test func theFirstMeasurementIsNotComparedWithAnything() throws {
    var detector = FrozenDetector(limit: 2)
    try detector.check(0)
  }
}

@Suite struct MonitoredSensorTests {
  @Test func aFrozenSensorIsAFaultAndIsIdentifiedAgain() throws {
    let reply = checked(0x6666) + checked(0x8000)
    let script = Script(SHT3xTests.identity + [reply, reply, reply])
    var sensor = MonitoredSensor(
      .sht3x, device: ScriptedI2CDevice(script: script), frozenLimit: 3)
    var delay = RecordedDelay(script: script)
    _ = try sensor.measure(delay: &delay)
    _ = try sensor.measure(delay: &delay)
    #expect(throws: SensorFailure.frozen) { try sensor.measure(delay: &delay) }
    script.trace = []
    script.replies = SHT3xTests.identity + [checked(0x6667) + checked(0x8000)]
    _ = try sensor.measure(delay: &delay)
    #expect(script.trace.starts(with: SHT3xTests.identityTransfers))
  }

  @Test func everyKindIsNamedByItsTextAndHasItsDriver() throws {
    for (text, kind) in [("bme280", SensorKind.bme280), ("sht3x", .sht3x), ("scd4x", .scd4x)] {
      #expect(SensorKind(text: Array(text.utf8).span) == kind)
      let sensor = AnySensor(kind, device: ScriptedI2CDevice(script: Script()))
      #expect(sensor.kind == kind)
      #expect(sensor.serialNumber.isEmpty)
      #expect(sensor.quantities.count == (kind == .sht3x ? 2 : 3))
    }
    for text in ["", "BME280", "bme28", "bme2800", "sht31"] {
      #expect(SensorKind(text: Array(text.utf8).span) == nil)
    }
  }

  @Test func valuesStandInTheOrderOfTheQuantities() {
    func columns(_ kind: SensorKind) -> [String] {
      let quantities = AnySensor(kind, device: ScriptedI2CDevice(script: Script())).quantities
      return quantities.indices.map {
        "\(quantities[$0].name) \(quantities[$0].unit) \(quantities[$0].powerOfTen)"
      }
    }
    #expect(columns(.bme280) == ["temperature Cel -2", "humidity %RH -3", "pressure Pa 0"])
    #expect(columns(.sht3x) == ["temperature Cel -3", "humidity %RH -3"])
    #expect(columns(.scd4x) == ["co2 ppm 0", "temperature Cel -3", "humidity %RH -3"])
  }

  @Test func everyFailureHasItsCode() {
    let table: [(SensorFailure, FaultCode)] = [
      (.bus(.notAcknowledged), .notAcknowledged), (.bus(.timedOut), .timedOut),
      (.bus(.arbitrationLost), .busError), (.bus(.disconnected), .disconnected),
      (.bus(.system(errno: 5)), .busError),
      (.checksumMismatch(expected: 1, received: 2), .checksumMismatch),
      (.wrongChip(expected: 1, found: 2), .wrongChip), (.notReady, .notReady),
      (.timedOut, .timedOut), (.calibrationInvalid, .calibrationInvalid),
      (.outOfRange, .outOfRange), (.frozen, .frozen), (.chipFault, .chipFault),
    ]
    for (failure, code) in table { #expect(failure.faultCode == code) }
  }
}
