import Foundation
import LoRa

/// What becomes of a frame's power on its way, and whether a receiver can take it: all but when. `Medium` plays it in
/// time; who counts frames in slots asks here.
public struct Propagation: Equatable, Sendable {
  /// What one frame gains or loses against the next.
  public enum Fading: Equatable, Sendable {
    /// Normal, in decibels.
    case normal(decibels: Double)
    /// A direct path that is so much stronger than all scattered ones together (S. O. Rice, 1944).
    case direct(decibels: Double)
  }

  public var pathLoss: PathLoss
  public var fading: Fading
  /// Land that a whole neighbourhood shares; nil: none.
  public var ground: Ground?
  /// Deviation of what a way takes there from what it takes back.
  public var asymmetryDecibels: Double
  /// Neither shadow nor ground makes a way better than free space.
  public var keepsFreeSpace: Bool

  public init(
    pathLoss: PathLoss, fading: Fading = .normal(decibels: 0), ground: Ground? = nil,
    asymmetryDecibels: Double = 0, keepsFreeSpace: Bool = false
  ) {
    self.pathLoss = pathLoss
    self.fading = fading
    self.ground = ground
    self.asymmetryDecibels = asymmetryDecibels
    self.keepsFreeSpace = keepsFreeSpace
  }

  /// An end of a way.
  public struct End: Equatable, Sendable {
    /// Ends of one site are in the same shadow, and in none of each other's.
    public var site: UInt64
    public var heightMetres: Double
    /// What the ground takes there (`Ground.decibels`).
    public var groundDecibels: Double

    public init(site: UInt64, heightMetres: Double, groundDecibels: Double = 0) {
      self.site = site
      self.heightMetres = heightMetres
      self.groundDecibels = groundDecibels
    }
  }

  /// From one to the other, without fading. The seed determines the shadow of each pair of sites.
  public func lossDecibels(
    seed: UInt64, from: End, to: End, metres: Double, frequencyHertz: Double
  ) -> Double {
    var loss = pathLoss.decibels(
      metres: metres, frequencyHertz: frequencyHertz,
      heightsMetres: (from.heightMetres, to.heightMetres))
    let deviation = pathLoss.shadowingDecibels
    if deviation > 0, from.site != to.site {
      var draw = SeededDraw(seed: seed, 2, min(from.site, to.site), max(from.site, to.site))
      loss += deviation * draw.normal()
    }
    if ground != nil { loss += from.groundDecibels + to.groundDecibels }
    if asymmetryDecibels > 0, from.site != to.site {
      var draw = SeededDraw(seed: seed, 5, from.site, to.site)
      loss += asymmetryDecibels * draw.normal()
    }
    guard keepsFreeSpace else { return loss }
    return max(loss, PathLoss.freeSpaceDecibels(metres: metres, frequencyHertz: frequencyHertz))
  }

  /// Of one frame at one receiver, from two draws of mean 0 and deviation 1.
  public func fadingDecibels(_ one: Double, _ other: Double) -> Double {
    switch fading {
    case .normal(let decibels): return decibels * one
    case .direct(let decibels):
      let ratio = Decibels.milliwatts(decibels)
      let direct = (ratio / (ratio + 1)).squareRoot()
      let spread = (1 / (2 * (ratio + 1))).squareRoot()
      let (real, imaginary) = (direct + spread * one, spread * other)
      return 10 * log10(max(1e-9, real * real + imaginary * imaginary))
    }
  }

  /// A frame must be stronger by so much than what has chirps of the same slope.
  public static let captureDecibels = 6.0
  /// Half of the frames at the lowest SNR are found; so much above it 73 in 100, twice as much 88: a logistic curve.
  public static let edgeDecibels = 0.5

  /// The chance that a receiver finds a frame in its noise.
  public static func chanceOfFinding(
    signalDecibelMilliwatts: Double, noiseDecibelMilliwatts: Double, spreadingFactor: UInt8
  ) -> Double {
    let lowest =
      Double(SignalPower.lowestSNRCentidecibels(spreadingFactor: spreadingFactor)) / 100
    let above = (signalDecibelMilliwatts - noiseDecibelMilliwatts - lowest) / edgeDecibels
    return 1 / (1 + exp(-above))
  }
}

/// Hills: waves over the land, the same for everybody who stands near each other.
public struct Ground: Equatable, Sendable {
  /// Of one wave; there are eight.
  public var amplitudeDecibels: Double
  public var lengthsMetres: ClosedRange<Double>

  public init(amplitudeDecibels: Double, lengthsMetres: ClosedRange<Double>) {
    self.amplitudeDecibels = amplitudeDecibels
    self.lengthsMetres = lengthsMetres
  }

  /// What it takes at a place, in metres east and north of anywhere.
  public func decibels(seed: UInt64, eastMetres: Double, northMetres: Double) -> Double {
    var sum = 0.0
    for wave in 0..<UInt64(8) {
      var draw = SeededDraw(seed: seed, 6, wave)
      let (short, long) = (lengthsMetres.lowerBound, lengthsMetres.upperBound)
      let length = short + (long - short) * draw.uniform()
      let (angle, phase) = (2 * .pi * draw.uniform(), 2 * .pi * draw.uniform())
      let along = eastMetres * cos(angle) + northMetres * sin(angle)
      sum += sin(2 * .pi * along / length + phase)
    }
    return sum * amplitudeDecibels
  }
}
