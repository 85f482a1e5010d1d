import CoverageStatistics
import CoverageVerifier

/// A fleet of honest nodes over a period, and what the verifier makes of it: made once for a seed, and then met by each
/// attack in turn.
struct HonestWorld {
  /// What a fleet is made of.
  struct Size: Sendable {
    var nodes = 200
    var windows = 48
    var sideMetres = 32_000.0
  }

  let size: Size
  var fleet: Fleet
  private(set) var transmissions: [Transmission] = []
  private(set) var outcomes: [Outcome] = []
  private(set) var observations: [CoveragePeriod.Observation] = []
  private(set) var draws: [CoveragePeriod.Draw] = []
  /// Beacons that the verifier refused.
  private(set) var refusedBeacons = 0

  init(seed: UInt64, model: ChannelModel, size: Size) {
    self.size = size
    fleet = Fleet(
      seed: seed, model: model, size: size.nodes, windows: size.windows,
      sideMetres: size.sideMetres)
    for window in fleet.course.windows.indices {
      for sender in fleet.nodes.indices { send(sender, window) }
    }
    for transmission in transmissions {
      let trial = fleet.trial(transmission)
      let judged = trial.judge(fleet)
      if judged.outcomes.isEmpty, judged.observations.isEmpty, !trial.silent.isEmpty {
        refusedBeacons += 1
      }
      outcomes += judged.outcomes
      observations += judged.observations
    }
  }

  /// One window in twenty is missed, for reasons that have nothing to do with the draw.
  private mutating func send(_ sender: Int, _ window: Int) {
    guard let transmission = fleet.transmission(sender, window) else { return }
    let isSent = fleet.listening[window][sender] != nil && !fleet.random.chance(0.02)
    draws.append(fleet.draw(transmission, wasSent: isSent))
    guard isSent else { return }
    fleet.send(transmission)
    transmissions.append(transmission)
  }

  var period: CoveragePeriod { fleet.period(observations, draws) }
}

extension Fleet {
  func draw(_ transmission: Transmission, wasSent: Bool) -> CoveragePeriod.Draw {
    CoveragePeriod.Draw(
      node: transmission.sender, number: FleetCourse.firstNumber + UInt32(transmission.window),
      powerStep: transmission.powerStep, spreadingFactor: transmission.factor, wasSent: wasSent)
  }

  func period(_ observations: [CoveragePeriod.Observation], _ draws: [CoveragePeriod.Draw])
    -> CoveragePeriod
  {
    CoveragePeriod(
      nodes: nodes.map { node in
        CoveragePeriod.Node(
          owner: node.evidence.owner, place: node.evidence.place, gainCentidecibels: 165)
      }, observations: observations, draws: draws)
  }
}
