import Buses
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Records
import Sampling
import Sensors

/// Sensors: found at the start, measured when due, told about when they fail.
extension Agent {
  static func isSimulated(_ files: borrowing NodeConfigurationFiles) -> Bool {
    for index in files.board.buses.indices where files.board.buses[index].place == .virtual {
      return true
    }
    for index in files.board.serialLines.indices
    where files.board.serialLines[index].place == .virtual { return true }
    for index in files.board.spiBuses.indices where files.board.spiBuses[index].place == .virtual {
      return true
    }
    for index in files.board.gpioLines.indices
    where files.board.gpioLines[index].virtualSocket != nil { return true }
    return false
  }

  /// Identifies every sensor. One that is not there is a fault leaf; if it is not optional, the end.
  mutating func startSensors() {
    findBuses()
    for index in files.site.sensors.indices {
      let configured = files.site.sensors[index]
      let failure = start(sensor: index, attempts: configured.isOptional ? 1 : 3)
      tick()
      isFailing[index] = failure != nil
      if let failure {
        count(failure, sensor: index)
        if !configured.isOptional { endForSensor(configured, failure) }
      } else if let sensor = sensors[index].take() {
        tellSchema(index, sensor)
        sensors[index] = consume sensor
      }
      // The chip's first conversion has ended by then; sensors of one interval take turns.
      let first = now + configured.chip.kind.shortestIntervalMilliseconds + Int64(index) * 50
      guard
        schedule.add(
          intervalMilliseconds: configured.intervalMilliseconds, firstMilliseconds: first) == index
      else { end(.configuration, "cairn-agent: a sensor's interval is outside 100 ms to a week") }
    }
  }

  /// Opens and identifies. What is needed is asked again after a second: chips and buses take their time when
  /// power comes.
  private mutating func start(sensor index: Int, attempts: Int) -> SensorFailure? {
    var failure: SensorFailure?
    for attempt in 0..<attempts {
      if attempt > 0 { SystemDelay().sleep(milliseconds: 1000) }
      if let error = open(sensor: index) {
        failure = .bus(error)
        tellOpening(index, error)
        continue
      }
      guard var sensor = sensors[index].take() else { continue }
      failure = identify(&sensor)
      sensors[index] = consume sensor
      if failure == nil { return nil }
    }
    return failure
  }

  /// Nil when the chip is what it should be.
  func identify(_ sensor: inout AgentSensor) -> SensorFailure? {
    var delay = SystemDelay()
    do throws(SensorFailure) {
      try sensor.identify(delay: &delay)
      return nil
    } catch { return error }
  }

  /// Says why a bus could not be opened, once for each sensor.
  mutating func tellOpening(_ index: Int, _ error: BusError) {
    guard !isOpeningTold[index] else { return }
    isOpeningTold[index] = true
    let sensor = files.site.sensors[index]
    var text = TextBuilder<512>()
    text.append("cairn-agent: ")
    if let bus = files.board.bus(named: sensor.bus) { text.append(bus.path.span) }
    switch error {
    case .disconnected:
      text.append(": no such bus: plug it in, switch I2C on, or take the board's own profile")
    case .system(let errno):
      text.append(": ")
      text.append(SystemError(errno: errno))
      text.append(
        ". A bus is a file such as /dev/i2c-1, or a link to one, of a group that the agent is in; ")
      text.append("no driver of the kernel's may have its chip")
    case .notAcknowledged, .timedOut, .arbitrationLost: text.append(": can't be opened")
    }
    text.append("\n")
    // Without a reader of standard error the fault leaf tells all the same.
    do throws(SystemError) { try StandardStream.error.write(text) } catch {}
  }

  private mutating func endForSensor(_ sensor: SiteConfiguration.Sensor, _ failure: SensorFailure)
    -> Never
  {
    closeLog()
    var text = TextBuilder<256>()
    text.append("cairn-agent: sensor ")
    text.append(sensor.name.span)
    text.append(" (")
    text.append(sensor.chip.text)
    text.append(" at 0x")
    text.append(hex: UInt64(sensor.address), digits: 2)
    text.append(" on ")
    text.append(sensor.bus.span)
    text.append("): ")
    text.append(failure.faultCode.explanation)
    text.append(" With `optional = yes` the agent goes on without it.")
    end(.unavailable, text.span)
  }

  /// Measures the sensors whose slots have come, each at most once in a turn: with more to measure than there
  /// is time for, log and socket still have their turn, and what is not measured is told as a gap.
  mutating func measureWhatIsDue() {
    let turn = now
    while let due = schedule.take(now: turn) {
      if let gap = due.gap { tell(gap, sensor: due.sensor) }
      guard due.slotMilliseconds != nil else { continue }
      guard fullSince == nil else {
        missedWhileFull += 1
        continue
      }
      measure(due.sensor)
    }
  }

