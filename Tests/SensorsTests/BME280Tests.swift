import Buses
import Records
import Testing

@testable import Sensors

/// The calibration of the datasheet's worked example (temperature and pressure), with humidity
/// words of a real chip.
struct ExampleCalibration {
  static let low: [UInt8] =
    littleEndian([27_504, 26_435, -1_000, 36_477, -10_685, 3_024, 2_855, 140, -7, 15_500])
    + littleEndian([-14_600, 6_000]) + [0, 75]
  /// H2 355, H3 0, H4 340, H5 0, H6 30.
  static let high: [UInt8] = [0x63, 0x01, 0x00, 0x15, 0x04, 0x00, 0x1e]

  static func littleEndian(_ words: [Int]) -> [UInt8] {
    words.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8 & 0xff)] }
  }

  static var words: BME280Calibration { BME280Calibration(low: low.span, high: high.span) }

  /// The eight data bytes of three raw words.
  static func data(pressure: UInt32, temperature: UInt32, humidity: UInt32) -> [UInt8] {
    var bytes: [UInt8] = []
    for word in [pressure, temperature] {
      bytes.append(UInt8(word >> 12))
      bytes.append(UInt8(word >> 4 & 0xff))
      bytes.append(UInt8(word << 4 & 0xf0))
    }
    bytes.append(UInt8(humidity >> 8))
    bytes.append(UInt8(humidity & 0xff))
    return bytes
  }
}

@Suite struct BME280Tests {
  static let identityReplies: [[UInt8]] = [
    [0x60], [0x00], ExampleCalibration.low, ExampleCalibration.high, ExampleCalibration.low,
    ExampleCalibration.high,
  ]
  static let identityTransfers: [Transfer] = [
    .writeRead([0xd0], [0x60]), .write([0xe0, 0xb6]), .writeRead([0xf3], [0x00]),
    .writeRead([0x88], ExampleCalibration.low), .writeRead([0xe1], ExampleCalibration.high),
    .writeRead([0x88], ExampleCalibration.low), .writeRead([0xe1], ExampleCalibration.high),
    .write([0xf5, 0x00]),
  ]
  /// ctrl_hum, status, ctrl_meas: as configured, done, asleep.
  static let done: [UInt8] = [0x01, 0x00, 0x24]
  static let example = ExampleCalibration.data(
    pressure: 415_148, temperature: 519_888, humidity: 27_000)

  private func outcome(_ replies: [[UInt8]]) -> Result<[Int64?], SensorFailure> {
    let script = Script(replies)
    var sensor = BME280(device: ScriptedI2CDevice(script: script))
    var delay = RecordedDelay(script: script)
    return Result { () throws(SensorFailure) in
      array(try sensor.measure(delay: &delay).values)
    }
  }

  @Test func theDatasheetsExampleIsCompensatedByTheShiftFormula() {
    let words = ExampleCalibration.words
    let fine = words.fineTemperature(519_888)
    #expect(fine == 128_422)
    #expect(BME280Calibration.temperatureCentidegreesCelsius(fine) == 2_508)
    // The datasheet prints 25767236 for words that its own formula takes to 25767233.
    #expect(words.pressurePascals256ths(415_148, fine) == 25_767_233)
    #expect(words.relativeHumidity1024ths(27_000, fine) == 29_612)
  }

