import FixedMemory

/// A radio behind a stick: its lines are the stick's pins (docs/usb.md).
extension BoardProfile {
  /// The clock, what goes out and what comes in: the bus's own.
  private static var busPins: UInt16 { 0x00a8 }
  /// Those that can be outputs, besides the bus's own.
  private static var outputPins: UInt16 { 0x0017 }

  /// The number of a pin that is named `d0` to `d15`; nil for any other name.
  public static func stickPin(_ name: Name) -> UInt8? {
    let text = name.span
    guard (2...3).contains(text.count), text[0] == UInt8(ascii: "d") else { return nil }
    var number: UInt8 = 0
    for index in 1..<text.count {
      guard (0x30...0x39).contains(text[index]) else { return nil }
      number = number * 10 + (text[index] - 0x30)
    }
    // One spelling for each pin.
    guard number < 16, text.count == (number < 10 ? 2 : 3) else { return nil }
    return number
  }

  /// Its lines are pins of this stick, which can be what they are to be.
  func checkPins(of wiring: LoRaWiring, on bus: SPIBus, problems: inout ProblemList) {
    if wiring.chip.isConcentrator {
      problems.refuse(
        .board, line: wiring.lines.spi, .contradiction,
        "spi: a concentrator behind a stick is a packet forwarder's, not the agent's")
    }
    if wiring.receive != nil, !wiring.chip.hasBusyLine {
      problems.refuse(
        .board, line: wiring.lines.receive, .contradiction,
        "receive: only with SX126x and LLCC68; leave it away")
    }
    let taken = Self.busPins | 1 << UInt16(bus.select)
    check(
      wiring.reset, "reset", Self.outputPins & ~taken, line: wiring.lines.reset,
      problems: &problems)
    check(
      wiring.receive, "receive", Self.outputPins & ~taken, line: wiring.lines.receive,
      problems: &problems)
    check(wiring.busy, "busy", ~taken, line: wiring.lines.busy, problems: &problems)
    check(
      wiring.interrupt, "interrupt", ~taken, line: wiring.lines.interrupt, problems: &problems)
  }

  private func check(
    _ name: Name?, _ key: StaticString, _ possible: UInt16, line: Int,
    problems: inout ProblemList
  ) {
    guard let name else { return }
    if let pin = Self.stickPin(name), possible & 1 << UInt16(pin) != 0 { return }
    var message = Message()
    message.write(key)
    message.write(": ")
    message.write(quoted: name.span)
    message.write(" is no pin of a stick for this. It can be:")
    for pin: UInt8 in 0..<16 where possible & 1 << UInt16(pin) != 0 {
      message.write(" d")
      if pin >= 10 { message.write(byte: 0x31) }
      message.write(byte: 0x30 + pin % 10)
    }
    problems.refuse(.board, line: line, .wrongValue, message)
  }
}
