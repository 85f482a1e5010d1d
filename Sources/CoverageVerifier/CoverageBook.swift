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
    return left.keyHash.hexadecimal < right.keyHash.hexadecimal
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

/// What archived bytes tell about beacons, gathered in any order of devices, and in the log's order of each: from it
/// the evidence about one beacon is taken. Whoever fills it has checked signatures, positions and roots.
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
  }

  /// A leaf with its batch.
  struct Held<Value: Sendable>: Sendable {
    let source: Source
    let leaf: CoverageLeaf
    let milliseconds: Int64
    let value: Value
  }

  struct Gap {
    let epoch: UInt64
    let from: UInt64
    let to: UInt64
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
    var forks: [(epoch: UInt64, batch: UInt64)] = []
    var gaps: [Gap] = []
    /// In the order of the log.
    var clocks: [Boot: [ClockFix]] = [:]
    var positions: [Boot: [(milliseconds: Int64, fix: Leaf.Position)]] = [:]
    var challenges: [Held<Digest>] = []
    var intents: [Held<BeaconIntent>] = []
    var sents: [Held<SentBeacon>] = []
    var reveals: [Held<BeaconReveal>] = []
  }

  private(set) var devices: [Device] = []
  private var places: [BeaconName: Int] = [:]
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
    devices[index].node = node
    devices[index].owner = owner
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
    devices[place(keyHash)].forks.append((epoch, batch))
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
    let boot = Boot(epoch: source.epoch, boot: source.boot)
    switch leaf.kind {
    case .event:
      let event = try decoded.event()
      let gap = try event.gap()
      let epoch = try event.olderEpoch() ?? source.epoch
      devices[index].gaps.append(Gap(epoch: epoch, from: gap.from, to: gap.to))
    case .clock:
      let clock = try decoded.clock()
      guard clock.sourceNumber != UInt64(FixSource.none.rawValue) else { return }
      devices[index].clocks[boot, default: []].append(
        ClockFix(
          epoch: source.epoch, boot: source.boot, milliseconds: milliseconds,
          sourceNumber: clock.sourceNumber, utcMilliseconds: clock.utcMilliseconds,
          uncertaintyMilliseconds: clock.uncertaintyMilliseconds))
    case .position:
      let fix = try decoded.position()
      guard fix.sourceNumber == UInt64(FixSource.gnss.rawValue) else { return }
      devices[index].positions[boot, default: []].append((milliseconds, fix))
    case .challenge:
      guard let hash = Digest(try decoded.challengeHash()) else { return }
      devices[index].challenges.append(held(hash))
    case .intent:
      let value = try decoded.intent()
      devices[index].intents.append(held(value))
      name(value.number)
    case .sent:
      let value = try decoded.sent()
      devices[index].sents.append(held(value))
      name(value.number)
    case .reveal:
      let value = try decoded.reveal()
      devices[index].reveals.append(held(value))
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
}
