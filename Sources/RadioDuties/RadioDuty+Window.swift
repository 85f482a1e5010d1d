import Buses
import Coverage
import LoRa
import Proofs
import Radios
import Records

/// Where a radio listens.
struct ListeningPlace: Equatable, Sendable {
  var frequencyHertz: UInt32
  var spreadingFactor: UInt8
}

/// One challenge's window, as a radio listens to it.
struct WindowWatch: Sendable {
  let order: BeaconOrder
  let rendezvous: Rendezvous
  /// By then its window has ended, whatever the clock says.
  let deadlineMilliseconds: Int64
  /// Begun with the first slot, when it is known how the radio listens.
  var log: ListenLog?
  var follows = false
  /// The slot that the radio is set for.
  var slot: Int?
  /// It was set in time, and has listened since.
  var isWhole = false
  var isAwaited = false

  init?(_ order: BeaconOrder, plan: RegionPlan, at now: NodeTime) {
    guard let rendezvous = Rendezvous(nonce: order.nonce, plan: plan, policy: order.policy)
    else { return nil }
    self.order = order
    self.rendezvous = rendezvous
    deadlineMilliseconds = now.milliseconds + 2 * Int64(order.policy.windowSeconds) * 1_000
  }

  /// When the radio may leave a slot: its frame is in by then, with clocks as bad as they may be.
  func releaseUTCMilliseconds(_ slot: Int, _ capabilities: RadioCapabilities) -> Int64 {
    let end = order.window.slotEndUTCMilliseconds(slot)
    guard follows,
      let airtime = Rendezvous.timeOnAirMicroseconds(
        spreadingFactor: rendezvous.place(slot: slot).spreadingFactor)
    else { return end }
    let frameEnd =
      order.window.slotStartUTCMilliseconds(slot)
      + 3 * Int64(order.policy.maximumUncertaintyMilliseconds) + Int64(airtime) / 1_000 + 1
      + Int64(capabilities.receiveTimeUncertaintyMilliseconds)
    return min(end, frameEnd)
  }

  /// The slot that a radio is to be set for at this moment; nil: none is near.
  func slot(atUTCMilliseconds utc: Int64, _ capabilities: RadioCapabilities) -> Int? {
    let window = order.window
    let length = Int64(order.policy.slotMilliseconds)
    if utc < window.startUTCMilliseconds {
      return utc >= window.startUTCMilliseconds - length ? 0 : nil
    }
    guard let slot = window.slot(atUTCMilliseconds: utc) else { return nil }
    let isLast = slot + 1 >= Int(order.policy.slotCount)
    return !isLast && utc >= releaseUTCMilliseconds(slot, capabilities) ? slot + 1 : slot
  }
}

/// The radio at the rendezvous, and what it says of that.
extension RadioDuty where Radio: ~Copyable {
  /// A challenge whose hash stands in the log. Older ones, and what no radio of this region can follow, change nothing.
  public mutating func take(_ order: BeaconOrder, at now: NodeTime) {
    guard let watch = WindowWatch(order, plan: plan, at: now), sequence.take(order) else { return }
    if current == nil { current = watch } else { next = watch }
  }

  /// The listen leaf of the window that ends.
  mutating func endWindow() -> RadioDutyAction? {
    let record = current?.log?.record
    current = next
    next = nil
    return record.map { .writeListen($0) }
  }

  /// Without a challenge, or a clock to follow it by: the plan's first channel, in the middle of its datarates.
  var restingPlace: ListeningPlace {
    let factor = min(max(10, plan.spreadingFactors.lowerBound), plan.spreadingFactors.upperBound)
    return ListeningPlace(
      frequencyHertz: plan.frequencyHertz(channel: 0) ?? 0,
      spreadingFactor: min(
        factor, capabilities?.spreadingFactorsAt125Kilohertz.upperBound ?? factor))
  }

  func wantedPlace(_ now: NodeTime) -> ListeningPlace {
    guard let current, let capabilities,
      capabilities.retunesWithin(slotMilliseconds: UInt32(current.order.policy.slotMilliseconds)),
      now.isGoodEnough(for: current.order.policy), let utc = now.utcMilliseconds,
      let slot = current.slot(atUTCMilliseconds: utc, capabilities)
    else { return restingPlace }
    let place = current.rendezvous.place(slot: slot)
    // What the radio has not is a slot that it does not hear.
    guard capabilities.spreadingFactorsAt125Kilohertz.contains(place.spreadingFactor) else {
      return restingPlace
    }
    return ListeningPlace(
      frequencyHertz: place.frequencyHertz, spreadingFactor: place.spreadingFactor)
  }

