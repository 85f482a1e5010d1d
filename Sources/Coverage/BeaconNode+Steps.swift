import FixedMemory
import LoRa
import Proofs
import Records

extension BeaconNode {
  /// What time alone brings about.
  mutating func advance(_ now: NodeTime, _ actions: inout BeaconActions) {
    for place in beacons.indices {
      guard let beacon = beacons[place] else { continue }
      switch beacon.stage {
      case .writingIntent:
        if now.milliseconds >= beacon.deadlineMilliseconds { drop(place, .notDurable, &actions) }
      case .waiting: wait(place, beacon, now, &actions)
      case .transmitting(let deadline, let start, let power):
        // The radio has it: it may have been on the air, and is not sent once more.
        if now.milliseconds >= deadline {
          sent(beacon.order.number, start, power, false, &actions)
        }
      }
    }
    reveal(now, &actions)
    tellQuiet(now, &actions)
  }

  private mutating func wait(
    _ place: Int, _ beacon: Beacon, _ now: NodeTime, _ actions: inout BeaconActions
  ) {
    guard now.milliseconds < beacon.deadlineMilliseconds else {
      // Without a clock it is not known which slot this is.
      drop(place, now.isGoodEnough(for: beacon.order.policy) ? .tooLate : .noClock, &actions)
      return
    }
    guard now.isGoodEnough(for: beacon.order.policy), let utc = now.utcMilliseconds else {
      beacons[place]?.reason = .noClock
      return
    }
    guard
      let airtime = Rendezvous.timeOnAirMicroseconds(spreadingFactor: beacon.place.spreadingFactor)
    else { return drop(place, .noChannel, &actions) }
    let window = beacon.order.window
    let start = window.transmissionUTCMilliseconds(beacon.slot)
    guard start - utc <= leadMilliseconds else { return }
    // The frame has to end within the slot by this clock; what is over is not begun late.
    let end = max(utc, start) + Int64(airtime) / 1_000 + 1
    let limit =
      window.slotEndUTCMilliseconds(beacon.slot)
      - Int64(beacon.order.policy.maximumUncertaintyMilliseconds)
    guard end <= limit || utc <= start else {
      fail(place, beacon.reason, &actions)
      return
    }
    guard
      let power = setup.transmitter.output(
        step: beacon.draw.powerStep, frequencyHertz: beacon.place.frequencyHertz,
        plan: setup.plan, policy: beacon.order.policy)
    else { return drop(place, .notAllowed, &actions) }
    let startMilliseconds = now.milliseconds + max(0, start - utc)
    // A frame that fills its slot may be a little late, as a verifier allows; else it ends within the slot.
    let latestMilliseconds = max(
      now.milliseconds + limit - Int64(airtime) / 1_000 - 1 - utc,
      startMilliseconds + (utc <= start ? Self.latenessMilliseconds : 0))
    beacons[place]?.stage = .transmitting(
      deadlineMilliseconds: latestMilliseconds + Int64(airtime) / 1_000 + Self.answerMilliseconds,
      startMilliseconds: startMilliseconds, powerCentidecibelMilliwatts: power)
    actions.append(
      .transmit(
        BeaconTransmission(
          number: beacon.order.number, isRetry: beacon.isRetry,
          startMilliseconds: startMilliseconds,
          latestMilliseconds: latestMilliseconds, frame: beacon.draw.frame,
          frequencyHertz: beacon.place.frequencyHertz,
          spreadingFactor: beacon.place.spreadingFactor, timeOnAirMicroseconds: airtime,
          powerCentidecibelMilliwatts: power)))
  }

  /// The attempt came to nothing: once more in the reserve, or never.
  mutating func fail(_ place: Int, _ reason: BeaconReason, _ actions: inout BeaconActions) {
    guard var beacon = beacons[place] else { return }
    guard !beacon.isRetry, let slot = beacon.draw.reserveSlot,
      let rendezvous = Rendezvous(
        nonce: beacon.order.nonce, plan: setup.plan, policy: beacon.order.policy)
    else { return drop(place, reason, &actions) }
    beacon.isRetry = true
    beacon.reason = reason
    beacon.stage = .waiting
    beacon.place = rendezvous.place(slot: slot)
    beacons[place] = beacon
  }

