import Foundation
import Testing

/// Tests that wait for processes do it on threads of their own, four at a time. Swift's own threads are as few as
/// the machine has cores, and all other tests need them.
///
/// A time limit counts the wait for a thread too: suites with this trait give ten minutes.
public struct OwnThreads: SuiteTrait, TestTrait, TestScoping {
  private static let executor = Executor()

  public var isRecursive: Bool { true }

  public func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await withTaskExecutorPreference(Self.executor) { try await function() }
  }

  private final class Executor: TaskExecutor {
    private let threads = OperationQueue()

    init() { threads.maxConcurrentOperationCount = 4 }

    func enqueue(_ job: consuming ExecutorJob) {
      let job = UnownedJob(job)
      threads.addOperation { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
  }
}

extension Trait where Self == OwnThreads {
  /// On threads beside those of Swift.
  public static var ownThreads: Self { OwnThreads() }
}
