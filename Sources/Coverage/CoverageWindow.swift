import Proofs

/// When beacons of a challenge are sent: the first whole window that begins after it was issued.
///
///     issued ─ ─ ▶│ slot 0 │ slot 1 │ … │ reserve │ rest │─ ─ ─ reveal delay ─ ─ ─▶ reveal
///               start                                   end
///
/// A beacon begins the largest uncertainty after its slot does, so that neither an early nor a late clock
/// takes it out of the slot. Times are milliseconds of UTC.
public struct CoverageWindow: Equatable, Sendable {
  public let startUTCMilliseconds: Int64
  public let policy: CoveragePolicy

  /// Nil when the time lies too far off to be counted with.
  public init?(issuedUTCMilliseconds issued: Int64, policy: CoveragePolicy) {
    // 2^53 ms: 285 000 years.
    guard issued >= 0, issued < 1 << 53, policy.isPossible else { return nil }
    let length = Int64(policy.windowSeconds) * 1_000
    startUTCMilliseconds = (issued / length + 1) * length
    self.policy = policy
  }

  public var endUTCMilliseconds: Int64 {
    startUTCMilliseconds + Int64(policy.windowSeconds) * 1_000
  }

  /// From when on a device may reveal. What a gateway has logged before is not copied from the reveal.
  public var revealUTCMilliseconds: Int64 {
    endUTCMilliseconds + Int64(policy.revealDelaySeconds) * 1_000
  }

  public func slotStartUTCMilliseconds(_ slot: Int) -> Int64 {
    startUTCMilliseconds + Int64(slot) * Int64(policy.slotMilliseconds)
  }

  public func slotEndUTCMilliseconds(_ slot: Int) -> Int64 { slotStartUTCMilliseconds(slot + 1) }

  /// When the first symbol goes out.
  public func transmissionUTCMilliseconds(_ slot: Int) -> Int64 {
    slotStartUTCMilliseconds(slot) + Int64(policy.maximumUncertaintyMilliseconds)
  }

  /// The slot at this moment; nil outside of all slots.
  public func slot(atUTCMilliseconds now: Int64) -> Int? {
    guard now >= startUTCMilliseconds else { return nil }
    let slot = (now - startUTCMilliseconds) / Int64(policy.slotMilliseconds)
    return slot < Int64(policy.slotCount) ? Int(slot) : nil
  }
}
