import GatewayStore
import Records
import Synchronization

/// How often each verdict was given since the program started. Refusals are not written to the disk: an
/// attacker would decide how often it has to sync.
final class VerdictCounts: Sendable {
  struct Snapshot: Equatable {
    var stored = 0
    var repeated = 0
    var refused: [RefusalCode: Int] = [:]

    var refusedCount: Int { refused.values.reduce(0, +) }
  }

  private let counts = Mutex(Snapshot())

  func count(_ answer: Gateway.Answer) {
    counts.withLock { counts in
      switch answer {
      case .stored: counts.stored += 1
      case .repeated: counts.repeated += 1
      case .refused(let problem, _): counts.refused[problem.code, default: 0] += 1
      }
    }
  }

  var snapshot: Snapshot { counts.withLock { $0 } }
}
