import CBOR
import FixedMemory
import Identity
import Proofs
import Records

/// A node's beacon of one challenge.
public struct BeaconName: Hashable, Sendable {
  public let keyHash: Digest
  public let number: UInt32

  public init(keyHash: Digest, number: UInt32) {
    self.keyHash = keyHash
    self.number = number
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(number)
    hasher.combine(keyHash.span.loadLittleEndian(UInt64.self, at: 0))
  }

  /// By number, then by key.
  public static func precedes(_ left: BeaconName, _ right: BeaconName) -> Bool {
    guard left.number == right.number else { return left.number < right.number }
    return left.keyHash.precedes(right.keyHash)
  }

  /// "key.number", as it stands in the address of a verdict.
  public var text: String { "\(keyHash.hexadecimal).\(number)" }

  /// Nil for anything else than what `text` gives.
  public init?(_ text: String) {
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].count == 64, let number = UInt32(Substring(parts[1])) else {
      return nil
    }
    var hash = Digest()
    for (index, digit) in parts[0].enumerated() {
      guard let value = Character(UnicodeScalar(digit)).hexDigitValue else { return nil }
      hash[index / 2] = hash[index / 2] << 4 | UInt8(value)
    }
    self.init(keyHash: hash, number: number)
    guard self.text == text else { return nil }
  }
}

/// What archived bytes tell about beacons, each leaf once and in any order; enrolments in that of the gateway's log.
/// From it the evidence about one beacon is taken. Whoever fills it has checked signatures, positions and roots.
public struct CoverageBook: Sendable {
  /// The batch in which a leaf stands.
  public struct Source: Sendable {
    public let keyHash: Digest
    public let epoch: UInt64
    public let batch: UInt64
    public let boot: UInt64
    public let isSimulated: Bool
    /// When its receipt was signed; nil: the gateway's log has none.
    public let receiptUTCMilliseconds: Int64?

    public init(
      keyHash: Digest, epoch: UInt64, batch: UInt64, boot: UInt64, isSimulated: Bool,
      receiptUTCMilliseconds: Int64?
    ) {
      self.keyHash = keyHash
      self.epoch = epoch
      self.batch = batch
      self.boot = boot
      self.isSimulated = isSimulated
      self.receiptUTCMilliseconds = receiptUTCMilliseconds
    }
  }

  /// A challenge of the gateway's log.
  public struct LoggedChallenge: Sendable {
    public let challenge: Challenge
    public let hash: Digest
    public let message: [UInt8]
    public let logLeaf: UInt64
  }

  struct Boot: Hashable {
    let epoch: UInt64
    let boot: UInt64

    init(_ source: Source) {
      epoch = source.epoch
      boot = source.boot
    }
  }

  /// A leaf with its batch.
  struct Held<Value: Sendable>: Sendable {
    let source: Source
    let leaf: CoverageLeaf
    let milliseconds: Int64
    let value: Value

    /// By place in the log.
    static func precedes(_ left: Self, _ right: Self) -> Bool {
      (left.source.epoch, left.leaf.index) < (right.source.epoch, right.leaf.index)
    }
  }

  /// An enrolment of the gateway's log.
  struct Enrolled {
    let enrolment: Enrolment
    let loggedUTCMilliseconds: Int64
  }

  struct Device {
    let keyHash: Digest
    var node: Digest?
    var owner: Digest?
    var revokedUTCMilliseconds: Int64?
    var enrolments: [Enrolled] = []
    /// By epoch: the first batch of which there are two.
    var forks: [UInt64: UInt64] = [:]
    var gaps = ToldGaps()
    /// By time, then by place.
    var clocks: [Boot: [Timed<ClockFix>]] = [:]
    var positions: [Boot: [Timed<Leaf.Position>]] = [:]
    /// By the first eight bytes of the hash.
    var challenges: [UInt64: [Held<Digest>]] = [:]
    var intents: [UInt32: [Held<BeaconIntent>]] = [:]
    /// By place in the log.
    var sents: [Held<SentBeacon>] = []
    /// By number, then by place.
    var reveals: [Held<BeaconReveal>] = []
  }

  /// What a boot's time is counted from, or placed by.
  struct Timed<Value: Sendable>: Sendable {
    let milliseconds: Int64
    let leaf: UInt64
    let value: Value

    static func precedes(_ left: Self, _ right: Self) -> Bool {
      (left.milliseconds, left.leaf) < (right.milliseconds, right.leaf)
    }
  }

  private(set) var devices: [Device] = []
  private var places: [BeaconName: Int] = [:]
  /// Devices by their node's id, under number 0.
  private var nodes: [BeaconName: [Int]] = [:]
  private(set) var challenges: [UInt32: [LoggedChallenge]] = [:]
  private(set) var witnesses: [UInt64: [(device: Int, held: Held<BeaconWitness>)]] = [:]
  private(set) var listeners: [UInt32: [(device: Int, held: Held<ListenRecord>)]] = [:]
  private var named: Set<BeaconName> = []

  public init() {}

  /// Every beacon of which a leaf speaks, by number and key.
  public var beacons: [BeaconName] { named.sorted(by: BeaconName.precedes) }

  func device(_ keyHash: Digest) -> Device? {
    places[BeaconName(keyHash: keyHash, number: 0)].map { devices[$0] }
  }

