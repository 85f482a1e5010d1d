import FixedMemory
import Proofs

/// What was recomputed, and what was found.
public struct ArchiveReport: Sendable {
  /// A device's two histories, as a leaf of the log shows them; both signatures have been verified.
  public struct Fork: Equatable, Sendable {
    public let leaf: UInt64
    public let deviceKeyHash: Digest
    public let epoch: UInt64
    public let batch: UInt64
    /// The two checkpoint messages.
    public let held: [UInt8]
    public let sent: [UInt8]
  }

  /// How many were seen.
  public struct Counts: Equatable, Sendable {
    public var leaves: UInt64 = 0
    public var receipts = 0
    public var batches = 0
    public var deviceLeaves = 0
    public var withheldLeaves: UInt64 = 0
    /// Of them, those whose reveal was not due when the archive was made.
    public var undueLeaves: UInt64 = 0
    public var enrolments = 0
    public var revocations = 0
    public var forks = 0
    public var challenges = 0
    public var keyChanges = 0
    public var nodes = 0
    public var keys = 0
    /// Heads that somebody kept, and that this log bears out.
    public var agreeingHeads = 0
    public var keptHeads = 0
    /// Beacons that were judged.
    public var beacons = 0
    public var soundBeacons = 0
    public var countedWitnesses = 0
    /// LoRaWAN frames that were heard.
    public var frames = 0
    /// Periods whose nodes were judged, those nodes, and of them those whose weight is lowered.
    public var periods = 0
    public var standings = 0
    public var loweredStandings = 0
    /// Periods with more than is looked at: nobody is judged.
    public var largePeriods = 0
  }

  public internal(set) var findings: [Finding] = []
  /// By name, those that are not kept among them.
  public internal(set) var findingCounts: [Finding.Name: Int] = [:]
  public internal(set) var counts = Counts()
  /// The first hundred.
  public internal(set) var forks: [Fork] = []
  /// The gateway's keys, the first one first; each later one by the word of the one before.
  public internal(set) var gatewayKeys: [PublicKey] = []
  /// One of them was given as trusted; nil when none was given.
  public internal(set) var isKeyTrusted: Bool?
  public internal(set) var head: GatewayHead?
  public internal(set) var root = Digest()
  public internal(set) var firstUTCMilliseconds: Int64?
  public internal(set) var lastUTCMilliseconds: Int64?
  /// The head is the gateway's and for exactly these leaves.
  public internal(set) var isLogSigned = false

  /// Nothing seen yet.
  public init() {}

  public var isGood: Bool { findingCounts.isEmpty }

  /// Findings by what they are worth.
  public func count(of severity: Finding.Severity) -> Int {
    findingCounts.reduce(0) { sum, entry in
      var worth = entry.key.severity
      if worth == .gateway, !isLogSigned, entry.key != .twoHistories { worth = .damage }
      return worth == severity ? sum + entry.value : sum
    }
  }
}
