import Air

/// One of the boards that a run shows: where it stands, and what its radio is. All of it is invented, around the place
/// where the weather was observed.
public struct DemoNode: Equatable, Sendable {
  public let name: String
  public let place: AirPlace
  public let elevationMetres: Int
  public let noiseFigureDecibels: Double
  /// Of its crystal, which its module tells nobody of.
  public let oscillatorPPM: Double

  /// A dipole.
  public static let antennaGain = "2.15 dBi"
  public static let antennaGainDecibels = 2.15
  public static let transmitPower = "14 dBm"
  /// The weather is that of New York.
  public static let region = "US915"
  /// What the radios of the boards are.
  public static let radioModels = "RAK3172 and SX1262"
  /// One of the boards has a chip behind SPI, the others a module on a serial line.
  public var hasChip: Bool { name == "east" }
  public var radioModel: String { hasChip ? "SX1262" : "RAK3172" }

  /// JFK airport.
  private static let origin = AirPlace(
    latitudeDegrees: 40.6398, longitudeDegrees: -73.7789, antennaHeightMetres: 12)

  /// Two that hear each other well, and one farther away whose link is weak.
  public static let all = [
    DemoNode(
      name: "north", place: origin, elevationMetres: 4, noiseFigureDecibels: 6, oscillatorPPM: 1.5),
    DemoNode(
      name: "east", place: moved(metres: 3_100, bearingDegrees: 105, height: 8), elevationMetres: 3,
      noiseFigureDecibels: 7, oscillatorPPM: -2.2),
    DemoNode(
      name: "far", place: moved(metres: 7_600, bearingDegrees: 40, height: 6), elevationMetres: 20,
      noiseFigureDecibels: 6, oscillatorPPM: 3.8),
  ]

  private static func moved(metres: Double, bearingDegrees: Double, height: Double) -> AirPlace {
    var place = origin.moved(metres: metres, bearingDegrees: bearingDegrees)
    place.antennaHeightMetres = height
    return place
  }

  /// The radio in the air.
  public var station: AirStation {
    AirStation(
      place: place, antennaGainDecibels: Self.antennaGainDecibels,
      noiseFigureDecibels: noiseFigureDecibels,
      oscillator: AirOscillator(
        offsetPPM: oscillatorPPM, driftPPMPerKelvin: -0.04, meanCelsius: 12, dailySwingKelvin: 5))
  }

  /// The air that the boards of a run share: suburbs, with hills and houses between them.
  public static func medium(seed: UInt64) -> Medium {
    var medium = Medium(
      seed: seed, pathLoss: .okumuraHata(.suburban, shadowingDecibels: 3), fadingDecibels: 1.5,
      readingDecibels: 0.7)
    medium.tellsMisses = true
    return medium
  }
}
