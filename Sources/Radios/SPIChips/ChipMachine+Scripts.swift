import Buses
import FixedMemory
import LoRa

/// Which transfer is next, and what follows from its answer.
extension ChipMachine {
  mutating func start(_ script: ChipScript, atMilliseconds now: Int64, attempt: UInt8 = 1) {
    (self.script, self.attempt) = (script, attempt)
    (busySince, againSince) = (nil, nil)
    say(from: 0, atMilliseconds: now)
  }

  /// Makes the transfer ready, or what stands in its place; behind the last one the script is done.
  private mutating func say(from first: Int, atMilliseconds now: Int64) {
    guard let script else { return }
    index = first
    while true {
      transfer.removeAll()
      let place = wiring.isSX126x ? sx126xPlace(script) : sx127xPlace(script)
      switch place {
      case .skip:
        index += 1
        continue
      case .transfer: phase = .ready
      case .waitForEnd:
        phase = .sending(until: sendingUntil, nextAsk: now + Self.askMilliseconds)
      case .end:
        (self.script, phase) = (nil, .idle)
        finish(script, atMilliseconds: now)
      }
      return
    }
  }

  /// Where the command that sends stands in the script of either family; the place behind it waits for the end.
  static var transmitPlace: Int { 7 }

  mutating func willTransfer(atMilliseconds now: Int64) {
    if script == .send, index == Self.transmitPlace { frameHandedOverAt = now }
  }

  var airtimeMicroseconds: UInt32 {
    target?.modulation.timeOnAirMicroseconds(payloadByteCount: UInt8(clamping: payloadCount)) ?? 0
  }

  /// The transfer is through, and its answer stands in its place.
  mutating func took(atMilliseconds now: Int64) {
    guard let script else { return }
    busySince = nil
    let answer =
      wiring.isSX126x
      ? sx126xAnswer(script, atMilliseconds: now) : sx127xAnswer(script, atMilliseconds: now)
    if case .again = answer {} else { againSince = nil }
    switch answer {
    case .next: say(from: index + 1, atMilliseconds: now)
    case .again(let milliseconds):
      if script == .send {
        // Back to the place that waits, before this one.
        index -= 1
        phase = .sending(until: sendingUntil, nextAsk: now + milliseconds)
      } else {
        let since = againSince ?? now
        againSince = since
        guard now - since < Self.againMilliseconds else {
          return fail(.refused, atMilliseconds: now)
        }
        phase = .pausing(until: now + milliseconds)
      }
    case .skip(let place): say(from: place, atMilliseconds: now)
    case .failed(let failure): fail(failure, atMilliseconds: now)
    case .deaf: foundDeaf(.deaf, atMilliseconds: now)
    case .restarted: foundDeaf(.restarted, atMilliseconds: now)
    case .unsteady: foundDeaf(.oscillator, atMilliseconds: now)
    }
  }

  /// From the start of a transmission.
  var sendingUntil: Int64 {
    startedAt + Int64(airtimeMicroseconds / 1_000) + Self.transmissionMarginMilliseconds
  }

  /// What time brings, before lines and bus are looked at.
  mutating func tick(atMilliseconds now: Int64) {
    switch phase {
    case .ready, .resetting, .holdingReset: break
    case .waking: phase = .pausing(until: now + Self.wakingMilliseconds)
    case .pausing(let until):
      if until <= now { say(from: index, atMilliseconds: now) }
    case .sending(let until, let ask):
      if now >= until {
        fail(.transmissionUnfinished, atMilliseconds: now)
      } else if isInterrupted || now >= ask {
        say(from: index + 1, atMilliseconds: now)
      }
    case .idle: begin(nextAt: now)
    }
  }

  private mutating func begin(nextAt now: Int64) {
    guard state == .listening || state == .ready else { return }
    // What has come is taken before anything else: another setting would lose it.
    isUntimely = isSuspect && hasLine && isLineBelieved && !isInterrupted
    isSuspect = false
    if isUntimely { disbelieveLine() }
    let isAskDue = (!hasLine || !isLineBelieved) && now >= nextAsk
    if state == .listening, (isLineBelieved && isInterrupted) || isAskDue || isUntimely {
      start(.fetch, atMilliseconds: now)
    } else if isWaiting {
      beginRequest(atMilliseconds: now)
    } else if state == .listening, now >= renewalAt {
      state = .configuring
      start(.configure, atMilliseconds: now)
    } else if state == .listening, now >= nextPoll {
      start(.poll, atMilliseconds: now)
    }
  }

