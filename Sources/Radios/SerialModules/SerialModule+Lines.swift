import FixedMemory

/// What follows from bytes that come, and from time that passes.
extension SerialModule {
  /// Takes one byte from the line. A frame that it completes is put into `frame`, with the event `received`.
  mutating func receive(
    _ byte: UInt8, atMilliseconds now: Int64, frame: inout ReceivedFrame
  ) {
    let spoilt = reader.spoiltCount
    let isLine = reader.receive(byte, atMilliseconds: now)
    if reader.spoiltCount != spoilt { sawGarbage() }
    guard isLine, !isEcho else { return }
    let meaning = SerialDialect.version(reader.line) ?? dialect.meaning(reader.line)
    switch meaning {
    case .chatter: exchange?.sawWords = true
    case .garbled: sawGarbage()
    case .figures(let figures): take(figures, atMilliseconds: now, frame: &frame)
    case .bytes(let offset): takeBytes(from: offset, atMilliseconds: now, frame: &frame)
    case .frame(let figures, let offset):
      part = .figures(figures, at: now)
      takeBytes(from: offset, atMilliseconds: now, frame: &frame)
    case .ok, .refused, .busy, .value, .sent, .sendFailed, .version, .otherFirmware,
      .receptionEnded, .restarted:
      take(meaning, atMilliseconds: now)
    }
  }

  private mutating func sawGarbage() {
    RadioCounts.count(&counts.garbled)
    exchange?.sawGarbage = true
  }

  /// The module repeats what it is told.
  private var isEcho: Bool {
    guard output.byteCount > 2 else { return false }
    return reader.line.equals(output.span.extracting(0..<(output.byteCount - 2)))
  }

  // MARK: Answers

  private mutating func take(_ meaning: LineMeaning, atMilliseconds now: Int64) {
    guard let current = exchange, case .waiting = current.phase else {
      return takeUnasked(meaning, atMilliseconds: now)
    }
    switch (current.command.end, meaning) {
    case (.sent, .sent), (.ok, .ok), (.anything, .ok), (.anything, .refused), (.anything, .busy),
      (.anything, .value), (.anything, .version), (.anything, .restarted):
      // Reception began only now: it had ended unseen. A frame ends an RN2483's reception, and tells so.
      if current.script == .poll, dialect == .rn2483, !current.sawFrame {
        return foundDeaf(atMilliseconds: now)
      }
      advance(current, atMilliseconds: now)
    case (.sent, .sendFailed), (.sent, .receptionEnded):
      fail(.transmissionFailed, atMilliseconds: now)
    case (.value, .value(let value)):
      exchange?.value = value
      if !dialect.endsWithOK, let current = exchange { advance(current, atMilliseconds: now) }
    case (.value, .ok):
      // Without a value it belongs to a command before.
      if dialect.endsWithOK, current.value != nil { advance(current, atMilliseconds: now) }
    case (.version, .version(let kind, let offset)):
      identified(kind, offset: offset, atMilliseconds: now)
    case (.version, .otherFirmware): fail(.wrongRadio, atMilliseconds: now)
    case (.version, .refused), (.version, .busy), (.version, .ok):
      exchange?.sawWords = true
    case (_, .refused): refused(current, atMilliseconds: now)
    case (_, .busy): busy(current, atMilliseconds: now)
    case (_, .restarted): takeUnasked(meaning, atMilliseconds: now)
    // Late answers to a command before, and what comes from the air's side.
    case (_, .version(.rn2483, _)), (_, .version(.rn2903, _)), (_, .version(.la66, _)):
      takeUnasked(.restarted, atMilliseconds: now)
    default: break
    }
  }

  private mutating func refused(_ current: Exchange, atMilliseconds now: Int64) {
    if current.command.isOptional { return advance(current, atMilliseconds: now) }
    // A byte may have been lost on the way there.
    repeatOrFail(current, .refused, atMilliseconds: now)
  }

  private mutating func busy(_ current: Exchange, atMilliseconds now: Int64) {
    if current.script == .poll, dialect == .rn2483 { return advance(current, atMilliseconds: now) }
    // When it would be sent later is the caller's to decide.
    guard current.busyCount < Self.busyAttempts, !current.isSending else {
      return fail(.busy, atMilliseconds: now)
    }
    exchange?.busyCount += 1
    exchange?.phase = .pausing(until: now + Self.quietMilliseconds, isRepeated: true)
  }

  private mutating func repeatOrFail(
    _ current: Exchange, _ failure: RadioFailure, atMilliseconds now: Int64
  ) {
    guard current.attempt < current.command.attempts else {
      return fail(failure, atMilliseconds: now)
    }
    exchange?.attempt += 1
    exchange?.phase = .pausing(until: now + Self.quietMilliseconds, isRepeated: true)
  }

  /// What nobody waits for. While the module starts it says many things.
  private mutating func takeUnasked(_ meaning: LineMeaning, atMilliseconds now: Int64) {
    guard state != .starting else { return }
    switch meaning {
    case .receptionEnded where exchange == nil && state == .listening:
      start(.listen, atMilliseconds: now)
    case .restarted: foundDeaf(atMilliseconds: now)
    case .version(.rn2483, _), .version(.rn2903, _), .version(.la66, _):
      // An LA66 is restarted by us, to take over its setting.
      if exchange?.script != .configure { foundDeaf(atMilliseconds: now) }
    default: break
    }
  }

