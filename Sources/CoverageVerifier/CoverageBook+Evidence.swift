import Coverage
import FixedMemory
import Identity
import LoRa
import Proofs
import Records

/// What of a book is about one beacon (docs/coverage-protocol.md, "Evidence").
extension CoverageBook {
  /// A witness leaf whose receipt is later than this after the reveal was due is not looked at: it could not count.
  static let lateMilliseconds: Int64 = 86_400_000
  private static let hourMilliseconds: Int64 = 3_600_000
  private static let linkCount: UInt32 = 65_536

  /// Everything that decides about a beacon. Of a number that the log has no challenge of it says that.
  public func evidence(_ name: BeaconName) -> BeaconEvidence {
    let logged = challenges[name.number] ?? []
    let challenge = logged.first
    let order = challenge.flatMap { BeaconOrder($0.challenge) }
    let sender = device(name.keyHash) ?? Device(keyHash: name.keyHash)
    let own = sender.sents.filter { $0.value.number == name.number }
    let last = UInt32(clamping: UInt64(name.number) + UInt64(Self.linkCount) - 1)
    let node = nodeEvidence(
      sender, order, own.map { (boot($0.source), $0.value.startMilliseconds) })
    return BeaconEvidence(
      challenge: challengeEvidence(name.number, logged),
      plan: Self.plan(node.radio, challenge?.challenge), sender: node,
      challengeLeaves: sender.challenges.filter { held in
        logged.contains { $0.hash == held.value }
      }.map { archived($0, sender) },
      intents: sender.intents.filter { $0.value.number == name.number }
        .map { archived($0, sender) },
      sents: own.map { archived($0, sender) },
      reveals: sender.reveals.filter { (name.number...last).contains($0.value.number) }
        .map { archived($0, sender) },
      airtimes: airtimes(sender, name.number, before: own.first),
      witnesses: witnesses(of: name, order),
      listeners: (listeners[name.number] ?? []).map { entry in
        let listener = devices[entry.device]
        return ListenEvidence(
          keyHash: listener.keyHash, leaf: archived(entry.held, listener))
      })
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

  private func witnesses(of name: BeaconName, _ order: BeaconOrder?) -> [WitnessEvidence] {
    guard let order, let logged = challenge(name.number) else { return [] }
    let (last, isOutside) = order.window.revealUTCMilliseconds.addingReportingOverflow(
      Self.lateMilliseconds)
    let first = logged.challenge.issuedUTCMilliseconds
    guard !isOutside, first <= last else { return [] }
    let frame = CoverageLeaf.frameName(keyHash: name.keyHash, number: name.number)
    return (witnesses[frame] ?? []).compactMap { entry in
      guard let receipt = entry.held.source.receiptUTCMilliseconds,
        (first...last).contains(receipt)
      else { return nil }
      let device = devices[entry.device]
      let moment = (boot(entry.held.source), entry.held.value.reception.endMilliseconds)
      return WitnessEvidence(
        node: nodeEvidence(device, order, [moment]), leaf: archived(entry.held, device))
    }
  }

  /// What the node sent of other numbers in the hour before.
  private func airtimes(
    _ device: Device, _ number: UInt32, before sent: Held<SentBeacon>?
  ) -> [SentAirtime] {
    guard let sent,
      let begin = utc(device, boot(sent.source), sent.value.startMilliseconds)
    else { return [] }
    return device.sents.compactMap { other in
      guard other.value.number != number,
        let start = utc(device, boot(other.source), other.value.startMilliseconds),
        start <= begin, start > begin - Self.hourMilliseconds
      else { return nil }
      return SentAirtime(
        startUTCMilliseconds: start, frequencyHertz: other.value.frequencyHertz,
        microseconds: other.value.timeOnAirMicroseconds)
    }
  }

  private func boot(_ source: Source) -> Boot { Boot(epoch: source.epoch, boot: source.boot) }

  // MARK: - Nodes

  /// The node when the window begins, with the clock leaves that these moments need.
  private func nodeEvidence(
    _ device: Device, _ order: BeaconOrder?, _ moments: [(boot: Boot, milliseconds: Int64)]
  ) -> NodeEvidence {
    let begin = order?.window.startUTCMilliseconds ?? .max
    let enrolled = device.enrolments.last { $0.loggedUTCMilliseconds <= begin }
    var clocks: [ClockFix] = []
    for moment in moments {
      guard let clock = clock(device, moment.boot, moment.milliseconds), !clocks.contains(clock)
      else { continue }
      clocks.append(clock)
    }
    return NodeEvidence(
      keyHash: device.keyHash, node: enrolled == nil ? nil : device.node, owner: device.owner,
      revokedUTCMilliseconds: device.revokedUTCMilliseconds, place: enrolled?.enrolment.place,
      radio: enrolled?.enrolment.radio,
      anchors: device.enrolments.compactMap { entry in
        entry.enrolment.anchor.map {
          EnrolledAnchor(anchor: $0, loggedUTCMilliseconds: entry.loggedUTCMilliseconds)
        }
      }, clocks: clocks, positions: positions(device, order))
  }

  /// The last one before the moment, or the first behind it.
  private func clock(_ device: Device, _ boot: Boot, _ milliseconds: Int64) -> ClockFix? {
    guard let all = device.clocks[boot], !all.isEmpty else { return nil }
    // The number of fixes that are not behind the moment.
    var (low, high) = (0, all.count)
    while low < high {
      let middle = (low + high) / 2
      if all[middle].milliseconds <= milliseconds { low = middle + 1 } else { high = middle }
    }
    return all[max(low, 1) - 1]
  }

  private func utc(_ device: Device, _ boot: Boot, _ milliseconds: Int64) -> Int64? {
    guard let clock = clock(device, boot, milliseconds) else { return nil }
    let (passed, isFar) = milliseconds.subtractingReportingOverflow(clock.milliseconds)
    let (utc, isOutside) = clock.utcMilliseconds.addingReportingOverflow(passed)
    return isFar || isOutside || !(0..<1 << 53).contains(utc) ? nil : utc
  }

  /// A receiver's fixes from an hour before the window to an hour behind it.
  private func positions(_ device: Device, _ order: BeaconOrder?) -> [PositionFix] {
    guard let window = order?.window else { return [] }
    let (first, _) = window.startUTCMilliseconds.subtractingReportingOverflow(Self.hourMilliseconds)
    let (last, isOutside) = window.endUTCMilliseconds.addingReportingOverflow(Self.hourMilliseconds)
    guard !isOutside else { return [] }
    var fixes: [PositionFix] = []
    for (boot, held) in device.positions {
      for entry in held {
        guard let utc = utc(device, boot, entry.milliseconds), utc >= first, utc <= last,
          let latitude = Int32(exactly: entry.fix.latitudeE7),
          let longitude = Int32(exactly: entry.fix.longitudeE7)
        else { continue }
        fixes.append(
          PositionFix(
            utcMilliseconds: utc, latitudeE7: latitude, longitudeE7: longitude,
            accuracyCentimetres: entry.fix.accuracyCentimetres))
      }
    }
    return fixes.sorted {
      ($0.utcMilliseconds, $0.latitudeE7, $0.longitudeE7, $0.accuracyCentimetres ?? -1)
        < ($1.utcMilliseconds, $1.latitudeE7, $1.longitudeE7, $1.accuracyCentimetres ?? -1)
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
    if device.forks.contains(where: { $0.epoch == source.epoch && $0.batch <= source.batch }) {
      return .forked
    }
    func isTold(_ index: UInt64) -> Bool {
      device.gaps.contains { $0.epoch == source.epoch && $0.from <= index && index < $0.to }
    }
    let index = held.leaf.index
    if held.leaf.isBehindHash, index > 0, !isTold(index - 1) { return .gapAround }
    if held.leaf.isBeforeHash, index < .max, !isTold(index + 1) { return .gapAround }
    return .sound
  }
}
