import Buses
import CBOR
import DeviceLog
import FixedMemory
import LinuxGPIO
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Records
import Sensors

/// Pulses, contacts, button and LED: none of them can stop the agent once it runs.
extension Agent {
  /// Opens what is due, takes what has come, tells what is to be told.
  mutating func takeLines() {
    for index in files.site.pulses.indices { takePulse(index) }
    for index in files.site.contacts.indices { takeContact(index) }
    takeButton()
    showLED()
  }

  /// At the start: a pulse's line that is not optional must be there.
  mutating func startLines() {
    takeLines()
    for index in files.site.pulses.indices {
      guard !files.site.pulses[index].isOptional, let reason = lines.pulses[index].input.failure
      else { continue }
      closeLog()
      var text = TextBuilder<384>()
      text.append("cairn-agent: pulse ")
      text.append(files.site.pulses[index].name.span)
      text.append(
        reason == .inUse
          ? ": another program has its line" : ": its line can't be had, as told above")
      text.append(". With `optional = yes` the agent goes on without it.")
      end(.unavailable, text.span)
    }
  }

  // MARK: pulses

  private mutating func takePulse(_ index: Int) {
    var pulse = lines.pulses[index]
    var line = lines.pulseLines[index].take()
    let configured = files.site.pulses[index]
    if attach(
      &line, &pulse.input, configured.gpioLine,
      edges: configured.isOnFallingEdge ? .falling : .rising,
      debounceMilliseconds: configured.debounceMilliseconds)
    {
      pulse.counter.begin()
      pulse.lastReading = now
    }
    var taken = 0
    // At most the kernel's buffer in a turn: a line that never stops does not stop the rest.
    while taken < Int(AgentLine.bufferCount), let edge = nextEdge(&line, &pulse.input) {
      pulse.counter.take(edge)
      taken += 1
    }
    if now >= pulse.nextReading { read(&pulse, index, configured) }
    lines.pulses[index] = pulse
    lines.pulseLines[index] = consume line
  }

  private mutating func read(
    _ pulse: inout AgentLines.Pulse, _ index: Int, _ configured: SiteConfiguration.Pulse
  ) {
    let interval = configured.intervalMilliseconds
    pulse.nextReading += (1 + (now - pulse.nextReading) / interval) * interval
    let (schema, milliseconds) = (UInt16(AgentLines.firstPulseSchema + index), now)
    tellFailure(&pulse.input, schema: schema)
    // What was counted before the line went is read; without a line and without a pulse there is no reading.
    guard pulse.input.descriptor != nil || pulse.counter.count > 0 else { return }
    // With a full ring the count goes on: nothing is lost but the time.
    guard fullSince == nil else { return }
    if !pulse.isSchemaTold || now >= pulse.nextSchema {
      pulse.isSchemaTold = tellSchema(pulse.counter.meaning, schema, configured)
      pulse.nextSchema = now + Self.schemaRepeatMilliseconds
    }
    let before = pulse.counter
    let lost = pulse.counter.takeLost()
    let values = pulse.counter.read(elapsedMilliseconds: now - pulse.lastReading)
    let isKept = record {
      LeafEncoding.reading(
        schema: schema, milliseconds: milliseconds, values: values, into: $0)
    }
    guard isKept else {
      pulse.counter = before
      return
    }
    pulse.lastReading = now
    guard lost > 0 else { return }
    let isTold = record {
      LeafEncoding.fault(
        schema: schema, milliseconds: milliseconds, code: .edgesLost, count: lost, into: $0)
    }
    if !isTold { pulse.counter.putBack(lost: lost) }
  }

  private mutating func tellSchema(
    _ meaning: PulseMeaning, _ schema: UInt16, _ configured: SiteConfiguration.Pulse
  ) -> Bool {
    let milliseconds = now
    let offset = files.board.gpioLine(named: configured.gpioLine)?.offset ?? 0
    return record {
      LeafEncoding.schema(
        schema: schema, milliseconds: milliseconds, quantities: meaning.quantities,
        chip: meaning.chipName, bus: configured.gpioLine.span, address: offset,
        serialNumber: Span(), into: $0)
    }
  }

