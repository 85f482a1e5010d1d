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

/// What is lost on the way from one place to another, and how it changes.
///
/// Two models, on purpose not alike: the statistics' limits were set with the first; what is reported comes from the
/// second.
public enum ChannelModel: String, CaseIterable, Sendable {
  /// One exponent of 3.2 and shadows of 7 dB that each link has of its own; what a frame meets varies by 2 dB.
  case plain
  /// Two exponents, hills that a whole neighbourhood shares, shadows of 9 dB, Rayleigh and a direct path of 6 dB,
  /// noise that comes and goes, a day's course of 3 dB, ways that differ by 1.5 dB there and back.
  case hilly

  private static let kilometreLoss = 120.0

  /// Without fading; dB. The same in both directions, but for what `hilly` adds.
  func loss(_ seed: UInt64, _ from: (index: Int, place: Point), _ to: (index: Int, place: Point))
    -> Double
  {
    let metres = max(10, from.place.metres(to: to.place))
    let (low, high) = (min(from.index, to.index), max(from.index, to.index))
    let shadow = FleetRandom.normal(seed, low, high)
    let free = 31.2 + 20 * log10(metres)
    switch self {
    case .plain:
      return max(free, Self.kilometreLoss + 32 * log10(metres / 1_000) + 7 * shadow)
    case .hilly:
      let middle =
        metres < 1_500
        ? 116 + 24 * log10(metres / 1_000) : 120.2 + 38 * log10(metres / 1_500)
      let ground = hill(seed, from.place) + hill(seed, to.place)
      let there = 1.5 * FleetRandom.normal(seed ^ 0x77, from.index, to.index)
      return max(free, middle + ground + 7.5 * shadow + there)
    }
  }

  /// Waves of 1 to 6 km over the land; 3.5 dB.
  private func hill(_ seed: UInt64, _ place: Point) -> Double {
    var random = FleetRandom(seed: seed &+ 0x5eed)
    var sum = 0.0
    for _ in 0..<8 {
      let length = random.within(1_000...6_000)
      let angle = random.within(0...(2 * Double.pi))
      let phase = random.within(0...(2 * Double.pi))
      let along = place.east * cos(angle) + place.north * sin(angle)
      sum += sin(2 * Double.pi * along / length + phase)
    }
    return sum * 1.75
  }

  /// What one frame gains or loses besides; dB.
  func fading(_ random: inout FleetRandom, hour: Double) -> Double {
    switch self {
    case .plain: return random.normal(2)
    case .hilly:
      // Rice: a direct path of 6 dB over what is scattered.
      let (direct, scattered) = (0.7994, 0.2006)
      let spread = (scattered / 2).squareRoot()
      let (real, other) = (direct.squareRoot() + random.normal(spread), random.normal(spread))
      return 10 * log10(real * real + other * other) + 1.5 * sin(2 * Double.pi * hour / 24)
    }
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
