import FixedMemory

/// What an operator decides about one node: the site file, with defaults in place of keys not
/// written. Each key with its unit and range: docs/configuration.md.
public struct SiteConfiguration: ~Copyable {
  /// What happens when the spool has no segment left that is delivered.
  public enum WhenFull: UInt8, Sendable {
    /// Sampling ends until there is room.
    case stop
    /// The oldest leaves go; a signed gap leaf says which.
    case dropOldest
  }

  public struct Gateway: Sendable {
    /// Without a slash at its end. `https://`; `http://` to this board, or when that is allowed.
    public internal(set) var url = URLText()
    /// Ed25519. Nil: receipts can't be verified, nothing is ever treated as delivered.
    public internal(set) var publicKey: FixedBytes<32>?
    /// Certificates to trust in place of the system's; empty when not given.
    public internal(set) var caFile = PathText()
    /// Without TLS to another machine, over MQTT too.
    public internal(set) var allowsPlainHTTP = false
    /// At an MQTT broker; empty: none.
    public internal(set) var user = FixedText<64>()
    /// Its password is the first line of this file; empty: none.
    public internal(set) var passwordFile = PathText()

    /// `url` is a broker's: gateways listen there.
    public var isBroker: Bool { isMQTT(url.span) }
    /// Without TLS.
    public var isPlain: Bool { isUnencrypted(url.span) }
  }

  /// What the owner has signed for this node, as its tool printed it.
  public struct Enrolment: Sendable {
    /// Base64url, up to four lines as one.
    public internal(set) var authorization = FixedText<640>()

    /// Writes the message that the text stands for and returns its byte count; nil when the text is not
    /// base64url of whole bytes.
    public func decodeAuthorization(into bytes: inout MutableSpan<UInt8>) -> Int? {
      decodeBase64url(authorization.span, into: &bytes)
    }
    var line = 0
    var lastPart = 0
  }

  /// Where the node stands (WGS 84).
  public struct Place: Sendable {
    /// Degrees × 10^7.
    public internal(set) var latitudeE7: Int64 = 0
    public internal(set) var longitudeE7: Int64 = 0
    /// Above mean sea level.
    public internal(set) var altitudeCentimetres: Int64?
    /// Of the antenna or sensor above ground.
    public internal(set) var heightCentimetres: Int64?
  }

  /// What the radio is and what stands between it and the air.
  public struct Radio: Sendable {
    public internal(set) var model = Name()
    public internal(set) var region = Name()
    public internal(set) var transmitPowerCentidBm: Int64 = 0
    public internal(set) var antennaGainCentidBi: Int64 = 0
    public internal(set) var cableLossCentidB: Int64 = 0
    /// A serial line of the board profile, with a module.
    public internal(set) var port = Name()
    var portLine = 0
    /// A chip behind SPI: a `LoRaWiring` of the board profile. With neither the radio is enrolled, and not used.
    public internal(set) var wiring = Name()
    var wiringLine = 0
    var modelLine = 0
    /// What the radio hangs on, in events and leaves; empty: nothing.
    public var place: Name { wiring.isEmpty ? port : wiring }
    /// The same, with a concentrator's way.
    public var name: Name { isForwarded ? Name("forwarder") : place }
    /// Beacons are sent. Nothing is transmitted without it.
    public internal(set) var transmits = false
    var transmitsLine = 0
    /// The radio is a concentrator behind a packet forwarder, by way of `cairn-forwarder`.
    public internal(set) var isForwarded = false
    var isForwardedLine = 0
    /// Of the channels that the concentrator is set to, where the plan has more than it hears at once.
    public internal(set) var firstChannel = 0
    /// LoRaWAN frames that become leaves; the rest is counted.
    public internal(set) var framesPerMinute = 60
  }

  public struct Delivery: Sendable {
    /// Of finding and reaching the gateway, TLS included.
    public internal(set) var connectTimeoutMilliseconds: Int64 = 0
    /// Of one request, from its start to its answer. Not less than the other.
    public internal(set) var timeoutMilliseconds: Int64 = 0
    /// Bytes that may go over the network in a month; nil: as many as there are.
    public internal(set) var monthlyBudgetByteCount: Int64?
  }

  public struct Spool: Sendable {
    /// Of all segments: 4 to 4096 whole ones.
    public internal(set) var byteCount: Int64 = 0
    /// A multiple of 4096.
    public internal(set) var segmentByteCount: Int64 = 0
    public internal(set) var whenFull = WhenFull.stop
  }

  public struct Clock: Sendable {
    /// How often the mapping of device time to UTC is looked at.
    public internal(set) var intervalMilliseconds: Int64 = 0
    /// A clock leaf is written when the mapping has moved by more.
    public internal(set) var toleranceMilliseconds: Int64 = 0
    /// A clock leaf is written at least this often.
    public internal(set) var repeatIntervalMilliseconds: Int64 = 0
  }

  public struct GNSS: Sendable {
    /// A serial line of the board profile.
    public internal(set) var port = Name()
    public internal(set) var positionIntervalMilliseconds: Int64 = 0
    var portLine = 0
  }

