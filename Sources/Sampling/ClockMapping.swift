import Records

/// Device time tied to UTC: `utcMilliseconds` at `milliseconds` of the log, give or take.
public struct ClockMapping: Equatable, Sendable {
  public let source: FixSource
  public let milliseconds: Int64
  public let utcMilliseconds: Int64
  public let uncertaintyMilliseconds: UInt64

  public init(
    source: FixSource, milliseconds: Int64, utcMilliseconds: Int64, uncertaintyMilliseconds: UInt64
  ) {
    self.source = source
    self.milliseconds = milliseconds
    self.utcMilliseconds = utcMilliseconds
    self.uncertaintyMilliseconds = uncertaintyMilliseconds
  }

  /// UTC at the log's zero.
  public var offset: Int64 { utcMilliseconds - milliseconds }

  /// The uncertainty after a while: the board's crystal is within 50 ppm of its figure, and warm or cold
  /// within 100.
  public func uncertainty(at now: Int64) -> UInt64 {
    uncertaintyMilliseconds + UInt64(max(0, now - milliseconds)) / 10_000
  }

  /// The same tie, told later.
  public func told(at now: Int64) -> ClockMapping {
    ClockMapping(
      source: source, milliseconds: now, utcMilliseconds: offset + now,
      uncertaintyMilliseconds: uncertainty(at: now))
  }

  /// Which of this and a newer word of the same source is closer to UTC. The kernel's own figure grows by 500 ppm from
  /// each answer of its time servers to the next, five times as fast as this clock can run away: what was known just
  /// behind an answer stays the better word. A clock that was set since is another one.
  public func closer(_ newer: ClockMapping) -> ClockMapping {
    let known = uncertainty(at: newer.milliseconds)
    let isSet = (newer.offset - offset).magnitude > known + newer.uncertaintyMilliseconds
    return isSet || newer.uncertaintyMilliseconds <= known ? newer : self
  }

  /// When a leaf is due though nothing has moved.
  public struct Wishes: Sendable {
    public var toleranceMilliseconds: UInt64
    public var repeatMilliseconds: Int64
    /// The next measurement that is no worse becomes a leaf.
    public var isWanted: Bool
    /// Beacons are sent by it: what is worse than `poorMilliseconds` is replaced by what is twice as good.
    public var isForBeacons: Bool

    public init(
      toleranceMilliseconds: UInt64, repeatMilliseconds: Int64, isWanted: Bool, isForBeacons: Bool
    ) {
      self.toleranceMilliseconds = toleranceMilliseconds
      self.repeatMilliseconds = repeatMilliseconds
      self.isWanted = isWanted
      self.isForBeacons = isForBeacons
    }
  }

  /// Half of what a policy allows by default.
  static var poorMilliseconds: UInt64 { 150 }

  /// Whether a leaf is due that ties the clock by `candidate`, when this one was told last: it has moved, or was told
  /// long ago. A second source replaces the first only when it is clearly better, so that two that disagree don't take
  /// turns.
  public func isReplaced(by candidate: ClockMapping, _ wishes: Wishes) -> Bool {
    let known = uncertainty(at: candidate.milliseconds)
    if candidate.source != source {
      // A gateway's word never stands against a clock of the board's own.
      return source == .gateway || candidate.uncertaintyMilliseconds < known / 2
    }
    if candidate.milliseconds - milliseconds >= wishes.repeatMilliseconds { return true }
    // One more: two ages that are rounded down are less than one.
    if wishes.isWanted, candidate.uncertaintyMilliseconds <= known + 1 { return true }
    if wishes.isForBeacons, known > Self.poorMilliseconds,
      candidate.uncertaintyMilliseconds < known / 2
    {
      return true
    }
    let shift = (candidate.offset - offset).magnitude
    return shift > wishes.toleranceMilliseconds + candidate.uncertaintyMilliseconds
  }
}
