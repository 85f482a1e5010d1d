import FixedMemory
import LoRa
import Proofs

/// On which channel and with which spreading factor whoever's slot it is sends: public, so that a radio that hears
/// one of each at a time can be there.
///
/// SHA-256("cairn-rendezvous-v1" ‖ nonce ‖ u32be(slot)) picks both.
public struct Rendezvous: Sendable {
  public struct Place: Equatable, Sendable {
    public let channel: Int
    public let frequencyHertz: UInt32
    public let spreadingFactor: UInt8
  }

  /// CN470 has most channels: 96.
  private var channels = FixedArray<96, UInt8>(filler: 0)
  /// 7 to 12.
  private var factors = FixedArray<6, UInt8>(filler: 0)
  private let nonce: Digest
  private let plan: RegionPlan

  /// Nil when rules and plan have no channel or no spreading factor in common that carries a beacon within the
  /// dwell time and, with twice the largest uncertainty, within the slot.
  public init?(nonce: Digest, plan: RegionPlan, policy: CoveragePolicy) {
    self.nonce = nonce
    self.plan = plan
    for channel in 0..<min(plan.channelCount, 96) where policy.hasChannel(channel) {
      channels.append(UInt8(channel))
    }
    let slot = UInt32(policy.slotMilliseconds) * 1_000
    let uncertainty = UInt32(policy.maximumUncertaintyMilliseconds) * 1_000
    for factor in plan.spreadingFactors where factor >= 7 && policy.hasSpreadingFactor(factor) {
      guard let airtime = Self.timeOnAirMicroseconds(spreadingFactor: factor) else { continue }
      guard airtime <= plan.maximumDwellMicroseconds ?? .max, airtime + 2 * uncertainty <= slot
      else { continue }
      _ = factors.offer(factor)
    }
    guard !channels.isEmpty, !factors.isEmpty else { return nil }
  }

  public func place(slot: Int) -> Place {
    var hash = SHA256()
    hash.update(StaticString("cairn-rendezvous-v1").bytes)
    hash.update(nonce.span)
    hash.updateBigEndian32(UInt32(truncatingIfNeeded: slot))
    let digest = hash.finish()
    let channel = Int(channels[digest.remainder(at: 0, of: UInt64(channels.count))])
    return Place(
      channel: channel, frequencyHertz: plan.frequencyHertz(channel: channel) ?? 0,
      spreadingFactor: factors[digest.remainder(at: 8, of: UInt64(factors.count))])
  }

  /// Of a beacon at 125 kHz; nil for a spreading factor that no radio has.
  public static func timeOnAirMicroseconds(spreadingFactor: UInt8) -> UInt32? {
    Modulation(spreadingFactor: spreadingFactor)?.timeOnAirMicroseconds(
      payloadByteCount: UInt8(BeaconFrame.byteCount))
  }
}
