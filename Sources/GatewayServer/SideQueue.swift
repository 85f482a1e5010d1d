import Dispatch
import Synchronization

/// Work on the store that may take long, beside the threads that answer requests: one piece after another.
final class SideQueue: Sendable {
  private let queue: DispatchQueue
  private let maximumWaitingCount: Int
  private let count = Mutex(0)

  /// `maximumWaitingCount`: pieces that wait or are at work; whoever comes then is told to come back.
  init(label: String, maximumWaitingCount: Int) {
    queue = DispatchQueue(label: label, qos: .utility)
    self.maximumWaitingCount = maximumWaitingCount
  }

  func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    let isTaken = count.withLock { count in
      guard count < maximumWaitingCount else { return false }
      count += 1
      return true
    }
    guard isTaken else {
      throw RequestProblem(
        .serviceUnavailable, "Too many ask for this at once: come back in a while.",
        retryAfterSeconds: 10)
    }
    let answer = await withCheckedContinuation { continuation in
      queue.async {
        let answer = Result { try work() }
        self.count.withLock { $0 -= 1 }
        continuation.resume(returning: answer)
      }
    }
    return try answer.get()
  }
}
