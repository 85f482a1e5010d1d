import Coverage
import FixedMemory
import Identity
import LoRa
import Proofs
import Records

/// What of a book is about one beacon (docs/coverage-protocol.md, "Evidence").
extension CoverageBook {
  /// A witness leaf whose receipt is later than this after the reveal was due is not looked at: it could not count.
  public static let lateMilliseconds: Int64 = 86_400_000
  public static let hourMilliseconds: Int64 = 3_600_000
  /// Numbers that one chain serves.
  public static let linkCount: UInt32 = 65_536
  /// Later numbers of which a reveal leads nowhere: more than a period has windows, whatever the regions.
  public static let maximumFalseRevealCount = 1_024
  /// Reveals of later numbers that are looked at, by number, epoch and leaf: a log may have any number that do not
  /// stand in it.
  public static let maximumLaterRevealCount = 4_096
  /// Witness leaves, and listen leaves, of one beacon, and of one key among them (`HearerChoice`).
  public static let maximumWitnessCount = 1_024
  public static let maximumOfKeyCount = 4
  /// Fixes around one moment, and sent leaves before one.
  public static let maximumFixCount = 1_024
  public static let maximumAirtimeCount = 4_096

  /// When the reveal of this number is due; nil when no challenge asks for a beacon.
  public func revealUTCMilliseconds(_ number: UInt32) -> Int64? {
    challenge(number).flatMap { BeaconOrder($0.challenge)?.window.revealUTCMilliseconds }
  }

  /// A node as it was known at a moment.
  public struct KnownNode: Equatable, Sendable {
    public let node: Digest
    /// The newest of the node.
    public let owner: Digest?
    /// Of the enrolment in force.
    public let place: Place?
    public let radio: RadioSetup?
    public let loggedUTCMilliseconds: Int64
  }

  /// The node behind a key, by the newest enrolment under any of its keys that the log had by then; nil:
  /// this key had none.
  public func node(of keyHash: Digest, atUTCMilliseconds moment: Int64) -> KnownNode? {
    guard let device = device(keyHash), let node = device.node,
      device.enrolments.contains(where: { $0.loggedUTCMilliseconds <= moment })
    else { return nil }
    let all = keys(ofNode: node).flatMap(\.enrolments)
      .filter { $0.loggedUTCMilliseconds <= moment }
    let newest = all.max {
      ($0.loggedUTCMilliseconds, $0.enrolment.version)
        < ($1.loggedUTCMilliseconds, $1.enrolment.version)
    }
    guard let newest else { return nil }
    return KnownNode(
      node: node, owner: device.owner, place: newest.enrolment.place,
      radio: newest.enrolment.radio, loggedUTCMilliseconds: newest.loggedUTCMilliseconds)
  }

  /// Everything that decides about a beacon. Of a number that the log has no challenge of it says that. `hearers`: with
  /// those who may have heard it; a draw needs none.
  /// `links` makes it quicker.
  public func evidence(
    _ name: BeaconName, hearers: Bool = true, links: VerifiedLinks = VerifiedLinks()
  ) -> BeaconEvidence {
    let logged = challenges[name.number] ?? []
    let challenge = logged.first
    let order = challenge.flatMap { BeaconOrder($0.challenge) }
    let sender = device(name.keyHash) ?? Device(keyHash: name.keyHash)
    let own = sender.sents.filter { $0.value.number == name.number }
    let node = nodeEvidence(
      sender, order, own.map { (Boot($0.source), $0.value.startMilliseconds) })
    let hashes = logged.flatMap { challenge in
      (sender.challenges[CoverageLeaf.challengeName(challenge.hash)] ?? [])
        .filter { $0.value == challenge.hash }
    }
    let chain = challenge.flatMap {
      node.chain(forChallengeIssuedAt: $0.challenge.issuedUTCMilliseconds)
    }
    let chosen = reveals(sender, name.number, chain, links)
    let early = earlyReveal(sender, name.number, order)
    let isEarlyApart = !chosen.contains {
      $0.source.epoch == early?.source.epoch && $0.leaf.index == early?.leaf.index
    }
    return BeaconEvidence(
      challenge: challengeEvidence(name.number, logged),
      plan: Self.plan(node.radio, challenge?.challenge), sender: node,
      challengeLeaves: hashes.sorted(by: Held.precedes).map { archived($0, sender) },
      intents: (sender.intents[name.number] ?? []).sorted(by: Held.precedes)
        .map { archived($0, sender) },
      sents: own.map { archived($0, sender) },
      reveals: chosen.map { archived($0, sender) },
      earlyReveals: isEarlyApart ? early.map { [archived($0, sender)] } ?? [] : [],
      airtimes: hearers ? airtimes(sender, name.number, before: own.first) : [],
      witnesses: hearers ? witnesses(of: name, order) : [],
      listeners: hearers ? listeners(of: name) : [])
  }

