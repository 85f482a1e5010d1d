import Buses
import Foundation
import LinuxPlatform
import Records
import Sensors
import Simulation
import Synchronization
import Testing

/// A clock that the server's thread reads and the driver's delay turns.
private final class SharedClock: Sendable {
  let milliseconds = Atomic<Int64>(1_000_000)
  let isEnded = Atomic<Bool>(false)
}

private struct SharedDelay: Delay {
  let clock: SharedClock
  func sleep(milliseconds: UInt32) {
    clock.milliseconds.add(Int64(milliseconds), ordering: .sequentiallyConsistent)
  }
}

@Suite struct VirtualBoardOverSocketTests {
  /// Driver, agent's client, socket, server and model, and only the clock is turned by hand.
  @Test(arguments: everyKind)
  func aDriverReadsAModelThroughTheSocketUntilTheServerEnds(kind: SensorKind) throws {
    let path = NSTemporaryDirectory() + "cairn-\(UUID().uuidString.prefix(13)).sock"
    let clock = SharedClock()
    let served = DispatchSemaphore(value: 0)
    let ended = DispatchSemaphore(value: 0)
    let thread = Thread {
      func now() -> Int64 { clock.milliseconds.load(ordering: .sequentiallyConsistent) }
      let board = VirtualBoard(surroundings: ConstantSurroundings(mild), seed: 5, now: now())
      let server = VirtualBoardServer()
      do throws(VirtualBoardServer.Failure) {
        try server.add(board.bus, at: path)
        served.signal()
        while !clock.isEnded.load(ordering: .sequentiallyConsistent) {
          _ = try server.serve(forMilliseconds: 10, clock: now)
        }
      } catch {
        Issue.record("server: \(error)")
      }
      server.close()
      ended.signal()
    }
    thread.start()
    served.wait()
    clock.milliseconds.add(2_000, ordering: .sequentiallyConsistent)
    let bytes = Array(path.utf8)
    guard let fixedPath = FixedPath(bytes.span) else { throw BusError.system(errno: ENAMETOOLONG) }
    var sensor = MonitoredSensor(
      kind, device: VirtualBus(path: fixedPath).device(at: kind.usualAddress))
    var delay = SharedDelay(clock: clock)
    var readings: [[Int64?]] = []
    for _ in 0..<100 {
      do throws(SensorFailure) {
        readings.append(array(try sensor.measure(delay: &delay).values))
      } catch {
        #expect(kind == .scd4x && error == .notReady && readings.isEmpty)
      }
      delay.sleep(milliseconds: 5_000)
    }
    #expect(readings.count >= 99)
    #expect(readings.allSatisfy { Tolerance.holds($0, kind, mild) })
    clock.isEnded.store(true, ordering: .sequentiallyConsistent)
    ended.wait()
    #expect(throws: SensorFailure.bus(.disconnected)) { try sensor.measure(delay: &delay) }
  }
}
