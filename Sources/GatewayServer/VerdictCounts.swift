import GatewayStore
import Records
import Synchronization

/// How often each verdict was given since the program started. Refusals are not written to the disk: an
/// attacker would decide how often it has to sync.
final class VerdictCounts: Sendable {
  struct Snapshot: Equatable {
    var stored = 0
    var repeated = 0
    /// Repeats that brought leaves which were held as hashes.
    var filled = 0
    /// Batches, enrolments and revocations.
    var refused: [RefusalCode: Int] = [:]
    /// Enrolments that changed something, and those that were held already.
    var enrolled = 0
    var enrolledBefore = 0

    /// Challenges that were issued.
    var challenges = 0

    var refusedCount: Int { refused.values.reduce(0, +) }
  }

  private let counts = Mutex(Snapshot())

  func count(_ answer: Gateway.Answer) {
    counts.withLock { counts in
      switch answer {
      case .stored: counts.stored += 1
      case .repeated: counts.repeated += 1
      case .filled: counts.filled += 1
      case .refused(let problem, _): counts.refused[problem.code, default: 0] += 1
      }
    }
  }

  func countEnrolment(isNew: Bool) {
    counts.withLock { counts in
      if isNew { counts.enrolled += 1 } else { counts.enrolledBefore += 1 }
    }
  }

  func countChallenge() { counts.withLock { $0.challenges += 1 } }

  var snapshot: Snapshot { counts.withLock { $0 } }
}