  private func challengeEvidence(_ number: UInt32, _ logged: [LoggedChallenge])
    -> ChallengeEvidence
  {
    guard let first = logged.first else {
      let unknown = Challenge(
        algorithm: .ed25519, keyID: KeyID(), number: UInt64(number), issuedUTCMilliseconds: 0,
        validSeconds: 0, region: FixedText(), nonce: Digest())
      return ChallengeEvidence(challenge: unknown, hash: Digest(), isLogged: false)
    }
    return ChallengeEvidence(
      challenge: first.challenge, hash: first.hash, isLogged: true,
      othersOfThisNumber: logged.dropFirst().map(\.hash))
  }

  /// Of the radio's region; without one, of the challenge's.
  private static func plan(_ radio: RadioSetup?, _ challenge: Challenge?) -> RegionPlan {
    if let radio, let region = RegionPlan.Region(name: radio.region.span) {
      return RegionPlan(region)
    }
    if let challenge, let region = RegionPlan.Region(name: challenge.region.span) {
      return RegionPlan(region)
    }
    return RegionPlan(.eu868)
  }

  // MARK: - Reveals

  /// Those that may decide: of the number itself, and the first later one that leads to the anchor (`laterReveal`).
  private func reveals(
    _ device: Device, _ number: UInt32, _ chain: EnrolledAnchor?, _ links: VerifiedLinks
  ) -> [Held<BeaconReveal>] {
    let all = laterReveals(device, number)
    let own = Array(all.prefix { $0.value.number == number })
    let later = all.dropFirst(own.count)
    return own + (laterReveal(later, device, number, chain, links).map { [$0] } ?? [])
  }

  /// Of the first ones by number, epoch and leaf: of each number the first that stands in the log, of the nearest
  /// 1 024 numbers that have one the nearest that leads to the anchor. Where none does, the nearest that stands in the
  /// log; or else the nearest.
  private func laterReveal(
    _ later: ArraySlice<Held<BeaconReveal>>, _ device: Device, _ number: UInt32,
    _ chain: EnrolledAnchor?, _ links: VerifiedLinks
  ) -> Held<BeaconReveal>? {
    var nearest: Held<BeaconReveal>?
    var (last, count) = (number, 0)
    for reveal in later.prefix(Self.maximumLaterRevealCount)
    where reveal.value.number != last && standing(reveal, device) == .sound {
      last = reveal.value.number
      if leads(reveal.value, chain, links) { return reveal }
      nearest = nearest ?? reveal
      count += 1
      if count == Self.maximumFalseRevealCount { break }
    }
    return nearest ?? later.first
  }

  private func leads(
    _ reveal: BeaconReveal, _ chain: EnrolledAnchor?, _ links: VerifiedLinks
  ) -> Bool {
    guard let anchor = chain?.anchor,
      let index = HashChain.index(ofChallenge: reveal.number, firstNumber: anchor.firstLink)
    else { return false }
    return links.leads(reveal.link, at: index, to: anchor.value)
  }

  /// The one with the earliest receipt, when that is before the reveal was due.
  private func earlyReveal(_ device: Device, _ number: UInt32, _ order: BeaconOrder?)
    -> Held<BeaconReveal>?
  {
    let due = order?.window.revealUTCMilliseconds ?? .min
    var earliest: Held<BeaconReveal>?
    for reveal in laterReveals(device, number) where reveal.value.number > number {
      guard let receipt = reveal.source.receiptUTCMilliseconds, receipt < due,
        receipt < earliest?.source.receiptUTCMilliseconds ?? .max
      else { continue }
      earliest = reveal
    }
    return earliest
  }

  /// Of this number and the ones after it that the same chain may serve.
  private func laterReveals(_ device: Device, _ number: UInt32) -> ArraySlice<Held<BeaconReveal>> {
    let first = device.reveals.prefixCount { $0.value.number < number }
    let end = device.reveals.prefixCount {
      UInt64($0.value.number) < UInt64(number) + UInt64(Self.linkCount)
    }
    return device.reveals[first..<end]
  }

  /// Whether the first reveal of this later number that stands in the log leads to the anchor of the chain that was in
  /// force for a beacon; nil: none stands in the log.
  public func leads(behind name: BeaconName, number: UInt32, links: VerifiedLinks) -> Bool? {
    guard let device = device(name.keyHash),
      let first = laterReveals(device, number).prefix(while: { $0.value.number == number })
        .first(where: { standing($0, device) == .sound })
    else { return nil }
    let chain = challenge(name.number).flatMap {
      nodeEvidence(device, BeaconOrder($0.challenge), [])
        .chain(forChallengeIssuedAt: $0.challenge.issuedUTCMilliseconds)
    }
    return leads(first.value, chain, links)
  }

