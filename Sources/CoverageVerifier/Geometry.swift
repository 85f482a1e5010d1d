import Foundation
import Identity

/// Distances and losses. Computed with floating point and rounded to whole metres and hundredths of a decibel, so that
/// two processors differ only where a value lies within 10^-9 of the middle between two.
public enum Geometry {
  /// IUGG's mean radius. The ellipsoid differs by 0.5 % of a distance at most: 0.05 dB.
  static let radiusMetres = 6_371_008.8
  static let lightMetresPerSecond = 299_792_458.0

  public static func distanceMetres(_ from: Place, _ to: Place) -> Int64 {
    let surface = surfaceMetres(
      (from.latitudeE7, from.longitudeE7), (to.latitudeE7, to.longitudeE7))
    guard let low = from.antennaCentimetres, let high = to.antennaCentimetres else {
      return Int64(surface.rounded())
    }
    let height = Double(high - low) / 100
    return Int64((surface * surface + height * height).squareRoot().rounded())
  }

  /// Along the sphere (haversine), latitudes and longitudes × 10^7.
  static func surfaceMetres(
    _ from: (latitude: Int32, longitude: Int32), _ to: (latitude: Int32, longitude: Int32)
  ) -> Double {
    let scale = Double.pi / 180 / 10_000_000
    let (low, high) = (Double(from.latitude) * scale, Double(to.latitude) * scale)
    let across = (Double(to.longitude) - Double(from.longitude)) * scale
    let up = sin((high - low) / 2)
    let side = sin(across / 2)
    let haversine = up * up + cos(low) * cos(high) * side * side
    // Rounding leads out of 0 to 1 at the poles and at the other end of the world.
    return 2 * radiusMetres * asin(max(0, min(1, haversine)).squareRoot())
  }

  /// 20·log10(4π·d·f/c), 0 or more; a distance of at least 1 m is taken.
  public static func freeSpaceLossCentidecibels(metres: Int64, frequencyHertz: UInt32) -> Int32 {
    let distance = Double(max(1, metres))
    let ratio = 4 * Double.pi * distance * Double(frequencyHertz) / lightMetresPerSecond
    guard ratio > 1 else { return 0 }
    return Int32((2_000 * log10(ratio)).rounded())
  }
}

extension Place {
  /// Of the antenna above mean sea level; nil when the altitude is not known.
  var antennaCentimetres: Int64? {
    altitudeCentimetres.map { Int64($0) + Int64(heightAboveGroundCentimetres ?? 0) }
  }
}
