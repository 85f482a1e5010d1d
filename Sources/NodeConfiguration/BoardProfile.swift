import FixedMemory

/// What a board has and where: wiring lives here, chips in code. Files in Boards/.
public struct BoardProfile: ~Copyable {
  /// Where a bus or a serial line is reached.
  public enum Place: UInt8, Sendable {
    /// A device file of the kernel.
    case device
    /// A simulator's socket or pseudo terminal: what comes from there is flagged as simulated.
    case virtual
    /// A socket of cairn-usb, which serves the buses of an adapter on USB.
    case usb
  }

  public struct I2CBus: Sendable {
    public internal(set) var name = Name()
    public internal(set) var place = Place.device
    /// Absolute; the relative path of a socket is already put behind the run folder.
    public internal(set) var path = PathText()
    /// Of one transfer.
    public internal(set) var timeoutMilliseconds: Int64 = 0

    var line = 0
    var placeCount = 0
    var placeLine = 0
  }

  public struct SerialLine: Sendable {
    public internal(set) var name = Name()
    public internal(set) var place = Place.device
    /// As for a bus. A virtual line is a pseudo terminal.
    public internal(set) var path = PathText()
    public internal(set) var baud: UInt32 = 0

    var line = 0
    var placeCount = 0
    var placeLine = 0
  }

  /// A label by which the kernel's GPIO chip is known: what `gpiodetect` shows between brackets.
  public typealias ChipLabel = FixedText<31>

  /// One line of a GPIO chip.
  public struct GPIOLine: Sendable {
    /// What the kernel does with the line while nobody drives it. Raw values as in `Choice.bias`.
    public enum Bias: UInt8, Sendable {
      /// What the board or its firmware has set up.
      case asIs, pullUp, pullDown, disabled
    }

    public internal(set) var name = Name()
    /// The chip's label, and those that other kernels give it: at least one.
    public internal(set) var chips = FixedArray<3, ChipLabel>(filler: ChipLabel())
    /// On the chip.
    public internal(set) var offset: UInt16 = 0
    /// True when the low level means on.
    public internal(set) var isActiveLow = false
    public internal(set) var bias = Bias.asIs

    var line = 0

    /// Whether `label` is one of the chip's.
    public func isOn(chipLabelled label: Span<UInt8>) -> Bool {
      for index in chips.indices where chips[index].span.equals(label) { return true }
      return false
    }
  }

  /// One chip select of an SPI bus.
  public struct SPIBus: Sendable {
    public internal(set) var name = Name()
    public internal(set) var place = Place.device
    /// As for an I2C bus.
    public internal(set) var path = PathText()
    /// Of the clock, at most.
    public internal(set) var clockHertz: Int64 = 0
    /// Behind a stick: the pin D0, D1 or D2.
    public internal(set) var select: UInt8 = 0
    /// Behind a stick: of one request.
    public internal(set) var timeoutMilliseconds: Int64 = 0

    var line = 0
    var placeCount = 0
    var placeLine = 0
    var selectLine = 0
  }

  /// How a radio is wired. Names are those of `spiBuses` and `gpioLines`, behind a stick of its pins (`stickPin`); nil:
  /// not wired.
  public struct LoRaWiring: Sendable {
    public internal(set) var name = Name()
    public internal(set) var chip = RadioChip.sx1262
    public internal(set) var spi = Name()
    public internal(set) var reset: Name?
    /// High while the radio works on a command (SX126x, LLCC68).
    public internal(set) var busy: Name?
    /// DIO1 of SX126x and LLCC68, DIO0 of SX127x.
    public internal(set) var interrupt: Name?
    /// SX126x, LLCC68: what DIO3 gives a TCXO, by `Choice.oscillator`; 0: there is a crystal.
    public internal(set) var oscillatorNumber: UInt8 = 0
    /// SX126x, LLCC68: the converter's inductor is there.
    public internal(set) var hasConverter = true
    /// SX126x, LLCC68: DIO2 switches the antenna.
    public internal(set) var switchesAntennaByDIO2 = true
    /// SX127x: the antenna is at PA_BOOST, not at RFO.
    public internal(set) var usesBoostPin = true

    /// As it stands in the profile; nil: there is a crystal.
    public var oscillatorVoltage: StaticString? {
      oscillatorNumber == 0 ? nil : Choice.oscillator.word(Int(oscillatorNumber))
    }
    /// High while the antenna is at the receiver (RXEN), behind a stick only.
    public internal(set) var receive: Name?

