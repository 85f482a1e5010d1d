import CoverageStatistics
import Dispatch
import GatewayStore
import Hummingbird
import Synchronization

/// Standings of nodes, computed beside the requests that ask for them: one period at a time, on one processor at most.
///
///     request ──▶ held ──▶ answer            older than it may be: computed anew meanwhile
///             ╲─▶ none ──▶ waits for it
///
/// What is held is a memory and nothing else: it says as of when, and with how many leaves, it was computed.
final class CoverageStandings: Sendable {
  /// Younger ones are not computed anew.
  static let leastAge: Duration = .seconds(15)
  /// They rest so many times as long as they took: a twentieth of one processor at most.
  static let restFactor = 20

  private struct Held {
    let standings: [PeriodStandings]
    let since: ContinuousClock.Instant
    let took: Duration
  }

  private typealias Answer = Result<[PeriodStandings], any Error>

  private struct State {
    var held: Held?
    var isAtWork = false
    var waiting: [CheckedContinuation<Answer, Never>] = []
  }

  private let store: GatewayStore
  private let now: @Sendable () -> Int64
  private let past: PastStandings
  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "cairn-gateway.standings", qos: .utility)

  init(_ store: GatewayStore, now: @escaping @Sendable () -> Int64) {
    self.store = store
    self.now = now
    past = PastStandings(store, now: now)
  }

  /// What is held, at once; nil while the first ones are computed.
  func known() -> [PeriodStandings]? {
    let (held, mustStart) = state.withLock { state in
      (state.held?.standings, start(&state))
    }
    if mustStart { queue.async { self.compute() } }
    return held
  }

  /// The newest period of each region; waits only for the first ones.
  func newest() async throws -> [PeriodStandings] {
    if let known = known() { return known }
    return try await withCheckedContinuation { continuation in
      let (held, mustStart) = state.withLock { state -> ([PeriodStandings]?, Bool) in
        if let held = state.held { return (held.standings, false) }
        state.waiting.append(continuation)
        return (nil, start(&state))
      }
      if let held { continuation.resume(returning: Answer.success(held)) }
      if mustStart { queue.async { self.compute() } }
    }.get()
  }

  /// Those in which a moment lies, of one region or of all.
  func containing(_ moment: Int64, region: String? = nil) async throws -> [PeriodStandings] {
    try await past.containing(moment, region: region)
  }

  /// Whether somebody has to compute: then it counts as begun.
  private func start(_ state: inout State) -> Bool {
    guard !state.isAtWork else { return false }
    if let held = state.held {
      let age = ContinuousClock.now - held.since
      guard age >= Self.leastAge, age >= held.took * Self.restFactor else { return false }
    }
    state.isAtWork = true
    return true
  }

  private func compute() {
    let begin = ContinuousClock.now
    let answer: Answer = Result { try computed() }
    let end = ContinuousClock.now
    let waiting = state.withLock { state in
      state.isAtWork = false
      if case .success(let standings) = answer {
        state.held = Held(standings: standings, since: end, took: end - begin)
      }
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume(returning: answer) }
  }

  private func computed() throws -> [PeriodStandings] {
    let time = now()
    return try store.duePeriods(atUTCMilliseconds: time).map {
      try store.standings(of: $0, atUTCMilliseconds: time)
    }
  }
}
