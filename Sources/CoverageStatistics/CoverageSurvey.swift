import Coverage
import CoverageVerifier
import Identity
import Proofs

/// Gathers a period of one region from judged beacons, one after the other and in any order, and then judges its nodes
/// (docs/coverage-protocol.md, "Periods"). What is gathered depends on the set of beacons alone.
///
/// Invariants: a node has one place in `nodes`; observations and draws name places in it, observations those of nodes
/// at work; nothing is kept of a period that has become too large.
public struct CoverageSurvey: Sendable {
  /// What of a period is looked at, at most.
  public struct Limits: Sendable {
    /// Tables of 8 bytes for each pair of nodes, three of them: 24 MiB.
    public var nodes = 1_024
    /// Sound ones of one window: a node may have had several keys.
    public var beacons = 2_048
    /// Some 60 bytes each, and as much again twice while they are put in order: 180 MB.
    public var observations = 1_000_000

    public init() {}
  }

  /// Who listened and heard nothing says something only where it may have heard: the attacks were measured so.
  public static let expectedMetres: Int64 = 15_000

  /// What of a node decides about its links.
  private struct Standing: Equatable {
    let place: Place?
    let gain: Int32

    init(_ place: Place?, _ radio: RadioSetup?) {
      self.place = place
      gain = radio.map { Int32($0.antennaGainHundredthsDBi) - Int32($0.cableLossHundredthsDB) } ?? 0
    }
  }

  private struct Node {
    let id: String
    let owner: Digest?
    let standing: Standing
    var keys: Set<String> = []
    var judged = 0
    var sound = 0
    /// It has sent a sound beacon, or its word on one counts: only such a node is judged, and takes room.
    var isAtWork = false
  }

  public let period: CoveragePeriodName
  public let limits: Limits
  private var nodes: [Node] = []
  private var workCount = 0
  private var places: [String: Int] = [:]
  private var observations: [CoveragePeriod.Observation] = []
  private var draws: [CoveragePeriod.Draw] = []
  /// Beacons of which a leaf speaks, and by key, under number 0, the nodes that have any.
  private var named: Set<BeaconName> = []
  private var senders: [BeaconName: Int] = [:]
  /// Sound ones.
  private var beaconCounts: [UInt32: Int] = [:]
  public private(set) var isTooLarge = false

  public init(_ period: CoveragePeriodName, limits: Limits = Limits()) {
    self.period = period
    self.limits = limits
  }

  /// Beacons of a window of which no leaf speaks, of those nodes at work of whom one does in another window: by key. To
  /// be asked when all beacons have been added.
  public func silentNames(_ number: UInt32) -> [BeaconName] {
    guard !isTooLarge else { return [] }
    return senders.filter { nodes[$0.value].isAtWork }
      .map { BeaconName(keyHash: $0.key.keyHash, number: number) }
      .filter { !named.contains($0) }.sorted(by: BeaconName.precedes)
  }

  /// A judged beacon of this period, once. `book` holds what the evidence was taken from.
  public mutating func add(
    _ verdict: BeaconVerdict, of name: BeaconName, _ evidence: BeaconEvidence,
    in book: CoverageBook, links: VerifiedLinks
  ) {
    guard let sender = place(of: name.keyHash, verdict.key, book) else { return }
    named.insert(name)
    senders[BeaconName(keyHash: name.keyHash, number: 0)] = sender
    nodes[sender].judged += 1
    addDraw(evidence, of: sender, links: links)
    guard verdict.outcome == .sound else { return }
    nodes[sender].sound += 1
    beaconCounts[name.number, default: 0] += 1
    if beaconCounts[name.number, default: 0] > limits.beacons { forget() }
    guard isAtWork(sender) else { return }
    // Before it moved, or got another antenna, it was at another place.
    guard
      nodes[sender].standing == Standing(evidence.sender.place, evidence.sender.radio)
    else { return }
    let counted = Set(verdict.witnesses.filter(\.counts).map(\.key))
    var admitted = [verdict.key: sender]
    for witness in evidence.witnesses {
      let key = witness.node.key
      guard counted.contains(key), admitted[key] == nil,
        let place = place(of: witness.node.keyHash, key, book), isAtWork(place),
        nodes[place].standing == Standing(witness.node.place, witness.node.radio)
      else { continue }
      admitted[key] = place
    }
    // One of them may have been a node too many: then there is nobody left, the sender neither.
    guard !isTooLarge else { return }
    addSilent(verdict, evidence, sender, book, &admitted)
    guard !isTooLarge else { return }
    var gathered = CoveragePeriod(nodes: [], observations: [], draws: [])
    gathered.add(verdict, of: evidence, places: admitted)
    observations += gathered.observations
    if observations.count > limits.observations { forget() }
  }