  /// At most a leaf an hour, or when the line was there in between.
  private mutating func tellFailure(_ input: inout AgentLines.Input, schema: UInt16) {
    guard let reason = input.failure else { return }
    input.faultCount += 1
    guard now >= input.nextFaultLeaf, fullSince == nil else { return }
    let (milliseconds, count) = (now, input.faultCount)
    let code = reason.faultCode
    let isTold = record {
      LeafEncoding.fault(
        schema: schema, milliseconds: milliseconds, code: code, count: count, into: $0)
    }
    guard isTold else { return }
    input.faultCount = 0
    input.nextFaultLeaf = now + 3_600_000
  }

  // MARK: contacts and button

  private mutating func takeContact(_ index: Int) {
    let configured = files.site.contacts[index]
    var contact = fetch(
      index, configured.gpioLine, edges: .both,
      debounceMilliseconds: configured.debounceMilliseconds)
    // With a full ring changes are counted, and told when there is room.
    if fullSince == nil, let report = contact.watch.takeDue(now: now) {
      if !tell(report, configured) { contact.watch.putBack(report) }
    }
    lines.contacts[index] = contact
  }

  private mutating func takeButton() {
    guard let name = files.board.button else { return }
    var button = fetch(
      AgentLines.buttonIndex, name, edges: .rising, debounceMilliseconds: 20)
    if fullSince == nil, let report = button.watch.takeDue(now: now), report.count > 0 {
      let milliseconds = now
      let isTold = record {
        LeafEncoding.button(
          milliseconds: milliseconds, edgeMilliseconds: report.milliseconds, count: report.count,
          into: $0)
      }
      if !isTold { button.watch.putBack(report) }
    }
    lines.contacts[AgentLines.buttonIndex] = button
  }

  /// What is known of a contact after its edges were taken. The caller puts it back.
  private mutating func fetch(
    _ index: Int, _ name: Name, edges: GPIOEdges, debounceMilliseconds: Int64
  ) -> AgentLines.Contact {
    var contact = lines.contacts[index]
    var line = lines.contactLines[index].take()
    if attach(
      &line, &contact.input, name, edges: edges, debounceMilliseconds: debounceMilliseconds)
    {
      contact.watch.begin(isOn: contact.input.isOnAtStart, now: now)
    }
    if contact.watch.quietUntil(now: now) == nil { take(&line, &contact) }
    lines.contactLines[index] = consume line
    return contact
  }

  private func take(_ line: inout AgentLine?, _ contact: inout AgentLines.Contact) {
    // The kernel's time of an edge does not count sleep, the log's does: the difference is that of this moment.
    let offset = clock.bootMilliseconds() - clock.monotonicMilliseconds() - startBootMilliseconds
    var taken = 0
    while taken < Int(AgentLine.bufferCount), let edge = nextEdge(&line, &contact.input) {
      let milliseconds = Int64(clamping: edge.nanoseconds / 1_000_000)
      contact.watch.take(edge, at: milliseconds + offset, now: now)
      taken += 1
    }
  }

  private mutating func tell(
    _ report: ContactWatch.Report, _ configured: SiteConfiguration.Contact
  ) -> Bool {
    let milliseconds = now
    return record {
      LeafEncoding.contact(
        milliseconds: milliseconds, name: configured.name.span, isOn: report.isOn,
        edgeMilliseconds: report.milliseconds, count: report.count,
        isTamper: configured.isTamper, into: $0)
    }
  }

  // MARK: lines

  /// True when the line was opened now.
  private func attach(
    _ line: inout AgentLine?, _ input: inout AgentLines.Input, _ name: Name, edges: GPIOEdges,
    debounceMilliseconds: Int64
  ) -> Bool {
    guard input.descriptor == nil, now >= input.nextAttempt,
      let wired = files.board.gpioLine(named: name)
    else { return false }
    input.nextAttempt = now + AgentLines.attemptMilliseconds
    do throws(GPIOFailure) {
      let opened = try AgentLine(
        gpioKernel(wired, of: files.board), at: gpioPlace(wired), edges: edges,
        debounceMicroseconds: UInt32(debounceMilliseconds * 1000))
      if !opened.isDebounced { tellLine(name, "the kernel can't debounce it: every bounce counts") }
      input.descriptor = opened.pollDescriptor
      input.isOnAtStart = opened.isOnAtStart
      line = consume opened
      input.failure = nil
      input.nextFaultLeaf = 0
      return true
    } catch {
      if input.failure != error.reason { tellLine(name, error) }
      input.failure = error.reason
      return false
    }
  }

