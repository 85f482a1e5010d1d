import FixedMemory

extension BoardProfile: ConfigurationDocument {
  static var source: Problem.Source { .board }

  mutating func begin(_ section: Section, name: Name, line: Int) {
    switch section {
    case .board: break
    case .i2c:
      var bus = I2CBus()
      bus.name = name
      bus.line = line
      buses.append(bus)
    case .serial:
      var serial = SerialLine()
      serial.name = name
      serial.line = line
      serialLines.append(serial)
    case .gpio:
      var gpio = GPIOLine()
      gpio.name = name
      gpio.line = line
      gpioLines.append(gpio)
    case .led: ledLine = line
    case .button: buttonLine = line
    case .spi:
      var bus = SPIBus()
      bus.name = name
      bus.line = line
      spiBuses.append(bus)
    case .lora:
      var wiring = LoRaWiring()
      wiring.name = name
      wiring.line = line
      loRaWirings.append(wiring)
    case .gateway, .node, .enrolment, .place, .radio, .batch, .commit, .delivery, .spool, .clock,
      .gnss, .sensor, .pulse, .contact, .key:
      stop("a section of the site file in a board profile")
    }
  }

  mutating func set(_ key: Key, _ value: Value, text: Span<UInt8>, line: Int) {
    switch key {
    case .boardName: name = fixed(text)
    case .boardCompatible: compatible = fixed(text)
    case .boardSerialFile: serialFile = fixed(text)
    case .boardCardFile: cardFile = fixed(text)
    case .i2cDevice: setBusPlace(.device, text, line: line)
    case .i2cVirtual: setBusPlace(.virtual, text, line: line)
    case .i2cUSB: setBusPlace(.usb, text, line: line)
    case .i2cTimeout:
      var bus = buses[buses.count - 1]
      bus.timeoutMilliseconds = value.number
      buses[buses.count - 1] = bus
    case .serialDevice, .serialVirtual:
      setLinePlace(key == .serialDevice ? .device : .virtual, text, line: line)
    case .serialBaud:
      var serial = serialLines[serialLines.count - 1]
      serial.baud = Self.baud(at: Int(value.number))
      serialLines[serialLines.count - 1] = serial
    case .gpioChip, .gpioLine, .gpioActiveLow, .gpioBias: setLine(key, value, text)
    case .ledLine:
      led = fixed(text)
      ledLine = line
    case .buttonLine:
      button = fixed(text)
      buttonLine = line
    case .spiDevice: setSPIPlace(.device, text, line: line)
    case .spiUSB: setSPIPlace(.usb, text, line: line)
    case .spiSpeed:
      var bus = spiBuses[spiBuses.count - 1]
      bus.clockHertz = value.number
      spiBuses[spiBuses.count - 1] = bus
    case .loraChip, .loraSPI, .loraReset, .loraBusy, .loraInterrupt:
      setRadio(key, value, text, line: line)
    case .gatewayURL, .gatewayPublicKey, .gatewayCAFile, .gatewayAllowPlainHTTP, .gatewayUser,
      .gatewayPasswordFile, .nodeName,
      .enrolmentAuthorization1, .enrolmentAuthorization2, .enrolmentAuthorization3,
      .enrolmentAuthorization4, .placeLatitude, .placeLongitude, .placeAltitude, .placeHeight,
      .radioModel, .radioRegion, .radioTransmitPower, .radioAntennaGain, .radioCableLoss,
      .batchInterval, .batchMaxLeaves, .commitInterval, .deliveryConnectTimeout, .deliveryTimeout,
      .spoolSize, .spoolSegment, .spoolWhenFull, .clockInterval,
      .clockTolerance, .clockRepeatInterval, .gnssPort, .gnssPositionInterval, .sensorChip,
      .sensorBus, .sensorAddress, .sensorInterval, .sensorFrozenAfter, .sensorOptional,
      .pulseLine, .pulseQuantity, .pulsePerPulse, .pulseEdge, .pulseDebounce, .pulseInterval,
      .pulseOptional, .contactLine, .contactDebounce, .contactTamper, .keyAddress:
      stop("a key of the site file in a board profile")
    }
  }

  private mutating func setBusPlace(_ place: Place, _ text: Span<UInt8>, line: Int) {
    var bus = buses[buses.count - 1]
    bus.place = place
    bus.path = resolved(text, place)
    bus.placeCount += 1
    bus.placeLine = line
    buses[buses.count - 1] = bus
  }

  private mutating func setLinePlace(_ place: Place, _ text: Span<UInt8>, line: Int) {
    var serial = serialLines[serialLines.count - 1]
    serial.place = place
    serial.path = resolved(text, place)
    serial.placeCount += 1
    serial.placeLine = line
    serialLines[serialLines.count - 1] = serial
  }

  private mutating func setSPIPlace(_ place: Place, _ text: Span<UInt8>, line: Int) {
    var bus = spiBuses[spiBuses.count - 1]
    bus.place = place
    bus.path = resolved(text, place)
    bus.placeCount += 1
    bus.placeLine = line
    spiBuses[spiBuses.count - 1] = bus
  }

  private mutating func setLine(_ key: Key, _ value: Value, _ text: Span<UInt8>) {
    var gpio = gpioLines[gpioLines.count - 1]
    switch key {
    case .gpioChip: forEachWord(of: text) { _ = gpio.chips.offer(fixed($0)) }
    case .gpioLine: gpio.offset = UInt16(value.number)
    case .gpioActiveLow: gpio.isActiveLow = value.flag
    case .gpioBias:
      guard let bias = GPIOLine.Bias(rawValue: UInt8(value.number)) else { stop("no such bias") }
      gpio.bias = bias
    default: stop("not a key of a GPIO line")
    }
    gpioLines[gpioLines.count - 1] = gpio
  }

  private mutating func setRadio(_ key: Key, _ value: Value, _ text: Span<UInt8>, line: Int) {
    var wiring = loRaWirings[loRaWirings.count - 1]
    switch key {
    case .loraChip:
      guard let chip = RadioChip(rawValue: UInt8(value.number)) else { stop("no such radio") }
      wiring.chip = chip
      wiring.lines.chip = line
    case .loraSPI:
      wiring.spi = fixed(text)
      wiring.lines.spi = line
    case .loraReset:
      wiring.reset = fixed(text)
      wiring.lines.reset = line
    case .loraBusy:
      wiring.busy = fixed(text)
      wiring.lines.busy = line
    case .loraInterrupt:
      wiring.interrupt = fixed(text)
      wiring.lines.interrupt = line
    default: stop("not a key of a radio's wiring")
    }
    loRaWirings[loRaWirings.count - 1] = wiring
  }

  private func resolved(_ text: Span<UInt8>, _ place: Place) -> PathText {
    var path = PathText()
    if place != .device, text[0] != UInt8(ascii: "/") {
      path.write(runFolder.span)
      path.write("/")
    }
    path.write(text)
    return path
  }

  /// The index is one of the words in `Choice.baudRate`.
  private static func baud(at index: Int) -> UInt32 {
    let rates: InlineArray<9, UInt32> = [
      4800, 9600, 19200, 38400, 57600, 115_200, 230_400, 460_800, 921_600,
    ]
    return rates[index]
  }
}
