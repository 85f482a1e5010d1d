import Records
import Sensors
import Simulation
import Testing

@Suite struct WeatherTests {
  @Test func theRecordIsTheFileLineByLine() throws {
    let text = try repositoryFile("Data/weather/weather-jfk-2013.csv")
    let lines = text.split(separator: "\n").dropFirst()
    let observations = try jfk2013().observations
    #expect(observations.count == 7_875 && lines.count == 7_875)
    for (line, observation) in zip(lines, observations) {
      let fields = line.split(separator: ",")
      #expect(
        observation.temperatureMillidegreesCelsius
          == Int64(((Double(fields[1]) ?? .nan) * 1_000).rounded()))
      #expect(
        observation.relativeHumidityMillipercent
          == Int64(((Double(fields[2]) ?? .nan) * 1_000).rounded()))
      #expect(observation.pressurePascals == Int64(((Double(fields[3]) ?? .nan) * 100).rounded()))
    }
    // 2013-01-01T06:00:00Z and 2013-12-30T23:00:00Z, by `date -u +%s`.
    #expect(observations.first?.utcMilliseconds == 1_357_020_000_000)
    #expect(observations.last?.utcMilliseconds == 1_388_444_400_000)
  }

  @Test func aMalformedLineRefusesTheFile() {
    let good = "2013-01-01T06:00:00Z,3.90,59.37,1012.6"
    for bad in [
      "", "x", "2013-01-01T06:00:00Z,3.90,59.37", "2013-01-01T07:00:00Z,3.90,59.37,1012.6,",
      "2013-01-01 07:00:00Z,3.90,59.37,1012.6", "2013-13-01T07:00:00Z,3.90,59.37,1012.6",
      "2013-02-29T07:00:00Z,3.90,59.37,1012.6", "2013-01-01T24:00:00Z,3.90,59.37,1012.6",
      "2013-01-01T07:00:00Z,,59.37,1012.6", "2013-01-01T07:00:00Z,3.,59.37,1012.6",
      "2013-01-01T07:00:00Z,3.9012,59.37,1012.6", "2013-01-01T07:00:00Z,NA,59.37,1012.6",
      "2013-01-01T07:00:00Z,3.9,--1,1012.6", "2013-01-01T06:00:00Z,3.90,59.37,1012.6",
    ] where !bad.isEmpty {
      #expect(throws: WeatherRecord.Failure.malformed(line: 3)) {
        try WeatherRecord(csv: [WeatherRecord.header, good, bad].joined(separator: "\n"))
      }
    }
    #expect(throws: WeatherRecord.Failure.empty) { try WeatherRecord(csv: WeatherRecord.header) }
    #expect(throws: WeatherRecord.Failure.unknownHeader) { try WeatherRecord(csv: good) }
  }

  @Test func theObservationInForceIsTheLastThatIsNotLater() throws {
    let record = try jfk2013()
    let replay = WeatherReplay(record: record, speed: 3_600, startMilliseconds: 500)
    for (index, observation) in record.observations.enumerated() {
      let time = observation.utcMilliseconds
      #expect(replay.observation(atVirtualMilliseconds: time) == observation)
      let before = record.observations[max(0, index - 1)]
      #expect(replay.observation(atVirtualMilliseconds: time - 1) == before)
    }
    #expect(replay.virtualMilliseconds(at: 0) == record.observations[0].utcMilliseconds)
    #expect(
      replay.virtualMilliseconds(at: 2_500) - replay.virtualMilliseconds(at: 500)
        == 2 * 3_600_000)
    // One length after the start it begins anew.
    let again = 500 + replay.lengthMilliseconds / 3_600
    #expect(replay.virtualMilliseconds(at: again) == record.observations[0].utcMilliseconds)
  }

  /// Every observation of the year through every model and driver.
  @Test(arguments: everyKind)
  func theWholeReplayEqualsTheDataSetWithinTheChipsResolution(kind: SensorKind) throws {
    let record = try jfk2013()
    let clock = HandCrankedClock()
    // One observation lasts ten seconds of the chips' clock: two results of an SCD4x.
    let replay = WeatherReplay(record: record, speed: 360, startMilliseconds: 0)
    let board = VirtualBoard(surroundings: replay, seed: 2_013, now: clock.now)
    let device = ModelI2CDevice(bus: board.bus, address: kind.usualAddress, clock: clock)
    var sensor = MonitoredSensor(kind, device: device)
    var delay = HandCrankedDelay(clock: clock)
    var (readingCount, absentCount, coldCount) = (0, 0, 0)
    var lastWasTooCold = false
    // One SCD4x start, so that its results fall into the middle of each observation.
    clock.now = 2_000
    do throws(SensorFailure) { try sensor.identify(delay: &delay) } catch {
      Issue.record("not identified: \(error)")
    }
    for observation in record.observations {
      let begin =
        (observation.utcMilliseconds - record.observations[0].utcMilliseconds) / 360
      clock.now = max(clock.now, begin + 9_000)
      let conditions = replay.conditions(atMilliseconds: clock.now)
      #expect(
        conditions.temperatureMillidegreesCelsius
          == observation.temperatureMillidegreesCelsius)
      do throws(SensorFailure) {
        let values = array(try sensor.measure(delay: &delay).values)
        absentCount += values.filter { $0 == nil }.count
        readingCount += 1
        lastWasTooCold = false
        #expect(Tolerance.holds(values, kind, conditions), "\(values) of \(observation)")
      } catch {
        // −10 °C is where the SCD4x ends; the winter goes a little further.
        let isTooCold =
          kind == .scd4x && conditions.temperatureMillidegreesCelsius <= -10_000
          && error == .outOfRange
        // After that failure the chip is started again.
        let isStarting = lastWasTooCold && error == .notReady
        #expect(isTooCold || isStarting, "\(error) at \(observation)")
        lastWasTooCold = isTooCold
        coldCount += 1
      }
    }
    #expect(readingCount + coldCount == record.observations.count)
    // A BME280's humidity of exactly the mark of a skipped value is absent, not wrong.
    #expect(absentCount <= (kind == .bme280 ? 3 : 0))
    #expect(coldCount <= (kind == .scd4x ? 20 : 0))
  }
}