  private mutating func beginRequest(atMilliseconds now: Int64) {
    isWaiting = false
    switch request {
    case .configure:
      target = wanted
      state = .configuring
      start(.configure, atMilliseconds: now)
    case .transmit:
      state = .transmitting
      start(.send, atMilliseconds: now)
    case .measureNoise:
      state = .measuring
      start(.noise, atMilliseconds: now)
    case .begin, .listen, nil: break
    }
  }

  /// How the line stands; nil: not wired.
  mutating func sawLevel(_ level: Bool?) {
    hasLine = level != nil
    isInterrupted = level == true
    mustLook = false
  }

  mutating func sawBusy(atMilliseconds now: Int64) {
    let since = busySince ?? now
    busySince = since
    guard now - since >= Self.busyMilliseconds else { return }
    // It may be on the air: then that it is busy is no word of its not being sent.
    let mayBeSent = script == .send && index > Self.transmitPlace
    fail(mayBeSent ? .transmissionUnfinished : .busyLine, atMilliseconds: now)
  }

  private mutating func finish(_ script: ChipScript, atMilliseconds now: Int64) {
    switch script {
    case .identify: start(.setUp, atMilliseconds: now)
    case .setUp:
      if isRestoring, target != nil {
        start(.configure, atMilliseconds: now)
      } else {
        state = .ready
        (request, isRestoring, resetsInRow) = (nil, false, 0)
        tell(.identified)
      }
    case .configure: start(.listen, atMilliseconds: now)
    case .listen: listening(atMilliseconds: now)
    case .send:
      RadioCounts.count(&counts.transmitted)
      tell(
        .transmitted(
          TransmissionReport(
            startedMilliseconds: startedAt, endedMilliseconds: now,
            airtimeMicroseconds: airtimeMicroseconds,
            powerCentidecibelMilliwatts: target?.powerCentidecibelMilliwatts ?? 0)))
      request = nil
      start(.listen, atMilliseconds: now)
    case .noise:
      request = nil
      state = .listening
    case .fetch:
      mustLook = true
      nextAsk = now + Self.askMilliseconds
    case .poll:
      // Nothing else ends a row of failures: a chip takes its settings, and is deaf a second later all the same.
      (failuresInRow, resetsInRow, heardAt) = (0, 0, now)
      nextPoll = now + Self.pollMilliseconds
      mustLook = true
    }
  }

  private mutating func listening(atMilliseconds now: Int64) {
    if state == .configuring || state == .starting {
      setting = target
      renewalAt = now + RadioBounds.silenceBeforeRenewalMilliseconds
    }
    state = .listening
    (heardAt, nextPoll, nextAsk) = (now, now + Self.pollMilliseconds, now + Self.askMilliseconds)
    (emptyInRow, mustLook) = (0, true)
    let isAsked = request == .configure && !isWaiting
    guard isAsked || isRestoring else { return }
    if isAsked { request = nil }
    isRestoring = false
    tell(.configured)
  }

  /// A fetch found flags, or none.
  mutating func foundInterrupts(_ areAny: Bool) {
    guard !areAny else {
      emptyInRow = 0
      return
    }
    guard isInterrupted, isLineBelieved else { return }
    emptyInRow += 1
    if emptyInRow >= Self.emptyInterrupts { disbelieveLine() }
  }

  /// Until the next reset the chip is asked instead.
  private mutating func disbelieveLine() {
    isLineBelieved = false
    // What it tells now is as late as without a line.
    capabilities = .ofChip(wiring, hasLine: false, lookMilliseconds: lookMilliseconds)
    tell(.noticed(.interruptLine))
  }

  /// `held` is whole.
  mutating func received(atMilliseconds now: Int64) {
    renewalAt = now + RadioBounds.silenceBeforeRenewalMilliseconds
    if isUntimely {
      // The line did not tell of it, and its time would be a guess.
      RadioCounts.count(&counts.garbled)
      isUntimely = false
      return
    }
    if held.checksum == .wrong { RadioCounts.count(&counts.checksumWrong) }
    RadioCounts.count(&counts.received)
    tell(.received)
  }