  public struct Sensor: Sendable {
    public internal(set) var name = Name()
    public internal(set) var chip = ChipName.bme280
    /// An I2C bus of the board profile.
    public internal(set) var bus = Name()
    /// 0x08 to 0x77. The chip's usual one when not written.
    public internal(set) var address: UInt8 = 0
    public internal(set) var intervalMilliseconds: Int64 = 0
    /// So many equal measurements in a row are a fault; 0 when that is never concluded.
    public internal(set) var frozenAfterMeasurementCount: UInt32 = 0
    /// False: the agent ends when the chip is missing at its start.
    public internal(set) var isOptional = false

    /// Where things were written, for messages.
    var line = 0
    var busLine = 0
    var addressLine = 0
    var hasChip = false
    var hasBus = false
  }

  /// Pulses of a line, counted: a rain gauge, an anemometer, a meter's S0 output.
  public struct Pulse: Sendable {
    public internal(set) var name = Name()
    /// A GPIO line of the board profile.
    public internal(set) var gpioLine = Name()
    public internal(set) var quantity = PulseQuantity.pulses
    /// Ten-thousandths of the quantity's unit; 0 for `count`.
    public internal(set) var perPulseE4: Int64 = 0
    /// Of the line, on being its active level.
    public internal(set) var isOnFallingEdge = false
    public internal(set) var debounceMilliseconds: Int64 = 0
    public internal(set) var intervalMilliseconds: Int64 = 0
    public internal(set) var isOptional = false

    var line = 0
    var gpioLineLine = 0
    var perPulseLine = 0
  }

  /// A contact whose changes are told.
  public struct Contact: Sendable {
    public internal(set) var name = Name()
    /// A GPIO line of the board profile.
    public internal(set) var gpioLine = Name()
    public internal(set) var debounceMilliseconds: Int64 = 0
    /// A change says that somebody was at the node.
    public internal(set) var isTamper = false

    var line = 0
    var gpioLineLine = 0
  }

  public internal(set) var gateway = Gateway()
  /// The file of the private key; empty when not given: the one in the state folder.
  public internal(set) var keyFile = PathText()
  /// Empty when not given: the key's id stands for the node.
  public internal(set) var nodeName = Name()
  /// Nil without an [enrolment] section: the gateway decides whether it takes a node without an owner.
  public internal(set) var enrolment: Enrolment?
  /// Nil without a [place] section.
  public internal(set) var place: Place?
  /// Nil without a [radio] section.
  public internal(set) var radio: Radio?
  /// A batch is sealed at least this often when there are leaves.
  public internal(set) var batchIntervalMilliseconds: Int64 = 0
  /// A batch is sealed when it has so many, 1 to 512.
  public internal(set) var batchMaximumLeafCount = 0
  /// What was measured is durable at most so much later.
  public internal(set) var commitIntervalMilliseconds: Int64 = 0
  public internal(set) var delivery = Delivery()
  public internal(set) var spool = Spool()
  public internal(set) var clock = Clock()
  var gnssSection = GNSS()
  var hasGNSS = false
  /// In the order of the file.
  public internal(set) var sensors = FixedArray<16, Sensor>(filler: Sensor())

  /// In the order of the file.
  public internal(set) var pulses = FixedArray<4, Pulse>(filler: Pulse())
  public internal(set) var contacts = FixedArray<4, Contact>(filler: Contact())

  /// The sections' and keys' lines that checks over several values name.
  struct Lines {
    var gateway = 0
    var url = 0
    var connectTimeout = 0
    var timeout = 0
    var spoolSize = 0
    var spoolSegment = 0
    var clockInterval = 0
    var clockRepeat = 0
  }
  var lines = Lines()

  /// Reads a site file. Problems are added to `problems`; the value is to be used only when
  /// `problems.isUsable`.
  public init(parsing bytes: Span<UInt8>, problems: inout ProblemList) {
    let lineCount = interpret(bytes, into: &self, problems: &problems)
    checkTogether(lineCount: lineCount, problems: &problems)
  }

  /// The receiver; nil without a [gnss] section.
  public var gnss: GNSS? { hasGNSS ? gnssSection : nil }

  /// True when the gateway's receipts can be verified, so that delivered segments may be used
  /// again.
  public var canVerifyReceipts: Bool { gateway.publicKey != nil }
}

extension SiteConfiguration: ConfigurationDocument {
  static var source: Problem.Source { .site }

  mutating func begin(_ section: Section, name: Name, line: Int) {
    switch section {
    case .gateway: lines.gateway = line
    case .gnss: hasGNSS = true
    case .sensor: sensors.append(Sensor(name: name, line: line))
    case .pulse: pulses.append(Pulse(name: name, line: line))
    case .contact: contacts.append(Contact(name: name, line: line))
    case .enrolment: enrolment = Enrolment(line: line)
    case .place: place = Place()
    case .radio: radio = Radio()
    case .node, .batch, .commit, .delivery, .spool, .clock, .key: break
    case .board, .i2c, .serial, .gpio, .led, .button, .spi, .lora:
      stop("a section of the board profile in a site file")
    }
  }

