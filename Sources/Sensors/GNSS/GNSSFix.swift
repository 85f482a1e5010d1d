/// What a receiver said about one epoch, the instant for which it computed its position.
public struct GNSSFix: Sendable, Equatable {
  /// When the first byte of the epoch's first sentence was read: milliseconds of the caller's clock.
  public let arrivedAtMilliseconds: Int64

  /// The epoch in milliseconds since 1970-01-01 UTC; nil without a fix, without a date, when two sentences
  /// name different dates, and inside a leap second. At `arrivedAtMilliseconds` UTC was this or up to
  /// `clockUncertaintyMilliseconds` more.
  ///
  /// Given as the receiver says it. GPS counts weeks modulo 1024: an old receiver's date may be 1024
  /// weeks (19.6 years) early, see `earliestPlausibleUTCMilliseconds`.
  public let utcMilliseconds: Int64?

  /// Nil unless every sentence of the epoch says that it was measured.
  public let position: GNSSPosition?

  /// Above mean sea level, by the receiver's own geoid; nil without a fix, or when it was not said.
  public let altitudeCentimetres: Int32?

  /// An estimate of the horizontal error (one standard deviation): dilution of precision × the range
  /// error that is usual for this kind of fix, rounded up. NMEA's sentences carry no measured one.
  public let horizontalAccuracyCentimetres: Int32?

  /// Satellites used; nil when it was not said. Many receivers stop counting at 12.
  public let satelliteCount: UInt8?

  /// Of GGA or GNS; `autonomous` for a fix of RMC alone.
  public let quality: GNSSFixQuality

  public init(
    arrivedAtMilliseconds: Int64, utcMilliseconds: Int64?, position: GNSSPosition?,
    altitudeCentimetres: Int32?, horizontalAccuracyCentimetres: Int32?, satelliteCount: UInt8?,
    quality: GNSSFixQuality
  ) {
    self.arrivedAtMilliseconds = arrivedAtMilliseconds
    self.utcMilliseconds = utcMilliseconds
    self.position = position
    self.altitudeCentimetres = altitudeCentimetres
    self.horizontalAccuracyCentimetres = horizontalAccuracyCentimetres
    self.satelliteCount = satelliteCount
    self.quality = quality
  }

  public var isValid: Bool { position != nil }

  /// A sentence's time is the epoch's, and it is sent after the epoch: when the position is computed, and
  /// the sentences before it are through the line (at 9600 baud a sentence takes up to 85 ms). It is sent
  /// before the next epoch's, at 1 Hz within 1000 ms. Without a pulse per second nothing tells where in
  /// between, so all of it is the uncertainty. Add what the reader itself may have waited.
  public static var clockUncertaintyMilliseconds: Int64 { 1000 }

  /// The same of a receiver that computes more than one position a second: this fix was sent before the next epoch's,
  /// which is as far away as the one before.
  public func clockUncertaintyMilliseconds(after previous: GNSSFix?) -> Int64 {
    guard let utcMilliseconds, let before = previous?.utcMilliseconds else {
      return Self.clockUncertaintyMilliseconds
    }
    let (step, overflow) = utcMilliseconds.subtractingReportingOverflow(before)
    guard !overflow, step > 0 else { return Self.clockUncertaintyMilliseconds }
    return min(step, Self.clockUncertaintyMilliseconds)
  }

  /// 2020-01-01 UTC. Before it no Cairn ran, so that an earlier date of a live receiver has rolled over, or
  /// is its default before the first satellite; a recording's may be right.
  public static var earliestPlausibleUTCMilliseconds: Int64 { 1_577_836_800_000 }

  /// The usual error of one range (one standard deviation) in centimetres: 7 m for one frequency without
  /// corrections, most of it ionosphere (Kaplan and Hegarty, "Understanding GPS", error budget of the
  /// standard positioning service, 7.1 m); 3 m with SBAS or DGPS; carrier phase by rule of thumb.
  static func usualRangeErrorCentimetres(_ quality: GNSSFixQuality) -> Int64? {
    switch quality {
    case .autonomous: return 710
    case .differential, .precise: return 300
    case .realTimeKinematicFloat: return 50
    case .realTimeKinematicFixed: return 5
    case .none, .estimated, .manual, .simulator: return nil
    }
  }

  /// Nil for a dilution that receivers send as "unknown": 0, and 50 or more.
  static func horizontalAccuracyCentimetres(
    quality: GNSSFixQuality, dilutionHundredths: Int32?
  ) -> Int32? {
    guard
      let dilutionHundredths, dilutionHundredths > 0, dilutionHundredths < 5000,
      let rangeError = usualRangeErrorCentimetres(quality)
    else { return nil }
    return Int32((Int64(dilutionHundredths) * rangeError + 99) / 100)
  }
}
