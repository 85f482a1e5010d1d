import CoverageVerifier
import LoRa

/// From one node to another: who sent, who listened, and what of it was heard.
struct Link {
  let sender: Int
  let witness: Int
  /// In `Links.observations`, in the order of numbers.
  let range: Range<Int>
  let heardCount: Int
  /// Power and gains less S: the middle one. Nil without three receptions, and where by it many more would have been
  /// heard (`Links.isTooRare`).
  let lossCentidecibels: Int32?
  /// By the enrolled places.
  let metres: Int64?
}

/// The observations of a period, ordered by link.
struct Links {
  let nodes: [CoveragePeriod.Node]
  let observations: [CoveragePeriod.Observation]
  private(set) var links: [Link] = []
  private(set) var bySender: [[Int]]
  private(set) var byWitness: [[Int]]
  /// Of each node's receiver: the middle of S - SNR, where that is what a receiver may have.
  private(set) var noises: [Int32] = []
  /// Beacons of each node that anybody listened to, each once.
  private(set) var sent: [[(power: Int32, factor: UInt8)]] = []
  private var places: [Int: Int] = [:]

  /// Thermal noise in 125 kHz and a receiver's 6 dB: where a node's own is not known.
  static let usualNoise: Int32 = -11_700
  /// Frames with a better SNR say little of the noise: radios stop counting near 10 dB.
  private static let largestSNR: Int32 = 500

  init(_ period: CoveragePeriod) {
    nodes = period.nodes
    let count = nodes.count
    bySender = Array(repeating: [], count: count)
    byWitness = Array(repeating: [], count: count)
    observations = Self.ordered(period, count)
    noises = Self.noises(observations, count)
    collect(count)
    sent = bySender.map { own in
      var seen: [UInt32: (power: Int32, factor: UInt8)] = [:]
      for index in own {
        for observation in observations[links[index].range] {
          seen[observation.number] = (
            observation.powerCentidecibelMilliwatts, observation.spreadingFactor
          )
        }
      }
      return Array(seen.values)
    }
  }

  func link(from sender: Int, to witness: Int) -> Link? {
    place(from: sender, to: witness).map { links[$0] }
  }

  /// In `links`.
  func place(from sender: Int, to witness: Int) -> Int? { places[sender * nodes.count + witness] }

  /// By link, then by number: counted into place.
  private static func ordered(_ period: CoveragePeriod, _ count: Int) -> [CoveragePeriod
    .Observation]
  {
    let nodes = 0..<Int32(clamping: count)
    let sound = period.observations.filter {
      nodes.contains($0.sender) && nodes.contains($0.witness) && $0.sender != $0.witness
    }
    guard !sound.isEmpty else { return [] }
    var starts = Array(repeating: 0, count: count * count + 1)
    func place(_ observation: CoveragePeriod.Observation) -> Int {
      Int(observation.sender) * count + Int(observation.witness)
    }
    for observation in sound { starts[place(observation) + 1] += 1 }
    for index in 1..<starts.count { starts[index] += starts[index - 1] }
    var ordered = Array(repeating: sound[0], count: sound.count)
    for observation in sound {
      let index = place(observation)
      // Counted in from the front; the last one's start is the next one's end.
      ordered[starts[index]] = observation
      starts[index] += 1
    }
    var begin = 0
    for end in starts.dropLast() where end > begin {
      ordered[begin..<end].sort { $0.number < $1.number }
      begin = end
    }
    return ordered
  }

  private static func noises(_ observations: [CoveragePeriod.Observation], _ count: Int) -> [Int32]
  {
    var values: [[Int32]] = Array(repeating: [], count: count)
    for observation in observations {
      guard let reception = observation.reception, let snr = reception.snrCentidecibels,
        snr < largestSNR, let signal = reception.signalCentidecibelMilliwatts
      else { continue }
      values[Int(observation.witness)].append(signal - snr)
    }
    return values.map { Ranks.median($0) ?? usualNoise }
  }

  private mutating func collect(_ count: Int) {
    var begin = 0
    while begin < observations.count {
      let (sender, witness) = (Int(observations[begin].sender), Int(observations[begin].witness))
      var end = begin
      var losses: [Int32] = []
      var heard = 0
      while end < observations.count, Int(observations[end].sender) == sender,
        Int(observations[end].witness) == witness
      {
        if let reception = observations[end].reception {
          heard += 1
          if let signal = reception.signalCentidecibelMilliwatts {
            losses.append(observations[end].powerCentidecibelMilliwatts - signal)
          }
        }
        end += 1
      }
      let gain = nodes[sender].gainCentidecibels + nodes[witness].gainCentidecibels
      var loss: Int32?
      if losses.count >= 3, let middle = Ranks.median(losses), !isTooRare(middle, begin..<end) {
        loss = middle + gain
      }
      var metres: Int64?
      if let from = nodes[sender].place, let to = nodes[witness].place {
        metres = Geometry.distanceMetres(from, to)
      }
      let index = links.count
      links.append(
        Link(
          sender: sender, witness: witness, range: begin..<end, heardCount: heard,
          lossCentidecibels: loss, metres: metres))
      bySender[sender].append(index)
      byWitness[witness].append(index)
      places[sender * count + witness] = index
      begin = end
    }
  }

  /// Above the least S: so much that fading takes little of it.
  static let margin: Int32 = 1_000
  /// Half of such frames may be lost to collisions and a radio's own sending.
  static let lostPermille = 500
  /// Of a link: the chance that so few were heard.
  static let leastChance = 0.001

  /// A few loud frames among many that are not heard say nothing of the way: somebody else repeats some of the
  /// sender's, or makes them up. Who sends so itself loses three words of four.
  private func isTooRare(_ loss: Int32, _ range: Range<Int>) -> Bool {
    var (count, heard) = (0, 0)
    for observation in observations[range]
    where observation.powerCentidecibelMilliwatts - loss >= least(observation) + Self.margin {
      count += 1
      heard += observation.reception == nil ? 0 : 1
    }
    return Ranks.chance(ofAtLeast: count - heard, of: count, permille: Self.lostPermille)
      <= Self.leastChance
  }

  /// The least S with which the witness can take such a frame.
  func least(_ observation: CoveragePeriod.Observation) -> Int32 {
    least(Int(observation.witness), factor: observation.spreadingFactor)
  }

  func least(_ witness: Int, factor: UInt8) -> Int32 {
    noises[witness] + SignalPower.lowestSNRCentidecibels(spreadingFactor: factor)
  }

  func areOfOneOwner(_ first: Int, _ second: Int) -> Bool {
    nodes[first].owner != nil && nodes[first].owner == nodes[second].owner
  }
}
