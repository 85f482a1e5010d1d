import FixedMemory

/// The radio: which line or wiring of the board it has.
extension SiteConfiguration {
  borrowing func checkRadio(against board: borrowing BoardProfile, problems: inout ProblemList) {
    guard let radio else { return }
    if radio.isForwarded, !radio.place.isEmpty {
      problems.refuse(
        .site, line: radio.isForwardedLine, .contradiction,
        "forwarder: the radio has a port or wiring already; it is a concentrator, or one of those")
    }
    if radio.transmits, radio.place.isEmpty, !radio.isForwarded {
      problems.refuse(
        .site, line: radio.transmitsLine, .contradiction,
        "transmit: the radio has no line: name one with port or wiring, or leave this away")
    }
    if !radio.port.isEmpty {
      board.check(
        radio.port, isSerial: true, key: "port", line: radio.portLine, problems: &problems)
      if hasGNSS, radio.port == gnssSection.port {
        problems.refuse(
          .site, line: radio.portLine, .contradiction,
          "port: the receiver of [gnss] has this line; a radio needs one of its own")
      }
    }
    guard !radio.wiring.isEmpty else { return }
    if !radio.port.isEmpty {
      problems.refuse(
        .site, line: max(radio.portLine, radio.wiringLine), .contradiction,
        "port and wiring exclude each other: a module has a serial line, a chip a wiring")
    }
    guard let wiring = board.loRaWiring(named: radio.wiring) else {
      board.refuseWiring(radio.wiring, line: radio.wiringLine, problems: &problems)
      return
    }
    check(wiring, of: radio, against: board, problems: &problems)
  }

  private borrowing func check(
    _ wiring: BoardProfile.LoRaWiring, of radio: Radio, against board: borrowing BoardProfile,
    problems: inout ProblemList
  ) {
    guard !wiring.chip.isConcentrator else {
      refuse(
        wiring, " is a concentrator: the agent drives no such, a packet forwarder does",
        line: radio.wiringLine, problems: &problems)
      return
    }
    if RadioModel(radio.model.span)?.chip != wiring.chip {
      var message = Message()
      message.write("model: ")
      message.write(quoted: radio.model.span)
      message.write(" is not what [lora.")
      message.write(wiring.name.span)
      message.write("] has. Write ")
      message.write(wiring.chip.text)
      if wiring.chip == .sx1276 { message.write(", sx1278, sx1279, rfm95, rfm96 or rfm98") }
      message.write(", or name another wiring")
      problems.refuse(.site, line: radio.modelLine, .contradiction, message)
    }
    if let bus = board.spiBus(named: wiring.spi) {
      // A stick's clock is its own, and so are its lines.
      guard bus.place != .usb else {
        if wiring.chip.hasBusyLine { return }
        refuse(
          wiring, " is behind a stick: the agent drives SX1261, SX1262 and LLCC68 there",
          line: radio.wiringLine, problems: &problems)
        return
      }
      if bus.clockHertz < Limits.radioClockHertz {
        refuse(
          wiring, " has an SPI bus slower than 100 kHz: a frame would take too long",
          line: radio.wiringLine, problems: &problems)
      }
    }
    if !board.isOfOneKind(wiring) {
      refuse(
        wiring, " has lines of several kinds: all of the kernel's chips, or all of one simulator's",
        line: radio.wiringLine, problems: &problems)
    }
    checkLine(wiring.reset, wiring, of: radio, against: board, problems: &problems)
    checkLine(wiring.busy, wiring, of: radio, against: board, problems: &problems)
    checkLine(wiring.interrupt, wiring, of: radio, against: board, problems: &problems)
  }

  private func refuse(
    _ wiring: BoardProfile.LoRaWiring, _ why: StaticString, line: Int,
    problems: inout ProblemList
  ) {
    var message = Message()
    message.write("wiring: [lora.")
    message.write(wiring.name.span)
    message.write("]")
    message.write(why)
    problems.refuse(.site, line: line, .contradiction, message)
  }

