import Foundation

/// Where an antenna stands.
public struct AirPlace: Equatable, Sendable {
  public var latitudeDegrees: Double
  public var longitudeDegrees: Double
  /// Above the ground around it.
  public var antennaHeightMetres: Double

  public init(
    latitudeDegrees: Double, longitudeDegrees: Double, antennaHeightMetres: Double = 10
  ) {
    self.latitudeDegrees = latitudeDegrees
    self.longitudeDegrees = longitudeDegrees
    self.antennaHeightMetres = antennaHeightMetres
  }

  /// IUGG's mean radius.
  static let radiusMetres = 6_371_008.8
  /// Two antennas are never nearer to each other, as far as losses go.
  public static let leastMetres = 1.0

  /// In a straight line: along the sphere (haversine), and the difference of heights.
  public func distanceMetres(to other: AirPlace) -> Double {
    let radians = Double.pi / 180
    let up = sin((other.latitudeDegrees - latitudeDegrees) * radians / 2)
    let side = sin((other.longitudeDegrees - longitudeDegrees) * radians / 2)
    let square =
      up * up + cos(latitudeDegrees * radians) * cos(other.latitudeDegrees * radians) * side * side
    let surface = 2 * Self.radiusMetres * asin(min(1, square.squareRoot()))
    let height = other.antennaHeightMetres - antennaHeightMetres
    return (surface * surface + height * height).squareRoot()
  }

  /// Of the equator's crossing with the zero meridian, as on a map whose scale is right at this latitude.
  var eastMetres: Double {
    longitudeDegrees * .pi / 180 * Self.radiusMetres * cos(latitudeDegrees * .pi / 180)
  }

  var northMetres: Double { latitudeDegrees * .pi / 180 * Self.radiusMetres }

  /// A place so many metres away, in a direction counted from north over east.
  public func moved(metres: Double, bearingDegrees: Double) -> AirPlace {
    let radians = Double.pi / 180
    let bearing = bearingDegrees * radians
    let north = metres * cos(bearing) / Self.radiusMetres / radians
    let east =
      metres * sin(bearing) / (Self.radiusMetres * cos(latitudeDegrees * radians)) / radians
    return AirPlace(
      latitudeDegrees: latitudeDegrees + north, longitudeDegrees: longitudeDegrees + east,
      antennaHeightMetres: antennaHeightMetres)
  }
}
