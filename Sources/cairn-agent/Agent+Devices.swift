import Buses
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Records
import Sampling
import Sensors

/// Devices that come and go: a bus on USB, a receiver. What went is closed at once: the kernel waits with the removal
/// of a bus until nobody has it open.
///
///     bus missing    its sensors are none, and each of their measurements is a fault
///     bus came       its sensors are opened and identified
///     bus another    as if it had gone and come
extension Agent {
  mutating func followDevices() {
    if devices.takeLook(now: now) {
      for index in files.board.buses.indices
      where files.site.uses(bus: files.board.buses[index].name) {
        follow(bus: index)
      }
      followReceiver()
      followRadio()
    } else if isOpeningDue {
      followReceiver()
      followRadio()
    }
    tellDevices()
  }

  /// Where the buses are at the start: that is no change.
  mutating func findBuses() {
    for index in files.board.buses.indices {
      busIdentities[index] = identity(ofBus: index)
      busChanges[index] = DeviceChanges(isPresent: busIdentities[index] != nil)
    }
  }

  private func identity(ofBus index: Int) -> FileIdentity? {
    guard let path = FixedPath(files.board.buses[index].path.span) else { return nil }
    do throws(FileFailure) { return try FileIdentity(at: path) } catch { return nil }
  }

  private mutating func follow(bus index: Int) {
    let found = identity(ofBus: index)
    if found != busIdentities[index], busIdentities[index] != nil { drop(bus: index) }
    let isNew = busIdentities[index] == nil && found != nil
    busIdentities[index] = found
    guard found != nil else { return }
    if isNew { _ = busChanges[index].take(isPresent: true) }
    let name = files.board.buses[index].name
    for sensor in files.site.sensors.indices where files.site.sensors[sensor].bus == name {
      if isNew || isClosed(sensor) { attach(sensor: sensor) }
    }
  }

  private mutating func drop(bus index: Int) {
    busIdentities[index] = nil
    _ = busChanges[index].take(isPresent: false)
    let name = files.board.buses[index].name
    for sensor in files.site.sensors.indices where files.site.sensors[sensor].bus == name {
      // Whoever held its descriptor goes, and with it the descriptor.
      sensors[sensor] = nil
      fail(sensor, .bus(.disconnected))
    }
  }

  private mutating func isClosed(_ index: Int) -> Bool {
    guard let sensor = sensors[index].take() else { return true }
    sensors[index] = consume sensor
    return false
  }

  /// Opens a sensor and identifies it. What does not succeed is tried again when it is to be measured.
  private mutating func attach(sensor index: Int) {
    if let failure = open(sensor: index) {
      fail(index, .bus(failure))
      return
    }
    guard var sensor = sensors[index].take() else { return }
    let failure = identify(&sensor)
    tick()
    if let failure {
      fail(index, failure)
    } else {
      isFailing[index] = false
      if schemaSerialNumbers[index]?.span.equals(sensor.serialNumber.span) != true {
        tellSchema(index, sensor)
      }
    }
    sensors[index] = consume sensor
  }

  /// Opens the chip on its bus. Nil when that is done, or was before.
  mutating func open(sensor index: Int) -> BusError? {
    if !isClosed(index) { return nil }
    let sensor = files.site.sensors[index]
    guard let bus = files.board.bus(named: sensor.bus), let path = FixedPath(bus.path.span) else {
      return .disconnected
    }
    do throws(FileFailure) { _ = try FileIdentity(at: path) } catch {
      if case .system(let errno) = error { return .system(errno: errno) }
      return .disconnected
    }
    do throws(BusError) {
      let device: AnyI2CDevice
      switch bus.place {
      case .usb:
        device = .usbBridge(
          USBBridge(path: path, timeoutMilliseconds: UInt32(bus.timeoutMilliseconds))
            .device(at: sensor.address))
      case .virtual:
        device = .virtual(
          VirtualBus(path: path, timeoutMilliseconds: UInt32(bus.timeoutMilliseconds))
            .device(at: sensor.address))
      case .device: device = .linux(try LinuxI2CBus(path: path).device(at: sensor.address))
      }
      sensors[index] = AgentSensor(
        sensor.chip.kind, device: device, frozenLimit: sensor.frozenAfterMeasurementCount)
      return nil
    } catch { return error }
  }

  mutating func fail(_ index: Int, _ failure: SensorFailure) {
    isFailing[index] = true
    count(failure, sensor: index)
  }

  /// What came and went, within the bound of leaves. With a full ring it is told when there is room.
  private mutating func tellDevices() {
    guard fullSince == nil else { return }
    for index in files.board.buses.indices where busChanges[index].isDue(now: now) {
      guard tell(files.board.buses[index].name, busChanges[index]) else { return }
      busChanges[index].told(now: now)
    }
    if let port = radioName, radioChanges.isDue(now: now) {
      guard tell(port, radioChanges) else { return }
      radioChanges.told(now: now)
    }
    guard let gnss = files.site.gnss, receiverChanges.isDue(now: now),
      tell(gnss.port, receiverChanges)
    else { return }
    receiverChanges.told(now: now)
  }

  /// Before the log ends, what waits is told, due or not.
  mutating func tellLastOfDevices() {
    for index in files.board.buses.indices where busChanges[index].untoldCount > 0 {
      guard fullSince == nil else { return }
      _ = tell(files.board.buses[index].name, busChanges[index])
    }
    if fullSince == nil, radioChanges.untoldCount > 0, let port = radioName {
      _ = tell(port, radioChanges)
    }
    if fullSince == nil, receiverChanges.untoldCount > 0, let gnss = files.site.gnss {
      _ = tell(gnss.port, receiverChanges)
    }
  }

  /// False when the ring has no room.
  private mutating func tell(_ name: Name, _ changes: DeviceChanges) -> Bool {
    let (code, count): (EventCode, UInt64) =
      (changes.isPresent ? .deviceAttached : .deviceDetached, changes.untoldCount)
    let milliseconds = now
    return record {
      LeafEncoding.device(
        code, schema: 0, milliseconds: milliseconds, name: name.span, changeCount: count, into: $0)
    }
  }

  /// When a change that waits may be told.
  var nextDeviceLeaf: Int64? {
    guard fullSince == nil else { return nil }
    var next = receiverChanges.nextDueMilliseconds
    if let due = radioChanges.nextDueMilliseconds { next = min(next ?? .max, due) }
    for index in files.board.buses.indices {
      guard let due = busChanges[index].nextDueMilliseconds else { continue }
      next = min(next ?? .max, due)
    }
    return next
  }
}
