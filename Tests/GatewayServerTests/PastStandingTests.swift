import CoverageStatistics
import Dispatch
import HTTPTypes
import Hummingbird
import Synchronization
import Testing

@testable import GatewayServer
@testable import GatewayStore

/// Periods of the past: what is computed for whom, how often, and who has to come back.
@Suite(.timeLimit(.minutes(30))) struct PastStandingTests {
  /// Two regions, and what was computed of them.
  private final class World: Sendable {
    let computed = Mutex<[CoveragePeriodName]>([])
    let size = Mutex<UInt64>(7)
    /// Computing ends when this is signalled; nil: at once.
    let gate: DispatchSemaphore?

    init(gate: DispatchSemaphore? = nil) { self.gate = gate }

    var source: PastStandings.Source {
      PastStandings.Source(
        due: { moment, region in
          let length = CoveragePeriodName.windowCount * 900_000
          return ["EU868", "US915"].filter { region == nil || $0 == region }.compactMap {
            CoveragePeriodName(
              region: $0, windowSeconds: 900, fromUTCMilliseconds: moment / length * length)
          }.map { DuePeriod(name: $0, completeUTCMilliseconds: $0.toUTCMilliseconds + 5_000) }
        },
        logSize: { self.size.withLock { $0 } },
        standings: { due in
          self.computed.withLock { $0.append(due.name) }
          self.gate?.wait()
          return PeriodStandings(
            due: due, asOfUTCMilliseconds: due.completeUTCMilliseconds,
            logSize: self.size.withLock { $0 }, judged: CoverageSurvey(due.name).judged())
        })
    }

    var regions: [String] { computed.withLock { $0.map(\.region) } }
  }

  private static let nextPeriod = CoveragePeriodName.windowCount * 900_000

  private func problem(_ past: PastStandings, _ moment: Int64, _ region: String?) async throws
    -> RequestProblem?
  {
    do {
      _ = try await past.containing(moment, region: region)
      return nil
    } catch let problem as RequestProblem {
      return problem
    }
  }

  @Test func onlyTheRegionThatIsAskedForIsComputed() async throws {
    let world = World()
    let past = PastStandings(world.source, restFactor: 0)
    let found = try await past.containing(1, region: "US915")
    #expect(found.map(\.due.name.region) == ["US915"] && world.regions == ["US915"])
    let all = try await past.containing(1 + Self.nextPeriod, region: nil)
    #expect(all.map(\.due.name.region) == ["EU868", "US915"])
    #expect(world.regions == ["US915", "EU868", "US915"])
  }

  @Test func aCompletePeriodIsComputedOnceUntilTheLogGrows() async throws {
    let world = World()
    let past = PastStandings(world.source, restFactor: 0)
    for _ in 0..<3 { _ = try await past.containing(1, region: nil) }
    #expect(world.regions == ["EU868", "US915"])
    // One of the two is held with both.
    _ = try await past.containing(1, region: "EU868")
    #expect(world.regions.count == 2)
    world.size.withLock { $0 = 8 }
    let again = try await past.containing(1, region: "EU868")
    #expect(again.map(\.logSize) == [8] && world.regions.count == 3)
  }

  @Test func whoAsksWhileItRestsGetsWhatIsHeldOrIsToldWhenToComeBack() async throws {
    let world = World()
    let past = PastStandings(world.source, restFactor: 1_000_000_000)
    _ = try await past.containing(1, region: "EU868")
    world.size.withLock { $0 = 8 }
    let held = try await past.containing(1, region: "EU868")
    #expect(held.map(\.logSize) == [7])
    let refused = try #require(try await problem(past, Self.nextPeriod, "EU868"))
    #expect(refused.status == .serviceUnavailable)
    #expect(refused.retryAfterSeconds ?? 0 >= 1)
    #expect(world.regions == ["EU868"])
    let request = Request(
      head: HTTPRequest(method: .get, scheme: "http", authority: "gateway", path: "/"),
      body: RequestBody(buffer: ByteBuffer()))
    let answer = refused.response(to: request)
    #expect(answer.headers[.retryAfter] == refused.retryAfterSeconds.map { String($0) })
  }

  /// Twenty times as long as it took: statistics take a twenty-first of one processor at most, for whoever asks.
  @Test func itRestsForTwentyTimesAsLongAsItComputed() async throws {
    let gate = DispatchSemaphore(value: 0)
    let world = World(gate: gate)
    let past = PastStandings(world.source)
    let begin = ContinuousClock.now
    async let first = past.containing(1, region: "EU868")
    for _ in 0..<60_000 where world.regions.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
    let begun = ContinuousClock.now
    try await Task.sleep(for: .milliseconds(2_000))
    let least = ContinuousClock.now - begun
    gate.signal()
    _ = try await first
    let most = ContinuousClock.now - begin
    let refused = try await problem(past, Self.nextPeriod, "EU868")
    let passed = ContinuousClock.now - begin
    // A machine that was away for all of the rest was not refused.
    guard let seconds = refused?.retryAfterSeconds else {
      #expect(passed > least * 20)
      return
    }
    let told = Duration.seconds(Int64(seconds))
    #expect(told > least * 20 - passed && told <= most * 20 + .seconds(1))
  }

  @Test func whileAPeriodIsComputedWhoAsksForItWaitsAndOthersComeBack() async throws {
    let gate = DispatchSemaphore(value: 0)
    let world = World(gate: gate)
    let past = PastStandings(world.source, restFactor: 0)
    async let first = past.containing(1, region: "EU868")
    for _ in 0..<60_000 where world.regions.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
    #expect(world.regions == ["EU868"])
    let refused = try #require(try await problem(past, 1, "US915"))
    #expect(refused.status == .serviceUnavailable && refused.retryAfterSeconds == 60)
    async let second = past.containing(1, region: "EU868")
    gate.signal()
    // When the second came behind the first's end it is held.
    let (one, other) = try await (first, second)
    #expect(one.map(\.due.name) == other.map(\.due.name))
    #expect(world.regions == ["EU868"])
  }

  @Test func workBesideRequestsIsBounded() async throws {
    let queue = SideQueue(label: "test", maximumWaitingCount: 1)
    let gate = DispatchSemaphore(value: 0)
    let begun = Mutex(false)
    async let first = queue.run {
      begun.withLock { $0 = true }
      gate.wait()
      return 1
    }
    for _ in 0..<60_000 where !begun.withLock({ $0 }) {
      try await Task.sleep(for: .milliseconds(1))
    }
    await #expect(throws: RequestProblem.self) { try await queue.run { 2 } }
    gate.signal()
    #expect(try await first == 1)
    #expect(try await queue.run { 3 } == 3)
  }
}
