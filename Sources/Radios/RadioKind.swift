import FixedMemory

/// The radios that this module has drivers for. The numbers may stand in leaves and never change meaning.
public enum RadioKind: UInt8, Sendable {
  case rak3172 = 1
  case rn2483 = 2
  case rn2903 = 3
  case loraE5 = 4
  case la66 = 5
  case sx1261 = 6
  case sx1262 = 7
  case llcc68 = 8
  case sx1272 = 9
  case sx1276 = 10
  /// A concentrator behind a packet forwarder, which does not say which one it is.
  case concentrator = 11

  /// As its maker writes it, for the device leaf and for people.
  public var name: StaticString {
    switch self {
    case .rak3172: "RAK3172"
    case .rn2483: "RN2483"
    case .rn2903: "RN2903"
    case .loraE5: "LoRa-E5"
    case .la66: "LA66"
    case .sx1261: "SX1261"
    case .sx1262: "SX1262"
    case .llcc68: "LLCC68"
    case .sx1272: "SX1272"
    case .sx1276: "SX1276"
    case .concentrator: "concentrator"
    }
  }

  /// How the agent speaks with it.
  public var path: RadioPath {
    switch self {
    case .rak3172, .rn2483, .rn2903, .loraE5, .la66: .serialCommands
    case .sx1261, .sx1262, .llcc68, .sx1272, .sx1276: .spi
    case .concentrator: .packetForwarder
    }
  }
}

/// The way that a frame took from the radio to the agent; the number stands in witness leaves.
public enum RadioPath: UInt8, Sendable {
  case spi = 1
  /// AT commands and their like on a serial line.
  case serialCommands = 2
  /// A concentrator's packet forwarder, by Semtech's UDP protocol.
  case packetForwarder = 3
}

/// Which radio answered.
public struct RadioIdentity: Equatable, Sendable {
  public let kind: RadioKind
  /// What the module says of its firmware, or the chip of itself; printable ASCII.
  public let firmware: FixedText<40>

  public init(kind: RadioKind, firmware: FixedText<40>) {
    self.kind = kind
    self.firmware = firmware
  }
}
