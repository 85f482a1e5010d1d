import Buses
import CLinux
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import Sensors

/// One bus, tried while no agent has it: whether its lines are free, which chips are there. What changes a chip is
/// sent only to chips of the site file, by their own drivers; to others an address, or a register's number and a
/// read.
struct BusScan {
  let bus: BoardProfile.I2CBus

  init(_ bus: BoardProfile.I2CBus) { self.bus = bus }

  /// N of /dev/i2c-N; nil for a virtual bus.
  private var number: UInt16? {
    let path = bus.path.span
    let prefix: StaticString = "/dev/i2c-"
    let start = prefix.utf8CodeUnitCount
    guard bus.place == .device, path.count > start, path.extracting(0..<start).equals(prefix)
    else { return nil }
    return decimal(path.extracting(start..<path.count)).flatMap { UInt16(exactly: $0) }
  }

  private func device(at address: UInt8) throws(BusError) -> AnyI2CDevice {
    if bus.place == .device {
      guard let number else { throw .disconnected }
      return .linux(try LinuxI2CBus(number: number).device(at: address))
    }
    guard let path = FixedPath(bus.path.span) else { throw .disconnected }
    return .virtual(
      VirtualBus(path: path, timeoutMilliseconds: UInt32(bus.timeoutMilliseconds))
        .device(at: address))
  }

  /// Whether something acknowledges at the address. A kernel driver's chip is there too.
  private func probe(_ address: UInt8) throws(BusError) -> Bool {
    do throws(BusError) {
      if bus.place == .device {
        guard let number else { throw .disconnected }
        return try LinuxI2CBus(number: number).probe(address: address)
      }
      var device = try device(at: address)
      try device.write(Span())
      return true
    } catch {
      switch error {
      case .notAcknowledged: return false
      case .system(let errno) where errno == EBUSY: return true
      default: throw error
      }
    }
  }

  /// What is wrong with the bus itself; nil when a transfer ends, whoever answers.
  func tryLines(with address: UInt8) -> BusError? {
    do throws(BusError) {
      _ = try probe(address)
      return nil
    } catch { return error }
  }

  /// The chip's own identification, and its serial number.
  func identify(_ kind: SensorKind, at address: UInt8) throws(SensorFailure) -> SerialNumber {
    let opened: AnyI2CDevice
    do throws(BusError) { opened = try device(at: address) } catch { throw .bus(error) }
    var sensor = AnySensor<AnyI2CDevice>(kind, device: opened)
    var delay = SystemDelay()
    try sensor.identify(delay: &delay)
    return sensor.serialNumber
  }

  /// Chips that no sensor of the site file stands for.
  func tellOthers(
    _ setup: NodeSetup, end: Int64, _ sink: inout some DoctorSink & ~Copyable
  ) {
    var row = DoctorRow(.busOthers, of: bus.name.span)
    var count = 0
    var isDriverThere = false
    for address in UInt8(0x08)...0x77 {
      if setup.hasSensor(on: bus, at: address) { continue }
      guard SystemClock().bootMilliseconds() < end else {
        row.reason.append("; the rest was not looked at, for time")
        break
      }
      do throws(BusError) {
        guard try probe(address) else { continue }
      } catch {
        row.reason.append("; then the bus failed: ")
        row.reason.append(Self.explanation(error))
        row.judge(.warning, do: Self.remedy(error))
        break
      }
      count += 1
      row.reason.append(count == 1 ? "0x" : ", 0x")
      row.reason.append(hex: UInt64(address), digits: 2)
      row.reason.append(" ")
      let known = name(at: address)
      row.reason.append(known.name)
      if known.hasDriver { isDriverThere = true }
    }
    if row.reason.isEmpty { row.reason.append("none") }
    if isDriverThere, row.state == .ok {
      row.judge(
        .warning, do: "Add a [sensor.NAME] for it to the site file, if it is to be measured.")
    }
    sink.take(row)
  }

  /// Bosch's sensors have an id register; of others the address tells what they usually are.
  private func name(at address: UInt8) -> (name: StaticString, hasDriver: Bool) {
    if address == 0x76 || address == 0x77 {
      switch register(0xd0, at: address) {
      case 0x60?: return ("(a BME280)", true)
      case 0x58?: return ("(a BMP280)", false)
      case 0x61?: return ("(a BME680)", false)
      default: break
      }
    }
    return switch address {
    case 0x10: ("(often a VEML7700)", false)
    case 0x23, 0x5c: ("(often a BH1750)", false)
    case 0x29: ("(often a TSL2591 or VL53L0X)", false)
    case 0x38: ("(often an AHT20)", false)
    case 0x3c, 0x3d: ("(often a display)", false)
    case 0x40: ("(often an INA219 or SHT2x)", false)
    case 0x44, 0x45: ("(often an SHT3x or SHT4x)", true)
    case 0x48...0x4b: ("(often an ADS1115 or TMP102)", false)
    case 0x50...0x57: ("(often a memory)", false)
    case 0x60: ("(often an ATECC608)", false)
    case 0x62: ("(often an SCD4x)", true)
    case 0x68: ("(often a DS3231 clock)", false)
    case 0x76, 0x77: ("(often a pressure sensor)", false)
    default: ("(not known)", false)
    }
  }

  private func register(_ register: UInt8, at address: UInt8) -> UInt8? {
    let written: InlineArray<1, UInt8> = [register]
    var read: InlineArray<1, UInt8> = [0]
    do throws(BusError) {
      var device = try device(at: address)
      var reply = read.mutableSpan
      try device.writeRead(written.span, into: &reply)
    } catch { return nil }
    return read[0]
  }

  static func explanation(_ failure: BusError) -> StaticString {
    switch failure {
    case .notAcknowledged: "nothing answers"
    case .timedOut: "no transfer ends: SDA or SCL is held low"
    case .arbitrationLost: "another master talks on it, or a line is shorted"
    case .disconnected: "the bus has gone, or nobody serves it"
    case .system: "the kernel reports an error of the bus"
    }
  }

  static func remedy(_ failure: BusError) -> StaticString {
    switch failure {
    case .notAcknowledged: "Look at power, wiring and the address."
    case .timedOut:
      "Take all chips off, then add one after another; look for shorts, and for missing pull-ups."
    case .arbitrationLost: "Look for another master, and for SDA and SCL exchanged."
    case .disconnected: "Plug the adapter in, or start what serves the bus."
    case .system: "Look at `dmesg`."
    }
  }
}
