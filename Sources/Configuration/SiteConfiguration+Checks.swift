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
      sensor.frozenAfterMilliseconds = value == .never ? nil : value.number
      sensor.frozenAfterLine = line
    case .sensorOptional: sensor.isOptional = value.flag
    default: stop("not a key of a sensor")
    }
    sensors[last] = sensor
  }

  mutating func checkTogether(lineCount: Int, problems: inout ProblemList) {
    checkGateway(problems: &problems)
    checkSpool(problems: &problems)
    if delivery.longestRetryMilliseconds < delivery.firstRetryMilliseconds {
      problems.refuse(
        .site, line: max(lines.retryFirst, lines.retryLongest), .contradiction,
        "retry_longest is shorter than retry_first")
    }
    if clock.repeatIntervalMilliseconds < clock.intervalMilliseconds {
      problems.refuse(
        .site, line: max(lines.clockInterval, lines.clockRepeat), .contradiction,
        "repeat_interval is shorter than interval")
    }
    for index in sensors.indices { completeSensor(index, problems: &problems) }
    guard sensors.isEmpty else { return }
    problems.warn(
      .site, line: lineCount, .missingSection, "no [sensor.NAME]: nothing will be measured")
  }

  private func checkGateway(problems: inout ProblemList) {
    guard lines.gateway > 0 else { return }
    if isPlainHTTP(gateway.url.span), !gateway.allowsPlainHTTP {
      problems.refuse(
        .site, line: lines.url, .contradiction,
        "url: http:// lets anyone on the way read along: write https://, or allow_plain_http = yes")
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
      problems.refuse(
        .site, line: line, .contradiction, "size: less than four segments")
    }
  }

  /// Fills in what depends on the chip and on the interval, and looks for a place that is taken.
  private mutating func completeSensor(_ index: Int, problems: inout ProblemList) {
    var sensor = sensors[index]
    if sensor.hasChip {
      if let usual = sensor.chip.usualAddress {
        if sensor.addressLine == 0 { sensor.address = usual }
      } else if sensor.addressLine > 0 {
        var message = Message()
        message.write("address: a ")
        message.write(sensor.chip.text)
        message.write(" is on a serial line, which has no addresses")
        problems.refuse(.site, line: sensor.addressLine, .contradiction, message)
      }
    }
    if sensor.frozenAfterLine == 0 {
      sensor.frozenAfterMilliseconds = max(
        Self.frozenAfterMilliseconds, 10 * sensor.intervalMilliseconds)
    } else if let after = sensor.frozenAfterMilliseconds, after < 2 * sensor.intervalMilliseconds {
      problems.refuse(
        .site, line: sensor.frozenAfterLine, .contradiction,
        "frozen_after is shorter than two intervals: one value can't tell whether it changes")
    }
    sensors[index] = sensor
    guard sensor.hasChip, sensor.hasBus else { return }
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

  /// Air pressure and humidity change within six hours wherever there is weather.
  static var frozenAfterMilliseconds: Int64 { 6 * 60 * 60 * 1000 }

  /// Looks up each bus and port that this site names. Refuses what the board lacks, with the line in the
  /// site file and the nearest name that the board has.
  public borrowing func check(
    against board: borrowing BoardProfile, problems: inout ProblemList
  ) {
    for index in sensors.indices {
      let sensor = sensors[index]
      guard sensor.hasChip, sensor.hasBus else { continue }
      board.check(
        sensor.bus, isSerial: sensor.chip.usualAddress == nil, key: "bus", line: sensor.busLine,
        problems: &problems)
    }
    guard hasGNSS, !gnssSection.port.isEmpty else { return }
    board.check(
      gnssSection.port, isSerial: true, key: "port", line: gnssSection.portLine,
      problems: &problems)
    for index in sensors.indices where sensors[index].bus == gnssSection.port {
      var message = Message()
      message.write("port: [sensor.")
      message.write(sensors[index].name.span)
      message.write("] has this line already")
      problems.refuse(.site, line: gnssSection.portLine, .contradiction, message)
    }
  }
}
