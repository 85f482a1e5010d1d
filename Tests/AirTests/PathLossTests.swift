import LoRa
import Testing

@testable import Air

/// 20·log10(4π·d·f/c) by hand: 1 km at 868 MHz is 91.218 dB, ten times as far 20 dB more.
@Test(arguments: [(1_000.0, 868e6, 91.2182), (10_000, 868e6, 111.2182), (1_000, 434e6, 85.1976)])
func freeSpaceLosesWhatFriisSays(metres: Double, hertz: Double, decibels: Double) {
  let loss = PathLoss.freeSpace.decibels(
    metres: metres, frequencyHertz: hertz, heightsMetres: (10, 10))
  #expect(abs(loss - decibels) < 0.001)
}

/// Hata's own suburban formula at 900 MHz, 5 km, 30 m and 1.5 m: 151.02 dB in a city, 141.08 in its suburbs.
@Test func okumuraHataGivesTheFiguresOfItsFormula() {
  func loss(_ area: PathLoss.Area, _ heights: (Double, Double)) -> Double {
    PathLoss.okumuraHata(area, shadowingDecibels: 0).decibels(
      metres: 5_000, frequencyHertz: 900e6, heightsMetres: heights)
  }
  #expect(abs(loss(.urban, (30, 1.5)) - 151.0244) < 0.01, "\(loss(.urban, (30, 1.5)))")
  #expect(abs(loss(.suburban, (30, 1.5)) - 141.0818) < 0.01, "\(loss(.suburban, (30, 1.5)))")
  #expect(loss(.open, (30, 1.5)) < loss(.suburban, (30, 1.5)))
  #expect(loss(.urban, (30, 1.5)) == loss(.urban, (1.5, 30)))
}

@Test func nothingIsLouderThanInFreeSpace() {
  let models: [PathLoss] = [
    .logDistance(exponent: 1.5, referenceMetres: 100, shadowingDecibels: 0),
    .logDistance(exponent: 4, referenceMetres: 100, shadowingDecibels: 0),
    .okumuraHata(.open, shadowingDecibels: 0), .okumuraHata(.suburban, shadowingDecibels: 0),
    .okumuraHata(.urban, shadowingDecibels: 0),
    .twoSlopes(
      lossAtKilometre: 116, exponent: 2.4, breakMetres: 1_500, farExponent: 3.8,
      shadowingDecibels: 0),
  ]
  for model in models {
    var before = -Double.infinity
    for metres in stride(from: 0.0, through: 40_000, by: 50) {
      let loss = model.decibels(metres: metres, frequencyHertz: 868e6, heightsMetres: (10, 10))
      let free = PathLoss.freeSpace.decibels(
        metres: metres, frequencyHertz: 868e6, heightsMetres: (10, 10))
      #expect(loss >= free && loss >= before, "\(model) at \(metres)")
      before = loss
    }
  }
}

@Test func aPlaceMovedByAThousandMetresIsAThousandMetresAway() {
  let place = AirPlace(latitudeDegrees: 40.64, longitudeDegrees: -73.78)
  for bearing in stride(from: 0.0, to: 360, by: 15) {
    let moved = place.moved(metres: 1_000, bearingDegrees: bearing)
    #expect(abs(place.distanceMetres(to: moved) - 1_000) < 1)
    #expect(place.distanceMetres(to: moved) == moved.distanceMetres(to: place))
  }
  // A degree of latitude, and two antennas above each other.
  let north = AirPlace(latitudeDegrees: 41.64, longitudeDegrees: -73.78)
  #expect(abs(place.distanceMetres(to: north) - 111_195) < 1)
  let above = AirPlace(latitudeDegrees: 40.64, longitudeDegrees: -73.78, antennaHeightMetres: 40)
  #expect(abs(place.distanceMetres(to: above) - 30) < 0.001)
}
