import Identity
import Proofs

/// What a gateway has archived of one area and period: the input of all statistics. Nodes are named by their place
/// in `nodes`; lists may be in any order. Powers and ratios are hundredths of a decibel.
public struct CoveragePeriod: Sendable {
  /// A node, whatever keys it had.
  public struct Node: Sendable {
    /// Nil: it has no owner, and is taken for its own.
    public var owner: Digest?
    /// As it is enrolled.
    public var place: Place?
    /// Antenna gain less cable loss.
    public var gainCentidecibels: Int32

    public init(owner: Digest?, place: Place?, gainCentidecibels: Int32) {
      self.owner = owner
      self.place = place
      self.gainCentidecibels = gainCentidecibels
    }
  }

  /// A radio that listened to a sound beacon's slot, channel and spreading factor, and what it says of it.
  public struct Observation: Sendable {
    /// What a counted witness leaf says.
    public struct Reception: Sendable {
      /// The signal's own power S; nil when the radio tells too little (docs/coverage-protocol.md, "Verdict").
      public var signalCentidecibelMilliwatts: Int32?
      public var snrCentidecibels: Int32?
      public var frequencyErrorHertz: Int32?

      public init(
        signalCentidecibelMilliwatts: Int32?, snrCentidecibels: Int32?, frequencyErrorHertz: Int32?
      ) {
        self.signalCentidecibelMilliwatts = signalCentidecibelMilliwatts
        self.snrCentidecibels = snrCentidecibels
        self.frequencyErrorHertz = frequencyErrorHertz
      }
    }

    public var sender: Int32
    public var witness: Int32
    /// The challenge's number: a node sends one beacon in its window.
    public var number: UInt32
    /// At the sender's radio, as drawn.
    public var powerCentidecibelMilliwatts: Int32
    public var spreadingFactor: UInt8
    public var frequencyHertz: UInt32
    /// Nil: it listened, and has no witness leaf that counts.
    public var reception: Reception?

    public init(
      sender: Int, witness: Int, number: UInt32, powerCentidecibelMilliwatts: Int32,
      spreadingFactor: UInt8, frequencyHertz: UInt32, reception: Reception?
    ) {
      self.sender = Int32(clamping: sender)
      self.witness = Int32(clamping: witness)
      self.number = number
      self.powerCentidecibelMilliwatts = powerCentidecibelMilliwatts
      self.spreadingFactor = spreadingFactor
      self.frequencyHertz = frequencyHertz
      self.reception = reception
    }
  }

  /// What a node's chain drew for a window, and whether a beacon went out. Any later link shows it.
  public struct Draw: Sendable {
    public var node: Int
    public var number: UInt32
    public var powerStep: Int
    /// Of the drawn slot's rendezvous.
    public var spreadingFactor: UInt8
    public var wasSent: Bool

    public init(
      node: Int, number: UInt32, powerStep: Int, spreadingFactor: UInt8, wasSent: Bool
    ) {
      self.node = node
      self.number = number
      self.powerStep = powerStep
      self.spreadingFactor = spreadingFactor
      self.wasSent = wasSent
    }
  }

  public var nodes: [Node]
  public var observations: [Observation]
  public var draws: [Draw]

  public init(nodes: [Node], observations: [Observation], draws: [Draw]) {
    self.nodes = nodes
    self.observations = observations
    self.draws = draws
  }
}