  private mutating func place(_ keyHash: Digest) -> Int {
    let name = BeaconName(keyHash: keyHash, number: 0)
    if let place = places[name] { return place }
    devices.append(Device(keyHash: keyHash))
    places[name] = devices.count - 1
    return devices.count - 1
  }

  /// A challenge whose signature is right.
  public mutating func add(challenge message: [UInt8], logLeaf: UInt64)
    throws(CBORDecoder.Failure)
  {
    let challenge = try Challenge(decoding: message.span)
    guard let number = UInt32(exactly: challenge.number) else { return }
    let hash = try COSESign1.hash(of: message.span)
    challenges[number, default: []].append(
      LoggedChallenge(challenge: challenge, hash: hash, message: message, logLeaf: logLeaf))
  }

  /// An enrolment that the gateway has taken, in the order of its log.
  public mutating func add(_ enrolment: Enrolment, loggedUTCMilliseconds: Int64) {
    let index = place(enrolment.deviceKey.hash)
    devices[index].enrolments.append(
      Enrolled(enrolment: enrolment, loggedUTCMilliseconds: loggedUTCMilliseconds))
  }

  public mutating func setNode(of keyHash: Digest, node: Digest, owner: Digest?) {
    let index = place(keyHash)
    if devices[index].node == nil {
      nodes[BeaconName(keyHash: node, number: 0), default: []].append(index)
    }
    devices[index].node = node
    devices[index].owner = owner
  }

  /// All that the book has of a node, under each of its keys.
  func keys(ofNode node: Digest) -> [Device] {
    (nodes[BeaconName(keyHash: node, number: 0)] ?? []).map { devices[$0] }
  }

  /// The first time counts.
  public mutating func revoke(_ keyHash: Digest, utcMilliseconds: Int64) {
    let index = place(keyHash)
    if devices[index].revokedUTCMilliseconds == nil {
      devices[index].revokedUTCMilliseconds = utcMilliseconds
    }
  }

  /// Two histories from this batch on.
  public mutating func addFork(of keyHash: Digest, epoch: UInt64, batch: UInt64) {
    let index = place(keyHash)
    devices[index].forks[epoch] = min(devices[index].forks[epoch] ?? batch, batch)
  }

  /// Leaves of one device come in the order of its log.
  public mutating func add(_ leaf: CoverageLeaf, of source: Source) throws(CBORDecoder.Failure) {
    let index = place(source.keyHash)
    let decoded = try Leaf(decoding: leaf.bytes.span)
    let milliseconds = decoded.milliseconds
    func held<Value>(_ value: Value) -> Held<Value> {
      Held(source: source, leaf: leaf, milliseconds: milliseconds, value: value)
    }
    func name(_ number: UInt32) {
      named.insert(BeaconName(keyHash: source.keyHash, number: number))
    }
    let boot = Boot(source)
    switch leaf.kind {
    case .event:
      let event = try decoded.event()
      let gap = try event.gap()
      let epoch = try event.olderEpoch() ?? source.epoch
      devices[index].gaps.add(epoch: epoch, from: gap.from, to: gap.to)
    case .clock:
      let clock = try decoded.clock()
      let fix = ClockFix(
        epoch: source.epoch, boot: source.boot, milliseconds: milliseconds,
        sourceNumber: clock.sourceNumber, utcMilliseconds: clock.utcMilliseconds,
        uncertaintyMilliseconds: clock.uncertaintyMilliseconds)
      devices[index].clocks[boot, default: []].insert(
        Timed(milliseconds: milliseconds, leaf: leaf.index, value: fix), by: Timed.precedes)
    case .position:
      devices[index].positions[boot, default: []].insert(
        Timed(milliseconds: milliseconds, leaf: leaf.index, value: try decoded.position()),
        by: Timed.precedes)
    case .challenge:
      guard let hash = Digest(try decoded.challengeHash()) else { return }
      devices[index].challenges[leaf.name, default: []].append(held(hash))
    case .intent:
      let value = try decoded.intent()
      devices[index].intents[value.number, default: []].append(held(value))
      name(value.number)
    case .sent:
      let value = try decoded.sent()
      devices[index].sents.insert(held(value), by: Held.precedes)
      name(value.number)
    case .reveal:
      let value = try decoded.reveal()
      devices[index].reveals.insert(held(value)) {
        ($0.value.number, $0.source.epoch, $0.leaf.index)
          < ($1.value.number, $1.source.epoch, $1.leaf.index)
      }
      name(value.number)
    case .witness:
      witnesses[leaf.name, default: []].append((index, held(try decoded.witness())))
    case .listen:
      let value = try decoded.listen()
      listeners[value.number, default: []].append((index, held(value)))
    case .boot, .reading, .schema, .fault, .frame, .health: break
    }
  }

  /// The challenge of this number that the log had first.
  public func challenge(_ number: UInt32) -> LoggedChallenge? { challenges[number]?.first }

  /// Numbers of all challenges, ascending.
  public var challengeNumbers: [UInt32] { challenges.keys.sorted() }

  /// A leaf of kinds 8 to 10 speaks of this beacon.
  public func has(_ name: BeaconName) -> Bool { named.contains(name) }
}

extension Array {
  /// At its place; nearly always that is the end.
  mutating func insert(_ element: Element, by precedes: (Element, Element) -> Bool) {
    guard let last, precedes(element, last) else {
      append(element)
      return
    }
    insert(element, at: prefixCount { !precedes(element, $0) })
  }

  /// How many there are at the beginning for which this is true, where it is false for all behind them.
  func prefixCount(_ isBefore: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
