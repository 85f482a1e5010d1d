import Buses
import Foundation
import Records
import Sensors
import Simulation
import Testing

/// The repository's file at a path from its root.
func repositoryFile(_ path: String) throws -> String {
  let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  return try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
}

func jfk2013() throws -> WeatherRecord {
  try WeatherRecord(csv: try repositoryFile("Data/weather/weather-jfk-2013.csv"))
}

let mild = Conditions(
  temperatureMillidegreesCelsius: 21_500, relativeHumidityMillipercent: 45_000,
  pressurePascals: 101_325, carbonDioxidePPM: 420)

/// Surroundings that a test changes.
final class ChangingSurroundings: Surroundings {
  var current: Conditions
  init(_ current: Conditions) { self.current = current }
  func conditions(atMilliseconds now: Int64) -> Conditions { current }
}

func array(_ values: ReadingValues) -> [Int64?] { values.indices.map { values[$0] } }

func text(_ span: Span<UInt8>) -> String {
  String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
}

typealias Outcome = Result<[Int64?], SensorFailure>

/// One board with one driver on it, in process and on a clock that is turned by hand.
final class Bench {
  let clock = HandCrankedClock(now: 1_000_000)
  let board: VirtualBoard
  let surroundings: ChangingSurroundings
  /// Set by tests that act between transfers.
  var beforeTransfer: (Int) throws(BusError) -> Void = { _ in }
  var transferCount = 0

  init(conditions: Conditions = mild, seed: UInt64 = 1) {
    surroundings = ChangingSurroundings(conditions)
    board = VirtualBoard(surroundings: surroundings, seed: seed, now: clock.now)
    clock.now += 2_000
  }

  func sensor(_ kind: SensorKind, frozenLimit: UInt32 = 0) -> MonitoredSensor<ModelI2CDevice> {
    let device = ModelI2CDevice(bus: board.bus, address: kind.usualAddress, clock: clock) {
      [unowned self] index throws(BusError) in
      self.transferCount += 1
      try self.beforeTransfer(index)
    }
    return MonitoredSensor(kind, device: device, frozenLimit: frozenLimit)
  }

  func measure(_ sensor: inout MonitoredSensor<ModelI2CDevice>) -> Outcome {
    var delay = HandCrankedDelay(clock: clock)
    do throws(SensorFailure) {
      return .success(array(try sensor.measure(delay: &delay).values))
    } catch {
      return .failure(error)
    }
  }

  /// Measures every five seconds until there is a reading; the last outcome after `attempts`.
  func firstReading(
    _ sensor: inout MonitoredSensor<ModelI2CDevice>, attempts: Int = 8
  ) -> Outcome {
    for _ in 1..<attempts {
      let outcome = measure(&sensor)
      if case .success = outcome { return outcome }
      clock.now += 5_000
    }
    return measure(&sensor)
  }

  func set(_ fault: ChipFault, _ kind: SensorKind) {
    #expect(board.bus.setFault(fault, chipsNamed: "\(kind.name)", now: clock.now) == 1)
  }
}

let everyKind: [SensorKind] = [.bme280, .sht3x, .scd4x]

/// How far a healthy reading may lie from the conditions, in the units of the driver.
///
/// BME280, oversampling ×1: one step of the converter is 0.0051 °C, 0.0084 %RH at most, 2.8 Pa;
/// half a step of search, one of noise, half a unit of rounding and what the integer formulas
/// differ from the floating-point ones. The Sensirions: 0.0027 °C and 0.0015 %RH, the same sum.
enum Tolerance {
  static func of(_ kind: SensorKind) -> [Int64] {
    switch kind {
    case .bme280: [2, 30, 5]
    case .sht3x: [5, 3]
    case .scd4x: [1, 5, 3]
    }
  }

  static func expected(_ kind: SensorKind, _ conditions: Conditions) -> [Double] {
    let temperature = Double(conditions.temperatureMillidegreesCelsius)
    let humidity = Double(conditions.relativeHumidityMillipercent)
    return switch kind {
    case .bme280: [temperature / 10, humidity, Double(conditions.pressurePascals)]
    case .sht3x: [temperature, humidity]
    case .scd4x: [Double(conditions.carbonDioxidePPM), temperature, humidity]
    }
  }

  /// True when every value that is there lies within the tolerance.
  static func holds(_ values: [Int64?], _ kind: SensorKind, _ conditions: Conditions) -> Bool {
    let expected = Self.expected(kind, conditions)
    return values.count == expected.count
      && values.indices.allSatisfy { index in
        guard let value = values[index] else { return true }
        return abs(Double(value) - expected[index]) <= Double(Self.of(kind)[index]) + 0.5
      }
  }
}
