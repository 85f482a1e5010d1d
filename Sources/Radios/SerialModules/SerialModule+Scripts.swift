import Buses
import FixedMemory
import LoRa

/// What is said in which order, and what follows from its end.
extension SerialModule {
  mutating func start(_ script: CommandScript, atMilliseconds now: Int64) {
    exchange = Exchange(script: script)
    say(script, index: 0, atMilliseconds: now)
  }

  /// Makes the command ready; behind the script's last one the script is done.
  private mutating func say(_ script: CommandScript, index: Int, atMilliseconds now: Int64) {
    output.removeAll()
    handedOverCount = 0
    let inputs = CommandInputs(
      setting: target ?? .none, isOldFirmware: isOldFirmware, isInOtherMode: isInOtherMode,
      kind: identity?.kind ?? .rak3172)
    let command = dialect.command(
      script, index, inputs, payload: payload.span.extracting(0..<payloadCount), into: &output)
    guard let command else {
      exchange = nil
      finish(script, atMilliseconds: now)
      return
    }
    exchange?.index = index
    exchange?.command = command
    exchange?.value = nil
    if output.isEmpty {
      let airtime = Int64(airtimeMicroseconds / 1_000)
      exchange?.phase = .waiting(until: now + airtime + Self.transmissionMarginMilliseconds)
    } else {
      output.append("\r\n")
      exchange?.phase = .saying
    }
  }

  var airtimeMicroseconds: UInt32 {
    (target ?? .none).modulation.timeOnAirMicroseconds(
      payloadByteCount: UInt8(clamping: payloadCount))
  }

  /// So many bytes of `output` have been handed to the line.
  mutating func handOver(_ count: Int, atMilliseconds now: Int64) {
    handedOverCount += count
    guard handedOverCount >= output.byteCount, let current = exchange else { return }
    if current.script == .send {
      handedOverAt = now
      if current.isSending { frameHandedOverAt = now }
    }
    // The command's own way over a line of 9600 baud, and that of an answer that repeats it.
    let transfer = Int64(output.byteCount) * 3
    exchange?.phase = .waiting(until: now + current.command.answerMilliseconds + transfer)
  }

  /// The command has ended as it should.
  mutating func advance(_ current: Exchange, atMilliseconds now: Int64) {
    if let expected = current.command.expectedValue {
      guard let value = current.value, abs(value - expected) <= current.command.tolerance else {
        return otherValue(current, atMilliseconds: now)
      }
    }
    switch (current.script, current.index) {
    case (.setUp, 0): isInOtherMode = dialect == .rak3172 && current.value != 0
    case (.figures, 0):
      held.snrCentidecibels = Self.figure(current.value, -40...40)
    case (.figures, _):
      held.packetRSSICentidecibelMilliwatts = Self.figure(current.value, -200...20)
    default: break
    }
    exchange?.attempt = 1
    exchange?.busyCount = 0
    let pause = current.command.pauseMilliseconds
    if pause > 0 {
      exchange?.phase = .pausing(until: now + pause, isRepeated: false)
    } else {
      say(current.script, index: current.index + 1, atMilliseconds: now)
    }
  }

  /// The answer may have lost a byte: it is asked for again before it is believed.
  private mutating func otherValue(_ current: Exchange, atMilliseconds now: Int64) {
    if current.attempt < current.command.attempts {
      exchange?.attempt += 1
      exchange?.phase = .pausing(until: now + Self.quietMilliseconds, isRepeated: true)
    } else if current.script == .poll {
      foundDeaf(atMilliseconds: now)
    } else {
      fail(.settingLost, atMilliseconds: now)
    }
  }

  /// Whole decibels as hundredths; what no radio measures is no figure.
  private static func figure(_ value: Int64?, _ range: ClosedRange<Int64>) -> Int32? {
    guard let value, range.contains(value) else { return nil }
    return Int32(value) * 100
  }

  private mutating func finish(_ script: CommandScript, atMilliseconds now: Int64) {
    switch script {
    case .probe: start(.setUp, atMilliseconds: now)
    case .setUp:
      if isRestoring, target != nil {
        start(.configure, atMilliseconds: now)
      } else {
        state = .ready
        (request, isRestoring) = (nil, false)
        resetsInRow = 0
        tell(.identified)
      }
    case .configure: start(.listen, atMilliseconds: now)
    case .listen: listening(atMilliseconds: now)
    case .send: sent(atMilliseconds: now)
    case .figures: start(.listen, atMilliseconds: now)
    case .poll:
      // What ends a row of failures: a module takes its settings, and is deaf a second later all the same.
      (failuresInRow, resetsInRow, heardAt) = (0, 0, now)
      nextPoll = now + RadioBounds.statusPollMilliseconds
    case .reset: beginProbing(atMilliseconds: now)
    }
  }

  private mutating func listening(atMilliseconds now: Int64) {
    if state == .configuring || state == .starting {
      setting = target
      renewalAt = now + RadioBounds.silenceBeforeRenewalMilliseconds
    }
    state = .listening
    heardAt = now
    if isQuestionRefused {
      // It took its settings, and does not know the question: it has no better answer to wait for.
      (failuresInRow, resetsInRow, isQuestionRefused) = (0, 0, false)
    }
    planPoll(atMilliseconds: now)
    guard request == .configure && !isWaiting || isRestoring else { return }
    if request == .configure && !isWaiting { request = nil }
    isRestoring = false
    tell(.configured)
  }

  /// Behind a failure it is soon, and not put off by what else is said meanwhile.
  private mutating func planPoll(atMilliseconds now: Int64) {
    let isInDoubt = failuresInRow > 0 || resetsInRow > 0
    let usual =
      now + (isInDoubt ? Self.soonMilliseconds : RadioBounds.statusPollMilliseconds)
    nextPoll = isInDoubt && nextPoll > now ? min(nextPoll, usual) : usual
  }

