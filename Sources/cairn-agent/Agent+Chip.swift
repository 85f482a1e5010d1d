import Buses
import DeviceLog
import FixedMemory
import LinuxGPIO
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Radios
import Records

/// A radio chip behind SPI: opened as the board profile wires it.
extension Agent {
  /// Bus and lines; nil when one of them can't be had, which is told.
  mutating func openChip(_ wiring: BoardProfile.LoRaWiring, _ identity: FileIdentity)
    -> AgentRadio?
  {
    if let next = radioOpening.nextAttempt, now < next { return nil }
    do throws(RadioOpeningFailure) {
      var descriptor: Int32?
      let chip = try Self.chip(wiring, files, &descriptor)
      radioLine = RadioLine(descriptor: descriptor, identity: identity)
      radioOpening = RadioOpening()
      return chip
    } catch {
      tellOpening(error, wiring.name, bus: wiring.spi)
      return nil
    }
  }

  private static func chip(
    _ wiring: BoardProfile.LoRaWiring, _ files: borrowing NodeConfigurationFiles,
    _ descriptor: inout Int32?
  ) throws(RadioOpeningFailure) -> AgentRadio {
    guard let bus = files.board.spiBus(named: wiring.spi), let path = FixedPath(bus.path.span),
      let model = files.site.radio?.model, let chip = ChipWiring(wiring, model: model.span)
    else { throw .bus(.disconnected) }
    if bus.place == .usb { return try stick(wiring, bus, path, chip) }
    let device = try device(bus, path)
    let lines: GPIORadioLines
    do throws(GPIOFailure) {
      lines = try GPIORadioLines.open(
        kernel(of: wiring, files.board), reset: resetPlace(wiring, files.board),
        busy: place(wiring.busy, files.board), interrupt: place(wiring.interrupt, files.board))
    } catch { throw .line(error) }
    let all = AnyRadioLines.gpio(lines)
    let look = all.lookMilliseconds
    descriptor = all.pollDescriptor
    return .spi(SPIRadio(bus: device, lines: all, wiring: chip, lookMilliseconds: look))
  }

  private static func device(_ bus: BoardProfile.SPIBus, _ path: FixedPath)
    throws(RadioOpeningFailure)
    -> AnySPIDevice
  {
    switch bus.place {
    case .virtual: return .virtual(VirtualSPIDevice(path: path))
    // Its lines are its own: `stick` has both.
    case .usb: throw .stick(.stick)
    case .device:
      // The profile's speed is the most that the wires take; the chips take 10 MHz.
      let speed = min(10_000_000, max(Limits.radioClockHertz, bus.clockHertz))
      do throws(BusError) {
        return .linux(try LinuxSPIDevice(path: path, speedHertz: UInt32(speed)))
      } catch { throw .bus(error) }
    }
  }

  /// All of a wiring's lines are of one kind: that of the first.
  private static func kernel(
    of wiring: BoardProfile.LoRaWiring, _ board: borrowing BoardProfile
  ) -> AnyGPIOKernel {
    guard let name = wiring.busy ?? wiring.interrupt ?? wiring.reset,
      let line = board.gpioLine(named: name)
    else { return .linux(LinuxGPIOKernel()) }
    return gpioKernel(line, of: board)
  }

  /// A chip is held in reset by the low level, SX1272 by the high one: hats share their lines, so that a line can't
  /// say it for all of them.
  private static func resetPlace(
    _ wiring: BoardProfile.LoRaWiring, _ board: borrowing BoardProfile
  ) -> GPIOPlace? {
    guard var place = place(wiring.reset, board) else { return nil }
    if wiring.chip != .sx1272 { place.isActiveLow = true }
    return place
  }

  private static func place(_ name: Name?, _ board: borrowing BoardProfile) -> GPIOPlace? {
    guard let name, let line = board.gpioLine(named: name) else { return nil }
    return gpioPlace(line)
  }

  /// Nobody serves a stick's socket, or there is no such device: then its coming is told.
  mutating func chipIsNowhere(_ wiring: BoardProfile.LoRaWiring) {
    guard files.board.spiBus(named: wiring.spi)?.place == .usb else {
      radioOpening.nextAttempt = nil
      return
    }
    if let next = radioOpening.nextAttempt, now < next { return }
    tellOpening(.stick(.bridge), wiring.name, bus: wiring.spi)
  }
}

extension ChipWiring {
  /// Nil for a concentrator, and for a model that is another chip: both were refused with the configuration.
  init?(_ wiring: BoardProfile.LoRaWiring, model: Span<UInt8>) {
    guard let model = RadioModel(model), model.chip == wiring.chip else { return nil }
    let kind: RadioKind
    switch wiring.chip {
    case .sx1261: kind = .sx1261
    case .sx1262: kind = .sx1262
    case .llcc68: kind = .llcc68
    case .sx1272: kind = .sx1272
    case .sx1276: kind = .sx1276
    case .sx1301, .sx1302, .sx1303: return nil
    }
    let band: Band
    switch model.band {
    case .any: band = .any
    case .low: band = .low
    case .high: band = .high
    }
    self.init(
      kind: kind,
      oscillator: wiring.oscillatorNumber == 0
        ? nil : OscillatorVoltage(rawValue: wiring.oscillatorNumber - 1),
      hasConverter: wiring.hasConverter, switchesAntennaByDIO2: wiring.switchesAntennaByDIO2,
      usesBoostPin: wiring.usesBoostPin, band: band)
  }
}
