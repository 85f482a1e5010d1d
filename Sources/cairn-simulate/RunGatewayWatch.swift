import Foundation
import HTTPSTransport
import Simulation
import Synchronization

/// Asks the gateway for its verdicts, as anybody may: on a thread of its own, since an answer is waited for.
final class RunGatewayWatch: Sendable {
  /// What has been found since it was last taken.
  struct Found: Sendable {
    var states: [DemoBeaconState] = []
    var verdicts: [DemoVerdict] = []
  }

  private struct State {
    var found = Found()
    var isStopped = false
    var isFinal = false
    var isDone = false
  }

  private static let pauseMicroseconds: UInt32 = 500_000
  /// A verdict with all its evidence is some tens of kilobytes.
  private static let answerByteCount = 1 << 20
  /// Of the newest beacons; older ones have been judged.
  private static let depthMilliseconds: Int64 = 180_000

  private let address: String
  private let sinceUTCMilliseconds: Int64
  private let state = Mutex(State())

  init(address: String, sinceUTCMilliseconds: Int64) {
    self.address = address
    self.sinceUTCMilliseconds = sinceUTCMilliseconds
    let thread = Thread { [self] in run() }
    thread.start()
  }

  func take() -> Found {
    state.withLock { state in
      defer { state.found = Found() }
      return state.found
    }
  }

  func stop() { state.withLock { $0.isStopped = true } }

  /// Wants one more look, at all beacons of the run.
  func askForLastLook() { state.withLock { $0.isFinal = true } }

  /// That look has been taken, or can't be.
  var isDone: Bool { state.withLock { $0.isDone } }

  private func run() {
    defer { state.withLock { $0.isDone = true } }
    let name = Array("http://\(address)".utf8)
    do throws(HTTPSTransport.Failure) {
      var transport = try HTTPSTransport(
        gateway: name.span, authorities: Span(), userAgent: "cairn-simulate",
        timeouts: .init(connectMilliseconds: 2_000, totalMilliseconds: 10_000, lowSpeedSeconds: 5),
        allowsPlainHTTP: true)
      var judged: [String: String] = [:]
      while true {
        let (isStopped, isFinal) = state.withLock { ($0.isStopped, $0.isFinal) }
        if isStopped { return }
        look(&transport, &judged, isFinal: isFinal)
        if isFinal { return }
        usleep(Self.pauseMicroseconds)
      }
    } catch {
      // Without an answer there are no verdicts to show; what the gateway says of itself is shown elsewhere.
      return
    }
  }

  private func look(
    _ transport: inout HTTPSTransport, _ judged: inout [String: String], isFinal: Bool
  ) {
    let recent = DemoSystem.utcMilliseconds - Self.depthMilliseconds
    let from = isFinal ? sinceUTCMilliseconds : max(sinceUTCMilliseconds, recent)
    guard let list = get("/v1/coverage?from=\(from)&limit=1000", &transport) else { return }
    for element in list["beacons"]?.elements ?? [] {
      do throws(DemoEvent.Failure) {
        let beacon = try DemoBeaconState(element)
        let word = "\(beacon.outcome) \(beacon.witnessCount)"
        guard judged[beacon.id] != word else { continue }
        judged[beacon.id] = word
        state.withLock { $0.found.states.append(beacon) }
        guard beacon.outcome != "not-due", let answer = get("/v1/verdicts/\(beacon.id)", &transport)
        else { continue }
        let verdict = try DemoVerdict(answer)
        state.withLock { $0.found.verdicts.append(verdict) }
      } catch { continue }
    }
  }

  /// Nil for every answer but a good one.
  private func get(_ path: String, _ transport: inout HTTPSTransport) -> DemoJSON? {
    var reply = [UInt8](repeating: 0, count: Self.answerByteCount)
    let path = Array(path.utf8)
    let count: Int
    do throws(HTTPSTransport.Failure) {
      var span = reply.mutableSpan
      let response = try transport.get(path: path.span, accept: "application/json", into: &span)
      guard response.status == 200 else { return nil }
      count = response.byteCount
    } catch { return nil }
    do throws(DemoJSON.Failure) {
      return try DemoJSON(String(decoding: reply.prefix(count), as: UTF8.self))
    } catch { return nil }
  }
}
