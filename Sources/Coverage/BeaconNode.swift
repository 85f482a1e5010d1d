import FixedMemory
import LoRa
import Proofs
import Records

/// A node that sends beacons, as a machine without I/O: events in, actions out.
///
///     challenge in the log ─▶ intent ─ durable ─▶ waits for its slot ─▶ transmits ─▶ sent ─ … ─▶ reveal
///                                                   ▲     │ slot missed      │ refused
///                                                   └─────┴── reserve slot ◀─┘ once; then an event says why
///
/// Nothing of it is stored: what a restarted agent needs, it has anew from the challenge and the chain. The same
/// challenge gives the same frame in the same slot.
///
/// Invariants (`checkInvariants`): numbers in hand are different and at most `usedNumber`; reveals are in the order of
/// their numbers. A link that may have been on the air, or was drawn from, is never drawn from again.
public struct BeaconNode: ~Copyable {
  /// Windows overlap by one: the next challenge comes while a window lasts.
  static var beaconLimit: Int { 2 }
  /// A reveal is due at most 30 windows after its own, and two are under way: `CoveragePolicy.maximumRevealWindows`.
  static var revealLimit: Int { 32 }
  /// A frame that fills its slot may begin so late.
  static var latenessMilliseconds: Int64 { 100 }
  /// A radio that has said nothing so long after a frame's end says nothing any more. The longest way is a
  /// concentrator's, from the latest moment of a request on: 45 ms in the packet forwarder's queue, and 6 s until its
  /// duty ends it (`cairn-forwarder` waits 5 s for the packet forwarder's word, and looks once a second). A second for
  /// a turn of the agent, and one to spare. Serial modules and chips end 2 s after the frame.
  static var answerMilliseconds: Int64 { 8_000 }
  /// Reveals written in one step: the rest come with the next.
  static var revealsPerStep: Int { 4 }

  /// What is enrolled.
  public struct Setup: Sendable {
    public let keyHash: Digest
    /// Of the first challenge that the chain serves; `UInt64.max` without one.
    public fileprivate(set) var firstNumber: UInt64
    public let plan: RegionPlan
    public let transmitter: Transmitter

    public init(keyHash: Digest, firstNumber: UInt64, plan: RegionPlan, transmitter: Transmitter) {
      self.keyHash = keyHash
      self.firstNumber = firstNumber
      self.plan = plan
      self.transmitter = transmitter
    }
  }

  enum Stage: Equatable, Sendable {
    /// The intent leaf is not durable yet.
    case writingIntent
    case waiting
    /// The radio has its order; it is to answer before this moment. What it was asked for.
    case transmitting(
      deadlineMilliseconds: Int64, startMilliseconds: Int64, powerCentidecibelMilliwatts: Int32)
  }

  struct Beacon: Sendable {
    let order: BeaconOrder
    let draw: BeaconDraw
    var stage: Stage
    var isRetry: Bool
    /// By then its window has ended, whatever the clock says.
    let deadlineMilliseconds: Int64
    /// Why the first attempt came to nothing.
    var reason: BeaconReason
    /// Of the attempt under way.
    var place: Rendezvous.Place

    var slot: Int { isRetry ? draw.reserveSlot ?? draw.slot : draw.slot }
  }

  struct PendingReveal: Sendable {
    let number: UInt32
    let utcMilliseconds: Int64
    /// Nil: another than the drawn one, and not known which.
    let powerCentidecibelMilliwatts: Int32?
  }

  public private(set) var setup: Setup
  private(set) var chain: HashChain
  /// The radio gets its order so long before the slot: what it takes to set it, and to note the airtime.
  public var leadMilliseconds: Int64 = 1_000
  /// Up to here an earlier run of the program has handed beacons to a radio: they may have been sent.
  private var attemptedNumber: UInt32
  /// Up to here this run has drawn beacons from the chain.
  private(set) var usedNumber: UInt32 = 0
  /// Of the challenge that wanted a link which was used before: it asks for another chain.
  private var refusedNonce: Digest?
  var beacons: FixedArray<2, Beacon?>
  var reveals: FixedArray<32, PendingReveal>
  private var sequence = ChallengeSequence()
  /// Since when there is no challenge, and after how long that is told.
  var quietSinceMilliseconds: Int64
  private(set) var quietLimitMilliseconds: Int64 = 2 * 900_000

