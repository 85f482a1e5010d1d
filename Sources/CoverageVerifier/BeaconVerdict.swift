/// What a beacon is worth, and each witness of it, with every check that was made. Hashes are hexadecimal digits;
/// powers and ratios hundredths of a decibel.
public struct BeaconVerdict: Codable, Equatable, Sendable {
  public enum Outcome: String, Codable, Sendable {
    case sound
    case refused
    /// The reveal is not there yet: nothing can be said.
    case pending
  }

  /// What the seed decided.
  public struct Derived: Codable, Equatable, Sendable {
    public let slot: Int
    public let isRetry: Bool
    public let channel: Int
    public let frequencyHertz: UInt32
    public let spreadingFactor: UInt8
    public let powerStep: Int
    public let powerCentidecibelMilliwatts: Int32
  }

  /// Version of this form, and of the checks.
  public var version = 1
  public let number: UInt64
  public let challenge: String
  public let key: String
  public let node: String?
  public let outcome: Outcome
  public let reason: VerdictReason?
  /// Of simulated hardware: it proves that the programs work, and no coverage.
  public let isSimulated: Bool
  public let derived: Derived?
  public let checks: [VerdictCheck]
  public let witnesses: [WitnessVerdict]
  /// Keys whose radio listened to this slot, channel and spreading factor, and that have no witness leaf of it.
  public let silentListeners: [String]
}

public struct WitnessVerdict: Codable, Equatable, Sendable {
  public let key: String
  public let node: String?
  public let epoch: UInt64
  public let leaf: UInt64
  public let counts: Bool
  public let reason: VerdictReason?
  /// Thousandths: 1 000 unless something lowers it, 0 when it does not count.
  public let weightPermille: Int
  public let isSimulated: Bool
  public let distanceMetres: Int64?
  /// The signal's own power.
  public let signalCentidecibelMilliwatts: Int32?
  /// What free space would give.
  public let freeSpaceCentidecibelMilliwatts: Int32?
  public let checks: [VerdictCheck]
}
