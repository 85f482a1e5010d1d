import Simulation

/// A node of a run: its board, its two programs, and what is known of it.
final class RunNode {
  let demo: DemoNode
  let paths: RunFolder.Node
  var agent: DemoProgram?
  var uplink: DemoProgram?
  /// What the agent said when it had begun.
  var announcement: String?
  /// Nil until the agent has named its key.
  private(set) var keyID: String?
  /// SHA-256 of its key, once the gateway has its enrolment.
  var device: String?
  var status: RunAgentStatus
  /// Batches whose receipt the agent has not taken yet, the oldest first.
  var pending: [(batch: DemoBatch, sinceMilliseconds: Int64)] = []
  var lastDelivered: UInt64?
  var verifiedCount = 0
  /// Its first batch is shown whole.
  var hasShownBatch = false

  var name: String { demo.name }

  init(_ demo: DemoNode, paths: RunFolder.Node) {
    self.demo = demo
    self.paths = paths
    status = RunAgentStatus(path: paths.agentSocket)
  }

  /// "cairn-agent 0.1.0: boot 3, …, kid 0123456789abcdef, …"
  func take(announcement line: String) {
    announcement = RunAnnouncement.words(line)
    guard let word = line.firstRange(of: "kid ") else { return }
    keyID = String(line[word.upperBound...].prefix { $0.isHexDigit })
  }

  /// Whether a hash of a key is that of this node's.
  func isDevice(_ hash: String) -> Bool {
    if let device { return device == hash }
    guard let keyID, !keyID.isEmpty else { return false }
    return hash.hasPrefix(keyID)
  }
}
