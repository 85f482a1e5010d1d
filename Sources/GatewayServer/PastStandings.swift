import CoverageStatistics
import Dispatch
import GatewayStore
import Synchronization

/// Standings of periods that somebody names: computed on a queue of their own, one request's at a time, with a rest
/// behind each; the last few complete ones are kept.
///
///     request ──▶ which periods? ──▶ all held, of this size of the log ──▶ answer
///                      ╰──▶ none at work, no rest ──▶ computed ──▶ answer
///                      ╰──▶ resting ──▶ what is held of them, or 503 with Retry-After
final class PastStandings: Sendable {
  /// Where periods come from: the store, or a test.
  struct Source: Sendable {
    let due: @Sendable (_ moment: Int64, _ region: String?) throws -> [DuePeriod]
    let logSize: @Sendable () throws -> UInt64
    let standings: @Sendable (DuePeriod) throws -> PeriodStandings
  }

  /// Requests that may wait for periods that are computed.
  static let maximumWaitingCount = 16
  /// Kept: so many periods, and so many observations in all of them.
  static let maximumKeptCount = 64
  static let maximumKeptObservationCount = 1_000_000

  private typealias Answer = Result<[PeriodStandings], any Error>

  private struct State {
    /// The oldest first.
    var kept: [PeriodStandings] = []
    /// What is computed now.
    var work: [CoveragePeriodName] = []
    var waiting: [CheckedContinuation<Answer, Never>] = []
    var restsUntil: ContinuousClock.Instant?
  }

  private enum Way {
    case held([PeriodStandings])
    case wait(mustStart: Bool)
    case refused(seconds: UInt64)
  }

  private let source: Source
  private let restFactor: Int
  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "cairn-gateway.past-standings", qos: .utility)
  /// Which periods a moment lies in is found while others are computed.
  private let lookups = SideQueue(label: "cairn-gateway.periods", maximumWaitingCount: 64)

  init(_ source: Source, restFactor: Int = CoverageStandings.restFactor) {
    self.source = source
    self.restFactor = restFactor
  }

  convenience init(_ store: GatewayStore, now: @escaping @Sendable () -> Int64) {
    self.init(
      Source(
        due: { try store.duePeriods(atUTCMilliseconds: now(), containing: $0, region: $1) },
        logSize: { try store.logSize() },
        standings: { try store.standings(of: $0, atUTCMilliseconds: now()) }))
  }

  /// Those in which a moment lies, of one region or of all.
  func containing(_ moment: Int64, region: String?) async throws -> [PeriodStandings] {
    let source = source
    let (due, size) = try await lookups.run {
      (try source.due(moment, region), try source.logSize())
    }
    guard !due.isEmpty else { return [] }
    let answer: Answer = await withCheckedContinuation { continuation in
      switch way(due, size, continuation) {
      case .held(let held): continuation.resume(returning: .success(held))
      case .refused(let seconds):
        continuation.resume(
          returning: .failure(
            RequestProblem(
              .serviceUnavailable,
              "Statistics of the past rest after each time that they are computed: come back later.",
              retryAfterSeconds: seconds)))
      case .wait(let mustStart):
        if mustStart { queue.async { self.compute(due) } }
      }
    }
    let computed = try answer.get()
    // Work that somebody else began may be about more.
    return due.compactMap { due in computed.first { $0.due.name == due.name } }
  }

  private func way(
    _ due: [DuePeriod], _ size: UInt64, _ continuation: CheckedContinuation<Answer, Never>
  ) -> Way {
    state.withLock { state in
      let held = due.compactMap { due in state.kept.first { $0.due.name == due.name } }
      let isWhole = held.count == due.count
      if isWhole, held.allSatisfy({ $0.logSize == size }) { return .held(held) }
      let isAtWork = !state.work.isEmpty
      if isAtWork, due.allSatisfy({ state.work.contains($0.name) }),
        state.waiting.count < Self.maximumWaitingCount
      {
        state.waiting.append(continuation)
        return .wait(mustStart: false)
      }
      let rest = state.restsUntil.map { $0 - .now } ?? .zero
      guard isAtWork || rest > .zero else {
        state.work = due.map(\.name)
        state.waiting.append(continuation)
        return .wait(mustStart: true)
      }
      // It says as of when it is.
      if isWhole { return .held(held) }
      return .refused(seconds: isAtWork ? 60 : UInt64(max(0, rest.components.seconds)) + 1)
    }
  }

  private func compute(_ due: [DuePeriod]) {
    let begin = ContinuousClock.now
    let answer: Answer = Result { try due.map { try source.standings($0) } }
    let end = ContinuousClock.now
    let waiting = state.withLock { state in
      state.work = []
      state.restsUntil = end + (end - begin) * restFactor
      if case .success(let computed) = answer { Self.keep(computed, &state) }
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume(returning: answer) }
  }

  private static func keep(_ computed: [PeriodStandings], _ state: inout State) {
    for period in computed where period.isComplete {
      state.kept.removeAll { $0.due.name == period.due.name }
      state.kept.append(period)
    }
    var count = state.kept.reduce(0) { $0 + $1.judged.input.observations.count }
    while state.kept.count > maximumKeptCount || count > maximumKeptObservationCount,
      let oldest = state.kept.first
    {
      count -= oldest.judged.input.observations.count
      state.kept.removeFirst()
    }
  }
}
