import Air
import Coverage
import CoverageStatistics
import CoverageVerifier
import Foundation
import LoRa
import Proofs
import Records

/// A beacon on the air.
struct Transmission: Sendable {
  var sender: Int
  var window: Int
  var slot: Int
  /// Of its first symbol, true time.
  var startUTC: Int64
  var frequency: UInt32
  var factor: UInt8
  var airtime: UInt32
  var powerStep: Int
  /// As drawn, hundredths of dBm.
  var power: Int32
  /// At the antenna's cable, truly; dBm.
  var output: Double
  var frame: BeaconFrame

  var endUTC: Int64 { startUTC + Int64(airtime) / 1_000 }
}

/// What a radio said of a frame.
struct Heard: Sendable {
  var witness: Int
  var endUTC: Int64
  var rssi: Int32
  var snr: Int32
  var frequencyError: Int32

  /// As the verifier has it.
  var signal: Int32 { SignalPower.centidecibelMilliwatts(rssi: rssi, snrCentidecibels: snr) }
}

/// Nodes in an area, and what is on the air between them.
struct Fleet: Sendable {
  let seed: UInt64
  let model: ChannelModel
  let propagation: Propagation
  let course: FleetCourse
  var nodes: [FleetNode] = []
  /// By window and slot.
  private(set) var air: [[Int: [Transmission]]]
  /// By window, of each node: it listened, and its noise was higher by so much.
  private(set) var listening: [[Double?]]
  var random: FleetRandom
  /// What the channel model says, by radios; computed when it is first asked for.
  private var losses: [Double]

  /// Radios of a fleet at most: 8 bytes for each pair of them are 2 MB.
  static let radioLimit = 512

  /// Beyond this nobody hears, and what isn't heard says nothing.
  static let reach = 15_000.0

  init(seed: UInt64, model: ChannelModel, size: Int, windows: Int, sideMetres: Double) {
    self.seed = seed
    self.model = model
    propagation = model.propagation
    course = FleetCourse(seed: seed, count: windows)
    random = FleetRandom(seed: seed &* 0x9e37_79b9 &+ 17)
    air = Array(repeating: [:], count: windows)
    listening = Array(repeating: [], count: windows)
    losses = Array(repeating: .nan, count: Self.radioLimit * Self.radioLimit)
    for index in 0..<size {
      let place = Point(
        east: random.within(-sideMetres / 2...sideMetres / 2),
        north: random.within(-sideMetres / 2...sideMetres / 2))
      add(.make("\(seed) honest \(index)", radio: index, at: place, model, course, &random))
    }
  }

  @discardableResult mutating func add(_ node: FleetNode) -> Int {
    nodes.append(node)
    for window in course.windows.indices {
      // Off for a while, now and then.
      let isOn = !random.chance(0.04)
      listening[window].append(isOn ? model.interference(&random) : nil)
    }
    return nodes.count - 1
  }

  /// What a node sends in a window, if it does as its chain says.
  func transmission(_ sender: Int, _ window: Int, output: Double? = nil) -> Transmission? {
    let node = nodes[sender]
    let own = course.windows[window]
    let draw = course.draw(node, window)
    let place = own.rendezvous.place(slot: draw.slot)
    guard let radio = node.evidence.radio,
      let power = Transmitter(radio).output(
        step: draw.powerStep, frequencyHertz: place.frequencyHertz, plan: course.plan,
        policy: course.policy),
      let airtime = Rendezvous.timeOnAirMicroseconds(spreadingFactor: place.spreadingFactor)
    else { return nil }
    return Transmission(
      sender: sender, window: window, slot: draw.slot,
      startUTC: own.order.window.transmissionUTCMilliseconds(draw.slot) - node.clockError,
      frequency: place.frequencyHertz, factor: place.spreadingFactor, airtime: airtime,
      powerStep: draw.powerStep, power: power, output: output ?? Double(power) / 100,
      frame: draw.frame)
  }

  mutating func send(_ transmission: Transmission) {
    air[transmission.window][transmission.slot, default: []].append(transmission)
  }

  /// Whether a node's radio was there: on, and not sending itself.
  func listens(_ node: Int, to transmission: Transmission) -> Bool {
    guard listening[transmission.window][node] != nil,
      nodes[node].radio != nodes[transmission.sender].radio
    else { return false }
    return !(air[transmission.window][transmission.slot] ?? []).contains {
      nodes[$0.sender].radio == nodes[node].radio
    }
  }

  /// On the way between two nodes' radios; dB.
  mutating func loss(_ from: Int, _ to: Int) -> Double {
    let place = nodes[from].radio * Self.radioLimit + nodes[to].radio
    if losses[place].isNaN {
      losses[place] = model.loss(
        seed, (nodes[from].radio, nodes[from].truth), (nodes[to].radio, nodes[to].truth))
    }
    return losses[place]
  }

  /// dBm at a node's radio, before fading.
  mutating func power(_ transmission: Transmission, at node: Int) -> Double {
    let loss = loss(transmission.sender, node)
    return transmission.output + 2 * FleetNode.gain - nodes[transmission.sender].bias
      - nodes[node].bias - loss
  }

  /// What a node's radio says of a frame; nil when it doesn't hear it.
  mutating func hear(_ transmission: Transmission, at node: Int) -> Heard? {
    guard listens(node, to: transmission), let rise = listening[transmission.window][node],
      nodes[transmission.sender].truth.metres(to: nodes[node].truth) < Self.reach
    else { return nil }
    let receiver = nodes[node]
    let course = model.course(hour: Double(transmission.window) / 4)
    let signal = power(transmission, at: node) + course + fading()
    let noise = receiver.noise + rise
    let chance = Propagation.chanceOfFinding(
      signalDecibelMilliwatts: signal, noiseDecibelMilliwatts: noise,
      spreadingFactor: transmission.factor)
    guard random.chance(chance) else { return nil }
    for other in air[transmission.window][transmission.slot] ?? []
    where other.sender != transmission.sender {
      let strength = power(other, at: node) + course + fading()
      if signal < strength + Propagation.captureDecibels { return nil }
    }
    return figures(transmission, at: node, signal: signal, noise: noise)
  }

  private mutating func fading() -> Double {
    propagation.fadingDecibels(random.normal(1), random.normal(1))
  }

  /// As an SX126x tells them; frequency in hertz.
  mutating func figures(
    _ transmission: Transmission, at node: Int, signal: Double, noise: Double
  ) -> Heard {
    let receiver = nodes[node]
    let channel = 10 * log10(pow(10, signal / 10) + pow(10, noise / 10)) + receiver.rssiOffset
    let time = Int64(transmission.window) * 900_000_000
    let parts =
      nodes[transmission.sender].oscillator.errorPPM(atMicroseconds: time)
      - receiver.oscillator.errorPPM(atMicroseconds: time)
    let error = parts * Double(transmission.frequency) / 1_000_000 + random.normal(40)
    let figures = AirFigureStyle.sx126x
    return Heard(
      witness: node, endUTC: transmission.endUTC, rssi: figures.rssi(channel),
      snr: figures.snr(signal - noise + random.normal(0.3)) ?? 0,
      frequencyError: Int32(error.rounded()))
  }
}