  mutating func set(_ key: Key, _ value: Value, text: Span<UInt8>, line: Int) {
    switch key {
    case .gatewayURL:
      lines.url = line
      let hasSlash = text[text.count - 1] == UInt8(ascii: "/")
      gateway.url.removeAll()
      gateway.url.write(text.extracting(0..<(text.count - (hasSlash ? 1 : 0))))
    case .gatewayPublicKey: gateway.publicKey = value.key
    case .gatewayCAFile: gateway.caFile = fixed(text)
    case .gatewayAllowPlainHTTP: gateway.allowsPlainHTTP = value.flag
    case .gatewayUser: gateway.user = fixed(text)
    case .gatewayPasswordFile: gateway.passwordFile = fixed(text)
    case .nodeName: nodeName = fixed(text)
    case .keyAddress:
      var unused = Message()
      // It was read once to see that it is one.
      do throws(Problem.Reason) {
        keyFile = try KeyAddress(text, message: &unused).path
      } catch { stop("an address that was right is wrong") }
    case .enrolmentAuthorization1, .enrolmentAuthorization2, .enrolmentAuthorization3,
      .enrolmentAuthorization4:
      let part = Int(key.rawValue - Key.enrolmentAuthorization1.rawValue) + 1
      // Lines may be cut anywhere, and must come in their order: what they are is base64 of one message.
      enrolment?.authorization.write(text)
      if let lastPart = enrolment?.lastPart {
        enrolment?.lastPart = lastPart + 1 == part ? part : 9
      }
    case .placeLatitude: place?.latitudeE7 = value.number
    case .placeLongitude: place?.longitudeE7 = value.number
    case .placeAltitude: place?.altitudeCentimetres = value.number
    case .placeHeight: place?.heightCentimetres = value.number
    case .radioModel:
      radio?.model = fixed(text)
      radio?.modelLine = line
    case .radioWiring:
      radio?.wiring = fixed(text)
      radio?.wiringLine = line
    case .radioRegion: radio?.region = fixed(text)
    case .radioTransmitPower: radio?.transmitPowerCentidBm = value.number
    case .radioAntennaGain: radio?.antennaGainCentidBi = value.number
    case .radioCableLoss: radio?.cableLossCentidB = value.number
    case .radioPort:
      radio?.port = fixed(text)
      radio?.portLine = line
    case .radioTransmit:
      radio?.transmits = value.flag
      radio?.transmitsLine = line
    case .radioForwarder:
      radio?.isForwarded = value.flag
      radio?.isForwardedLine = line
    case .radioFirstChannel: radio?.firstChannel = Int(value.number)
    case .radioFramesPerMinute: radio?.framesPerMinute = Int(value.number)
    case .batchInterval: batchIntervalMilliseconds = value.number
    case .batchMaxLeaves: batchMaximumLeafCount = Int(value.number)
    case .commitInterval: commitIntervalMilliseconds = value.number
    case .deliveryConnectTimeout:
      delivery.connectTimeoutMilliseconds = value.number
      lines.connectTimeout = line
    case .deliveryTimeout:
      delivery.timeoutMilliseconds = value.number
      lines.timeout = line
    case .deliveryMonthlyBudget: delivery.monthlyBudgetByteCount = value.number
    case .spoolSize:
      spool.byteCount = value.number
      lines.spoolSize = line
    case .spoolSegment:
      spool.segmentByteCount = value.number
      lines.spoolSegment = line
    case .spoolWhenFull: spool.whenFull = value.number == 0 ? .stop : .dropOldest
    case .clockInterval:
      clock.intervalMilliseconds = value.number
      lines.clockInterval = line
    case .clockTolerance: clock.toleranceMilliseconds = value.number
    case .clockRepeatInterval:
      clock.repeatIntervalMilliseconds = value.number
      lines.clockRepeat = line
    case .gnssPort:
      gnssSection.port = fixed(text)
      gnssSection.portLine = line
    case .gnssPositionInterval: gnssSection.positionIntervalMilliseconds = value.number
    case .sensorChip, .sensorBus, .sensorAddress, .sensorInterval, .sensorFrozenAfter,
      .sensorOptional:
      setSensor(key, value, text: text, line: line)
    case .pulseLine, .pulseQuantity, .pulsePerPulse, .pulseEdge, .pulseDebounce, .pulseInterval,
      .pulseOptional:
      setPulse(key, value, text: text, line: line)
    case .contactLine, .contactDebounce, .contactTamper:
      setContact(key, value, text: text, line: line)
    case .boardName, .boardCompatible, .boardSerialFile, .boardCardFile, .i2cDevice, .i2cVirtual,
      .i2cTimeout, .i2cUSB, .serialDevice, .serialVirtual, .serialBaud, .gpioChip, .gpioLine,
      .gpioActiveLow, .gpioBias, .ledLine, .buttonLine, .spiDevice, .spiUSB, .spiSpeed, .loraChip,
      .loraSPI, .loraReset, .loraBusy, .loraInterrupt, .spiVirtual, .loraOscillator,
      .loraConverter, .loraAntennaSwitch, .loraBoostPin, .spiSelect, .spiTimeout, .loraReceive:
      stop("a key of the board profile in a site file")
    }
  }
}