  private mutating func measure(_ index: Int) {
    if let error = open(sensor: index) {
      // Without its bus it is what a chip that does not answer is: a fault.
      if error != .disconnected { tellOpening(index, error) }
      fail(index, .bus(error))
      return
    }
    guard var sensor = sensors[index].take() else { return }
    var delay = SystemDelay()
    var failure: SensorFailure?
    var measurement: Measurement?
    do throws(SensorFailure) {
      measurement = try sensor.measure(delay: &delay)
    } catch { failure = error }
    // The leaf's time is when the measurement was there.
    tick()
    if let measurement {
      if schemaSerialNumbers[index]?.span.equals(sensor.serialNumber.span) != true {
        tellSchema(index, sensor)
      }
      let (schema, milliseconds) = (UInt16(index + 1), now)
      let isKept = record {
        LeafEncoding.reading(
          schema: schema, milliseconds: milliseconds, values: measurement.values, into: $0)
      }
      if !isKept { missedWhileFull += 1 }
    }
    sensors[index] = consume sensor
    isFailing[index] = failure != nil
    if let failure { count(failure, sensor: index) }
  }

  /// Once in a while the schemas are told again, so that readings can be read from what the ring still has
  /// when the boot's beginning is gone.
  mutating func repeatSchemas() {
    guard now >= nextSchemaRepeat else { return }
    nextSchemaRepeat = now + Self.schemaRepeatMilliseconds
    if let kind = toldRadio { tellRadio(kind) }
    for index in 0..<schedule.count where schemaSerialNumbers[index] != nil {
      guard let sensor = sensors[index].take() else { continue }
      tellSchema(index, sensor)
      sensors[index] = consume sensor
    }
  }

  /// Six hours: a ring of 1 MiB with a reading a second holds ten.
  static var schemaRepeatMilliseconds: Int64 { 6 * 3_600_000 }

  /// What the readings of a sensor mean. Written anew in each boot, and when another chip stands there.
  mutating func tellSchema(_ index: Int, _ sensor: borrowing AgentSensor) {
    let configured = files.site.sensors[index]
    let (schema, milliseconds) = (UInt16(index + 1), now)
    let (quantities, chip, serial) = (sensor.quantities, sensor.chipName, sensor.serialNumber)
    if let known = schemaSerialNumbers[index], !known.span.equals(serial.span) {
      _ = record {
        LeafEncoding.device(
          .sensorReplaced, schema: schema, milliseconds: milliseconds,
          name: configured.name.span, into: $0)
      }
    }
    let isKept = record {
      LeafEncoding.schema(
        schema: schema, milliseconds: milliseconds, quantities: quantities, chip: chip,
        bus: configured.bus.span, address: UInt16(configured.address), serialNumber: serial.span,
        into: $0)
    }
    if isKept { schemaSerialNumbers[index] = serial }
  }

  mutating func count(_ failure: SensorFailure, sensor: Int) {
    if let report = faults.count(sensor: sensor, code: failure.faultCode, now: now) {
      tellFault(report)
    }
  }

  mutating func tellFaults() {
    // Counts wait until there is room for their leaves.
    guard fullSince == nil else { return }
    while let report = faults.takeDue(now: now) { tellFault(report) }
  }

  mutating func tellFault(_ report: FaultCounter.Report) {
    let milliseconds = now
    let isTold = record {
      LeafEncoding.fault(
        schema: UInt16(report.sensor + 1), milliseconds: milliseconds, code: report.code,
        count: report.count, into: $0)
    }
    if !isTold { faults.putBack(report) }
  }

  private mutating func tell(_ gap: Schedule.Gap, sensor: Int) {
    let milliseconds = now
    let isTold = record {
      LeafEncoding.gap(
        .measurementsMissed, schema: UInt16(sensor + 1), milliseconds: milliseconds,
        from: UInt64(max(0, gap.fromMilliseconds)), to: UInt64(max(0, gap.toMilliseconds)),
        count: UInt64(gap.count), reason: .late, into: $0)
    }
    guard !isTold else { return }
    // Then it is one of those that a full ring costs.
    missedWhileFull += UInt64(gap.count)
    fullSince = min(fullSince ?? now, max(0, gap.fromMilliseconds))
  }
}

extension ChipName {
  /// The driver for a chip of the site file.
  var kind: SensorKind {
    switch self {
    case .bme280: .bme280
    case .sht3x: .sht3x
    case .scd4x: .scd4x
    }
  }
}
