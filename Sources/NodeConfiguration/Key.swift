/// Sections of both files.
enum Section: UInt8 {
  case gateway, node, enrolment, place, radio, batch, commit, delivery, spool, clock, gnss, sensor
  case board, i2c, serial
  case gpio, led, button, spi, lora
  case pulse, contact
  case key

  static var count: Int { 23 }

  var name: StaticString {
    switch self {
    case .gateway: "gateway"
    case .node: "node"
    case .enrolment: "enrolment"
    case .place: "place"
    case .radio: "radio"
    case .batch: "batch"
    case .commit: "commit"
    case .delivery: "delivery"
    case .spool: "spool"
    case .clock: "clock"
    case .gnss: "gnss"
    case .sensor: "sensor"
    case .board: "board"
    case .i2c: "i2c"
    case .serial: "serial"
    case .gpio: "gpio"
    case .led: "led"
    case .button: "button"
    case .spi: "spi"
    case .lora: "lora"
    case .pulse: "pulse"
    case .contact: "contact"
    case .key: "key"
    }
  }

  /// The file it may stand in.
  var source: Problem.Source {
    switch self {
    case .gateway, .node, .enrolment, .place, .radio, .batch, .commit, .delivery, .spool, .clock,
      .gnss, .sensor, .pulse, .contact, .key:
      .site
    case .board, .i2c, .serial, .gpio, .led, .button, .spi, .lora: .board
    }
  }

  /// Written `[sensor.NAME]`, once per name.
  var hasName: Bool {
    switch self {
    case .sensor, .i2c, .serial, .gpio, .spi, .lora, .pulse, .contact: true
    case .gateway, .node, .enrolment, .place, .radio, .batch, .commit, .delivery, .spool, .clock,
      .gnss, .board, .led, .button, .key:
      false
    }
  }

  var isRequired: Bool { self == .gateway || self == .board }

  /// How often it may stand in a file.
  var limit: Int {
    switch self {
    case .sensor: Limits.sensorCount
    case .i2c: Limits.i2cBusCount
    case .serial: Limits.serialLineCount
    case .gpio: Limits.gpioLineCount
    case .spi: Limits.spiBusCount
    case .lora: Limits.loRaWiringCount
    case .pulse: Limits.pulseCount
    case .contact: Limits.contactCount
    case .gateway, .node, .enrolment, .place, .radio, .batch, .commit, .delivery, .spool, .clock,
      .gnss, .board, .led, .button, .key:
      1
    }
  }
}

/// Keys of both files. The raw value is the row in `KeyTable`.
enum Key: UInt8 {
  case gatewayURL, gatewayPublicKey, gatewayCAFile, gatewayAllowPlainHTTP
  case gatewayUser, gatewayPasswordFile
  case nodeName
  case enrolmentAuthorization1, enrolmentAuthorization2, enrolmentAuthorization3
  case enrolmentAuthorization4
  case placeLatitude, placeLongitude, placeAltitude, placeHeight
  case radioModel, radioRegion, radioTransmitPower, radioAntennaGain, radioCableLoss
  case batchInterval, batchMaxLeaves
  case commitInterval
  case deliveryConnectTimeout, deliveryTimeout, deliveryMonthlyBudget
  case spoolSize, spoolSegment, spoolWhenFull
  case clockInterval, clockTolerance, clockRepeatInterval
  case gnssPort, gnssPositionInterval
  case sensorChip, sensorBus, sensorAddress, sensorInterval, sensorFrozenAfter, sensorOptional
  case boardName, boardCompatible, boardSerialFile, boardCardFile
  case i2cDevice, i2cVirtual, i2cTimeout
  case serialDevice, serialVirtual, serialBaud
  case i2cUSB
  case gpioChip, gpioLine, gpioActiveLow, gpioBias
  case ledLine, buttonLine
  case spiDevice, spiUSB, spiSpeed
  case loraChip, loraSPI, loraReset, loraBusy, loraInterrupt
  case pulseLine, pulseQuantity, pulsePerPulse, pulseEdge, pulseDebounce, pulseInterval
  case pulseOptional
  case contactLine, contactDebounce, contactTamper
  case keyAddress
  case radioPort
  case radioTransmit
  case radioWiring
  case spiVirtual
  case loraOscillator, loraConverter, loraAntennaSwitch, loraBoostPin
  case spiSelect, spiTimeout, loraReceive
  case radioForwarder, radioFirstChannel, radioFramesPerMinute

  static var count: Int { 90 }
}