  /// The reveal at this place of a key's log is in the book, is of this number, and stands in the log.
  public func hasSoundReveal(_ name: BeaconName, epoch: UInt64, leaf: UInt64) -> Bool {
    guard let device = device(name.keyHash) else { return false }
    let place = device.reveals.prefixCount {
      ($0.value.number, $0.source.epoch, $0.leaf.index) < (name.number, epoch, leaf)
    }
    guard place < device.reveals.count else { return false }
    let found = device.reveals[place]
    return found.value.number == name.number && found.source.epoch == epoch
      && found.leaf.index == leaf && standing(found, device) == .sound
  }

  // MARK: - Others

  private func witnesses(of name: BeaconName, _ order: BeaconOrder?) -> [WitnessEvidence] {
    guard let order, let logged = challenge(name.number) else { return [] }
    let (last, isOutside) = order.window.revealUTCMilliseconds.addingReportingOverflow(
      Self.lateMilliseconds)
    let first = logged.challenge.issuedUTCMilliseconds
    guard !isOutside, first <= last else { return [] }
    let frame = CoverageLeaf.frameName(keyHash: name.keyHash, number: name.number)
    let within = (witnesses[frame] ?? []).filter { entry in
      entry.held.source.receiptUTCMilliseconds.map { (first...last).contains($0) } ?? false
    }
    let intended = intendedFrames(of: name)
    let isIntended = { (record: BeaconWitness) in Self.has(intended, record.frame.span) }
    return chosen(within, isIntended).map { entry in
      let device = devices[entry.device]
      let moment = (Boot(entry.held.source), entry.held.value.reception.endMilliseconds)
      return WitnessEvidence(
        node: nodeEvidence(device, order, [moment]), leaf: archived(entry.held, device))
    }
  }

  private func listeners(of name: BeaconName) -> [ListenEvidence] {
    chosen(listeners[name.number] ?? [], { _ in false }).map { entry in
      let listener = devices[entry.device]
      return ListenEvidence(keyHash: listener.keyHash, leaf: archived(entry.held, listener))
    }
  }

  /// What the sender's intent leaves have of its frame: a beacon with several is not sound.
  public func intendedFrames(of name: BeaconName) -> Set<BeaconName> {
    let intents = device(name.keyHash)?.intents[name.number] ?? []
    return Set(intents.map { BeaconName(keyHash: $0.value.frameHash, number: 0) })
  }

  public static func has(_ intended: Set<BeaconName>, _ frame: Span<UInt8>) -> Bool {
    guard !intended.isEmpty, let frame = BeaconFrame(frame) else { return false }
    return intended.contains(BeaconName(keyHash: frame.hash, number: 0))
  }

  private func chosen<Value>(
    _ all: [(device: Int, held: Held<Value>)], _ isIntended: (Value) -> Bool
  ) -> [(device: Int, held: Held<Value>)] {
    let ordered = all.sorted { left, right in
      let first = left.held.source.receiptUTCMilliseconds ?? .max
      let second = right.held.source.receiptUTCMilliseconds ?? .max
      guard first == second else { return first < second }
      guard left.device == right.device else {
        return devices[left.device].keyHash.precedes(devices[right.device].keyHash)
      }
      return Held.precedes(left.held, right.held)
    }
    var choice = HearerChoice<(device: Int, held: Held<Value>)>()
    for entry in ordered {
      choice.add(
        entry, of: devices[entry.device].keyHash, isIntended: isIntended(entry.held.value))
    }
    return choice.chosen
  }

  /// What the node sent of other numbers in the hour before: back through its log, to what began earlier.
  private func airtimes(
    _ device: Device, _ number: UInt32, before sent: Held<SentBeacon>?
  ) -> [SentAirtime] {
    guard let sent, let begin = utc(device, Boot(sent.source), sent.value.startMilliseconds)
    else { return [] }
    let end = device.sents.prefixCount { Held.precedes($0, sent) }
    var airtimes: [SentAirtime] = []
    for other in device.sents[..<end].reversed().prefix(Self.maximumAirtimeCount) {
      guard let start = utc(device, Boot(other.source), other.value.startMilliseconds) else {
        continue
      }
      guard start > begin - Self.hourMilliseconds else { break }
      guard other.value.number != number, start <= begin else { continue }
      airtimes.append(
        SentAirtime(
          startUTCMilliseconds: start, frequencyHertz: other.value.frequencyHertz,
          microseconds: other.value.timeOnAirMicroseconds))
    }
    return airtimes.reversed()
  }

  // MARK: - Nodes