  private mutating func sent(atMilliseconds now: Int64) {
    RadioCounts.count(&counts.transmitted)
    tell(
      .transmitted(
        TransmissionReport(
          startedMilliseconds: handedOverAt, endedMilliseconds: now,
          airtimeMicroseconds: airtimeMicroseconds,
          powerCentidecibelMilliwatts: target?.powerCentidecibelMilliwatts ?? 0)))
    request = nil
    if dialect.listensAfterSending {
      state = .listening
      // Whether it does is asked soon.
      nextPoll = now + Self.soonMilliseconds
    } else {
      start(.listen, atMilliseconds: now)
    }
  }

  // MARK: Failures

  private mutating func abandonExchange() {
    exchange = nil
    output.removeAll()
    handedOverCount = 0
  }

  /// The running script has failed.
  mutating func fail(_ failure: RadioFailure, atMilliseconds now: Int64) {
    guard let script = exchange?.script else { return }
    abandonExchange()
    if script == .reset { return beginProbing(atMilliseconds: now) }
    if script == .probe, probeNext(atMilliseconds: now) { return }
    if script == .figures { deliverHeld(atMilliseconds: now) }
    if script == .poll { isQuestionRefused = failure == .refused || failure == .busy }
    if state == .starting { return startFailed(failure, atMilliseconds: now) }
    let ended = isWaiting ? nil : request
    if !isWaiting { request = nil }
    setting = nil
    if let ended { tell(.failed(ended, failure)) }
    failuresInRow += 1
    if failuresInRow >= RadioBounds.failuresBeforeReset {
      reset(failure, atMilliseconds: now)
    } else if ended == .configure {
      state = .ready
    } else {
      restore(atMilliseconds: now)
    }
  }

  /// Writes the setting anew, in the hope that it helps.
  private mutating func restore(atMilliseconds now: Int64) {
    state = .configuring
    isRestoring = true
    start(.configure, atMilliseconds: now)
  }

  /// Identification or the way back after a reset has failed.
  private mutating func startFailed(_ failure: RadioFailure, atMilliseconds now: Int64) {
    if isRestoring { reset(failure, atMilliseconds: now) } else { giveUp(failure) }
  }

  mutating func giveUp(_ failure: RadioFailure) {
    let ended = request ?? .listen
    abandonExchange()
    (request, isWaiting, setting) = (nil, false, nil)
    state = .failed
    part = .none
    tell(.failed(ended, failure))
  }

  mutating func reset(_ failure: RadioFailure, atMilliseconds now: Int64) {
    guard resetsInRow < RadioBounds.resetsBeforeFailed else { return giveUp(failure) }
    resetsInRow += 1
    RadioCounts.count(&counts.resets)
    if let request {
      tell(.failed(request, failure))
      (self.request, isWaiting) = (nil, false)
    }
    tell(.reset(failure))
    (failuresInRow, probeRound, setting, part) = (0, 0, nil, .none)
    isQuestionRefused = false
    isRestoring = true
    state = .starting
    start(.reset, atMilliseconds: now)
  }

  /// The module answers, and is not in reception, or has started anew.
  mutating func foundDeaf(atMilliseconds now: Int64) {
    RadioCounts.count(&counts.deaf)
    tell(.deaf(sinceMilliseconds: heardAt))
    let ended = isWaiting ? nil : request
    if let ended {
      tell(.failed(ended, .deaf))
      request = nil
    }
    abandonExchange()
    (setting, isQuestionRefused) = (nil, false)
    failuresInRow += 1
    if failuresInRow >= RadioBounds.failuresBeforeReset {
      reset(.deaf, atMilliseconds: now)
    } else {
      // After a start of its own the module needs all of its settings.
      (isRestoring, state, probeRound) = (true, .starting, 0)
      start(.setUp, atMilliseconds: now)
    }
  }

  // MARK: Identification

  mutating func beginProbing(atMilliseconds now: Int64) {
    let known = identity?.kind ?? expected
    dialect = known.flatMap { SerialDialect.of($0) } ?? .rak3172
    start(.probe, atMilliseconds: now)
    if known == nil { exchange?.command.attempts = 1 }
  }

  /// Goes on to the next dialect, when it is not known which one is spoken, and twice through all.
  private mutating func probeNext(atMilliseconds now: Int64) -> Bool {
    guard identity == nil, expected == nil else { return false }
    let next = dialect.rawValue + 1
    if next == SerialDialect.count {
      probeRound += 1
      guard probeRound < 2 else { return false }
    }
    dialect = SerialDialect(rawValue: next) ?? .rak3172
    start(.probe, atMilliseconds: now)
    exchange?.command.attempts = 1
    return true
  }

  /// The module has named itself.
  mutating func identified(_ kind: RadioKind, offset: Int, atMilliseconds now: Int64) {
    guard let current = exchange else { return }
    guard current.script == .probe else { return advance(current, atMilliseconds: now) }
    let isWanted = kind == (identity?.kind ?? expected ?? kind)
    guard isWanted, let dialect = SerialDialect.of(kind) else {
      return fail(.wrongRadio, atMilliseconds: now)
    }
    self.dialect = dialect
    var cursor = LineCursor()
    isOldFirmware = kind == .rak3172 && cursor.skip("V", reader.line)
    var firmware = FixedText<40>()
    firmware.write(reader.line.extracting(offset..<reader.line.count))
    identity = RadioIdentity(kind: kind, firmware: firmware)
    capabilities = .ofModule(kind, isOldFirmware: isOldFirmware)
    advance(current, atMilliseconds: now)
  }
}
