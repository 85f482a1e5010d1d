import FixedMemory

/// Pulses and contacts: GPIO lines of the board profile as sensors.
extension SiteConfiguration {
  mutating func setPulse(_ key: Key, _ value: Value, text: Span<UInt8>, line: Int) {
    let last = pulses.count - 1
    var pulse = pulses[last]
    switch key {
    case .pulseLine:
      pulse.gpioLine = fixed(text)
      pulse.gpioLineLine = line
    case .pulseQuantity:
      guard let quantity = PulseQuantity(rawValue: UInt8(value.number)) else {
        stop("no such quantity")
      }
      pulse.quantity = quantity
    case .pulsePerPulse:
      pulse.perPulseE4 = value.number
      pulse.perPulseLine = line
    case .pulseEdge: pulse.isOnFallingEdge = value.number == 1
    case .pulseDebounce: pulse.debounceMilliseconds = value.number
    case .pulseInterval: pulse.intervalMilliseconds = value.number
    case .pulseOptional: pulse.isOptional = value.flag
    default: stop("not a key of a pulse")
    }
    pulses[last] = pulse
  }

  mutating func setContact(_ key: Key, _ value: Value, text: Span<UInt8>, line: Int) {
    let last = contacts.count - 1
    var contact = contacts[last]
    switch key {
    case .contactLine:
      contact.gpioLine = fixed(text)
      contact.gpioLineLine = line
    case .contactDebounce: contact.debounceMilliseconds = value.number
    case .contactTamper: contact.isTamper = value.flag
    default: stop("not a key of a contact")
    }
    contacts[last] = contact
  }

  func checkInputs(problems: inout ProblemList) {
    for index in pulses.indices {
      let pulse = pulses[index]
      if pulse.quantity == .pulses, pulse.perPulseE4 != 0 {
        problems.refuse(
          .site, line: pulse.perPulseLine, .contradiction,
          "per_pulse: with quantity = count a pulse stands for itself: leave it out")
      } else if pulse.quantity != .pulses, pulse.perPulseE4 == 0 {
        problems.refuse(
          .site, line: pulse.line, .missingKey,
          "per_pulse: say what one pulse stands for: mm, m/s at one pulse a second, or Wh")
      }
      for earlier in 0..<index where pulses[earlier].gpioLine == pulse.gpioLine {
        refuseTaken(
          pulse.gpioLine, "pulse", pulses[earlier].name, line: pulse.gpioLineLine,
          problems: &problems)
      }
    }
    for index in contacts.indices {
      let contact = contacts[index]
      for other in pulses.indices where pulses[other].gpioLine == contact.gpioLine {
        refuseTaken(
          contact.gpioLine, "pulse", pulses[other].name, line: contact.gpioLineLine,
          problems: &problems)
      }
      for earlier in 0..<index where contacts[earlier].gpioLine == contact.gpioLine {
        refuseTaken(
          contact.gpioLine, "contact", contacts[earlier].name, line: contact.gpioLineLine,
          problems: &problems)
      }
    }
  }

  private func refuseTaken(
    _ gpioLine: Name, _ section: StaticString, _ name: Name, line: Int,
    problems: inout ProblemList
  ) {
    // What lacks the key is refused for that.
    guard !gpioLine.isEmpty else { return }
    var message = Message()
    message.write("line: [")
    message.write(section)
    message.write(".")
    message.write(name.span)
    message.write("] has this line already")
    problems.refuse(.site, line: line, .contradiction, message)
  }

  /// Lines that the board lacks, or needs itself.
  borrowing func checkInputs(against board: borrowing BoardProfile, problems: inout ProblemList) {
    for index in pulses.indices {
      board.checkInput(
        pulses[index].gpioLine, line: pulses[index].gpioLineLine, problems: &problems)
    }
    for index in contacts.indices {
      board.checkInput(
        contacts[index].gpioLine, line: contacts[index].gpioLineLine, problems: &problems)
    }
  }
}

extension BoardProfile.GPIOLine {
  /// The simulator's socket in place of a chip: a label that ends in `.sock` names it, relative to the run folder.
  public var virtualSocket: BoardProfile.ChipLabel? {
    for index in chips.indices where chips[index].span.hasSuffix(".sock") { return chips[index] }
    return nil
  }
}

extension Span<UInt8> {
  fileprivate func hasSuffix(_ suffix: StaticString) -> Bool {
    let length = suffix.utf8CodeUnitCount
    return count > length && extracting((count - length)..<count).equals(suffix)
  }
}

extension BoardProfile {
  /// Where a line's simulator listens; nil for a line of the kernel's.
  public func virtualSocketPath(of line: GPIOLine) -> PathText? {
    guard let name = line.virtualSocket else { return nil }
    var path = PathText()
    path.write(runFolder.span)
    path.write("/")
    path.write(name.span)
    return path
  }

  fileprivate func checkInput(_ wanted: Name, line: Int, problems: inout ProblemList) {
    guard !wanted.isEmpty else { return }
    var message = Message()
    message.write("line: ")
    message.write(quoted: wanted.span)
    if wanted == led || wanted == button {
      message.write(
        wanted == led ? " is the LED's line of this board" : " is the button's line of this board")
      problems.refuse(.site, line: line, .contradiction, message)
      return
    }
    guard gpioLine(named: wanted) == nil else { return }
    message.write(" is missing in the profile of board ")
    message.write(name.span)
    guard !gpioLines.isEmpty else {
      message.write(": it has no [gpio.NAME]")
      problems.refuse(.site, line: line, .missingBus, message)
      return
    }
    var best = Name()
    var distance = Int.max
    for index in gpioLines.indices {
      let found = editDistance(wanted.span, gpioLines[index].name.span)
      if found < distance { (best, distance) = (gpioLines[index].name, found) }
    }
    message.write(". Nearest: ")
    message.write(best.span)
    problems.refuse(.site, line: line, .missingBus, message)
  }
}