  @Test func aMeasurementConfiguresConvertsChecksAndReads() throws {
    let script = Script(Self.identityReplies + [Self.done, Self.example])
    var sensor = BME280(device: ScriptedI2CDevice(script: script))
    var delay = RecordedDelay(script: script)
    let measurement = try sensor.measure(delay: &delay)
    #expect(array(measurement.values) == [2_508, 28_918, 100_653])
    #expect(measurement.rawFingerprint == 415_148 << 36 | 519_888 << 16 | 27_000)
    #expect(
      script.trace == Self.identityTransfers + [
        .write([0xf2, 0x01]), .write([0xf4, 0x25]), .writeRead([0xf2], Self.done),
        .writeRead([0xf7], Self.example),
      ])
    #expect(script.sleptMilliseconds == [2, 10])
    #expect(array(sensor.serialNumber.span).starts(with: Array("cal-".utf8)))
    #expect(sensor.serialNumber.count == 12)
  }

  @Test func theConversionTimeIsThatOfAppendixB() {
    #expect(BME280Configuration.conversionTimeMicroseconds == 9_300)
    #expect(BME280Configuration.conversionTimeMilliseconds == 10)
  }

  @Test func aChipThatIsStillMeasuringIsAskedAgainUntilItsBound() {
    let measuring: [UInt8] = [0x01, 0x08, 0x25]
    let patient = Array(repeating: measuring, count: 4) + [Self.done, Self.example]
    #expect(outcome(Self.identityReplies + patient) == .success([2_508, 28_918, 100_653]))
    let stuck = Array(repeating: measuring, count: 5)
    #expect(outcome(Self.identityReplies + stuck) == .failure(.timedOut))
    // Not measuring, and not asleep either: the conversion has not begun.
    let notBegun = Array(repeating: [UInt8]([0x01, 0x00, 0x25]), count: 5)
    #expect(outcome(Self.identityReplies + notBegun) == .failure(.timedOut))
    let copying = Array(repeating: [UInt8]([0x01]), count: 5)
    #expect(outcome([[0x60]] + copying) == .failure(.timedOut))
  }

  @Test func everyOtherIdIsAnotherChip() {
    for id in UInt8.min...UInt8.max where id != 0x60 {
      #expect(outcome([[id]]) == .failure(.wrongChip(expected: 0x60, found: id)))
    }
  }

  @Test func aConfigurationThatDoesNotReadBackIsAChipFault() {
    for controlHumidity in UInt8(0)..<8 {
      for controlMeasurement in UInt8.min...UInt8.max {
        let isOurs = controlHumidity == 1 && controlMeasurement & 0xfc == 0x24
        guard !isOurs else { continue }
        let state = [controlHumidity, 0x00, controlMeasurement]
        #expect(
          outcome(Self.identityReplies + [state, Self.example]) == .failure(.chipFault))
      }
    }
  }

  @Test func theDataRegistersOfAResetChipAreNoReading() {
    let reset = ExampleCalibration.data(
      pressure: 0x80000, temperature: 0x80000, humidity: 0x8000)
    #expect(outcome(Self.identityReplies + [Self.done, reset]) == .failure(.outOfRange))
  }

  @Test func aSkippedQuantityIsAbsentAndASkippedTemperatureIsNoReading() {
    let data = ExampleCalibration.data
    func outcome(_ data: [UInt8]) -> Result<[Int64?], SensorFailure> {
      self.outcome(Self.identityReplies + [Self.done, data])
    }
    #expect(outcome(data(0x80000, 519_888, 27_000)) == .success([2_508, 28_918, nil]))
    #expect(outcome(data(415_148, 519_888, 0x8000)) == .success([2_508, nil, 100_653]))
    #expect(outcome(data(415_148, 0x80000, 27_000)) == .failure(.outOfRange))
  }

  @Test func blankOrImpossibleCalibrationIsRefused() {
    let low = ExampleCalibration.low
    let high = ExampleCalibration.high
    func zeroed(_ bytes: [UInt8], _ range: Range<Int>) -> [UInt8] {
      var bytes = bytes
      for index in range { bytes[index] = 0 }
      return bytes
    }
    for (low, high) in [
      ([UInt8](repeating: 0x00, count: 26), [UInt8](repeating: 0x00, count: 7)),
      ([UInt8](repeating: 0xff, count: 26), [UInt8](repeating: 0xff, count: 7)),
      (zeroed(low, 0..<2), high), (zeroed(low, 2..<4), high), (zeroed(low, 6..<8), high),
      (low, zeroed(high, 0..<2)),
    ] {
      #expect(
        outcome([[0x60], [0x00], low, high, low, high]) == .failure(.calibrationInvalid))
    }
  }

  @Test func everyFlippedBitOfOneReadingOfTheCalibrationIsCaught() {
    let low = ExampleCalibration.low
    let high = ExampleCalibration.high
    // Byte 24 stands between the words and belongs to none.
    for bit in 0..<26 * 8 where bit / 8 != 24 {
      var bent = low
      bent[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(
        outcome([[0x60], [0x00], bent, high, low, high]) == .failure(.calibrationInvalid))
    }
    for bit in 0..<7 * 8 {
      var bent = high
      bent[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(
        outcome([[0x60], [0x00], low, high, low, bent]) == .failure(.calibrationInvalid))
    }
  }

  @Test func everyBusErrorAtEveryTransferIsItsFaultAndLeadsToANewIdentification() throws {
    let replies = Self.identityReplies + [Self.done, Self.example]
    for error in everyBusError {
      for index in 0..<12 {
        let script = Script(replies)
        script.failure = (index, error)
        var sensor = BME280(device: ScriptedI2CDevice(script: script))
        var delay = RecordedDelay(script: script)
        let first = failure { () throws(SensorFailure) in _ = try sensor.measure(delay: &delay) }
        #expect(first == .bus(error))
        script.failure = nil
        script.trace = []
        script.replies = replies
        _ = try sensor.measure(delay: &delay)
        #expect(script.trace.starts(with: Self.identityTransfers))
      }
    }
  }
}
