import LoRa
import Proofs
import Records

/// The signed challenge, and how it stands with the gateway.
public struct ChallengeEvidence: Sendable {
  public let challenge: Challenge
  /// SHA-256 of its Sig_structure.
  public let hash: Digest
  /// It is a leaf of the gateway's log, and its signature is right.
  public let isLogged: Bool
  /// Hashes of other challenges with this number in the gateway's log.
  public let othersOfThisNumber: [Digest]

  public init(
    challenge: Challenge, hash: Digest, isLogged: Bool, othersOfThisNumber: [Digest] = []
  ) {
    self.challenge = challenge
    self.hash = hash
    self.isLogged = isLogged
    self.othersOfThisNumber = othersOfThisNumber
  }
}

/// What a node sent, for the share of the hour.
public struct SentAirtime: Equatable, Sendable {
  public let startUTCMilliseconds: Int64
  public let frequencyHertz: UInt32
  public let microseconds: UInt32

  public init(startUTCMilliseconds: Int64, frequencyHertz: UInt32, microseconds: UInt32) {
    self.startUTCMilliseconds = startUTCMilliseconds
    self.frequencyHertz = frequencyHertz
    self.microseconds = microseconds
  }
}

/// A witness leaf and the node that has it in its log.
public struct WitnessEvidence: Sendable {
  public let node: NodeEvidence
  public let leaf: ArchivedLeaf<BeaconWitness>

  public init(node: NodeEvidence, leaf: ArchivedLeaf<BeaconWitness>) {
    self.node = node
    self.leaf = leaf
  }
}

/// A listen leaf of the window and the node that has it in its log.
public struct ListenEvidence: Sendable {
  public let keyHash: Digest
  public let leaf: ArchivedLeaf<ListenRecord>

  public init(keyHash: Digest, leaf: ArchivedLeaf<ListenRecord>) {
    self.keyHash = keyHash
    self.leaf = leaf
  }
}

/// Everything that decides about one node's beacon of one challenge. Lists may be in any order.
public struct BeaconEvidence: Sendable {
  public var challenge: ChallengeEvidence
  /// Of the region that the sender's radio is enrolled for.
  public var plan: RegionPlan
  public var sender: NodeEvidence
  /// Leaves of kind 7 of the sender's log: hashes of challenges.
  public var challengeLeaves: [ArchivedLeaf<Digest>]
  /// Of this number.
  public var intents: [ArchivedLeaf<BeaconIntent>]
  public var sents: [ArchivedLeaf<SentBeacon>]
  /// Of this number, and of later ones of the same chain: one that leads to the anchor shows this link.
  public var reveals: [ArchivedLeaf<BeaconReveal>]
  /// Of later numbers, looked at for their receipts alone.
  public var earlyReveals: [ArchivedLeaf<BeaconReveal>]
  /// What else the sender sent within the hour before, other radios' and downlinks too.
  public var airtimes: [SentAirtime]
  /// Leaves whose frame may be this beacon.
  public var witnesses: [WitnessEvidence]
  public var listeners: [ListenEvidence]

  public init(
    challenge: ChallengeEvidence, plan: RegionPlan, sender: NodeEvidence,
    challengeLeaves: [ArchivedLeaf<Digest>], intents: [ArchivedLeaf<BeaconIntent>],
    sents: [ArchivedLeaf<SentBeacon>], reveals: [ArchivedLeaf<BeaconReveal>],
    earlyReveals: [ArchivedLeaf<BeaconReveal>] = [],
    airtimes: [SentAirtime] = [], witnesses: [WitnessEvidence], listeners: [ListenEvidence] = []
  ) {
    self.challenge = challenge
    self.plan = plan
    self.sender = sender
    self.challengeLeaves = challengeLeaves
    self.intents = intents
    self.sents = sents
    self.reveals = reveals
    self.earlyReveals = earlyReveals
    self.airtimes = airtimes
    self.witnesses = witnesses
    self.listeners = listeners
  }
}
