import Coverage
import CoverageVerifier
import FixedMemory
import Identity
import LoRa
import Proofs
import Records

/// Attacks on draws, logs and clocks; what they sign, changed.
extension Engagement {
  /// A frame of this sender and number, whose tag nobody has derived.
  mutating func guess(_ transmission: Transmission) -> BeaconFrame {
    BeaconFrame(
      seed: FleetNode.hash("guess \(fleet.random.next())"),
      keyHash: fleet.nodes[transmission.sender].keyHash,
      number: fleet.course.windows[transmission.window].number)
  }

  func changed(
    _ witness: WitnessEvidence, frame: FixedBytes<24>, _ reception: Reception
  ) -> WitnessEvidence {
    let leaf = witness.leaf
    return WitnessEvidence(
      node: witness.node,
      leaf: ArchivedLeaf(
        epoch: leaf.epoch, index: leaf.index, boot: leaf.boot, milliseconds: leaf.milliseconds,
        value: BeaconWitness(frame: frame, reception: reception), standing: leaf.standing,
        receiptUTCMilliseconds: leaf.receiptUTCMilliseconds))
  }

  func late(_ witness: WitnessEvidence, _ receipt: Int64) -> WitnessEvidence {
    let leaf = witness.leaf
    return WitnessEvidence(
      node: witness.node,
      leaf: ArchivedLeaf(
        epoch: leaf.epoch, index: leaf.index, boot: leaf.boot, milliseconds: leaf.milliseconds,
        value: leaf.value, standing: leaf.standing, receiptUTCMilliseconds: receipt))
  }

  /// Of many links, or of many chains enrolled once the challenge was there, the one with the highest power.
  mutating func grinder() {
    var grinders: [Int] = []
    for _ in 0..<Self.size { grinders.append(join("grinder", at: anywhere())) }
    for grinder in grinders {
      for window in windows {
        guard let (trial, _) = ground(grinder, window) else { continue }
        settle(trial)
      }
    }
  }

  private mutating func ground(_ grinder: Int, _ window: Int) -> (Trial, Int)? {
    let own = fleet.course.windows[window]
    let honest = fleet.nodes[grinder]
    var best: (links: [Digest], step: Int)?
    for attempt in 0..<32 {
      var node = honest
      node.links[window + 1] = FleetNode.hash("\(grinder) \(window) \(attempt)")
      let step = fleet.course.draw(node, window).powerStep
      if step < best?.step ?? .max { best = (node.links, step) }
    }
    guard let best else { return nil }
    fleet.nodes[grinder].links = best.links
    if window % 2 == 1 {
      // A chain whose only link is the chosen one.
      let anchor = Anchor(
        firstLink: UInt64(own.number), value: HashChain.before(best.links[window + 1]))
      fleet.nodes[grinder].evidence.anchors.append(
        EnrolledAnchor(anchor: anchor, loggedUTCMilliseconds: own.issued + 5_000))
    }
    defer { fleet.nodes[grinder] = honest }
    guard let transmission = fleet.transmission(grinder, window) else { return nil }
    fleet.send(transmission)
    return (fleet.trial(transmission, isFalse: true), best.step)
  }

  mutating func aborter() {
    var aborters: [Int] = []
    for _ in 0..<Self.size { aborters.append(join("aborter", at: anywhere())) }
    send(aborters, isFalse: true, unless: { $0.powerStep >= 2 })
    hear(aborters, isFalse: false)
  }

  /// A third each: an old frame witnessed for a new one; an old frame sent again; another's frame under the own key.
  mutating func replay() {
    var replayers: [Int] = []
    for _ in 0..<Self.size { replayers.append(join("replay", at: anywhere())) }
    hear(Array(replayers[0..<2]), isFalse: true) { heard, transmission, _, _ in
      transmission.window > 0 ? heard : nil
    } and: { claim, transmission, engagement in
      let fleet = engagement.fleet
      guard let old = fleet.transmission(transmission.sender, transmission.window - 1) else {
        return
      }
      let reception = claim.evidence.leaf.value.reception
      claim.evidence = engagement.changed(claim.evidence, frame: old.frame.bytes, reception)
      claim.baseline.hasThePayload = false
    }
    for replayer in replayers[2..<4] {
      for window in windows.dropFirst() {
        guard var transmission = fleet.transmission(replayer, window),
          let old = fleet.transmission(replayer, window - 1)
        else { continue }
        transmission.frame = old.frame
        fleet.send(transmission)
        var trial = fleet.trial(transmission, isFalse: true)
        trial.baseline.entropyAgeSeconds = 900
        settle(trial)
      }
    }
    for transmission in world.transmissions where transmission.sender < 2 {
      borrowed(transmission, by: replayers[4 + transmission.sender])
    }
  }

  /// What another node sent, and was heard of, said to be the own beacon. The claimed seed's bytes are copied too.
  private mutating func borrowed(_ transmission: Transmission, by thief: Int) {
    var trial = fleet.trial(transmission, isFalse: true)
    guard let own = fleet.transmission(thief, transmission.window) else { return }
    var mine = transmission
    mine.sender = thief
    mine.powerStep = own.powerStep
    trial.evidence = fleet.evidence(mine)
    trial.sender = thief
    trial.claims.removeAll { $0.witness == thief }
    settle(trial)
  }

