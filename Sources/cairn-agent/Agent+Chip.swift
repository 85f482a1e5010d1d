import Buses
import DeviceLog
import FixedMemory
import LinuxGPIO
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Radios
import Records

/// Why a chip's bus or lines can't be had.
enum ChipFailure: Error, Equatable {
  case bus(BusError)
  case line(GPIOFailure)
  case stick(USBBridgeAbsence)

  var faultCode: FaultCode {
    switch self {
    case .bus(.disconnected): .disconnected
    case .bus: .busError
    case .line(let failure): failure.reason.faultCode
    case .stick(let absence): absence.faultCode
    }
  }
}

/// What of a chip can't be had, until it can.
struct ChipOpening {
  /// Lines and buses tell nothing when they become free: they are asked for again after so long.
  static var attemptMilliseconds: Int64 { 5_000 }
  /// Of two leaves that tell the same failure.
  static var leafMilliseconds: Int64 { 3_600_000 }

  var failure: ChipFailure?
  /// Nil: as soon as the device is there.
  var nextAttempt: Int64?
  var nextLeaf: Int64 = 0
  /// Since the last leaf.
  var count: UInt64 = 0
}

/// A radio chip behind SPI: opened as the board profile wires it.
extension Agent {
  /// A chip that could not be opened, or went, waits for its next attempt.
  var isChipDue: Bool {
    guard radioLine == nil, let next = chipOpening.nextAttempt else { return false }
    return now >= next
  }

  /// Bus and lines; nil when one of them can't be had, which is told.
  mutating func openChip(_ wiring: BoardProfile.LoRaWiring, _ identity: FileIdentity)
    -> AgentRadio?
  {
    if let next = chipOpening.nextAttempt, now < next { return nil }
    do throws(ChipFailure) {
      var descriptor: Int32?
      let chip = try Self.chip(wiring, files, &descriptor)
      radioLine = RadioLine(descriptor: descriptor, identity: identity)
      chipOpening = ChipOpening()
      return chip
    } catch {
      tellOpening(error, wiring)
      return nil
    }
  }

  private static func chip(
    _ wiring: BoardProfile.LoRaWiring, _ files: borrowing NodeConfigurationFiles,
    _ descriptor: inout Int32?
  ) throws(ChipFailure) -> AgentRadio {
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

  private static func device(_ bus: BoardProfile.SPIBus, _ path: FixedPath) throws(ChipFailure)
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
      chipOpening.nextAttempt = nil
      return
    }
    if let next = chipOpening.nextAttempt, now < next { return }
    tellOpening(.stick(.bridge), wiring)
  }

  /// A line for the journal when the reason is another one, and a leaf at most once an hour.
  private mutating func tellOpening(_ failure: ChipFailure, _ wiring: BoardProfile.LoRaWiring) {
    let isNew = chipOpening.failure != failure
    chipOpening.failure = failure
    chipOpening.nextAttempt = now + ChipOpening.attemptMilliseconds
    chipOpening.count += 1
    if isNew {
      chipOpening.nextLeaf = now
      say(failure, wiring)
    }
    guard now >= chipOpening.nextLeaf, fullSince == nil else { return }
    let (schema, milliseconds, count) = (Self.radioSchema, now, chipOpening.count)
    let isTold = record {
      LeafEncoding.fault(
        schema: schema, milliseconds: milliseconds, code: failure.faultCode, count: count,
        into: $0)
    }
    guard isTold else { return }
    chipOpening.count = 0
    chipOpening.nextLeaf = now + ChipOpening.leafMilliseconds
  }

  private func say(_ failure: ChipFailure, _ wiring: BoardProfile.LoRaWiring) {
    var text = TextBuilder<512>()
    text.append("cairn-agent: [lora.")
    text.append(wiring.name.span)
    text.append("]: ")
    switch failure {
    case .line(let failure):
      text.append("one of its lines: ")
      text.append(failure)
    case .stick(let absence):
      text.append("its stick: ")
      text.append(absence.explanation)
    case .bus(let error):
      text.append("its SPI bus ")
      text.append(wiring.spi.span)
      switch error {
      case .disconnected: text.append(": there is no such device")
      case .system(let errno):
        text.append(": ")
        text.append(SystemError(errno: errno))
        text.append(". It is a spidev file, of a group that the agent is in (spi)")
      case .notAcknowledged, .timedOut, .arbitrationLost: text.append(": can't be opened")
      }
    }
    text.append("\n")
    // Without a reader of standard error the fault leaf tells all the same.
    do throws(SystemError) { try StandardStream.error.write(text) } catch {}
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
