import FixedMemory

/// Values that are right alone and wrong together.
extension BoardProfile {
  /// Each bus and serial line has one place, and a path that its kind can have.
  func checkPlaces(problems: inout ProblemList) {
    for index in buses.indices {
      let bus = buses[index]
      if isPlaced(
        bus.placeCount, headingLine: bus.line, line: bus.placeLine,
        "needs one of the keys device, such as /dev/i2c-1, usb and virtual",
        "device, usb and virtual exclude each other", problems: &problems)
      {
        checkPath(bus.place, bus.path, line: bus.placeLine, problems: &problems)
      }
    }
    for index in serialLines.indices {
      let serial = serialLines[index]
      if isPlaced(
        serial.placeCount, headingLine: serial.line, line: serial.placeLine,
        "needs the key device, such as /dev/ttyUSB0, or the key virtual, a pseudo terminal",
        "device and virtual exclude each other", problems: &problems)
      {
        checkPath(serial.place, serial.path, line: serial.placeLine, problems: &problems)
      }
    }
    for index in spiBuses.indices {
      let bus = spiBuses[index]
      if isPlaced(
        bus.placeCount, headingLine: bus.line, line: bus.placeLine,
        "needs one of the keys device, such as /dev/spidev0.0, usb and virtual",
        "device, usb and virtual exclude each other", problems: &problems)
      {
        checkPath(bus.place, bus.path, line: bus.placeLine, problems: &problems)
      }
      if bus.place == .device, bus.placeCount > 0, bus.selectLine > 0 {
        problems.refuse(
          .board, line: bus.selectLine, .contradiction,
          "select: a device file has its chip select in its name; this is for usb")
      }
    }
  }

  /// Refuses what has no place, or several.
  private func isPlaced(
    _ count: Int, headingLine: Int, line: Int, _ missing: StaticString, _ several: StaticString,
    problems: inout ProblemList
  ) -> Bool {
    if count == 0 { problems.refuse(.board, line: headingLine, .missingKey, missing) }
    if count > 1 { problems.refuse(.board, line: line, .contradiction, several) }
    return count == 1
  }

  private func checkPath(
    _ place: Place, _ path: PathText, line: Int, problems: inout ProblemList
  ) {
    switch place {
    case .device:
      guard hasPrefix(path.span, "/") else {
        problems.refuse(
          .board, line: line, .wrongValue, "device: begin the path with /, such as /dev/i2c-1")
        return
      }
    case .virtual, .usb:
      guard path.count <= Limits.socketPathByteCount, !path.isCut else {
        problems.refuse(
          .board, line: line, .outOfRange,
          place == .usb
            ? "usb: with the run folder before it the path is longer than a socket's 107 bytes"
            : "virtual: with the run folder before it the path is longer than a socket's 107 bytes")
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
