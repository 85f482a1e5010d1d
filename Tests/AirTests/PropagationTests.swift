import Testing

@testable import Air

private let near = Propagation.End(site: 1, heightMetres: 10)
private let far = Propagation.End(site: 2, heightMetres: 10)

private func loss(_ propagation: Propagation, _ from: Propagation.End, _ to: Propagation.End)
  -> Double
{
  propagation.lossDecibels(
    seed: 9, from: from, to: to, metres: 1_000, frequencyHertz: 868e6)
}

@Test func halfOfTheFramesAreFoundAtTheLowestSNR() {
  func chance(_ above: Double) -> Double {
    Propagation.chanceOfFinding(
      signalDecibelMilliwatts: -127 + above, noiseDecibelMilliwatts: -117, spreadingFactor: 8)
  }
  #expect(abs(chance(0) - 0.5) < 1e-9)
  #expect(abs(chance(0.5) - 0.731) < 0.001)
  #expect(chance(3) > 0.997 && chance(-3) < 0.003)
}

@Test func ricesFadingKeepsTheMeanPowerAndGoesDeepNowAndThen() {
  let propagation = Propagation(pathLoss: .freeSpace, fading: .direct(decibels: 6))
  var draw = SeededDraw(seed: 4, 1)
  let all = (0..<20_000).map { _ in propagation.fadingDecibels(draw.normal(), draw.normal()) }
  let mean = all.reduce(0) { $0 + Decibels.milliwatts($1) } / Double(all.count)
  #expect(abs(mean - 1) < 0.03)
  let deep = all.count { $0 < -10 }
  #expect(deep > 20 && deep < 1_000)
}

@Test func aWayTakesNearlyTheSameThereAndBack() {
  var propagation = Propagation(
    pathLoss: .logDistance(exponent: 3.2, referenceMetres: 4, shadowingDecibels: 7))
  #expect(loss(propagation, near, far) == loss(propagation, far, near))
  propagation.asymmetryDecibels = 1.5
  let away = abs(loss(propagation, near, far) - loss(propagation, far, near))
  #expect(away > 0 && away < 9)
}

@Test func hillsAreSharedByNeighboursAndNotByTheFar() {
  let ground = Ground(amplitudeDecibels: 1.75, lengthsMetres: 1_000...6_000)
  func hill(_ east: Double) -> Double {
    ground.decibels(seed: 3, eastMetres: east, northMetres: 500)
  }
  var (close, distant) = (0.0, 0.0)
  for east in stride(from: 0.0, to: 40_000, by: 400) {
    close = max(close, abs(hill(east) - hill(east + 20)))
    distant = max(distant, abs(hill(east) - hill(east + 5_300)))
  }
  #expect(close < 1.5)
  #expect(distant > 3)
  let propagation = Propagation(pathLoss: .freeSpace, ground: ground)
  let high = Propagation.End(site: 2, heightMetres: 10, groundDecibels: 4)
  #expect(abs(loss(propagation, near, high) - loss(propagation, near, far) - 4) < 1e-9)
}

@Test func noHillMakesAWayBetterThanFreeSpaceWhereThatIsAskedFor() {
  let valley = Propagation.End(site: 2, heightMetres: 10, groundDecibels: -30)
  let ground = Ground(amplitudeDecibels: 1, lengthsMetres: 1_000...6_000)
  let free = loss(Propagation(pathLoss: .freeSpace), near, far)
  #expect(loss(Propagation(pathLoss: .freeSpace, ground: ground), near, valley) < free - 29)
  let kept = Propagation(pathLoss: .freeSpace, ground: ground, keepsFreeSpace: true)
  #expect(loss(kept, near, valley) == free)
}

@Test func twoSlopesMeetAtTheirBreak() {
  let model = PathLoss.twoSlopes(
    lossAtKilometre: 116, exponent: 2.4, breakMetres: 1_500, farExponent: 3.8,
    shadowingDecibels: 0)
  func decibels(_ metres: Double) -> Double {
    model.decibels(metres: metres, frequencyHertz: 868e6, heightsMetres: (10, 10))
  }
  #expect(abs(decibels(1_000) - 116) < 1e-9)
  #expect(abs(decibels(1_499.99) - decibels(1_500.01)) < 0.001)
  #expect(abs(decibels(15_000) - decibels(1_500) - 38) < 1e-9)
}
