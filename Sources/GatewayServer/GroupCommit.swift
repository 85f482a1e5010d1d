import Dispatch
import GatewayStore
import Records
import Synchronization

/// Lets batches that arrive together share one transaction: a disk syncs a few hundred times a second,
/// and a fleet sends thousands of batches. A batch that arrives alone is stored at once.
final class GroupCommit: Sendable {
  /// Batches of one transaction: 256 of 64 KiB are 16 MiB of write-ahead log at worst.
  static let maximumGroupCount = 256
  /// Batches that may wait; beyond it the gateway says that it is overloaded.
  static let maximumWaitingCount = 2048

  private struct Waiting {
    let batch: Gateway.CheckedBatch
    let continuation: CheckedContinuation<Gateway.Answer, Never>
  }

  private struct State {
    var waiting: [Waiting] = []
    var isAtWork = false
  }

  private let gateway: Gateway
  private let report: @Sendable (Gateway.Answer, Gateway.CheckedBatch) -> Void
  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "cairn-gateway.store")

  /// `report` hears of each answer, in the order of the store.
  init(
    _ gateway: Gateway,
    report: @escaping @Sendable (Gateway.Answer, Gateway.CheckedBatch) -> Void
  ) {
    self.gateway = gateway
    self.report = report
  }

  /// The gateway's answer, once the batch is durable or refused.
  func store(_ batch: Gateway.CheckedBatch) async -> Gateway.Answer {
    await withCheckedContinuation { continuation in
      let (isTaken, mustStart) = state.withLock { state in
        guard state.waiting.count < Self.maximumWaitingCount else { return (false, false) }
        state.waiting.append(Waiting(batch: batch, continuation: continuation))
        defer { state.isAtWork = true }
        return (true, !state.isAtWork)
      }
      if !isTaken {
        let problem = Problem(
          .unavailable, detail: "Too many batches are waiting.", retryAfterSeconds: 30)
        continuation.resume(returning: .refused(problem, nil))
      }
      if mustStart { queue.async { self.storeWaiting() } }
    }
  }

  private func storeWaiting() {
    while let group = nextGroup() {
      var waiting = group[...]
      for decision in gateway.decide(group.map(\.batch)) {
        report(decision.answer, decision.batch)
        if !decision.wasHeld {
          waiting.popFirst()?.continuation.resume(returning: decision.answer)
        }
      }
      precondition(waiting.isEmpty, "a batch without an answer")
    }
  }

  private func nextGroup() -> [Waiting]? {
    state.withLock { state in
      guard !state.waiting.isEmpty else {
        state.isAtWork = false
        return nil
      }
      let group = Array(state.waiting.prefix(Self.maximumGroupCount))
      state.waiting.removeFirst(group.count)
      return group
    }
  }
}
