/// Finds the line of the weather record that a reading shows.
///
/// A chip model measures the observation in force and adds its last bit of noise (docs/simulation.md). So a
/// reading that came through driver, log, signature, network and gateway must still equal an
/// observation within the chip's resolution; which one is looked for backwards from the reading's time,
/// since an SCD4x gives a result that may be some seconds old.
public struct DemoWeather: Sendable {
  /// 5 s between two results of an SCD4x, and one more second until the agent asks.
  public static let oldestMilliseconds: Int64 = 6_500

  /// One step of the coarsest converter, the BME280's, and what its integer formulas round away.
  public static let temperatureToleranceMillidegrees: Int64 = 30
  public static let humidityToleranceMillipercent: Int64 = 50
  public static let pressureTolerancePascals: Int64 = 6

  public let replay: WeatherReplay

  public init(_ replay: WeatherReplay) { self.replay = replay }

  /// The observation that these values of one reading equal, the newest first. `time` is the reading's, by
  /// the board's clock. Nil when none does, or when no value is of a kind that the record has.
  public func observation(
    of values: [DemoReading], atBoardMilliseconds time: Int64
  ) -> WeatherObservation? {
    let expected = values.compactMap { Self.expected($0) }
    guard !expected.isEmpty else { return nil }
    var previous: WeatherObservation?
    // Every observation holds for an hour of the record or longer; a step is at most that.
    let step = max(1, min(1_000, 3_600_000 / replay.speed / 2))
    var moment = time
    let oldest = time - Self.oldestMilliseconds
    while moment >= oldest {
      let observation = replay.observation(
        atVirtualMilliseconds: replay.virtualMilliseconds(at: moment))
      if observation != previous, expected.allSatisfy({ $0.isNear(observation) }) {
        return observation
      }
      previous = observation
      // The oldest moment is looked at too.
      moment = moment > oldest ? max(oldest, moment - step) : oldest - 1
    }
    return nil
  }

  private struct Expected {
    let value: Int64
    let tolerance: Int64
    let quantity: KeyPath<WeatherObservation, Int64> & Sendable

    func isNear(_ observation: WeatherObservation) -> Bool {
      (observation[keyPath: quantity] - value).magnitude <= UInt64(tolerance)
    }
  }

  /// Units of SenML (RFC 8428 section 12.1); carbon dioxide is not in the record.
  private static func expected(_ reading: DemoReading) -> Expected? {
    guard let value = reading.value else { return nil }
    switch reading.unit {
    case "Cel":
      return WeatherRecord.scaled(value[...], decimals: 3).map {
        Expected(
          value: $0, tolerance: temperatureToleranceMillidegrees,
          quantity: \.temperatureMillidegreesCelsius)
      }
    case "%RH":
      return WeatherRecord.scaled(value[...], decimals: 3).map {
        Expected(
          value: $0, tolerance: humidityToleranceMillipercent,
          quantity: \.relativeHumidityMillipercent)
      }
    case "Pa":
      return WeatherRecord.scaled(value[...], decimals: 0).map {
        Expected(value: $0, tolerance: pressureTolerancePascals, quantity: \.pressurePascals)
      }
    default: return nil
    }
  }
}