  // MARK: Failures

  private mutating func abandon() {
    (script, phase, busySince) = (nil, .idle, nil)
    transfer.removeAll()
  }

  /// What runs has failed: it is begun again where that does no harm, then told.
  mutating func fail(_ failure: RadioFailure, atMilliseconds now: Int64) {
    if failure == .nothingOnTheBus { RadioCounts.count(&counts.unanswered) }
    if failure == .unintelligible { RadioCounts.count(&counts.garbled) }
    if let script, script != .send, failure != .busyLine {
      let limit = script == .identify ? Self.identifyAttempts : Self.attempts
      if attempt < limit {
        let next = attempt + 1
        start(script, atMilliseconds: now, attempt: next)
        phase = .pausing(until: now + Self.identifyPauseMilliseconds)
        return
      }
    }
    abandon()
    if state == .starting { return startFailed(failure, atMilliseconds: now) }
    // A line failed while there was nothing to do, and nothing to set anew.
    if state == .ready { return giveUp(failure) }
    let ended = isWaiting ? nil : request
    if !isWaiting { request = nil }
    setting = nil
    tell(ended.map { .failed($0, failure) } ?? .noticed(failure))
    failuresInRow += 1
    // A transmitter that does not end is beyond commands, by its maker's advice; so is a chip that stays busy.
    let isBeyondCommands = failure == .transmissionUnfinished || failure == .busyLine
    if isBeyondCommands || failuresInRow >= RadioBounds.failuresBeforeReset {
      reset(failure, atMilliseconds: now)
    } else if ended == .configure {
      state = .ready
    } else {
      (state, isRestoring) = (.configuring, true)
      start(.configure, atMilliseconds: now)
    }
  }

  private mutating func startFailed(_ failure: RadioFailure, atMilliseconds now: Int64) {
    if isRestoring { reset(failure, atMilliseconds: now) } else { giveUp(failure) }
  }

  mutating func giveUp(_ failure: RadioFailure) {
    let ended = request ?? .listen
    abandon()
    (request, isWaiting, setting) = (nil, false, nil)
    state = .failed
    tell(.failed(ended, failure))
  }

  private mutating func reset(_ failure: RadioFailure, atMilliseconds now: Int64) {
    guard resetsInRow < RadioBounds.resetsBeforeFailed else { return giveUp(failure) }
    resetsInRow += 1
    RadioCounts.count(&counts.resets)
    if let request {
      tell(.failed(request, failure))
      (self.request, isWaiting) = (nil, false)
    }
    tell(.reset(failure))
    (failuresInRow, setting) = (0, nil)
    isRestoring = true
    beginReset()
  }

  mutating func beginReset() {
    abandon()
    (calibratedBand, isLineBelieved, emptyInRow) = (nil, true, 0)
    (mustLook, isSuspect, isUntimely) = (false, false, false)
    state = .starting
    phase = .resetting
  }

  /// The line was set, or is not wired.
  mutating func resetHeld(_ isWired: Bool, atMilliseconds now: Int64) {
    if isWired {
      phase = .holdingReset(until: nil)
    } else {
      start(.identify, atMilliseconds: now)
    }
  }

  mutating func resetLetGo(atMilliseconds now: Int64) {
    start(.identify, atMilliseconds: now)
    phase = .waking
  }

  /// The chip answers, and is not in reception.
  mutating func foundDeaf(_ failure: RadioFailure, atMilliseconds now: Int64) {
    RadioCounts.count(&counts.deaf)
    tell(.deaf(sinceMilliseconds: heardAt))
    if failure != .deaf { tell(.noticed(failure)) }
    if !isWaiting, let ended = request {
      tell(.failed(ended, failure))
      request = nil
    }
    abandon()
    setting = nil
    failuresInRow += 1
    if failuresInRow >= RadioBounds.failuresBeforeReset {
      reset(failure, atMilliseconds: now)
    } else {
      // After a restart of its own the chip needs all of its settings.
      (isRestoring, state, calibratedBand) = (true, .starting, nil)
      start(.setUp, atMilliseconds: now)
    }
  }
}
