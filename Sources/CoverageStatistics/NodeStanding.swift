import CoverageVerifier
import Foundation
import Proofs

/// All nodes of a period, with what they were judged by.
public struct JudgedPeriod: Sendable {
  public let period: CoveragePeriodName
  /// It has more nodes or observations than are looked at (`CoverageSurvey`): nobody is judged.
  public let isTooLarge: Bool
  /// Nodes are in the order of `nodes`.
  public let input: CoveragePeriod
  public let nodes: [NodeStanding]
}

/// What a node's beacons and receptions of a period weigh, and why. Hashes are hexadecimal digits, powers and ratios
/// hundredths of a decibel, times UTC in milliseconds.
public struct NodeStanding: Encodable, Equatable, Sendable {
  /// How much there is of it in the period.
  public struct Counts: Encodable, Equatable, Sendable {
    /// Beacons of which a leaf speaks, and those that are sound.
    public var beacons = 0
    public var sound = 0
    /// Those of others to whose sound beacons it listened, or that listened to its own, and how many were heard.
    public var listeners = 0
    public var hearers = 0
    public var listened = 0
    public var heard = 0
    /// Windows whose draw is known, and those in which it did not send.
    public var windows = 0
    public var skipped = 0

    mutating func add(sent observation: CoveragePeriod.Observation) {
      listeners += 1
      hearers += observation.reception == nil ? 0 : 1
    }

    mutating func add(received observation: CoveragePeriod.Observation) {
      listened += 1
      heard += observation.reception == nil ? 0 : 1
    }
  }

  /// Version of this form, and of the statistics.
  public var version = 1
  public let period: CoveragePeriodName
  public let node: String
  /// Those that it used in the period.
  public let keys: [String]
  public let owner: String?
  public let latitudeE7: Int32?
  public let longitudeE7: Int32?
  public let gainCentidecibels: Int32
  public let counts: Counts
  public let weightPermille: Int
  public let checks: [VerdictCheck]

  init(
    _ period: CoveragePeriodName, _ id: String, keys: [String], _ node: CoveragePeriod.Node,
    _ counts: Counts, _ found: NodeStatistics, _ ids: [String]
  ) {
    self.period = period
    self.node = id
    self.keys = keys
    owner = node.owner?.digits
    latitudeE7 = node.place?.latitudeE7
    longitudeE7 = node.place?.longitudeE7
    gainCentidecibels = node.gainCentidecibels
    self.counts = counts
    weightPermille = found.weightPermille
    checks = found.checks.map { check in
      VerdictCheck(
        check.name, check.outcome, check.figures.map { Self.named($0, ids) })
    }
  }

  /// Another node by its id: its place in a list means nothing outside.
  private static func named(_ figure: VerdictCheck.Figure, _ ids: [String]) -> VerdictCheck.Figure {
    guard figure.name == OneRadio.otherFigure, case .number(let place) = figure.value,
      ids.indices.contains(Int(place))
    else { return figure }
    return VerdictCheck.Figure(figure.name, ids[Int(place)])
  }

  public var isLowered: Bool { weightPermille < NodeStanding.fullPermille }
  /// Of a node of which nothing is wrong.
  public static let fullPermille = 1_000

  /// One line of JSON with its members in the order of their names: equal standings are equal bytes.
  public var json: [UInt8] {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return Array(try encoder.encode(self))
    }
  }
}
