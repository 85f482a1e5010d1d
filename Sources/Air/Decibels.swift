import Foundation

/// Sums of powers that are told in decibels.
enum Decibels {
  static func milliwatts(_ decibels: Double) -> Double { pow(10, decibels / 10) }

  static func sum(_ one: Double, _ other: Double) -> Double {
    10 * log10(milliwatts(one) + milliwatts(other))
  }
}

/// A draw for each question: it depends on the seed and on what is asked, not on what was asked before. So a station
/// more or less changes nothing between others.
public struct SeededDraw: Sendable {
  private var state: UInt64

  public init(seed: UInt64, _ about: UInt64...) {
    state = seed
    for word in about { state = Self.mixed(state ^ Self.mixed(word &+ 0x9e37_79b9_7f4a_7c15)) }
  }

  /// 0 up to, and without, 1.
  public mutating func uniform() -> Double {
    state &+= 0x9e37_79b9_7f4a_7c15
    return Double(Self.mixed(state) >> 11) * 0x1p-53
  }

  /// Of mean 0 and deviation 1 (Box and Muller, 1958).
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }

  /// SplitMix64's last step.
  private static func mixed(_ word: UInt64) -> UInt64 {
    var mixed = word
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