    var line = 0
    var lines = LoRaLines()
  }

  /// Where the values of a wiring are written; 0: not written.
  struct LoRaLines: Sendable {
    var chip = 0, spi = 0, reset = 0, busy = 0, interrupt = 0
    var oscillator = 0, converter = 0, antennaSwitch = 0, boostPin = 0, receive = 0
  }

  public internal(set) var name = Name()
  public internal(set) var gpioLines = FixedArray<16, GPIOLine>(filler: GPIOLine())
  public internal(set) var spiBuses = FixedArray<4, SPIBus>(filler: SPIBus())
  public internal(set) var loRaWirings = FixedArray<6, LoRaWiring>(filler: LoRaWiring())
  /// The line of the status LED, one of `gpioLines`; nil when the board has none.
  public internal(set) var led: Name?
  /// The same for the button.
  public internal(set) var button: Name?
  var ledLine = 0
  var buttonLine = 0
  public internal(set) var buses = FixedArray<8, I2CBus>(filler: I2CBus())
  public internal(set) var serialLines = FixedArray<8, SerialLine>(filler: SerialLine())

  /// Strings of the device tree, between blanks.
  var compatible = FixedText<184>()
  /// Where the kernel shows the board's serial number and the card's: keys are bound to them.
  public internal(set) var serialFile = PathText()
  public internal(set) var cardFile = PathText()
  let runFolder: FixedText<80>

  /// Reads a profile. `runFolder` is what relative paths of virtual buses stand behind. Problems
  /// are added to `problems`; the value is to be used only when `problems.isUsable`.
  public init(parsing bytes: Span<UInt8>, runFolder: FixedText<80>, problems: inout ProblemList) {
    self.runFolder = runFolder
    _ = interpret(bytes, into: &self, problems: &problems)
    checkPlaces(problems: &problems)
    checkLines(problems: &problems)
    checkRadios(problems: &problems)
  }

  /// The bus with that name, or nil.
  public func bus(named name: Name) -> I2CBus? {
    for index in buses.indices where buses[index].name == name { return buses[index] }
    return nil
  }

  /// The serial line with that name, or nil.
  public func serialLine(named name: Name) -> SerialLine? {
    for index in serialLines.indices where serialLines[index].name == name {
      return serialLines[index]
    }
    return nil
  }

  /// The GPIO line with that name, or nil.
  public func gpioLine(named name: Name) -> GPIOLine? {
    for index in gpioLines.indices where gpioLines[index].name == name { return gpioLines[index] }
    return nil
  }

  /// The SPI bus with that name, or nil.
  public func spiBus(named name: Name) -> SPIBus? {
    for index in spiBuses.indices where spiBuses[index].name == name { return spiBuses[index] }
    return nil
  }

  /// The radio's wiring with that name, or nil.
  public func loRaWiring(named name: Name) -> LoRaWiring? {
    for index in loRaWirings.indices where loRaWirings[index].name == name {
      return loRaWirings[index]
    }
    return nil
  }

  /// How well the profile fits a device tree: the place, from 0, of the first string of `tree` that is one of
  /// the profile's. Nil when none is. `tree` has the bytes of /proc/device-tree/compatible: strings from the
  /// most to the least specific, each with a zero byte at its end (Devicetree Specification 0.4, section 2.3.1).
  public func rank(deviceTree tree: Span<UInt8>) -> Int? {
    var start = 0
    var rank = 0
    while start < tree.count {
      var end = start
      while end < tree.count, tree[end] != 0 { end += 1 }
      if end > start, names(tree.extracting(start..<end)) { return rank }
      start = end + 1
      rank += 1
    }
    return nil
  }

  /// False for a profile that is for whoever names it.
  public var namesDeviceTrees: Bool { !compatible.isEmpty }

  /// True when one of the profile's `compatible` strings stands in `tree`.
  public func matches(deviceTree tree: Span<UInt8>) -> Bool { rank(deviceTree: tree) != nil }

  private func names(_ string: Span<UInt8>) -> Bool {
    let strings = compatible.span
    var start = 0
    while start < strings.count {
      var end = start
      while end < strings.count, strings[end] != UInt8(ascii: " ") { end += 1 }
      if end > start, string.equals(strings.extracting(start..<end)) { return true }
      start = end + 1
    }
    return false
  }
}
