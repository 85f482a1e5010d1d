import CoverageStatistics
import CoverageVerifier
import FixedMemory
import Foundation
import Testing

@testable import Attackers

/// Periods with attackers, judged. With `CAIRN_PERIODS=FOLDER` each is left there with what was found, for
/// Tests/Outside/statistics_periods.py.
@Suite struct PeriodTests {
  private struct Written: Encodable {
    struct Node: Encodable {
      let owner: String?
      let place: [Int32]?
      let gain: Int32
    }

    struct Finding: Encodable {
      let weightPermille: Int
      let checks: [VerdictCheck]
    }

    let nodes: [Node]
    /// Sender, witness, number, power, factor, frequency; then whether it was heard, S, SNR and error.
    let observations: [[Int64?]]
    /// Node, number, step, factor, and 1 for sent.
    let draws: [[Int]]
    let found: [Finding]

    init(_ period: CoveragePeriod, _ found: [NodeStatistics]) {
      nodes = period.nodes.map { node in
        Node(
          owner: node.owner.map { owner in (0..<32).map { "\(owner[$0])" }.joined(separator: ".") },
          place: node.place.map { [$0.latitudeE7, $0.longitudeE7] }, gain: node.gainCentidecibels)
      }
      observations = period.observations.map { one in
        [
          Int64(one.sender), Int64(one.witness), Int64(one.number),
          Int64(one.powerCentidecibelMilliwatts), Int64(one.spreadingFactor),
          Int64(one.frequencyHertz), one.reception == nil ? 0 : 1,
          (one.reception?.signalCentidecibelMilliwatts).map(Int64.init),
          (one.reception?.snrCentidecibels).map(Int64.init),
          (one.reception?.frequencyErrorHertz).map(Int64.init),
        ]
      }
      draws = period.draws.map {
        [$0.node, Int($0.number), $0.powerStep, Int($0.spreadingFactor), $0.wasSent ? 1 : 0]
      }
      self.found = found.map { Finding(weightPermille: $0.weightPermille, checks: $0.checks) }
    }
  }

  private func leave(_ written: Written, as name: String) throws {
    guard let folder = ProcessInfo.processInfo.environment["CAIRN_PERIODS"] else { return }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try JSONEncoder().encode(written)
      .write(to: URL(fileURLWithPath: folder).appendingPathComponent(name + ".json"))
  }

  /// Each of them has something to do for a statistic of places, which asks for twenty nodes.
  @Test(arguments: [
    (Attack.middleman, "receptions are its own"), (.cluster, "its ways are not another's"),
    (.rebroadcaster, "heard by independent nodes near the place"),
    (.amplifierAlways, "sends as loudly as it says"),
    (.liar, "who hears it is nearer than who does not"),
  ])
  func anAttackFailsItsStatisticAndHonestNodesHardlyAny(_ attack: Attack, _ name: String) throws {
    let nodes = 50
    let world = HonestWorld(
      seed: 7, model: .plain, size: .init(nodes: nodes, windows: 40, sideMetres: 16_000))
    var engagement = Engagement(world, seed: 70)
    try engagement.perform(attack)
    let (period, found) = (engagement.period, CoverageStatistics.judge(engagement.period))
    func failing(_ nodes: Range<Int>) -> Int {
      nodes.count { node in
        found[node].checks.contains { $0.name == name && $0.outcome == .failed }
      }
    }
    #expect(failing(nodes..<found.count) * 2 >= Engagement.size, "\(attack)")
    #expect(failing(0..<nodes) == 0)
    #expect(found.prefix(nodes).count { $0.weightPermille < 1_000 } <= 3)
    let placed = found.count { statistics in
      statistics.checks.contains {
        $0.name == "no other place fits better" && $0.outcome != .notMade
      }
    }
    #expect(placed >= 40)
    try leave(Written(period, found), as: attack.rawValue)
  }
}