  /// A copied card at another place. The gateway has seen two signed checkpoints for one position, as
  /// `SignedHistories` shows with real signatures, and every leaf behind it stands in a fork.
  mutating func clone(_ standing: LogStanding) {
    for _ in 0..<Self.size / 2 {
      let original = join("clone", at: anywhere())
      let copy = join("clone", at: anywhere())
      let (place, radio) = (fleet.nodes[copy].truth, fleet.nodes[copy].radio)
      let honest = fleet.nodes[original]
      for board in [original, copy] {
        fleet.nodes[original].truth = board == copy ? place : honest.truth
        fleet.nodes[original].radio = board == copy ? radio : honest.radio
        send(
          [original], isFalse: true,
          and: { trial, _ in
            trial.evidence.intents = trial.evidence.intents.map { Self.standing($0, standing) }
            trial.evidence.sents = trial.evidence.sents.map { Self.standing($0, standing) }
            trial.evidence.reveals = trial.evidence.reveals.map { Self.standing($0, standing) }
          })
      }
      fleet.nodes[original] = honest
    }
  }

  static func standing<Value>(
    _ leaf: ArchivedLeaf<Value>, _ standing: LogStanding, epoch: UInt64? = nil,
    isClosed: Bool = false
  ) -> ArchivedLeaf<Value> {
    ArchivedLeaf(
      epoch: epoch ?? leaf.epoch, index: leaf.index, boot: leaf.boot,
      milliseconds: leaf.milliseconds, value: leaf.value, standing: standing,
      receiptUTCMilliseconds: leaf.receiptUTCMilliseconds, isInClosedEpoch: isClosed)
  }

  /// Half goes on in the epoch that a later one has closed; half has a second intent in the new epoch, for the draw
  /// that suits it better.
  mutating func epochJumper() {
    var jumpers: [Int] = []
    for _ in 0..<Self.size { jumpers.append(join("epoch-jumper", at: anywhere())) }
    send(
      jumpers, isFalse: true,
      and: { trial, engagement in
        if trial.sender % 2 == 0 {
          trial.evidence.intents = trial.evidence.intents.map {
            Self.standing($0, .sound, isClosed: true)
          }
          trial.evidence.sents = trial.evidence.sents.map {
            Self.standing($0, .sound, isClosed: true)
          }
        } else {
          let number = engagement.fleet.course.windows[trial.transmission.window].number
          let other = engagement.guess(trial.transmission)
          trial.evidence.intents += trial.evidence.intents.map { leaf in
            ArchivedLeaf(
              epoch: 1, index: leaf.index, boot: leaf.boot, milliseconds: leaf.milliseconds + 1_000,
              value: BeaconIntent(number: number, frameHash: other.hash), standing: .sound,
              receiptUTCMilliseconds: leaf.receiptUTCMilliseconds)
          }
        }
      })
  }

  /// A third each: off by more than it says; uncertain by a minute; a day behind what the log shows.
  mutating func clock() {
    var keys: [Int] = []
    for index in 0..<Self.size {
      let key = join("clock", at: anywhere())
      let off = Int64(fleet.random.within(400...1_200))
      let error: Int64 = index % 3 == 0 ? off : index % 3 == 1 ? 0 : -86_400_000
      let uncertainty: UInt64 = index % 3 == 1 ? 60_000 : 50
      fleet.nodes[key].evidence.clocks = [FleetNode.clock(error: error, uncertainty: uncertainty)]
      // What it sends goes out when it should, or as late as its clock is.
      fleet.nodes[key].clockError = index % 3 == 0 ? off : 0
      keys.append(key)
    }
    send(keys, isFalse: true)
    hear(keys, isFalse: true)
  }

  /// - `saysMore`: what they add to the power of what they hear, so that ways go there as they go back.
  mutating func amplifier(
    hears: Bool = true, saysMore: Int32 = 0, _ output: @escaping (Transmission) -> Double
  ) {
    var keys: [Int] = []
    for _ in 0..<Self.size { keys.append(join("amplifier", at: anywhere())) }
    send(
      keys, isFalse: true, output: output,
      and: { trial, _ in
        guard !hears else { return }
        trial.claims.removeAll { keys.contains($0.witness) }
        trial.silent.removeAll { keys.contains($0) }
      })
    guard hears else { return }
    hear(keys, isFalse: saysMore != 0) { heard, _, _, _ in
      var told = heard
      told?.rssi += saysMore
      return told
    }
  }

  /// Frames in honest nodes' names, with tags that nobody drew, and beacons of keys that nobody has enrolled.
  mutating func flood() {
    let flooder = join("flood", at: anywhere())
    for transmission in world.transmissions where transmission.window % 4 == 0 {
      var garbage = transmission
      garbage.sender = flooder
      garbage.frame = guess(transmission)
      var trial = Trial(
        sender: transmission.sender, transmission: transmission,
        evidence: fleet.evidence(transmission))
      for node in 0..<world.size.nodes where node != transmission.sender {
        guard let heard = fleet.hear(garbage, at: node),
          var claim = fleet.claim(
            heard, of: transmission, isFalse: true, frame: garbage.frame, place: 1)
        else { continue }
        claim.baseline.hasThePayload = false
        trial.claims.append(claim)
      }
      settle(trial)
    }
    for window in windows {
      guard let transmission = fleet.transmission(flooder, window) else { continue }
      fleet.send(transmission)
      var trial = fleet.trial(transmission, isFalse: true)
      trial.evidence.sender.node = nil
      trial.baseline.isEnrolled = false
      settle(trial)
    }
  }
}
