import Buses
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Records
import Sensors

/// Buses and the chips on them. While an agent runs, its log says how its sensors are, and nothing is sent on a bus;
/// otherwise the buses are tried under the agent's lock.
extension Checkup {
  mutating func checkBuses(_ sink: inout some DoctorSink & ~Copyable) {
    guard let setup else {
      sink.take(
        DoctorRow(.busDevice, .notChecked, "only with site file and profile that can be used"))
      return
    }
    if isAgentThere {
      for index in setup.buses.indices { checkDevice(setup.buses[index], setup, &sink) }
      checkSensorsByLog(setup, &sink)
      return
    }
    sink.begin("buses")
    // No folder: no agent was ever here, and none can begin.
    var lock: FolderLock?
    do throws(FolderLock.Failure) {
      lock = try FolderLock(of: paths.agentFolder)
    } catch {
      if error != .notFound { return tellUnlocked(error, setup, &sink) }
    }
    for index in setup.buses.indices where checkDevice(setup.buses[index], setup, &sink) {
      tryBus(setup.buses[index], setup, &sink)
    }
    if let held = lock.take() { held.release() }
  }

  private func tellUnlocked(
    _ failure: FolderLock.Failure, _ setup: NodeSetup, _ sink: inout some DoctorSink & ~Copyable
  ) {
    for index in setup.buses.indices {
      let bus = setup.buses[index]
      guard checkDevice(bus, setup, &sink) else { continue }
      var row = DoctorRow(.busLines, of: bus.name.span)
      if failure == .locked {
        row.reason.append("an agent has the buses, and does not say how they are")
        row.judge(.notChecked, do: "stop the agent first")
      } else {
        row.reason.append("a bus is tried under the agent's lock, which this user may not have")
        row.judge(.notChecked, do: "run it as root")
      }
      sink.take(row)
    }
  }

  /// The bus is there and this user may use it.
  @discardableResult
  private func checkDevice(
    _ bus: BoardProfile.I2CBus, _ setup: NodeSetup, _ sink: inout some DoctorSink & ~Copyable
  ) -> Bool {
    var row = DoctorRow(.busDevice, of: bus.name.span)
    row.reason.append(untrusted: bus.path.span)
    guard let path = FixedPath(bus.path.span) else {
      row.reason.append(": the path is too long")
      row.judge(.failed, do: "Shorten it in the board profile.")
      sink.take(row)
      return false
    }
    do throws(SystemError) {
      try checkAccess(path, writes: true)
      row.reason.append(Self.whatOpens(bus.place))
      sink.take(row)
      return true
    } catch {
      row.reason.append(": ")
      if error.isForbidden {
        row.reason.append("this user may not open it")
        row.judge(.notChecked, do: "run it as root, or as a member of the group i2c")
      } else if error.isNotFound {
        row.reason.append("no such bus")
        row.judge(
          setup.uses(bus) ? .failed : .warning,
          do: Self.remedyWithout(bus.place))
      } else {
        row.reason.append(error)
        row.judge(.failed, do: "Look at the device file and at `dmesg`.")
      }
      sink.take(row)
      return false
    }
  }

  private static func whatOpens(_ place: BoardProfile.Place) -> StaticString {
    switch place {
    case .device: ", may be opened"
    case .virtual: ", simulated"
    case .usb: ", served by cairn-usb"
    }
  }

  private static func remedyWithout(_ place: BoardProfile.Place) -> StaticString {
    switch place {
    case .device:
      "Switch I2C on (raspi-config, or dtparam=i2c_arm=on), or take the board's own profile."
    case .virtual: "Start the simulator, or take the board's own profile."
    case .usb: "Plug the adapter in, and look at `systemctl status 'cairn-usb@*'`."
    }
  }

