import Foundation
import Testing

/// Tests that wait for processes do it on threads of their own, three at a time. Swift's own threads are as few as
/// the machine has cores, and all other tests need them.
struct OwnThreads: SuiteTrait, TestTrait, TestScoping {
  private static let executor = Executor()

  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await withTaskExecutorPreference(Self.executor) { try await function() }
  }

  private final class Executor: TaskExecutor {
    private let threads = OperationQueue()

    init() { threads.maxConcurrentOperationCount = 3 }

    func enqueue(_ job: consuming ExecutorJob) {
      let job = UnownedJob(job)
      threads.addOperation { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
  }
}

extension Trait where Self == OwnThreads {
  /// On threads beside those of Swift.
  static var ownThreads: Self { OwnThreads() }
}