  /// A line has one user.
  private borrowing func checkLine(
    _ name: Name?, _ wiring: BoardProfile.LoRaWiring, of radio: Radio,
    against board: borrowing BoardProfile, problems: inout ProblemList
  ) {
    guard let name else { return }
    var message = Message()
    message.write("wiring: [lora.")
    message.write(wiring.name.span)
    message.write("] needs the line ")
    message.write(name.span)
    let length = message.count
    if board.led == name { message.write(", which is the LED's") }
    if board.button == name { message.write(", which is the button's") }
    for index in pulses.indices where pulses[index].gpioLine == name {
      message.write(", which [pulse.")
      message.write(pulses[index].name.span)
      message.write("] has")
    }
    for index in contacts.indices where contacts[index].gpioLine == name {
      message.write(", which [contact.")
      message.write(contacts[index].name.span)
      message.write("] has")
    }
    guard message.count > length else { return }
    problems.refuse(.site, line: radio.wiringLine, .contradiction, message)
  }
}

/// A chip behind SPI as it is sold: by its own number, or that of a module which is little else.
public struct RadioModel: Equatable, Sendable {
  /// What a module's network is made for, where its name says so.
  public enum Band: UInt8, Sendable {
    case any, low, high
  }

  public let chip: RadioChip
  public let band: Band

  /// In letters of either case; nil for what is no such chip.
  public init?(_ name: Span<UInt8>) {
    var lower = FixedText<24>()
    for index in name.indices {
      let byte = name[index]
      lower.write(byte: (0x41...0x5a).contains(byte) ? byte + 0x20 : byte)
    }
    for raw in 0..<RadioChip.count {
      guard let chip = RadioChip(rawValue: UInt8(raw)), lower.span.equals(chip.text) else {
        continue
      }
      (self.chip, band) = (chip, .any)
      return
    }
    guard let found = Self.relative(lower.span) else { return nil }
    (chip, band) = (.sx1276, found)
  }

  /// Of SX1276. SX1277 is none: it has fewer spreading factors.
  private static func relative(_ name: Span<UInt8>) -> Band? {
    let low: InlineArray<5, StaticString> = ["sx1278", "rfm96", "rfm96w", "rfm98", "rfm98w"]
    for index in low.indices where name.equals(low[index]) { return .low }
    let high: InlineArray<2, StaticString> = ["rfm95", "rfm95w"]
    for index in high.indices where name.equals(high[index]) { return .high }
    let other: StaticString = "sx1279"
    return name.equals(other) ? .any : nil
  }
}

extension BoardProfile {
  /// The kernel has all of its lines, or one simulator has.
  func isOfOneKind(_ wiring: LoRaWiring) -> Bool {
    var first: GPIOLine?
    for index in 0..<3 {
      let name = index == 0 ? wiring.reset : index == 1 ? wiring.busy : wiring.interrupt
      guard let name, let line = gpioLine(named: name) else { continue }
      if let first, first.virtualSocket != line.virtualSocket { return false }
      first = line
    }
    return true
  }

  fileprivate func refuseWiring(_ wanted: Name, line: Int, problems: inout ProblemList) {
    var message = Message()
    message.write("wiring: ")
    message.write(quoted: wanted.span)
    message.write(" is missing in the profile of board ")
    message.write(name.span)
    guard !loRaWirings.isEmpty else {
      message.write(": it has no [lora.NAME]")
      problems.refuse(.site, line: line, .missingBus, message)
      return
    }
    var best = Name()
    var distance = Int.max
    for index in loRaWirings.indices {
      let found = editDistance(wanted.span, loRaWirings[index].name.span)
      if found < distance { (best, distance) = (loRaWirings[index].name, found) }
    }
    message.write(". Nearest: ")
    message.write(best.span)
    problems.refuse(.site, line: line, .missingBus, message)
  }
}