  /// The next edge; nil when there is none, or the line is gone.
  private func nextEdge(_ line: inout AgentLine?, _ input: inout AgentLines.Input) -> GPIOEdge? {
    guard var open = line.take() else { return nil }
    do throws(BusError) {
      let edge = try open.next()
      line = consume open
      return edge
    } catch {
      open.close()
      input.descriptor = nil
      input.failure = .gone
      input.nextAttempt = now + AgentLines.attemptMilliseconds
      return nil
    }
  }

  private func tellLine(_ name: Name, _ failure: GPIOFailure) {
    var text = TextBuilder<384>()
    text.append(failure)
    tellLine(name, text.span)
  }

  private func tellLine(_ name: Name, _ what: StaticString) { tellLine(name, what.bytes) }

  /// One line for the journal.
  private func tellLine(_ name: Name, _ what: Span<UInt8>) {
    var text = TextBuilder<512>()
    text.append("cairn-agent: GPIO line ")
    text.append(name.span)
    text.append(": ")
    text.append(what)
    text.append("\n")
    // Without a reader of standard error the agent measures all the same.
    do throws(SystemError) { try StandardStream.error.write(text) } catch {}
  }

  // MARK: LED

  private var ledPattern: LEDPattern {
    if problem() != nil { return .fault }
    // A batch and a half may be on its way.
    let patience = files.site.batchIntervalMilliseconds * 3 / 2 + 60_000
    let isDelivered = log.deliveredThrough >= log.releasedThrough
    if isDelivered { return .working }
    return now - lastDelivered > patience ? .undelivered : .working
  }

  private mutating func showLED() {
    guard lines.hasLED, now >= lines.nextLED, let name = files.board.led,
      let wired = files.board.gpioLine(named: name)
    else { return }
    if log.deliveredThrough >= log.releasedThrough { lastDelivered = now }
    do throws(GPIOFailure) {
      if lines.led == nil {
        lines.led = try GPIOOutputLine(
          gpioKernel(wired, of: files.board), at: gpioPlace(wired))
        lines.ledFailure = nil
      }
      let state = ledPattern.state(now: now)
      lines.nextLED = state.untilMilliseconds
      try lines.led?.set(state.isOn)
    } catch {
      lines.led = nil
      if lines.ledFailure != error.reason { tellLine(name, error) }
      lines.ledFailure = error.reason
      lines.nextLED = now + AgentLines.attemptMilliseconds
    }
  }

  // MARK: waiting

  /// When the lines want the next turn, at the latest.
  func linesWake() -> Int64 {
    var wake = lines.hasLED ? lines.nextLED : Int64.max
    for index in files.site.pulses.indices {
      wake = min(wake, lines.pulses[index].nextReading)
      wake = min(wake, now + AgentLines.fetchMilliseconds)
    }
    for index in files.site.contacts.indices {
      wake = min(wake, self.wake(lines.contacts[index]))
    }
    if files.board.button != nil {
      wake = min(wake, self.wake(lines.contacts[AgentLines.buttonIndex]))
    }
    return wake
  }

  private func wake(_ contact: AgentLines.Contact) -> Int64 {
    if contact.input.descriptor == nil { return contact.input.nextAttempt }
    // With a full ring what waits has no room; a minute is soon enough then.
    guard fullSince == nil else { return .max }
    return min(
      contact.watch.nextDueMilliseconds ?? .max, contact.watch.quietUntil(now: now) ?? .max)
  }

  /// Contacts are watched, unless what they say waits; pulses are fetched when there is another reason to wake up.
  func watchLines(_ poller: inout Poller) {
    // With a full ring what they say waits.
    guard fullSince == nil else { return }
    for index in 0..<lines.contacts.count {
      let contact = lines.contacts[index]
      guard contact.watch.quietUntil(now: now) == nil, let descriptor = contact.input.descriptor
      else { continue }
      _ = poller.watch(descriptor)
    }
  }
}
