/// A sentence of NMEA 0183 that says where or when. Empty fields are nil.
enum NMEASentence: Equatable {
  case rmc(RecommendedMinimum)
  case gga(PositionSentence)
  case gns(PositionSentence)
  case zda(TimeAndDate)
  /// In order, and of no interest here: GSV, GSA, VTG …, or of another talker.
  case other

  /// RMC: status, position, time and date.
  struct RecommendedMinimum: Equatable {
    let millisecondOfDay: Int32?
    let date: CalendarDate?
    /// Status A, and a mode indicator (NMEA 2.3 and later) that means a measurement.
    let isActive: Bool
    let position: GNSSPosition?
  }

  /// GGA and GNS: position with altitude and quality.
  struct PositionSentence: Equatable {
    let millisecondOfDay: Int32?
    let position: GNSSPosition?
    let quality: GNSSFixQuality
    let satelliteCount: UInt8?
    let horizontalDilutionHundredths: Int32?
    let altitudeCentimetres: Int32?
  }

  /// ZDA: time and date with four digits of year.
  struct TimeAndDate: Equatable {
    let millisecondOfDay: Int32?
    let date: CalendarDate?
  }
}

/// A place on the WGS 84 ellipsoid.
public struct GNSSPosition: Sendable, Equatable {
  /// Degrees × 10^7, north positive: −900 000 000 to 900 000 000. One unit is 1.1 cm.
  public let latitudeE7: Int32
  /// Degrees × 10^7, east positive: −1 800 000 000 to 1 800 000 000.
  public let longitudeE7: Int32

  public init(latitudeE7: Int32, longitudeE7: Int32) {
    self.latitudeE7 = latitudeE7
    self.longitudeE7 = longitudeE7
  }
}

/// How a receiver came to its position. The numbers are those of GGA's quality field.
public enum GNSSFixQuality: UInt8, Sendable, Equatable {
  case none = 0
  /// From the satellites' own signals.
  case autonomous = 1
  /// With corrections (SBAS, DGPS).
  case differential = 2
  /// With the encrypted or precise service.
  case precise = 3
  case realTimeKinematicFixed = 4
  case realTimeKinematicFloat = 5
  /// Dead reckoning: continued from earlier positions.
  case estimated = 6
  /// Typed in.
  case manual = 7
  case simulator = 8

  /// True when satellites were measured. What was continued, typed in or made up is not a measurement.
  public var isMeasured: Bool {
    switch self {
    case .autonomous, .differential, .precise, .realTimeKinematicFixed, .realTimeKinematicFloat:
      return true
    case .none, .estimated, .manual, .simulator: return false
    }
  }
}
