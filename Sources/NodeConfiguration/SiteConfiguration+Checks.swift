import FixedMemory

/// Values that are right alone and wrong together.
extension SiteConfiguration {
  mutating func setSensor(_ key: Key, _ value: Value, text: Span<UInt8>, line: Int) {
    let last = sensors.count - 1
    var sensor = sensors[last]
    switch key {
    case .sensorChip:
      guard let chip = ChipName(rawValue: UInt8(value.number)) else { stop("no such chip") }
      sensor.chip = chip
      sensor.hasChip = true
    case .sensorBus:
      sensor.bus = fixed(text)
      sensor.hasBus = true
      sensor.busLine = line
    case .sensorAddress:
      sensor.address = UInt8(value.number)
      sensor.addressLine = line
    case .sensorInterval: sensor.intervalMilliseconds = value.number
    case .sensorFrozenAfter:
      sensor.frozenAfterMeasurementCount = value == .never ? 0 : UInt32(value.number)
    case .sensorOptional: sensor.isOptional = value.flag
    default: stop("not a key of a sensor")
    }
    sensors[last] = sensor
  }

  mutating func checkTogether(lineCount: Int, problems: inout ProblemList) {
    checkGateway(problems: &problems)
    checkSpool(problems: &problems)
    if delivery.timeoutMilliseconds < delivery.connectTimeoutMilliseconds {
      problems.refuse(
        .site, line: max(lines.connectTimeout, lines.timeout), .contradiction,
        "timeout is shorter than connect_timeout")
    }
    if clock.repeatIntervalMilliseconds < clock.intervalMilliseconds {
      problems.refuse(
        .site, line: max(lines.clockInterval, lines.clockRepeat), .contradiction,
        "repeat_interval is shorter than interval")
    }
    if let enrolment, enrolment.lastPart > 4 {
      problems.refuse(
        .site, line: enrolment.line, .contradiction,
        "authorization_first, authorization_second … are parts of one text: write them in their order"
      )
    } else if let enrolment {
      var bytes = InlineArray<512, UInt8>(repeating: 0)
      var span = bytes.mutableSpan
      if enrolment.decodeAuthorization(into: &span) == nil {
        problems.refuse(
          .site, line: enrolment.line, .wrongValue,
          "the authorization lacks a piece: paste all lines that `cairn owner` printed")
      }
    }
    for index in sensors.indices { completeSensor(index, problems: &problems) }
    checkInputs(problems: &problems)
    guard sensors.isEmpty, pulses.isEmpty, contacts.isEmpty else { return }
    problems.warn(
      .site, line: lineCount, .missingSection, "no [sensor.NAME]: nothing will be measured")
  }

  private func checkGateway(problems: inout ProblemList) {
    guard lines.gateway > 0 else { return }
    let url = gateway.url.span
    if isUnencrypted(url), !isLoopback(url), !gateway.allowsPlainHTTP {
      let why: StaticString =
        isMQTT(url)
        ? "url: mqtt:// lets anyone on the way read along: write mqtts:// or allow_plain_http = yes"
        : "url: http:// lets anyone on the way read along: write https:// or allow_plain_http = yes"
      problems.refuse(.site, line: lines.url, .contradiction, why)
    }
    if gateway.user.isEmpty, !gateway.passwordFile.isEmpty {
      problems.refuse(
        .site, line: lines.gateway, .contradiction, "password_file: whose password? Give user too")
    }
    guard gateway.publicKey == nil else { return }
    problems.warn(
      .site, line: lines.gateway, .unverifiedGateway,
      """
      [gateway] has no public_key: receipts can't be verified, so nothing is ever treated as delivered \
      and the spool's space is not used again
      """)
  }

  private func checkSpool(problems: inout ProblemList) {
    let line = max(lines.spoolSize, lines.spoolSegment)
    if spool.segmentByteCount % 4096 != 0 {
      problems.refuse(
        .site, line: line, .contradiction, "segment: not a multiple of 4 KiB")
    } else if spool.byteCount % spool.segmentByteCount != 0 {
      problems.refuse(
        .site, line: line, .contradiction, "size: not a multiple of segment")
    } else if spool.byteCount / spool.segmentByteCount < 4 {
      problems.refuse(.site, line: line, .contradiction, "size: less than 4 segments")
    } else if spool.byteCount / spool.segmentByteCount > 4096 {
      problems.refuse(
        .site, line: line, .contradiction, "size: more than 4096 segments: make segment larger")
    }
  }

  /// Fills in what depends on the chip, and looks for a place that is taken.
  private mutating func completeSensor(_ index: Int, problems: inout ProblemList) {
    var sensor = sensors[index]
    guard sensor.hasChip, sensor.hasBus else { return }
    if sensor.addressLine == 0 { sensor.address = sensor.chip.usualAddress }
    sensors[index] = sensor
    for earlier in 0..<index {
      let other = sensors[earlier]
      guard other.hasChip, other.hasBus, other.bus == sensor.bus, other.address == sensor.address
      else { continue }
      var message = Message()
      message.write("[sensor.")
      message.write(other.name.span)
      message.write("] is already at this place on ")
      message.write(sensor.bus.span)
      problems.refuse(.site, line: sensor.line, .contradiction, message)
    }
  }

  /// Looks up each bus and port that this site names. Refuses what the board lacks, with the line
  /// in the site file and the nearest name that the board has.
  public borrowing func check(
    against board: borrowing BoardProfile, problems: inout ProblemList
  ) {
    for index in sensors.indices {
      let sensor = sensors[index]
      guard sensor.hasBus else { continue }
      board.check(
        sensor.bus, isSerial: false, key: "bus", line: sensor.busLine, problems: &problems)
    }
    checkInputs(against: board, problems: &problems)
    checkRadio(against: board, problems: &problems)
    guard hasGNSS, !gnssSection.port.isEmpty else { return }
    board.check(
      gnssSection.port, isSerial: true, key: "port", line: gnssSection.portLine,
      problems: &problems)
  }
}
