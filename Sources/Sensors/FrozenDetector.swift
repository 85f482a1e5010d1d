/// Finds a sensor that answers, with good checksums, and no longer measures: the same raw words
/// again and again. (A hung converter, a shorted cell, a bridge that repeats its last buffer.)
///
/// Invariants: `sameCount` is 0 before the first measurement and at least 1 after; with a limit, it
/// never exceeds the limit.
public struct FrozenDetector: Sendable {
  /// A converter's lowest bits are noise. In still air we take two measurements in a row to agree
  /// in all words with a probability of at most 1/4, far above what the datasheets' noise gives;
  /// then 16 agree with 4^-15, one in 1.1 × 10^9: at one measurement a minute, once in 2 000 years.
  public static var defaultLimit: UInt32 { 16 }

  /// This many in a row are frozen; 0 turns the detector off.
  public let limit: UInt32

  private var lastFingerprint: UInt64 = 0
  public private(set) var sameCount: UInt32 = 0

  public init(limit: UInt32 = FrozenDetector.defaultLimit) {
    self.limit = limit
  }

  /// Takes the next measurement. Throws `frozen` from the `limit`-th of the same on, until one
  /// differs.
  public mutating func check(_ rawFingerprint: UInt64) throws(SensorFailure) {
    guard limit > 0 else { return }
    if sameCount > 0, rawFingerprint == lastFingerprint {
      // Stops at the limit, so that it cannot overflow.
      sameCount = min(sameCount + 1, limit)
    } else {
      lastFingerprint = rawFingerprint
      sameCount = 1
    }
    if sameCount >= limit { throw .frozen }
  }

  /// Traps unless the invariants hold.
  public func checkInvariants() {
    precondition(limit == 0 || sameCount <= limit, "frozen count beyond its limit")
    precondition(limit > 0 || sameCount == 0, "a detector that is off has counted")
  }
}
