import FixedMemory

/// What a board has and where: wiring lives here, chips in code. Files in Boards/.
public struct BoardProfile: ~Copyable {
  /// Where a bus or a serial line is reached.
  public enum Place: UInt8, Sendable {
    /// A device file of the kernel.
    case device
    /// A simulator's socket or pseudo terminal: what comes from there is flagged as simulated.
    case virtual
  }

  public struct I2CBus: Sendable {
    public internal(set) var name = Name()
    public internal(set) var place = Place.device
    /// Absolute; a virtual bus's relative path is already put behind the run folder.
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

  public internal(set) var name = Name()
  public internal(set) var buses = FixedArray<8, I2CBus>(filler: I2CBus())
  public internal(set) var serialLines = FixedArray<8, SerialLine>(filler: SerialLine())

  /// Strings of the device tree, between blanks.
  var compatible = FixedText<184>()
  /// Where the kernel shows the board's serial number and the card's: keys are bound to them.
  public internal(set) var serialFile = PathText()
  public internal(set) var cardFile = PathText()
  private let runFolder: FixedText<80>

  /// Reads a profile. `runFolder` is what relative paths of virtual buses stand behind. Problems
  /// are added to `problems`; the value is to be used only when `problems.isUsable`.
  public init(parsing bytes: Span<UInt8>, runFolder: FixedText<80>, problems: inout ProblemList) {
    self.runFolder = runFolder
    _ = interpret(bytes, into: &self, problems: &problems)
    checkPlaces(problems: &problems)
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
    case .gateway, .node, .enrolment, .place, .radio, .batch, .commit, .delivery, .spool, .clock,
      .gnss, .sensor:
      stop("a section of the site file in a board profile")
    }
  }

  mutating func set(_ key: Key, _ value: Value, text: Span<UInt8>, line: Int) {
    switch key {
    case .boardName: name = fixed(text)
    case .boardCompatible: compatible = fixed(text)
    case .boardSerialFile: serialFile = fixed(text)
    case .boardCardFile: cardFile = fixed(text)
    case .i2cDevice, .i2cVirtual:
      setBusPlace(key == .i2cDevice ? .device : .virtual, text, line: line)
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
    case .gatewayURL, .gatewayPublicKey, .gatewayCAFile, .gatewayAllowPlainHTTP, .nodeName,
      .enrolmentAuthorization1, .enrolmentAuthorization2, .enrolmentAuthorization3,
      .enrolmentAuthorization4, .placeLatitude, .placeLongitude, .placeAltitude, .placeHeight,
      .radioModel, .radioRegion, .radioTransmitPower, .radioAntennaGain, .radioCableLoss,
      .batchInterval, .batchMaxLeaves, .commitInterval, .deliveryConnectTimeout, .deliveryTimeout,
      .spoolSize, .spoolSegment, .spoolWhenFull, .clockInterval,
      .clockTolerance, .clockRepeatInterval, .gnssPort, .gnssPositionInterval, .sensorChip,
      .sensorBus, .sensorAddress, .sensorInterval, .sensorFrozenAfter, .sensorOptional:
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

  private func resolved(_ text: Span<UInt8>, _ place: Place) -> PathText {
    var path = PathText()
    if place == .virtual, text[0] != UInt8(ascii: "/") {
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

extension BoardProfile {
  /// Each bus and line has one place, and a path that its kind can have.
  private func checkPlaces(problems: inout ProblemList) {
    for index in buses.indices {
      let bus = buses[index]
      checkPlace(
        bus.place, bus.path, count: bus.placeCount, headingLine: bus.line, line: bus.placeLine,
        problems: &problems)
    }
    for index in serialLines.indices {
      let serial = serialLines[index]
      checkPlace(
        serial.place, serial.path, count: serial.placeCount, headingLine: serial.line,
        line: serial.placeLine, problems: &problems)
    }
  }

  private func checkPlace(
    _ place: Place, _ path: PathText, count: Int, headingLine: Int, line: Int,
    problems: inout ProblemList
  ) {
    guard count == 1 else {
      if count == 0 {
        problems.refuse(
          .board, line: headingLine, .missingKey,
          "needs the key device, such as /dev/i2c-1, or the key virtual, a simulator's socket")
      } else {
        problems.refuse(
          .board, line: line, .contradiction, "device and virtual exclude each other")
      }
      return
    }
    switch place {
    case .device:
      guard hasPrefix(path.span, "/") else {
        problems.refuse(
          .board, line: line, .wrongValue, "device: begin the path with /, such as /dev/i2c-1")
        return
      }
    case .virtual:
      guard path.count <= Limits.socketPathByteCount, !path.isCut else {
        problems.refuse(
          .board, line: line, .outOfRange,
          "virtual: with the run folder before it the path is longer than a socket's 107 bytes")
        return
      }
    }
  }

  /// Refuses a name that no bus, or no serial line, of this board has.
  func check(
    _ wanted: Name, isSerial: Bool, key: StaticString, line: Int, problems: inout ProblemList
  ) {
    if isSerial ? serialLine(named: wanted) != nil : bus(named: wanted) != nil { return }
    let isOther = isSerial ? bus(named: wanted) != nil : serialLine(named: wanted) != nil
    var message = Message()
    message.write(key)
    message.write(": ")
    message.write(quoted: wanted.span)
    if isOther {
      message.write(isSerial ? " is an I2C bus; a serial line" : " is a serial line; an I2C bus")
      message.write(" is needed. ")
    } else {
      message.write(" is missing in the profile of board ")
      message.write(name.span)
      message.write(". ")
    }
    writeNames(isSerial: isSerial, nearest: wanted, to: &message)
    problems.refuse(.site, line: line, .missingBus, message)
  }

  private func writeNames(isSerial: Bool, nearest wanted: Name, to message: inout Message) {
    let count = isSerial ? serialLines.count : buses.count
    guard count > 0 else {
      message.write(isSerial ? "It has no serial line" : "It has no I2C bus")
      return
    }
    var best = Name()
    var distance = Int.max
    for index in 0..<count {
      let candidate = isSerial ? serialLines[index].name : buses[index].name
      let found = editDistance(wanted.span, candidate.span)
      if found < distance { (best, distance) = (candidate, found) }
    }
    message.write("Nearest: ")
    message.write(best.span)
    guard count > 1 else { return }
    message.write("; all:")
    for index in 0..<count {
      message.write(" ")
      message.write((isSerial ? serialLines[index].name : buses[index].name).span)
    }
  }
}
