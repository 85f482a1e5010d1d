import CoverageStatistics

/// All attacks over many seeds.
public struct AttackRun: Sendable {
  public struct Options: Sendable {
    public var seeds: Range<UInt64>
    public var model: ChannelModel
    public var attacks: [Attack]
    public var nodes: Int
    public var windows: Int

    public init(
      seeds: Range<UInt64>, model: ChannelModel = .hilly, attacks: [Attack] = Attack.allCases,
      nodes: Int = 200, windows: Int = 48
    ) {
      self.seeds = seeds
      self.model = model
      self.attacks = attacks
      self.nodes = nodes
      self.windows = windows
    }
  }

  public let options: Options
  /// Nobody but honest nodes, then the attacks in their order.
  public private(set) var tallies: [AttackTally]
  /// Of its seeds, each by itself.
  public private(set) var honest = HonestRates()

  public init(_ options: Options) {
    self.options = options
    tallies = [AttackTally("nobody")] + options.attacks.map { AttackTally($0.rawValue) }
  }

  /// Of another run with the same attacks: seeds are independent, and sums don't ask for their order.
  public mutating func add(_ other: AttackRun) {
    for index in tallies.indices where other.tallies.indices.contains(index) {
      tallies[index].add(other.tallies[index])
    }
    honest.add(other.honest)
  }

  /// One seed. The area grows with the number of nodes: one for 5 km².
  public mutating func run(seed: UInt64) throws {
    var own = AttackRun(options)
    try own.meet(seed)
    own.honest = HonestRates(own.tallies)
    add(own)
  }

  private mutating func meet(_ seed: UInt64) throws {
    let side = (Double(options.nodes) * 5_120_000).squareRoot()
    let world = HonestWorld(
      seed: seed, model: options.model,
      size: .init(nodes: options.nodes, windows: options.windows, sideMetres: side))
    let base = CoverageStatistics.judge(world.period)
    tallies[0].seeds += 1
    tallies[0].add(world.outcomes, base, honest: options.nodes, hasStatistics: false)
    for (index, attack) in options.attacks.enumerated() {
      tallies[index + 1].seeds += 1
      if attack == .backdatingGateway {
        try backdate(seed, index + 1)
        continue
      }
      var engagement = Engagement(world, seed: seed &* 64 &+ UInt64(index))
      try engagement.perform(attack)
      // Where nothing counts the statistics are those of before.
      let hasStatistics = engagement.observations.contains { $0.reception != nil }
      let statistics =
        hasStatistics
        ? CoverageStatistics.judge(engagement.period)
        : base
          + Array(
            repeating: NodeStatistics(checks: []), count: engagement.fleet.nodes.count - base.count)
      tallies[index + 1].add(
        engagement.outcomes, statistics, honest: options.nodes, hasStatistics: hasStatistics)
    }
  }

  /// Documents put into the gateway's log behind a head that somebody holds. The baseline has no log.
  private mutating func backdate(_ seed: UInt64, _ index: Int) throws {
    var random = FleetRandom(seed: seed)
    for attempt in 0..<UInt64(Engagement.size) {
      let size = 40 + Int(random.within(0...60))
      let place = Int(random.within(1...20))
      let held = place + 1 + Int(random.within(0...15))
      tallies[index].claims += 1
      tallies[index].missedByBaseline += 1
      if try SignedHistories.isSeen(
        seed: seed &* 8 &+ attempt, size: size, place: place, heldSize: held)
      {
        tallies[index].refused += 1
      } else {
        tallies[index].missed += 1
      }
    }
  }
}

extension Engagement {
  mutating func perform(_ attack: Attack) throws {
    switch attack {
    case .liar: liar(3_000...15_000)
    case .nearLiar: liar(900...1_100)
    case .inventorBefore: inventor(isRight: false)
    case .inventorAfter: inventor(isRight: true)
    case .inventorTold: ring(knowsPower: false)
    case .inventorRing: ring(knowsPower: true)
    case .relay: relay(3_000...12_000, isShifted: false, sends: true)
    case .shiftedRelay: relay(3_000...12_000, isShifted: true, sends: true)
    case .middleman: middleman()
    case .rebroadcaster: rebroadcaster()
    case .cluster: cluster()
    case .grinder: grinder()
    case .aborter: aborter()
    case .replay: replay()
    case .clone: clone(try SignedHistories.standingOfCopies(seed: fleet.seed))
    case .epochJumper: epochJumper()
    case .clock: clock()
    case .amplifier: amplifier { _ in 20 }
    case .amplifierAlways: amplifier { Double($0.power) / 100 + 6 }
    case .amplifierDeaf: amplifier(hears: false) { Double($0.power) / 100 + 6 }
    case .amplifierEven: amplifier(saysMore: 600) { Double($0.power) / 100 + 6 }
    case .flood: flood()
    case .backdatingGateway: break
    }
  }
}
