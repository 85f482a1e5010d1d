import Air
import Foundation

/// Metres east and north of the area's middle.
struct Point: Equatable, Sendable {
  var east: Double
  var north: Double

  func metres(to other: Point) -> Double {
    let (across, up) = (other.east - east, other.north - north)
    return (across * across + up * up).squareRoot()
  }
}

/// How radio waves go, in the terms of the module Air: the medium's own path loss, shadows, fading, noise and lowest
/// SNR, counted in slots.
///
/// Two sets of figures, on purpose not alike: the statistics' limits were set with the first; what is reported comes
/// from the second.
public enum ChannelModel: String, CaseIterable, Sendable {
  /// 120 dB at 1 km, one exponent of 3.2, and shadows of 7 dB that each pair has of its own; what a frame meets varies
  /// by 2 dB.
  case plain
  /// Two exponents, hills that a whole neighbourhood shares, shadows of 7.5 dB besides, Rice's fading with a direct
  /// path of 6 dB, noise that comes and goes, a day's course of 1.5 dB, ways that differ by 1.5 dB there and back.
  case hilly

  var propagation: Propagation {
    switch self {
    case .plain:
      Propagation(
        pathLoss: .logDistance(exponent: 3.2, referenceMetres: 4, shadowingDecibels: 7),
        fading: .normal(decibels: 2), keepsFreeSpace: true)
    case .hilly:
      Propagation(
        pathLoss: .twoSlopes(
          lossAtKilometre: 116, exponent: 2.4, breakMetres: 1_500, farExponent: 3.8,
          shadowingDecibels: 7.5), fading: .direct(decibels: 6),
        ground: Ground(amplitudeDecibels: 1.75, lengthsMetres: 1_000...6_000),
        asymmetryDecibels: 1.5, keepsFreeSpace: true)
    }
  }

  /// The middle of the band: from its lower end to its upper one a way differs by 0.06 dB.
  static let frequencyHertz = 868_000_000.0
  static let heightMetres = 10.0

  /// Without fading; dB.
  func loss(_ seed: UInt64, _ from: (index: Int, place: Point), _ to: (index: Int, place: Point))
    -> Double
  {
    let propagation = propagation
    return propagation.lossDecibels(
      seed: seed, from: end(propagation, seed, from), to: end(propagation, seed, to),
      metres: max(10, from.place.metres(to: to.place)), frequencyHertz: Self.frequencyHertz)
  }

  private func end(
    _ propagation: Propagation, _ seed: UInt64, _ radio: (index: Int, place: Point)
  ) -> Propagation.End {
    let ground = propagation.ground?.decibels(
      seed: seed, eastMetres: radio.place.east, northMetres: radio.place.north)
    return Propagation.End(
      site: UInt64(radio.index), heightMetres: Self.heightMetres, groundDecibels: ground ?? 0)
  }

  /// What all ways of the area gain and lose over the day; dB.
  func course(hour: Double) -> Double {
    self == .hilly ? 1.5 * sin(2 * Double.pi * hour / 24) : 0
  }

  /// What a receiver's noise rises by, in one window; dB.
  func interference(_ random: inout FleetRandom) -> Double {
    switch self {
    case .plain: return 0
    case .hilly: return random.chance(0.1) ? random.within(0...6) : 0
    }
  }

  var noiseSpread: Double { self == .plain ? 1 : 2 }
  /// Of a radio's RSSI, from one device to another; dB.
  var rssiSpread: Double { self == .plain ? 1 : 2 }
  /// Of what antenna and house take, against what is enrolled; dB.
  var biasSpread: Double { self == .plain ? 2 : 3.5 }
}
