import CBOR
import FixedMemory

/// Where a node stands, as its owner says: WGS 84, heights above mean sea level (docs/identity.md).
///
///     [latitude × 10^7, longitude × 10^7, altitude in cm or null, height above ground in cm or null]
public struct Place: Equatable, Sendable {
  /// Array 1, four numbers of at most 5 bytes.
  public static var maximumByteCount: Int { 21 }

  /// Degrees × 10^7, -900 000 000 to 900 000 000.
  public let latitudeE7: Int32
  /// Degrees × 10^7, -1 800 000 000 to 1 800 000 000.
  public let longitudeE7: Int32
  /// Above mean sea level; nil when it is not known.
  public let altitudeCentimetres: Int32?
  /// Of the antenna or sensor above the ground, below it when negative; nil when it is not known.
  public let heightAboveGroundCentimetres: Int32?

  /// Nil when the place is not on the globe.
  public init?(
    latitudeE7: Int32, longitudeE7: Int32, altitudeCentimetres: Int32?,
    heightAboveGroundCentimetres: Int32?
  ) {
    guard (-900_000_000...900_000_000).contains(latitudeE7),
      (-1_800_000_000...1_800_000_000).contains(longitudeE7)
    else { return nil }
    self.latitudeE7 = latitudeE7
    self.longitudeE7 = longitudeE7
    self.altitudeCentimetres = altitudeCentimetres
    self.heightAboveGroundCentimetres = heightAboveGroundCentimetres
  }

  func encode(into encoder: inout CBOREncoder) {
    encoder.arrayHead(count: 4)
    encoder.integer(Int64(latitudeE7))
    encoder.integer(Int64(longitudeE7))
    encoder.optional(altitudeCentimetres)
    encoder.optional(heightAboveGroundCentimetres)
  }

  init(from decoder: inout CBORDecoder) throws(CBORDecoder.Failure) {
    try decoder.expectArray(count: 4)
    let latitude = try decoder.integer(as: Int32.self)
    let longitude = try decoder.integer(as: Int32.self)
    let altitude = try decoder.skipNull() ? nil : decoder.integer(as: Int32.self)
    let height = try decoder.skipNull() ? nil : decoder.integer(as: Int32.self)
    guard
      let place = Place(
        latitudeE7: latitude, longitudeE7: longitude, altitudeCentimetres: altitude,
        heightAboveGroundCentimetres: height)
    else { throw .outOfRange }
    self = place
  }
}
