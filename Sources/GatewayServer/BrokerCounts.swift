import Synchronization

/// What has happened between this gateway and its broker since the program started.
final class BrokerCounts: Sendable {
  /// Why a message was not taken for a request.
  enum Ignored: String, CaseIterable, Sendable {
    /// The broker had kept it: whoever sent it may not wait any more.
    case retained
    /// Not a topic of this protocol.
    case topic
    /// No response topic, or one that is not the same key's: answers go nowhere else.
    case responseTopic = "response-topic"
    /// No correlation data, or more than 64 bytes.
    case correlation
    /// Too long, or too many at once, for libmosquitto's inbox.
    case dropped
  }

  struct Snapshot: Sendable {
    var isConnected = false
    var connections = 0
    var requests: [String: Int] = [:]
    var ignored: [Ignored: Int] = [:]
    var answers = 0
    /// Answers that the broker could not be given.
    var lost = 0
  }

  private let counts = Mutex(Snapshot())

  var snapshot: Snapshot { counts.withLock { $0 } }

  func note(isConnected: Bool) {
    counts.withLock { counts in
      counts.isConnected = isConnected
      if isConnected { counts.connections += 1 }
    }
  }

  func countRequest(_ topic: String) {
    counts.withLock { $0.requests[topic, default: 0] += 1 }
  }

  func count(_ ignored: Ignored, _ count: Int = 1) {
    counts.withLock { $0.ignored[ignored, default: 0] += count }
  }

  func countAnswer(isLost: Bool) {
    counts.withLock { counts in
      if isLost { counts.lost += 1 } else { counts.answers += 1 }
    }
  }
}
