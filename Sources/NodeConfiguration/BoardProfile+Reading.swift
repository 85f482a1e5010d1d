import FixedMemory

extension BoardProfile: ConfigurationDocument {
  static var source: Problem.Source { .board }

  mutating func begin(_ section: Section, name: Name, line: Int) {
    switch section {
    case .board: break
    case .i2c: buses.append(I2CBus(name: name, line: line))
    case .serial: serialLines.append(SerialLine(name: name, line: line))
    case .gpio: gpioLines.append(GPIOLine(name: name, line: line))
    case .led: ledLine = line
    case .button: buttonLine = line
    case .spi: spiBuses.append(SPIBus(name: name, line: line))
    case .lora: loRaWirings.append(LoRaWiring(name: name, line: line))
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
    case .i2cDevice: buses[buses.count - 1].put(.device, resolved(text, .device), line)
    case .i2cVirtual: buses[buses.count - 1].put(.virtual, resolved(text, .virtual), line)
    case .i2cUSB: buses[buses.count - 1].put(.usb, resolved(text, .usb), line)
    case .i2cTimeout: buses[buses.count - 1].timeoutMilliseconds = value.number
    case .serialDevice:
      serialLines[serialLines.count - 1].put(.device, resolved(text, .device), line)
    case .serialVirtual:
      serialLines[serialLines.count - 1].put(.virtual, resolved(text, .virtual), line)
    case .serialBaud:
      serialLines[serialLines.count - 1].baud = Self.baud(at: Int(value.number))
    case .gpioChip, .gpioLine, .gpioActiveLow, .gpioBias: setLine(key, value, text)
    case .ledLine:
      led = fixed(text)
      ledLine = line
    case .buttonLine:
      button = fixed(text)
      buttonLine = line
    case .spiDevice: spiBuses[spiBuses.count - 1].put(.device, resolved(text, .device), line)
    case .spiVirtual: spiBuses[spiBuses.count - 1].put(.virtual, resolved(text, .virtual), line)
    case .spiUSB: spiBuses[spiBuses.count - 1].put(.usb, resolved(text, .usb), line)
    case .spiSpeed: spiBuses[spiBuses.count - 1].clockHertz = value.number
    case .spiSelect:
      spiBuses[spiBuses.count - 1].select = UInt8(value.number)
      spiBuses[spiBuses.count - 1].selectLine = line
    case .spiTimeout: spiBuses[spiBuses.count - 1].timeoutMilliseconds = value.number
    case .loraChip, .loraSPI, .loraReset, .loraBusy, .loraInterrupt, .loraOscillator,
      .loraConverter, .loraAntennaSwitch, .loraBoostPin, .loraReceive:
      setRadio(key, value, text, line: line)
    case .gatewayURL, .gatewayPublicKey, .gatewayCAFile, .gatewayAllowPlainHTTP, .gatewayUser,
      .gatewayPasswordFile, .nodeName,
      .enrolmentAuthorization1, .enrolmentAuthorization2, .enrolmentAuthorization3,
      .enrolmentAuthorization4, .placeLatitude, .placeLongitude, .placeAltitude, .placeHeight,
      .radioModel, .radioRegion, .radioTransmitPower, .radioAntennaGain, .radioCableLoss,
      .radioPort, .radioTransmit, .radioForwarder, .radioFirstChannel, .radioFramesPerMinute,
      .radioWiring,
      .batchInterval, .batchMaxLeaves, .commitInterval, .deliveryConnectTimeout, .deliveryTimeout,
      .deliveryMonthlyBudget,
      .spoolSize, .spoolSegment, .spoolWhenFull, .clockInterval,
      .clockTolerance, .clockRepeatInterval, .gnssPort, .gnssPositionInterval, .sensorChip,
      .sensorBus, .sensorAddress, .sensorInterval, .sensorFrozenAfter, .sensorOptional,
      .pulseLine, .pulseQuantity, .pulsePerPulse, .pulseEdge, .pulseDebounce, .pulseInterval,
      .pulseOptional, .contactLine, .contactDebounce, .contactTamper, .keyAddress:
      stop("a key of the site file in a board profile")
    }
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
    case .loraOscillator:
      wiring.oscillatorNumber = UInt8(value.number)
      wiring.lines.oscillator = line
    case .loraConverter:
      wiring.hasConverter = value.flag
      wiring.lines.converter = line
    case .loraAntennaSwitch:
      wiring.switchesAntennaByDIO2 = value.flag
      wiring.lines.antennaSwitch = line
    case .loraBoostPin:
      wiring.usesBoostPin = value.flag
      wiring.lines.boostPin = line
    case .loraReceive:
      wiring.receive = fixed(text)
      wiring.lines.receive = line
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

/// A section of which exactly one key says where it is reached.
private protocol PlacedSection {
  var place: BoardProfile.Place { get set }
  var path: PathText { get set }
  var placeCount: Int { get set }
  var placeLine: Int { get set }
}

extension PlacedSection {
  mutating func put(_ place: BoardProfile.Place, _ path: PathText, _ line: Int) {
    self.place = place
    self.path = path
    placeCount += 1
    placeLine = line
  }
}

extension BoardProfile.I2CBus: PlacedSection {}
extension BoardProfile.SerialLine: PlacedSection {}
extension BoardProfile.SPIBus: PlacedSection {}
