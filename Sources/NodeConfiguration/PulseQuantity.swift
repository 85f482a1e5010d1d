/// What a pulse stands for.
public enum PulseQuantity: UInt8, Sendable {
  /// Nothing but itself.
  case pulses
  /// Millimetres of rain.
  case rain
  /// Metres a second, at one pulse a second.
  case wind
  /// Watt-hours.
  case energy

  static var count: Int { 4 }

  var text: StaticString {
    switch self {
    case .pulses: "count"
    case .rain: "rain"
    case .wind: "wind"
    case .energy: "energy"
    }
  }
}