  /// With the agent's lock: are the lines free, which chips answer?
  private func tryBus(
    _ bus: BoardProfile.I2CBus, _ setup: NodeSetup, _ sink: inout some DoctorSink & ~Copyable
  ) {
    let scan = BusScan(bus)
    var row = DoctorRow(.busLines, of: bus.name.span)
    var address: UInt8 = 0x77
    for index in setup.sensors.indices where setup.sensors[index].bus == bus.name {
      address = setup.sensors[index].address
    }
    if let failure = scan.tryLines(with: address) {
      row.reason.append(BusScan.explanation(failure))
      row.judge(.failed, do: BusScan.remedy(failure))
      sink.take(row)
      return
    }
    row.reason.append("a transfer ends: the lines are not held low")
    sink.take(row)
    for index in setup.sensors.indices where setup.sensors[index].bus == bus.name {
      let sensor = setup.sensors[index]
      if leftMilliseconds == 0 {
        sink.take(DoctorRow(.sensor, .notChecked, "the time for all checks was up"))
        return
      }
      identify(sensor, scan, &sink)
    }
    scan.tellOthers(setup, end: min(end, SystemClock().bootMilliseconds() + 5000), &sink)
  }

  private func identify(
    _ sensor: SiteConfiguration.Sensor, _ scan: BusScan, _ sink: inout some DoctorSink & ~Copyable
  ) {
    var row = DoctorRow(.sensor, of: sensor.name.span)
    Self.describe(sensor, &row)
    do throws(SensorFailure) {
      let serial = try scan.identify(sensor.chip.driver, at: sensor.address)
      row.reason.append(", serial ")
      row.reason.append(untrusted: serial.span)
    } catch {
      row.reason.append(": ")
      row.reason.append(error.faultCode.explanation)
      row.judge(sensor.isOptional ? .warning : .failed, do: Self.remedy(error.faultCode))
    }
    sink.take(row)
  }

  private static func describe(_ sensor: SiteConfiguration.Sensor, _ row: inout DoctorRow) {
    row.reason.append(sensor.chip.text)
    row.reason.append(" at 0x")
    row.reason.append(hex: UInt64(sensor.address), digits: 2)
    row.reason.append(" on ")
    row.reason.append(untrusted: sensor.bus.span)
  }

  /// What the running agent has written of its sensors.
  private func checkSensorsByLog(
    _ setup: NodeSetup, _ sink: inout some DoctorSink & ~Copyable
  ) {
    if report.spoolProblem != nil {
      sink.take(DoctorRow(.sensor, .notChecked, "the log can't be read, or is not there yet"))
      return
    }
    let survey = report.spool.survey
    for index in setup.sensors.indices {
      let sensor = setup.sensors[index]
      var row = DoctorRow(.sensor, of: sensor.name.span)
      Self.describe(sensor, &row)
      let record = survey.sensor(UInt16(index + 1)).map { survey.sensors[$0] }
      if let record, record.isFailing, let number = record.faultNumber {
        let code = UInt8(exactly: number).flatMap { FaultCode(rawValue: $0) }
        row.reason.append(": ")
        row.reason.append(code?.explanation ?? "a fault that this version does not know")
        row.judge(
          sensor.isOptional ? .warning : .failed, do: Self.remedy(code ?? .busError))
      } else if let record, record.reading != nil {
        row.reason.append(", measured")
        if let age = report.age(of: record.readingMilliseconds) {
          row.reason.append(" ")
          row.reason.append(duration: age)
          row.reason.append(" ago")
        }
      } else {
        row.reason.append(": no measurement in this boot yet")
        row.state = .notChecked
      }
      sink.take(row)
    }
  }

  private static func remedy(_ code: FaultCode) -> StaticString {
    switch code {
    case .notAcknowledged:
      "Look at power, wiring and the address; a chip may have a pin that chooses its address."
    case .wrongChip:
      "Another chip is at this address: mend chip or address in the site file, or exchange it."
    case .timedOut: "Look at SDA and SCL: something holds the bus; take power off chip by chip."
    case .disconnected: "Look at the bus: its device has gone."
    case .checksumMismatch, .busError:
      "Look at wiring, length of the cable and pull-ups; a slower bus may help."
    case .calibrationInvalid, .chipFault, .outOfRange, .frozen:
      "Take the chip off power and on again; exchange it when that does not help."
    case .notReady: "Wait for the next measurement; when it stays so, exchange the chip."
    default: "Look at power, wiring and the address."
    }
  }
}

extension ChipName {
  /// The driver for a chip of the site file.
  var driver: SensorKind {
    switch self {
    case .bme280: .bme280
    case .sht3x: .sht3x
    case .scd4x: .scd4x
    }
  }
}
