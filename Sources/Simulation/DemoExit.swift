/// How a program ended, in words.
public enum DemoExit: Equatable, Sendable {
  case status(Int32)
  case signal(Int32)

  /// The statuses that our own programs document (docs/gateway.md; `cairn-agent --help`).
  public var words: String {
    switch self {
    case .status(let status):
      guard let meaning = Self.meaning(ofStatus: status) else {
        return "ended with status \(status)"
      }
      return "ended with status \(status): \(meaning)"
    case .signal(let signal):
      guard let meaning = Self.meaning(ofSignal: signal) else { return "ended by signal \(signal)" }
      return "ended by signal \(signal): \(meaning)"
    }
  }

  private static func meaning(ofStatus status: Int32) -> String? {
    switch status {
    case 0: "it was asked to end, or had nothing left to do"
    case 1: "something is not valid, and it said what"
    case 2, 64: "it does not know its command line; are these programs of one version?"
    case 65: "a later version made its store"
    case 69: "something that it needs is missing or taken"
    case 70: "something failed in it that nobody expected"
    case 73: "its folder, store or key can't be used"
    case 74: "storage failed; a new start recovers"
    case 77: "its key or spool can't be used as they are"
    case 78: "its configuration has an error"
    default: nil
    }
  }

  private static func meaning(ofSignal signal: Int32) -> String? {
    switch signal {
    case 2, 15: "it was told to end"
    case 4, 5: "it stopped itself: a bug; its last words say where"
    case 6: "it gave up: a bug; its last words say where"
    case 7, 8, 11: "it did what a processor refuses: a bug"
    case 9: "it was killed; by us when it did not end, otherwise perhaps for want of memory"
    default: nil
    }
  }
}