  // MARK: Time

  mutating func tick(atMilliseconds now: Int64, frame: inout ReceivedFrame) {
    if case .bytes(let until) = part, now >= until, exchange?.script != .figures {
      deliver(atMilliseconds: now, frame: &frame)
    }
    guard let current = exchange else { return beginNext(atMilliseconds: now) }
    switch current.phase {
    case .saying: break
    case .waiting(let until):
      if now >= until { unanswered(current, atMilliseconds: now) }
    case .pausing(let until, let isRepeated):
      guard now >= until else { return }
      if isRepeated {
        handedOverCount = 0
        exchange?.value = nil
        exchange?.phase = .saying
      } else {
        advancePastPause(current, atMilliseconds: now)
      }
    }
  }

  private mutating func advancePastPause(_ current: Exchange, atMilliseconds now: Int64) {
    var next = current
    next.command = SerialCommand()
    advance(next, atMilliseconds: now)
  }

  private mutating func unanswered(_ current: Exchange, atMilliseconds now: Int64) {
    switch current.command.end {
    case .anything: return advance(current, atMilliseconds: now)
    case .sent: return fail(.transmissionUnfinished, atMilliseconds: now)
    case .ok, .value, .version: break
    }
    RadioCounts.count(&counts.unanswered)
    let failure: RadioFailure =
      current.sawGarbage
      ? .unintelligible : current.sawWords && current.script == .probe ? .wrongRadio : .noAnswer
    // What is left of a line that was cut must not spoil the next.
    reader.clear()
    repeatOrFail(current, failure, atMilliseconds: now)
  }

  /// Nothing is under way: what was asked for, or is due.
  private mutating func beginNext(atMilliseconds now: Int64) {
    if isWaiting, let request {
      isWaiting = false
      if request == .configure { target = wanted }
      state = request == .transmit ? .transmitting : .configuring
      start(request == .transmit ? .send : .configure, atMilliseconds: now)
    } else if state == .listening, now >= renewalAt {
      state = .configuring
      start(.configure, atMilliseconds: now)
    } else if state == .listening, now >= nextPoll {
      start(.poll, atMilliseconds: now)
    }
  }

  // MARK: Frames

  private mutating func take(
    _ figures: LineFigures, atMilliseconds now: Int64, frame: inout ReceivedFrame
  ) {
    if case .bytes = part {
      apply(figures)
      deliver(atMilliseconds: now, frame: &frame)
    } else if dialect == .la66 {
      // Its figures follow the bytes: these belong to a frame whose bytes are lost.
      sawGarbage()
    } else {
      part = .figures(figures, at: reader.beganAt)
    }
  }

  private mutating func apply(_ figures: LineFigures) {
    held.packetRSSICentidecibelMilliwatts = figures.rssi
    held.snrCentidecibels = figures.snr
  }

  /// A line with a frame's bytes: two hexadecimal digits each, with spaces between them or not.
  private mutating func takeBytes(
    from offset: Int, atMilliseconds now: Int64, frame: inout ReceivedFrame
  ) {
    let before = part
    part = .none
    guard let setting, decode(from: offset, setting) else { return sawGarbage() }
    exchange?.sawFrame = true
    if case .figures(let figures, let at) = before, now - at <= Self.frameMilliseconds {
      guard (figures.byteCount ?? Int32(held.byteCount)) == Int32(held.byteCount) else {
        return sawGarbage()
      }
      apply(figures)
      held.receivedMilliseconds = min(at, held.receivedMilliseconds)
      return deliver(atMilliseconds: now, frame: &frame)
    }
    switch dialect {
    // The line with the figures is lost.
    case .rak3172, .loraE5: sawGarbage()
    case .la66: part = .bytes(until: now + 1_000)
    case .rn2483:
      part = .bytes(until: now)
      if exchange == nil {
        start(.figures, atMilliseconds: now)
      } else {
        deliver(atMilliseconds: now, frame: &frame)
      }
    }
  }

  private mutating func decode(from offset: Int, _ setting: RadioSetting) -> Bool {
    held.begin(setting, atMilliseconds: reader.beganAt)
    var cursor = LineCursor(offset: offset)
    while true {
      cursor.skipAny(of: " ", reader.line)
      if cursor.isAtEnd(reader.line) { break }
      if cursor.skip("\"", reader.line) {
        guard cursor.isAtEnd(reader.line) else { return false }
        break
      }
      guard let byte = cursor.hexByte(reader.line), held.offer(byte: byte) else { return false }
    }
    return held.byteCount > 0
  }

  private mutating func deliver(atMilliseconds now: Int64, frame: inout ReceivedFrame) {
    part = .none
    RadioCounts.count(&counts.received)
    heardAt = now
    renewalAt = now + RadioBounds.silenceBeforeRenewalMilliseconds
    frame = held
    tell(.received)
  }

  /// The figures can't be had: the frame is given without them by the next tick.
  mutating func deliverHeld(atMilliseconds now: Int64) { part = .bytes(until: now) }
}
