import FixedMemory

/// GPIO lines and what is wired to them.
extension BoardProfile {
  /// Two names for one line would let two users reach for it.
  func checkLines(problems: inout ProblemList) {
    for index in gpioLines.indices {
      let gpio = gpioLines[index]
      guard !gpio.chips.isEmpty else { continue }
      for earlier in 0..<index where isSame(gpio, gpioLines[earlier]) {
        var message = Message()
        message.write("[gpio.")
        message.write(gpioLines[earlier].name.span)
        message.write("] is this line already: use its name")
        problems.refuse(.board, line: gpio.line, .contradiction, message)
      }
    }
    if let led, isLine(led, key: "line", line: ledLine, problems: &problems) {
      checkOutput(led, key: "line", line: ledLine, problems: &problems)
    }
    guard let button else { return }
    guard isLine(button, key: "line", line: buttonLine, problems: &problems) else { return }
    if button == led {
      problems.refuse(
        .board, line: max(ledLine, buttonLine), .contradiction,
        "line: the LED and the button are on one line")
    }
  }

  private func isSame(_ one: GPIOLine, _ other: GPIOLine) -> Bool {
    guard one.offset == other.offset else { return false }
    for index in one.chips.indices where other.isOn(chipLabelled: one.chips[index].span) {
      return true
    }
    return false
  }

  /// Radios have the lines that their kind has, and each for one purpose.
  func checkRadios(problems: inout ProblemList) {
    for index in loRaWirings.indices {
      let wiring = loRaWirings[index]
      // What lacks a required key is refused already.
      guard wiring.lines.chip > 0, wiring.lines.spi > 0 else { continue }
      if spiBus(named: wiring.spi) == nil {
        refuseMissing(
          wiring.spi, key: "spi", "an SPI bus", line: wiring.lines.spi, problems: &problems)
      }
      if let bus = spiBus(named: wiring.spi), bus.place == .usb {
        checkPins(of: wiring, on: bus, problems: &problems)
      } else {
        checkLines(of: wiring, problems: &problems)
      }
      checkKind(of: wiring, problems: &problems)
    }
  }

  private func checkLines(of wiring: LoRaWiring, problems: inout ProblemList) {
    if let reset = wiring.reset,
      isLine(reset, key: "reset", line: wiring.lines.reset, problems: &problems)
    {
      checkOutput(reset, key: "reset", line: wiring.lines.reset, problems: &problems)
    }
    if let busy = wiring.busy, wiring.chip.hasBusyLine {
      _ = isLine(busy, key: "busy", line: wiring.lines.busy, problems: &problems)
    }
    if let interrupt = wiring.interrupt, !wiring.chip.isConcentrator {
      _ = isLine(interrupt, key: "interrupt", line: wiring.lines.interrupt, problems: &problems)
    }
    if wiring.receive != nil {
      problems.refuse(
        .board, line: wiring.lines.receive, .contradiction,
        "receive: only a stick's radio has this; leave it away")
    }
  }

  /// What holds wherever the lines are.
  private func checkKind(of wiring: LoRaWiring, problems: inout ProblemList) {
    switch (wiring.chip.hasBusyLine, wiring.busy) {
    case (true, nil):
      problems.refuse(
        .board, line: wiring.line, .missingKey,
        "busy: this radio takes no command while its busy line is high: name the line")
    case (false, .some):
      problems.refuse(
        .board, line: wiring.lines.busy, .contradiction, "busy: this radio has no such line")
    case (true, .some), (false, nil): break
    }
    if wiring.interrupt != nil, wiring.chip.isConcentrator {
      problems.refuse(
        .board, line: wiring.lines.interrupt, .contradiction,
        "interrupt: a concentrator has no such line, it is asked")
    }
    checkBuild(of: wiring, problems: &problems)
    let isTwice =
      isSameLine(wiring.reset, wiring.busy) || isSameLine(wiring.reset, wiring.interrupt)
      || isSameLine(wiring.busy, wiring.interrupt) || isSameLine(wiring.receive, wiring.reset)
      || isSameLine(wiring.receive, wiring.busy) || isSameLine(wiring.receive, wiring.interrupt)
    guard isTwice else { return }
    problems.refuse(
      .board, line: wiring.line, .contradiction,
      "reset, busy, interrupt and receive are lines of their own: one name stands twice")
  }

  /// What a chip has not can't be said of it.
  private func checkBuild(of wiring: LoRaWiring, problems: inout ProblemList) {
    let (has126x, has127x): (Bool, Bool) =
      switch wiring.chip {
      case .sx1261, .sx1262, .llcc68: (true, false)
      case .sx1272, .sx1276: (false, true)
      case .sx1301, .sx1302, .sx1303: (false, false)
      }
    func refuse(_ line: Int, _ has: Bool, _ message: StaticString) {
      guard line > 0, !has else { return }
      problems.refuse(.board, line: line, .contradiction, message)
    }
    refuse(
      wiring.lines.oscillator, has126x, "tcxo: only SX126x and LLCC68 feed an oscillator by DIO3")
    refuse(wiring.lines.converter, has126x, "dc_dc: only SX126x and LLCC68 have this converter")
    refuse(
      wiring.lines.antennaSwitch, has126x,
      "dio2_switch: only SX126x and LLCC68 switch an antenna by DIO2")
    refuse(wiring.lines.boostPin, has127x, "pa_boost: only SX127x have this pin")
  }

  private func isSameLine(_ one: Name?, _ other: Name?) -> Bool {
    guard let one, let other else { return false }
    return one == other
  }

  /// An output has no bias: a line that has one is meant as an input.
  private func checkOutput(
    _ name: Name, key: StaticString, line: Int, problems: inout ProblemList
  ) {
    guard let gpio = gpioLine(named: name), gpio.bias != .asIs else { return }
    var message = Message()
    message.write(key)
    message.write(": [gpio.")
    message.write(name.span)
    message.write("] has a bias, so it is an input; an output is needed")
    problems.refuse(.board, line: line, .contradiction, message)
  }

  private func isLine(
    _ name: Name, key: StaticString, line: Int, problems: inout ProblemList
  ) -> Bool {
    if gpioLine(named: name) != nil { return true }
    refuseMissing(name, key: key, "a GPIO line", line: line, problems: &problems)
    return false
  }

  private func refuseMissing(
    _ wanted: Name, key: StaticString, _ kind: StaticString, line: Int,
    problems: inout ProblemList
  ) {
    let isSPI = kind.bytes.equals("an SPI bus")
    var message = Message()
    message.write(key)
    message.write(": ")
    message.write(quoted: wanted.span)
    message.write(" is not ")
    message.write(kind)
    message.write(" of this profile")
    var best = Name()
    var distance = Int.max
    let count = isSPI ? spiBuses.count : gpioLines.count
    for index in 0..<count {
      let candidate = isSPI ? spiBuses[index].name : gpioLines[index].name
      let found = editDistance(wanted.span, candidate.span)
      if found < distance { (best, distance) = (candidate, found) }
    }
    if count > 0 {
      message.write(". Nearest: ")
      message.write(best.span)
    } else {
      message.write(isSPI ? ": it has no [spi.NAME]" : ": it has no [gpio.NAME]")
    }
    problems.refuse(.board, line: line, .missingBus, message)
  }
}