  public init(
    setup: Setup, chain: consuming HashChain, attemptedNumber: UInt32 = 0, now: NodeTime
  ) {
    self.setup = setup
    self.chain = chain
    self.attemptedNumber = attemptedNumber
    beacons = FixedArray(filler: nil)
    for _ in 0..<Self.beaconLimit { beacons.append(nil) }
    reveals = FixedArray(
      filler: PendingReveal(number: 0, utcMilliseconds: 0, powerCentidecibelMilliwatts: 0))
    quietSinceMilliseconds = now.milliseconds
  }

  /// Whether a challenge asks for a chain that serves the ones after it: there is none, or it begins later or has
  /// ended, or the challenge's link was used for another one. Not while a link of it is still to be revealed; and one
  /// that was enrolled is not given up for a challenge of the past.
  public func wantsChain(for order: BeaconOrder, at now: NodeTime) -> Bool {
    if setup.firstNumber != .max {
      guard now.isGoodEnough(for: order.policy),
        now.utcMilliseconds ?? .max < order.window.endUTCMilliseconds
      else { return false }
    }
    guard
      refusedNonce == order.nonce
        || HashChain.index(ofChallenge: order.number, firstNumber: setup.firstNumber) == nil
          && UInt64(order.number) + 1 != setup.firstNumber
    else { return false }
    return reveals.isEmpty && beacons[0] == nil && beacons[1] == nil
  }

  /// Another chain, once it is durable and enrolled; from this challenge on.
  public mutating func begin(_ newChain: consuming HashChain, firstNumber: UInt64) {
    chain = newChain
    setup.firstNumber = firstNumber
    // Its frames are others.
    (attemptedNumber, usedNumber, refusedNonce) = (0, 0, nil)
  }

  public mutating func handle(_ event: BeaconEvent, at now: NodeTime) -> BeaconActions {
    var actions = BeaconActions(filler: .writeNotSent(number: 0, .noChallenge))
    switch event {
    case .challenge(let order): take(order, now, &actions)
    case .tick: break
    case .intentDurable(let number):
      if let place = place(of: number, in: .writingIntent) { beacons[place]?.stage = .waiting }
    case .intentFailed(let number):
      if let place = place(of: number, in: .writingIntent) { drop(place, .notDurable, &actions) }
    case .transmitted(let number, let start, let power, let isConfirmed):
      sent(number, start, power, isConfirmed, &actions)
    case .refused(let number, let reason):
      // An answer to an order that was given up before says nothing any more.
      for place in beacons.indices {
        if let beacon = beacons[place], beacon.order.number == number,
          beacon.stage.isTransmitting
        {
          fail(place, reason, &actions)
        }
      }
    }
    advance(now, &actions)
    return actions
  }

  /// A beacon waits for its slot, or has it.
  public var isInHand: Bool { beacons[0] != nil || beacons[1] != nil }

  /// True while the radio is wanted for a beacon: other duties wait.
  public var isTransmitting: Bool {
    for place in beacons.indices where beacons[place]?.stage.isTransmitting ?? false {
      return true
    }
    return false
  }

