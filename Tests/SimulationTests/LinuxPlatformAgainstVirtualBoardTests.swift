import Foundation
import LinuxPlatform
import Sensors
import Simulation
import Testing

/// A virtual board served by a thread of its own until it is told to end.
private final class ServedBoard: @unchecked Sendable {
  private let lock = NSLock()
  private let finished = DispatchSemaphore(value: 0)
  private var isEnding = false

  init(at path: String) {
    let ready = DispatchSemaphore(value: 0)
    Thread {
      do {
        let clock = SystemClock()
        let board = VirtualBoard(
          surroundings: ConstantSurroundings(
            Conditions(
              temperatureMillidegreesCelsius: 21_000, relativeHumidityMillipercent: 45_000,
              pressurePascals: 101_325, carbonDioxidePPM: 600)),
          seed: 1,
          // Powered long ago: a chip that is starting does not acknowledge.
          now: clock.bootMilliseconds() - 10_000)
        let server = VirtualBoardServer()
        try server.add(board.bus, at: path)
        ready.signal()
        while !self.lock.withLock({ self.isEnding }) {
          _ = try server.serve(forMilliseconds: 20) { clock.bootMilliseconds() }
        }
        server.close()
      } catch {
        Issue.record(error)
        ready.signal()
      }
      self.finished.signal()
    }.start()
    ready.wait()
  }

  func end() {
    lock.withLock { isEnding = true }
    finished.wait()
  }
}

private func measured(
  _ sensor: inout MonitoredSensor<AnyI2CDevice>
) throws(SensorFailure) -> Sensors.Measurement {
  var delay = SystemDelay()
  try sensor.identify(delay: &delay)
  return try sensor.measure(delay: &delay)
}

/// Driver, virtual device, socket, server and model in one line.
@Test func aSensorIsMeasuredThroughTheSocketAndItsEndIsADisconnection() throws {
  let path = FileManager.default.temporaryDirectory.appending(
    path: "cairn-\(UUID().uuidString)"
  ).path
  let fixed = try #require(FixedPath(Array(path.utf8).span) as FixedPath?)
  var sensor = MonitoredSensor(
    .sht3x, device: AnyI2CDevice.virtual(VirtualBus(path: fixed).device(at: 0x44)))
  #expect(throws: SensorFailure.self) { _ = try measured(&sensor) }
  for _ in 0..<2 {
    let board = ServedBoard(at: path)
    let measurement = try measured(&sensor)
    #expect(measurement.values.count == 2)
    board.end()
    #expect(throws: SensorFailure.self) { _ = try measured(&sensor) }
  }
}
