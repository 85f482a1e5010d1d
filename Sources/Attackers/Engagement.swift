import Air
import Coverage
import CoverageStatistics
import CoverageVerifier
import Foundation
import LoRa

/// An honest world that an attack has come into. The attackers' nodes stand behind the honest ones; what they send does
/// not drown honest beacons.
struct Engagement {
  let world: HonestWorld
  var fleet: Fleet
  private(set) var outcomes: [Outcome] = []
  private(set) var observations: [CoveragePeriod.Observation] = []
  var draws: [CoveragePeriod.Draw] = []
  private var radios: Int

  /// Keys of an attack.
  static let size = 6

  init(_ world: HonestWorld, seed: UInt64) {
    self.world = world
    fleet = world.fleet
    fleet.random = FleetRandom(seed: seed)
    radios = fleet.nodes.count
  }

  var windows: Range<Int> { fleet.course.windows.indices }

  /// Somewhere in the area.
  mutating func anywhere() -> Point {
    let side = world.size.sideMetres / 2
    return Point(east: fleet.random.within(-side...side), north: fleet.random.within(-side...side))
  }

  mutating func near(_ place: Point, _ metres: ClosedRange<Double>) -> Point {
    let (away, angle) = (fleet.random.within(metres), fleet.random.within(0...(2 * Double.pi)))
    return Point(east: place.east + away * cos(angle), north: place.north + away * sin(angle))
  }

  /// A new key, on a radio of its own or on another's.
  mutating func join(
    _ name: String, at truth: Point, claim: Point? = nil, onRadioOf board: Int? = nil
  )
    -> Int
  {
    let course = fleet.course
    var node = FleetNode.make(
      "\(fleet.seed) \(name) \(fleet.nodes.count)", radio: radios, at: truth, fleet.model, course,
      &fleet.random)
    if let board {
      let other = fleet.nodes[board]
      node.radio = other.radio
      (node.bias, node.noise, node.rssiOffset) = (other.bias, other.noise, other.rssiOffset)
      node.oscillator = other.oscillator
    } else {
      radios += 1
    }
    if let claim { node.say(claim) }
    return fleet.add(node)
  }

  mutating func settle(_ trial: Trial) {
    let judged = trial.judge(fleet)
    outcomes += judged.outcomes
    observations += judged.observations
  }

  /// What nodes send over the whole period, as their chains say: on the air first, then heard by everybody.
  mutating func send(
    _ senders: [Int], isFalse: Bool, output: ((Transmission) -> Double)? = nil,
    unless skips: (Transmission) -> Bool = { _ in false },
    and change: (inout Trial, inout Engagement) -> Void = { _, _ in }
  ) {
    var sent: [Transmission] = []
    for sender in senders {
      for window in windows {
        guard var transmission = fleet.transmission(sender, window) else { continue }
        let isSent = !skips(transmission)
        draws.append(fleet.draw(transmission, wasSent: isSent))
        guard isSent else { continue }
        if let output { transmission.output = output(transmission) }
        fleet.send(transmission)
        sent.append(transmission)
      }
    }
    for transmission in sent {
      var trial = fleet.trial(transmission, isFalse: isFalse)
      change(&trial, &self)
      settle(trial)
    }
  }

  /// What nodes make of honest beacons. `tell` turns what one really heard, or nil, into what it says.
  mutating func hear(
    _ listeners: [Int], isFalse: Bool,
    tell: (Heard?, Transmission, Int, inout Engagement) -> Heard? = { heard, _, _, _ in heard },
    and change: (inout Trial.Claim, Transmission, inout Engagement) -> Void = { _, _, _ in }
  ) {
    for transmission in world.transmissions {
      var trial = Trial(
        sender: transmission.sender, transmission: transmission,
        evidence: fleet.evidence(transmission))
      trial.baseline.powerDBM = Double(transmission.power) / 100
      trial.baseline.frequency = Double(transmission.frequency)
      for listener in listeners {
        let really = fleet.hear(transmission, at: listener)
        if let told = tell(really, transmission, listener, &self),
          var claim = fleet.claim(told, of: transmission, isFalse: isFalse)
        {
          change(&claim, transmission, &self)
          trial.claims.append(claim)
        } else if fleet.listens(listener, to: transmission),
          fleet.nodes[listener].claim.metres(to: fleet.nodes[transmission.sender].claim)
            < Fleet.reach
        {
          trial.silent.append(listener)
        }
      }
      if !trial.claims.isEmpty || !trial.silent.isEmpty { settle(trial) }
    }
  }

  /// The verifier's own measure of a way: the line that its statistics publish, and a shadow that this pair keeps.
  func fitted(_ from: Point, _ to: Point, pair: (Int, Int), spread: Double) -> Double {
    let metres = max(100, from.metres(to: to))
    var draw = SeededDraw(
      seed: fleet.seed ^ 0xfa11, UInt64(min(pair.0, pair.1)), UInt64(max(pair.0, pair.1)))
    let shadow = draw.normal()
    return 120 + 34 * log10(metres / 1_000) + spread * shadow
  }

  /// Figures of a reception that never was: as the verifier's formulas expect them. Nil: too weak to be believed.
  mutating func invented(
    _ transmission: Transmission, at witness: Int, power: Double, noise spread: Double
  ) -> Heard? {
    let (from, to) = (fleet.nodes[transmission.sender], fleet.nodes[witness])
    // As the place has it, or a lucky way that is believed in most windows.
    let pair = (transmission.sender, witness)
    var draw = SeededDraw(seed: fleet.seed ^ 0x10c, UInt64(pair.0), UInt64(pair.1))
    let lucky = 128 + 3 * draw.normal()
    let loss = min(lucky, fitted(from.claim, to.claim, pair: pair, spread: 6))
    let signal = power + 2 * FleetNode.gain - loss + fleet.random.normal(spread)
    let least =
      Double(
        SignalPower.lowestSNRCentidecibels(spreadingFactor: transmission.factor)) / 100
    guard signal + 117 >= least else { return nil }
    return fleet.figures(transmission, at: witness, signal: signal, noise: -117)
  }

  /// All of the period, honest and not.
  var period: CoveragePeriod {
    fleet.period(world.observations + observations, world.draws + draws)
  }
}
