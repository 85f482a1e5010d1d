import FixedMemory
import Proofs

/// What a beacon's seed decides: when it is sent, how strong, and what is on the air. Nobody chooses, and
/// nobody but the node knows before the reveal.
public struct BeaconDraw: Equatable, Sendable {
  public let seed: Digest
  /// Below slots - reserve.
  public let slot: Int
  /// Among the slots of the reserve; nil where there are none.
  public let reserveSlot: Int?
  /// Steps below the highest power.
  public let powerStep: Int
  public let frame: BeaconFrame

  /// SHA-256("cairn-seed-v1" ‖ link ‖ nonce ‖ SHA-256(public key) ‖ u32be(number)).
  public static func seed(link: Digest, nonce: Digest, keyHash: Digest, number: UInt32) -> Digest {
    var hash = SHA256()
    hash.update(StaticString("cairn-seed-v1").bytes)
    hash.update(link.span)
    hash.update(nonce.span)
    hash.update(keyHash.span)
    hash.updateBigEndian32(number)
    return hash.finish()
  }

  public init(seed: Digest, keyHash: Digest, number: UInt32, policy: CoveragePolicy) {
    self.seed = seed
    let regular = UInt64(policy.slotCount - policy.reserveSlotCount)
    slot = seed.remainder(at: 0, of: regular)
    powerStep = seed.remainder(at: 8, of: UInt64(policy.powerStepCount))
    reserveSlot =
      policy.reserveSlotCount == 0
      ? nil : Int(regular) + seed.remainder(at: 16, of: UInt64(policy.reserveSlotCount))
    frame = BeaconFrame(seed: seed, keyHash: keyHash, number: number)
  }

  public init(
    link: Digest, nonce: Digest, keyHash: Digest, number: UInt32, policy: CoveragePolicy
  ) {
    self.init(
      seed: Self.seed(link: link, nonce: nonce, keyHash: keyHash, number: number),
      keyHash: keyHash, number: number, policy: policy)
  }
}

extension Digest {
  /// u64be of the eight bytes at `offset`, modulo `count`. With counts of at most 1 024 some results are more likely
  /// than others by less than 2^-53: nobody can tell, and nothing is drawn twice.
  func remainder(at offset: Int, of count: UInt64) -> Int {
    var value: UInt64 = 0
    for index in 0..<8 { value = value << 8 | UInt64(self[offset + index]) }
    return Int(truncatingIfNeeded: value % count)
  }
}

extension SHA256 {
  /// Four bytes, most significant first.
  mutating func updateBigEndian32(_ value: UInt32) {
    for index in 0..<4 { update(UInt8(truncatingIfNeeded: value >> UInt32(24 - index * 8))) }
  }
}