  /// The node when the window begins, with the clock leaves that these moments need.
  private func nodeEvidence(
    _ device: Device, _ order: BeaconOrder?, _ moments: [(boot: Boot, milliseconds: Int64)]
  ) -> NodeEvidence {
    let begin = order?.window.startUTCMilliseconds ?? .max
    let enrolled = device.enrolments.last { $0.loggedUTCMilliseconds <= begin }
    var clocks: [ClockFix] = []
    var positions: [PositionFix] = []
    for moment in moments {
      guard let clock = clock(device, moment.boot, moment.milliseconds), !clocks.contains(clock)
      else { continue }
      clocks.append(clock)
      positions += fixes(device, moment.boot, moment.milliseconds, clock)
    }
    return NodeEvidence(
      keyHash: device.keyHash, node: enrolled == nil ? nil : device.node, owner: device.owner,
      revokedUTCMilliseconds: device.revokedUTCMilliseconds, place: enrolled?.enrolment.place,
      radio: enrolled?.enrolment.radio,
      anchors: device.enrolments.compactMap { entry in
        entry.enrolment.anchor.map {
          EnrolledAnchor(anchor: $0, loggedUTCMilliseconds: entry.loggedUTCMilliseconds)
        }
      }, clocks: clocks,
      positions: positions.sorted {
        ($0.utcMilliseconds, $0.latitudeE7, $0.longitudeE7, $0.accuracyCentimetres ?? -1)
          < ($1.utcMilliseconds, $1.latitudeE7, $1.longitudeE7, $1.accuracyCentimetres ?? -1)
      })
  }

  /// The last one before the moment, or the first behind it.
  private func clock(_ device: Device, _ boot: Boot, _ milliseconds: Int64) -> ClockFix? {
    guard let all = device.clocks[boot], !all.isEmpty else { return nil }
    let before = all.prefixCount { $0.milliseconds <= milliseconds }
    return all[max(before, 1) - 1].value
  }

  private func utc(_ device: Device, _ boot: Boot, _ milliseconds: Int64) -> Int64? {
    clock(device, boot, milliseconds).flatMap { Self.utc(milliseconds, by: $0) }
  }

  private static func utc(_ milliseconds: Int64, by clock: ClockFix) -> Int64? {
    let (passed, isFar) = milliseconds.subtractingReportingOverflow(clock.milliseconds)
    let (utc, isOutside) = clock.utcMilliseconds.addingReportingOverflow(passed)
    return isFar || isOutside || !(0..<1 << 53).contains(utc) ? nil : utc
  }

  /// A receiver's fixes of the same boot, from an hour before the moment to an hour behind it, by the moment's clock.
  private func fixes(
    _ device: Device, _ boot: Boot, _ milliseconds: Int64, _ clock: ClockFix
  ) -> [PositionFix] {
    let all = device.positions[boot] ?? []
    let (earliest, isBefore) = milliseconds.subtractingReportingOverflow(Self.hourMilliseconds)
    let (latest, isBehind) = milliseconds.addingReportingOverflow(Self.hourMilliseconds)
    let first = all.prefixCount { $0.milliseconds < (isBefore ? .min : earliest) }
    let within = all[first...].prefix { $0.milliseconds <= (isBehind ? .max : latest) }
    return within.prefix(Self.maximumFixCount).compactMap { entry in
      guard let utc = Self.utc(entry.milliseconds, by: clock),
        let latitude = Int32(exactly: entry.value.latitudeE7),
        let longitude = Int32(exactly: entry.value.longitudeE7)
      else { return nil }
      return PositionFix(
        utcMilliseconds: utc, latitudeE7: latitude, longitudeE7: longitude,
        accuracyCentimetres: entry.value.accuracyCentimetres)
    }
  }

  // MARK: - Leaves

  private func archived<Value>(_ held: Held<Value>, _ device: Device) -> ArchivedLeaf<Value> {
    ArchivedLeaf(
      epoch: held.source.epoch, index: held.leaf.index, boot: held.source.boot,
      milliseconds: held.milliseconds, value: held.value, standing: standing(held, device),
      receiptUTCMilliseconds: held.source.receiptUTCMilliseconds,
      isSimulated: held.source.isSimulated)
  }

  private func standing<Value>(_ held: Held<Value>, _ device: Device) -> LogStanding {
    let source = held.source
    guard source.receiptUTCMilliseconds != nil else { return .notIncluded }
    if let batch = device.forks[source.epoch], batch <= source.batch { return .forked }
    func isTold(_ index: UInt64) -> Bool { device.gaps.has(epoch: source.epoch, leaf: index) }
    let index = held.leaf.index
    if held.leaf.isBehindHash, index > 0, !isTold(index - 1) { return .gapAround }
    if held.leaf.isBeforeHash, index < .max, !isTold(index + 1) { return .gapAround }
    return .sound
  }
}
