import Coverage
import LoRa
import Proofs
import Records

/// One challenge's window, as a concentrator listens to it.
struct ConcentratorWindow: Sendable {
  let order: BeaconOrder
  let rendezvous: Rendezvous
  /// By then its window has ended, whatever the clock says.
  let deadlineMilliseconds: Int64
  var log: ListenLog
  /// Slots in which it sent, or of which something got lost.
  var deaf = SlotSet()

  init?(_ order: BeaconOrder, plan: RegionPlan, hearsWholePlan: Bool, at now: NodeTime) {
    guard let rendezvous = Rendezvous(nonce: order.nonce, plan: plan, policy: order.policy)
    else { return nil }
    self.order = order
    self.rendezvous = rendezvous
    log = ListenLog(number: order.number, mode: hearsWholePlan ? .everything : .rendezvous)
    deadlineMilliseconds =
      now.milliseconds + 2 * Int64(order.policy.windowSeconds) * 1_000
      + ConcentratorDuty.silenceKnownMilliseconds
  }

  var start: Int64 { order.window.startUTCMilliseconds }

  /// Nil: it listened to no slot.
  var record: ListenRecord? {
    var log = log
    for slot in 0..<Int(order.policy.slotCount) where deaf.contains(slot) { log.forget(slot: slot) }
    return log.record
  }
}

/// What the concentrator listened to: every slot whose channel it is set to, from beginning to end.
extension ConcentratorDuty {
  /// A challenge whose hash stands in the log. Older ones, and what no radio of this region can follow, change nothing.
  public mutating func take(_ order: BeaconOrder, at now: NodeTime) {
    guard
      let window = ConcentratorWindow(order, plan: plan, hearsWholePlan: hearsWholePlan, at: now),
      sequence.take(order)
    else { return }
    for place in windows.indices where windows[place] == nil {
      windows[place] = window
      return
    }
    // The oldest window gives way: three windows of one gateway never last at once.
    var oldest = 0
    for place in windows.indices
    where windows[place]?.start ?? 0 < windows[oldest]?.start ?? 0 {
      oldest = place
    }
    windows[oldest] = window
  }

  /// It is known to have listened until then.
  private func confirmed(_ now: NodeTime) -> Int64 {
    max(lastSignMilliseconds, now.milliseconds - Self.silenceKnownMilliseconds)
  }

  /// Whether nothing is heard any more: what is known until then is kept.
  mutating func stopListening(at now: NodeTime) {
    mark(now)
    listeningSince = nil
  }

  /// Something that was heard did not come to the agent: since the last frame that did, it listened to nothing. Windows
  /// that begin before now and are taken later count from now on.
  mutating func missed(_ now: NodeTime) {
    mark(now)
    let since = max(connectedMilliseconds, lastSignMilliseconds)
    deafen(from: min(since, now.milliseconds), to: now.milliseconds, at: now)
    if listeningSince != nil { listeningSince = now.milliseconds }
  }

  private mutating func mark(_ now: NodeTime) {
    for place in windows.indices {
      guard var window = windows[place] else { continue }
      mark(&window, now)
      windows[place] = window
    }
  }

  /// Slots that began since it listens, and ended before that is not sure any more.
  private mutating func mark(_ window: inout ConcentratorWindow, _ now: NodeTime) {
    guard let since = listeningSince, now.isGoodEnough(for: window.order.policy),
      let utc = now.utcMilliseconds
    else { return }
    let offset = utc - now.milliseconds
    let start = window.order.window.startUTCMilliseconds
    let length = Int64(window.order.policy.slotMilliseconds)
    let uncertainty = Int64(clamping: now.uncertaintyMilliseconds)
    // A frame begins the largest uncertainty after its slot, by a clock that is right.
    let slack = Int64(window.order.policy.maximumUncertaintyMilliseconds) - uncertainty
    let (begun, ended) = (since + offset - slack - start, confirmed(now) + offset - start)
    let first = begun <= 0 ? 0 : (begun + length - 1) / length
    let last = min(Int64(window.order.policy.slotCount), ended / length)
    guard ended > 0, first < last else { return }
    for slot in Int(first)..<Int(last)
    where hearsWholePlan || hears(channel: window.rendezvous.place(slot: slot).channel) {
      window.log.listened(slot: slot)
    }
  }

  /// It sends, or its frames get lost, and so it hears nothing meanwhile.
  mutating func deafen(from: Int64, to: Int64, at now: NodeTime) {
    for place in windows.indices {
      guard var window = windows[place] else { continue }
      guard let utc = now.utcMilliseconds else {
        // It is not known which slots that is.
        windows[place] = nil
        continue
      }
      let offset = utc - now.milliseconds - window.order.window.startUTCMilliseconds
      let length = Int64(window.order.policy.slotMilliseconds)
      let last = min(Int64(window.order.policy.slotCount) - 1, (to + offset) / length)
      let first = max(0, (from + offset) / length)
      guard to + offset >= 0, first <= last else { continue }
      for slot in first...last { window.deaf.insert(Int(slot)) }
      windows[place] = window
    }
  }

  /// The listen leaf of the first window that has ended, and of which it is known what was listened to.
  mutating func endedWindow(_ now: NodeTime) -> RadioDutyAction? {
    for place in windows.indices {
      guard let window = windows[place], due(window, now) <= now.milliseconds else { continue }
      return end(place, now)
    }
    return nil
  }

  mutating func lastWindow(_ now: NodeTime) -> RadioDutyAction? {
    for place in windows.indices {
      if let listen = end(place, now) { return listen }
    }
    return nil
  }

  private mutating func end(_ place: Int, _ now: NodeTime) -> RadioDutyAction? {
    guard var window = windows[place] else { return nil }
    mark(&window, now)
    windows[place] = nil
    return window.record.map { .writeListen($0) }
  }

  /// A minute and two turns behind its end it would have been told that nobody listened; a frame that came behind it
  /// says so at once.
  private func due(_ window: ConcentratorWindow, _ now: NodeTime) -> Int64 {
    guard now.isGoodEnough(for: window.order.policy), let utc = now.utcMilliseconds else {
      return window.deadlineMilliseconds
    }
    let end = window.order.window.endUTCMilliseconds - utc + now.milliseconds
    let sure = lastSignMilliseconds >= end ? end : end + Self.silenceKnownMilliseconds
    return min(sure, window.deadlineMilliseconds)
  }

  func nextWindowStep(_ now: NodeTime) -> Int64 {
    var next = Int64.max
    for place in windows.indices {
      if let window = windows[place] { next = min(next, due(window, now)) }
    }
    return next
  }
}
