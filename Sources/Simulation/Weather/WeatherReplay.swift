/// A weather record as surroundings, replayed at a speed: one second of the chips' clock is `speed`
/// seconds of weather.
///
/// The observation in force holds until the next one: a chip's reading then equals a line of the
/// record within the chip's resolution, and anyone can look the line up. After the last observation
/// has been in force for an hour, the record begins anew.
public struct WeatherReplay: Surroundings, Sendable {
  /// The record has no carbon dioxide. This value stands in for it: about what air outdoors held in
  /// 2023. It is a constant, not an observation.
  public static let carbonDioxidePPM: Int64 = 420

  /// Up to a day a second.
  public static let speedRange: ClosedRange<Int64> = 1...86_400

  public let record: WeatherRecord
  public let speed: Int64
  /// The time of the chips' clock at which the first observation begins.
  public let startMilliseconds: Int64

  /// A speed outside `speedRange` is a bug of the caller.
  public init(record: WeatherRecord, speed: Int64, startMilliseconds: Int64) {
    precondition(Self.speedRange.contains(speed), "speed of the weather outside its range")
    self.record = record
    self.speed = speed
    self.startMilliseconds = startMilliseconds
  }

  /// From the first observation to an hour after the last.
  public var lengthMilliseconds: Int64 {
    record.observations[record.observations.count - 1].utcMilliseconds + 3_600_000
      - record.observations[0].utcMilliseconds
  }

  /// The time of the weather, as UTC of the record, at a time of the chips' clock.
  public func virtualMilliseconds(at now: Int64) -> Int64 {
    let elapsed = max(0, now - startMilliseconds)
    return record.observations[0].utcMilliseconds + elapsed * speed % lengthMilliseconds
  }

  /// The observation in force at a time of the weather: the last one that is not later, or the
  /// first.
  public func observation(atVirtualMilliseconds time: Int64) -> WeatherObservation {
    var low = 0
    var high = record.observations.count
    // The first observation that is later.
    while low < high {
      let middle = (low + high) / 2
      if record.observations[middle].utcMilliseconds <= time {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return record.observations[max(0, low - 1)]
  }

  public func conditions(atMilliseconds now: Int64) -> Conditions {
    let observation = observation(atVirtualMilliseconds: virtualMilliseconds(at: now))
    return Conditions(
      temperatureMillidegreesCelsius: observation.temperatureMillidegreesCelsius,
      relativeHumidityMillipercent: observation.relativeHumidityMillipercent,
      pressurePascals: observation.pressurePascals,
      carbonDioxidePPM: Self.carbonDioxidePPM)
  }
}