  private mutating func take(
    _ order: BeaconOrder, _ now: NodeTime, _ actions: inout BeaconActions
  ) {
    // Older ones, and the same once more: the uplink hands over what it has.
    guard sequence.take(order) else { return }
    refusedNonce = nil
    quietSinceMilliseconds = now.milliseconds
    quietLimitMilliseconds = 2 * Int64(order.policy.windowSeconds) * 1_000
    switch prepare(order, now) {
    case .success(let beacon):
      usedNumber = max(usedNumber, order.number)
      var place = 0
      if let first = beacons[0] {
        place = 1
        if let second = beacons[1] {
          place = first.order.number < second.order.number ? 0 : 1
          drop(place, .tooLate, &actions)
        }
      }
      beacons[place] = beacon
      actions.append(
        .writeIntent(BeaconIntent(number: order.number, frameHash: beacon.draw.frame.hash)))
    case .failure(let refusal):
      if refusal.reason == .linkUsed { refusedNonce = order.nonce }
      actions.append(.writeNotSent(number: order.number, refusal.reason))
    }
  }

  struct Refusal: Error {
    let reason: BeaconReason
  }

  private func prepare(_ order: BeaconOrder, _ now: NodeTime) -> Result<Beacon, Refusal> {
    guard
      let index = HashChain.index(ofChallenge: order.number, firstNumber: setup.firstNumber),
      let link = chain.link(index)
    else { return .failure(Refusal(reason: .chainNotValid)) }
    if isLinkUsed(order, now) { return .failure(Refusal(reason: .linkUsed)) }
    guard order.number > attemptedNumber else {
      return .failure(Refusal(reason: .outcomeUnknown))
    }
    guard setup.plan.transmission == .allowed else {
      return .failure(Refusal(reason: .listenBeforeTalk))
    }
    guard
      let rendezvous = Rendezvous(nonce: order.nonce, plan: setup.plan, policy: order.policy)
    else { return .failure(Refusal(reason: .noChannel)) }
    if now.isGoodEnough(for: order.policy), let utc = now.utcMilliseconds,
      utc >= order.window.slotStartUTCMilliseconds(Int(order.policy.slotCount))
    {
      return .failure(Refusal(reason: .tooLate))
    }
    let draw = BeaconDraw(
      link: link, nonce: order.nonce, keyHash: setup.keyHash, number: order.number,
      policy: order.policy)
    return .success(
      Beacon(
        order: order, draw: draw, stage: .writingIntent, isRetry: false,
        // Issued now at the latest; the window begins within its own length after that.
        deadlineMilliseconds: now.milliseconds + 2 * Int64(order.policy.windowSeconds) * 1_000,
        reason: .tooLate, place: rendezvous.place(slot: draw.slot)))
  }

  /// Whether another challenge has had the link of this one, so that it may be known: its gateway was restored, or is
  /// another. Of a run before only a number is left: its own challenge's window had begun, or was about to, when the
  /// radio got its order; one that is still to come is another.
  private func isLinkUsed(_ order: BeaconOrder, _ now: NodeTime) -> Bool {
    if order.number <= usedNumber { return true }
    guard order.number <= attemptedNumber, now.isGoodEnough(for: order.policy),
      let utc = now.utcMilliseconds
    else { return false }
    let margin = leadMilliseconds + 2 * Int64(order.policy.maximumUncertaintyMilliseconds)
    return utc + margin < order.window.startUTCMilliseconds
  }

  private func place(of number: UInt32, in stage: Stage) -> Int? {
    for place in beacons.indices {
      if let beacon = beacons[place], beacon.order.number == number, beacon.stage == stage {
        return place
      }
    }
    return nil
  }

  /// Nothing came for two windows: that is told once for each two.
  mutating func tellQuiet(_ now: NodeTime, _ actions: inout BeaconActions) {
    guard now.milliseconds - quietSinceMilliseconds >= quietLimitMilliseconds else { return }
    quietSinceMilliseconds = now.milliseconds
    if actions.offer(.writeNotSent(number: 0, .noChallenge)) { return }
  }

  /// The beacon will not be sent.
  mutating func drop(_ place: Int, _ reason: BeaconReason, _ actions: inout BeaconActions) {
    guard let beacon = beacons[place] else { return }
    beacons[place] = nil
    actions.append(.writeNotSent(number: beacon.order.number, reason))
  }
}

extension BeaconNode.Stage {
  var isTransmitting: Bool {
    if case .transmitting = self { return true }
    return false
  }
}