  /// Who listened, near enough by what both claim, and was at its place.
  private mutating func addSilent(
    _ verdict: BeaconVerdict, _ evidence: BeaconEvidence, _ sender: Int, _ book: CoverageBook,
    _ admitted: inout [String: Int]
  ) {
    guard !verdict.silentListeners.isEmpty, let order = BeaconOrder(evidence.challenge.challenge),
      let from = nodes[sender].standing.place
    else { return }
    let silent = Set(verdict.silentListeners)
    var seen: Set<BeaconName> = []
    for listener in evidence.listeners {
      let hash = listener.keyHash
      guard seen.insert(BeaconName(keyHash: hash, number: 0)).inserted else { continue }
      let start = order.window.startUTCMilliseconds
      guard let then = book.node(of: hash, atUTCMilliseconds: start), let place = then.place,
        Geometry.distanceMetres(from, place) <= Self.expectedMetres
      else { continue }
      let key = hash.digits
      guard silent.contains(key), admitted[key] == nil,
        let index = self.place(of: hash, key, book), isAtWork(index),
        nodes[index].standing == Standing(place, then.radio)
      else { continue }
      admitted[key] = index
    }
  }

  /// The draw of a window in which no leaf speaks of a beacon of this sender.
  public mutating func addDraw(
    of name: BeaconName, _ evidence: BeaconEvidence, in book: CoverageBook, links: VerifiedLinks
  ) {
    guard !isTooLarge, !named.contains(name),
      let sender = place(of: name.keyHash, name.keyHash.digits, book)
    else { return }
    addDraw(evidence, of: sender, links: links)
  }

  private mutating func addDraw(
    _ evidence: BeaconEvidence, of sender: Int, links: VerifiedLinks
  ) {
    guard let draw = CoverageVerdict.draw(evidence, links: links),
      let number = UInt32(exactly: evidence.challenge.challenge.number)
    else { return }
    draws.append(
      CoveragePeriod.Draw(
        node: sender, number: number, powerStep: draw.powerStep,
        spreadingFactor: draw.spreadingFactor, wasSent: draw.wasSent))
  }

  /// The node behind a key as it is at the period's end; nil when nobody has enrolled it, or the period is too large.
  private mutating func place(of hash: Digest, _ key: String, _ book: CoverageBook) -> Int? {
    guard !isTooLarge,
      let known = book.node(of: hash, atUTCMilliseconds: period.toUTCMilliseconds - 1)
    else { return nil }
    let id = known.node.digits
    if let place = places[id] {
      nodes[place].keys.insert(key)
      return place
    }
    nodes.append(
      Node(
        id: id, owner: known.owner, standing: Standing(known.place, known.radio), keys: [key]))
    places[id] = nodes.count - 1
    return nodes.count - 1
  }

  /// Gives a node room among those that are judged; false: there is none, and the period is too large.
  private mutating func isAtWork(_ place: Int) -> Bool {
    guard !isTooLarge else { return false }
    guard !nodes[place].isAtWork else { return true }
    guard workCount < limits.nodes else {
      forget()
      return false
    }
    nodes[place].isAtWork = true
    workCount += 1
    return true
  }

  /// There is too much of it: nobody is judged.
  private mutating func forget() {
    isTooLarge = true
    (nodes, places, observations, draws) = ([], [:], [], [])
    (named, senders) = ([], [:])
  }

  /// Nodes by their ids. Empty when the period is too large.
  public func judged() -> JudgedPeriod {
    let order = nodes.indices.filter { nodes[$0].isAtWork }
      .sorted { nodes[$0].id < nodes[$1].id }
    var newPlaces = Array(repeating: 0, count: nodes.count)
    for (place, old) in order.enumerated() { newPlaces[old] = place }
    let draws = self.draws.filter { nodes[$0.node].isAtWork }
    var input = CoveragePeriod(
      nodes: order.map {
        CoveragePeriod.Node(
          owner: nodes[$0].owner, place: nodes[$0].standing.place,
          gainCentidecibels: nodes[$0].standing.gain)
      }, observations: observations, draws: draws)
    for index in input.observations.indices {
      input.observations[index].sender = Int32(newPlaces[Int(observations[index].sender)])
      input.observations[index].witness = Int32(newPlaces[Int(observations[index].witness)])
    }
    for index in input.draws.indices { input.draws[index].node = newPlaces[draws[index].node] }
    let found = CoverageStatistics.judge(input)
    var counts = Array(repeating: NodeStanding.Counts(), count: order.count)
    for (place, old) in order.enumerated() {
      counts[place].beacons = nodes[old].judged
      counts[place].sound = nodes[old].sound
    }
    for observation in input.observations where observation.sender != observation.witness {
      counts[Int(observation.sender)].add(sent: observation)
      counts[Int(observation.witness)].add(received: observation)
    }
    for draw in input.draws {
      counts[draw.node].windows += 1
      counts[draw.node].skipped += draw.wasSent ? 0 : 1
    }
    let ids = order.map { nodes[$0].id }
    return JudgedPeriod(
      period: period, isTooLarge: isTooLarge, input: input,
      nodes: order.enumerated().map { place, old in
        NodeStanding(
          period, nodes[old].id, keys: nodes[old].keys.sorted(), input.nodes[place],
          counts[place], found[place], ids)
      })
  }
}

extension Digest {
  /// Lower-case hexadecimal, as verdicts name keys and nodes.
  var digits: String {
    var text: [UInt8] = []
    text.reserveCapacity(64)
    for index in 0..<32 {
      for half in [self[index] >> 4, self[index] & 15] {
        text.append(half < 10 ? 48 + half : 87 + half)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
