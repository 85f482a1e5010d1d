import FixedMemory
import LoRa
import Proofs

/// The power of a beacon at the radio's output: the highest that the enrolled radio, the region and the antenna
/// allow, in whole decibels, less the drawn steps. Hundredths of a decibel.
public struct Transmitter: Equatable, Sendable {
  /// At the radio's output, as it is enrolled.
  public var maximumCentidecibelMilliwatts: Int32
  public var antennaGainCentidecibels: Int32
  /// 0 or more.
  public var cableLossCentidecibels: Int32

  public init(
    maximumCentidecibelMilliwatts: Int32, antennaGainCentidecibels: Int32,
    cableLossCentidecibels: Int32
  ) {
    self.maximumCentidecibelMilliwatts = maximumCentidecibelMilliwatts
    self.antennaGainCentidecibels = antennaGainCentidecibels
    self.cableLossCentidecibels = cableLossCentidecibels
  }

  /// What is radiated with so much at the radio's output.
  public func eirpCentidecibelMilliwatts(output: Int32) -> Int32 {
    output + antennaGainCentidecibels - cableLossCentidecibels
  }

  /// Nil when the channel lies in no sub-band of the plan.
  public func output(
    step: Int, frequencyHertz: UInt32, plan: RegionPlan, policy: CoveragePolicy
  ) -> Int32? {
    guard let band = plan.subBand(frequencyHertz: frequencyHertz, bandwidth: .khz125) else {
      return nil
    }
    var highest = maximumCentidecibelMilliwatts
    if let limit = plan.maximumConductedCentidecibelMilliwatts { highest = min(highest, limit) }
    let radiated = plan.subBands[band].maximumEIRPCentidecibelMilliwatts
    highest = min(highest, radiated - antennaGainCentidecibels + cableLossCentidecibels)
    // Down to a whole decibel: -1.5 dBm is -2.
    let whole = highest >= 0 ? highest / 100 * 100 : (highest - 99) / 100 * 100
    return whole - Int32(truncatingIfNeeded: step) * Int32(policy.powerStepCentidecibels)
  }
}
