import Foundation
import Simulation

/// Random numbers that a seed determines, in the forms that radio needs.
struct FleetRandom: RandomNumberGenerator, Sendable {
  private var source: SplitMix64
  private var spare: Double?

  init(seed: UInt64) { source = SplitMix64(seed: seed) }

  mutating func next() -> UInt64 { source.next() }

  /// From 0 to below 1.
  mutating func unit() -> Double { Double(source.next() >> 11) * 0x1p-53 }

  mutating func within(_ range: ClosedRange<Double>) -> Double {
    range.lowerBound + unit() * (range.upperBound - range.lowerBound)
  }

  /// Of the normal distribution (Box and Muller, 1958).
  mutating func normal(_ deviation: Double) -> Double {
    if let value = spare {
      spare = nil
      return value * deviation
    }
    let radius = (-2 * log(1 - unit())).squareRoot()
    let angle = 2 * Double.pi * unit()
    spare = radius * sin(angle)
    return radius * cos(angle) * deviation
  }

  mutating func chance(_ probability: Double) -> Bool { unit() < probability }
}
