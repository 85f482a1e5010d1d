import Foundation

/// How a signal gets weaker on its way. In decibels; never less than in free space, before shadowing.
///
/// Shadowing is a normal deviation that two sites have between each other, the same in both directions, as long as a
/// medium lasts.
public enum PathLoss: Equatable, Sendable {
  /// 20·log10(4π·d·f/c).
  case freeSpace
  /// Free space up to the reference distance, and 10·exponent·log10(d / reference) from there.
  case logDistance(exponent: Double, referenceMetres: Double, shadowingDecibels: Double)
  /// 10·exponent·log10(d / 1 km) beyond a loss at 1 km, with another exponent from the break on.
  case twoSlopes(
    lossAtKilometre: Double, exponent: Double, breakMetres: Double, farExponent: Double,
    shadowingDecibels: Double)
  /// Okumura's measurements by Hata's formulas (M. Hata, "Empirical formula for propagation loss in land mobile radio
  /// services", IEEE Trans. Veh. Technol. 29, 1980). The higher antenna counts as the base station's and is taken as
  /// 30 to 200 m high, the other as 1 to 10 m. Beyond the 1 to 20 km and 150 to 1 500 MHz that were measured the
  /// formula is continued.
  case okumuraHata(Area, shadowingDecibels: Double)

  public enum Area: Equatable, Sendable {
    case open
    case suburban
    /// A city of small or medium size.
    case urban
  }

  static let lightMetresPerSecond = 299_792_458.0

  public var shadowingDecibels: Double {
    switch self {
    case .freeSpace: 0
    case .logDistance(_, _, let deviation), .okumuraHata(_, let deviation): deviation
    case .twoSlopes(_, _, _, _, let deviation): deviation
    }
  }

  /// Without shadowing.
  public func decibels(metres: Double, frequencyHertz: Double, heightsMetres: (Double, Double))
    -> Double
  {
    let distance = max(AirPlace.leastMetres, metres)
    let free = Self.freeSpaceDecibels(metres: distance, frequencyHertz: frequencyHertz)
    switch self {
    case .freeSpace: return free
    case .logDistance(let exponent, let reference, _):
      guard distance > reference else { return free }
      let there = Self.freeSpaceDecibels(metres: reference, frequencyHertz: frequencyHertz)
      return max(free, there + 10 * exponent * log10(distance / reference))
    case .twoSlopes(let kilometre, let exponent, let edge, let far, _):
      let near = kilometre + 10 * exponent * log10(min(distance, edge) / 1_000)
      return max(free, near + 10 * far * log10(max(distance, edge) / edge))
    case .okumuraHata(let area, _):
      return max(
        free,
        Self.hataDecibels(
          area, kilometres: distance / 1_000, megahertz: frequencyHertz / 1_000_000,
          baseMetres: min(200, max(30, max(heightsMetres.0, heightsMetres.1))),
          mobileMetres: min(10, max(1, min(heightsMetres.0, heightsMetres.1)))))
    }
  }

  static func freeSpaceDecibels(metres: Double, frequencyHertz: Double) -> Double {
    max(0, 20 * log10(4 * .pi * metres * frequencyHertz / lightMetresPerSecond))
  }

  static func hataDecibels(
    _ area: Area, kilometres: Double, megahertz: Double, baseMetres: Double, mobileMetres: Double
  ) -> Double {
    let f = log10(megahertz)
    let base = log10(baseMetres)
    let mobile = (1.1 * f - 0.7) * mobileMetres - (1.56 * f - 0.8)
    let urban =
      69.55 + 26.16 * f - 13.82 * base - mobile + (44.9 - 6.55 * base) * log10(kilometres)
    switch area {
    case .urban: return urban
    case .suburban:
      let part = log10(megahertz / 28)
      return urban - 2 * part * part - 5.4
    case .open: return urban - 4.78 * f * f + 18.33 * f - 40.94
    }
  }
}