  /// Keeps account of the slots, and ends the window with its leaf.
  mutating func followWindow(_ now: NodeTime) -> RadioDutyAction? {
    guard let watch = current else { return nil }
    let utc = now.isGoodEnough(for: watch.order.policy) ? now.utcMilliseconds : nil
    if now.milliseconds >= watch.deadlineMilliseconds
      || utc ?? .min >= watch.order.window.endUTCMilliseconds
    {
      return endWindow()
    }
    guard let utc, let capabilities else {
      current?.slot = nil
      return nil
    }
    account(watch, utc, now.uncertaintyMilliseconds, capabilities, wantedPlace(now))
    return nil
  }

  private mutating func account(
    _ known: WindowWatch, _ utc: Int64, _ uncertainty: UInt64, _ capabilities: RadioCapabilities,
    _ place: ListeningPlace
  ) {
    var watch = known
    let follows = capabilities.retunesWithin(
      slotMilliseconds: UInt32(watch.order.policy.slotMilliseconds))
    if watch.log == nil { watch.follows = follows }
    let slot = watch.slot(atUTCMilliseconds: utc, capabilities)
    // A window is told in one mode: another radio in its midst listens for witness leaves alone.
    guard slot != nil || watch.slot != nil, follows == watch.follows else { return }
    if watch.log == nil {
      watch.log =
        follows
        ? ListenLog(number: watch.order.number, mode: .rendezvous)
        : ListenLog(
          number: watch.order.number, frequencyHertz: place.frequencyHertz,
          spreadingFactor: place.spreadingFactor)
    }
    let isPossible =
      slot.map { slot in
        !follows
          || capabilities.spreadingFactorsAt125Kilohertz.contains(
            watch.rendezvous.place(slot: slot).spreadingFactor)
      } ?? true
    let isListening = isListening(to: place) && isPossible
    if slot != watch.slot {
      if let left = watch.slot, watch.isWhole,
        utc >= watch.releaseUTCMilliseconds(left, capabilities)
      {
        watch.log?.listened(slot: left)
      }
      // On the same channel the radio goes on listening; on another one it is to be set in time.
      let goesOn = watch.isWhole && isListening && slot == watch.slot.map { $0 + 1 }
      watch.slot = slot
      watch.isWhole = goesOn
      watch.isAwaited = !goesOn
    }
    if let slot, watch.isAwaited, isListening {
      watch.isAwaited = false
      // A frame begins the largest uncertainty after its slot, by a clock that is right.
      watch.isWhole =
        utc + Int64(clamping: uncertainty)
        <= watch.order.window.slotStartUTCMilliseconds(slot)
        + Int64(watch.order.policy.maximumUncertaintyMilliseconds)
    }
    if !isListening { watch.isWhole = false }
    current = watch
  }

  /// The radio turned out to have heard nothing since then.
  mutating func forgetSlots(since milliseconds: Int64, _ now: NodeTime) {
    guard let watch = current else { return }
    current?.isWhole = false
    guard let utc = now.utcMilliseconds else {
      // It is not known which slots that were.
      current?.log = nil
      return
    }
    let window = watch.order.window
    let since = utc - max(0, now.milliseconds - milliseconds)
    let length = Int64(watch.order.policy.slotMilliseconds)
    let first = max(0, (since - window.startUTCMilliseconds) / length)
    let last = min(
      Int64(watch.order.policy.slotCount) - 1, (utc - window.startUTCMilliseconds) / length)
    guard utc >= window.startUTCMilliseconds, first <= last else { return }
    for slot in first...last { current?.log?.forget(slot: Int(slot)) }
  }

  /// When the window wants the next step.
  func nextWindowStep(_ now: NodeTime) -> Int64 {
    guard let watch = current else { return .max }
    guard now.isGoodEnough(for: watch.order.policy), let utc = now.utcMilliseconds else {
      return watch.deadlineMilliseconds
    }
    let window = watch.order.window
    var due = window.endUTCMilliseconds
    let opening = window.startUTCMilliseconds - Int64(watch.order.policy.slotMilliseconds)
    if utc < opening {
      due = opening
    } else if let capabilities,
      let slot = watch.slot(atUTCMilliseconds: utc, capabilities)
    {
      due = watch.releaseUTCMilliseconds(slot, capabilities)
    }
    // What is due and waits for the radio is looked at again soon.
    return now.milliseconds + max(10, due - utc)
  }
}
