/// The radios that a board profile may name, by part number in lower case.
public enum RadioChip: UInt8, Sendable {
  case sx1261
  case sx1262
  case llcc68
  case sx1272
  case sx1276
  case sx1301
  case sx1302
  case sx1303

  static var count: Int { 8 }

  /// As it stands in the board profile.
  public var text: StaticString {
    switch self {
    case .sx1261: "sx1261"
    case .sx1262: "sx1262"
    case .llcc68: "llcc68"
    case .sx1272: "sx1272"
    case .sx1276: "sx1276"
    case .sx1301: "sx1301"
    case .sx1302: "sx1302"
    case .sx1303: "sx1303"
    }
  }

  /// BUSY of SX126x and LLCC68.
  public var hasBusyLine: Bool {
    switch self {
    case .sx1261, .sx1262, .llcc68: true
    case .sx1272, .sx1276, .sx1301, .sx1302, .sx1303: false
    }
  }

  /// A gateway's baseband processor, which listens to eight channels at once.
  public var isConcentrator: Bool {
    switch self {
    case .sx1301, .sx1302, .sx1303: true
    case .sx1261, .sx1262, .llcc68, .sx1272, .sx1276: false
    }
  }
}