  mutating func sent(
    _ number: UInt32, _ start: Int64, _ power: Int32?, _ isConfirmed: Bool,
    _ actions: inout BeaconActions
  ) {
    for place in beacons.indices {
      guard let beacon = beacons[place], beacon.order.number == number,
        beacon.stage.isTransmitting
      else { continue }
      actions.append(
        .writeSent(
          SentBeacon(
            number: number, isRetry: beacon.isRetry, startMilliseconds: start,
            timeOnAirMicroseconds: Rendezvous.timeOnAirMicroseconds(
              spreadingFactor: beacon.place.spreadingFactor) ?? 0,
            frequencyHertz: beacon.place.frequencyHertz,
            spreadingFactor: beacon.place.spreadingFactor, isConfirmed: isConfirmed)))
      keepReveal(
        PendingReveal(
          number: number, utcMilliseconds: beacon.order.window.revealUTCMilliseconds,
          powerCentidecibelMilliwatts: power))
      // What may be on the air already is not sent once more.
      beacons[place] = nil
      return
    }
  }

  /// In the order of numbers. A full table loses the oldest: any later reveal leads to its link.
  private mutating func keepReveal(_ reveal: PendingReveal) {
    if reveals.isFull { removeReveal(0) }
    var place = reveals.count
    reveals.append(reveal)
    while place > 0, reveals[place - 1].number > reveal.number {
      reveals[place] = reveals[place - 1]
      place -= 1
      reveals[place] = reveal
    }
  }

  private mutating func removeReveal(_ index: Int) {
    for place in index..<(reveals.count - 1) { reveals[place] = reveals[place + 1] }
    _ = reveals.removeLast()
  }

  private mutating func reveal(_ now: NodeTime, _ actions: inout BeaconActions) {
    // Early by no clock that may be: the uncertainty is waited for as well.
    guard let utc = now.utcMilliseconds, now.uncertaintyMilliseconds < 1 << 40 else { return }
    let earliest = utc - Int64(now.uncertaintyMilliseconds)
    var written = 0
    while !reveals.isEmpty, written < Self.revealsPerStep, !actions.isFull {
      let due = reveals[0]
      guard earliest >= due.utcMilliseconds else { return }
      removeReveal(0)
      guard
        let index = HashChain.index(ofChallenge: due.number, firstNumber: setup.firstNumber),
        let link = chain.link(index)
      else { continue }
      actions.append(
        .writeReveal(
          BeaconReveal(
            number: due.number, link: link,
            powerCentidecibelMilliwatts: due.powerCentidecibelMilliwatts)))
      written += 1
    }
  }

  /// When `handle` wants a tick.
  public func nextStep(at now: NodeTime) -> Int64 {
    var next = quietSinceMilliseconds + quietLimitMilliseconds
    for place in beacons.indices {
      guard let beacon = beacons[place] else { continue }
      switch beacon.stage {
      case .transmitting(let deadline, _, _): next = min(next, deadline)
      case .writingIntent: next = min(next, beacon.deadlineMilliseconds)
      case .waiting:
        next = min(next, beacon.deadlineMilliseconds)
        guard now.isGoodEnough(for: beacon.order.policy), let utc = now.utcMilliseconds else {
          continue
        }
        let start = beacon.order.window.transmissionUTCMilliseconds(beacon.slot)
        next = min(next, now.milliseconds + start - leadMilliseconds - utc)
      }
    }
    if !reveals.isEmpty, let utc = now.utcMilliseconds, now.uncertaintyMilliseconds < 1 << 40 {
      let wait = reveals[0].utcMilliseconds + Int64(now.uncertaintyMilliseconds) - utc
      next = min(next, now.milliseconds + max(10, wait))
    }
    return max(now.milliseconds, next)
  }

  /// For tests.
  func checkInvariants() {
    if let first = beacons[0], let second = beacons[1] {
      precondition(first.order.number != second.order.number, "two beacons of one challenge")
    }
    for place in beacons.indices {
      if let beacon = beacons[place] {
        precondition(beacon.order.number <= usedNumber, "a beacon whose link counts as unused")
      }
    }
    for place in reveals.indices.dropFirst() {
      precondition(reveals[place - 1].number < reveals[place].number, "reveals out of order")
    }
  }
}
