import Air
import Simulation

/// Frames on a run's air until they are over, and the beacons that the gateway has been asked about.
struct RunCoverage {
  /// Told of a frame when it has been over for so long: each module has had its turn by then.
  static let settledMilliseconds: Int64 = 50

  private var frames: [DemoAirFrame] = []
  /// Over since a moment ago.
  private var recent: [DemoAirFrame] = []
  /// What has been shown of each beacon.
  private(set) var shownOutcomes: [String: String] = [:]

  mutating func take(_ begun: ModuleAir.Begun, among boards: [RunBoard]) {
    guard let sender = boards.first(where: { $0.station == begun.transmission.sender }) else {
      return
    }
    frames.append(
      DemoAirFrame(
        number: begun.number, sender: sender.node.name, transmission: begun.transmission,
        receivers: boards.filter { $0 !== sender }.map {
          (
            name: $0.node.name,
            distanceMetres: Int64(sender.node.place.distanceMetres(to: $0.node.place).rounded())
          )
        }))
  }

  mutating func take(_ told: ModuleAir.Told, among boards: [RunBoard]) {
    let (number, receiver) =
      switch told.event {
      case .heard(let reception): (reception.transmissionNumber, reception.receiver)
      case .missed(let miss): (miss.transmissionNumber, miss.receiver)
      }
    guard let index = frames.firstIndex(where: { $0.number == number }),
      let board = boards.first(where: { $0.station == receiver })
    else { return }
    frames[index].take(told, at: board.node.name)
  }

  /// Frames that are over.
  mutating func settled(now: Int64) -> [DemoAirFrame] {
    let bound = (now - Self.settledMilliseconds) * 1_000
    var over = frames.filter { $0.transmission.endMicroseconds <= bound }
    // The longest frame of a region may have begun before, and go on.
    recent = (recent + over).filter { $0.transmission.endMicroseconds > bound - 3_000_000 }
    for index in over.indices {
      for other in recent + frames { over[index].take(sending: other) }
    }
    frames.removeAll { $0.transmission.endMicroseconds <= bound }
    return over
  }

  /// False when this was shown before.
  mutating func isNews(_ verdict: DemoVerdict) -> Bool {
    guard shownOutcomes[verdict.id] != verdict.outcome else { return false }
    shownOutcomes[verdict.id] = verdict.outcome
    return true
  }
}
