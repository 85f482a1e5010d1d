import Buses
import FixedMemory
import LinuxGPIO
import LinuxPlatform
import NodeConfiguration
import Radios
import Records

/// A radio chip behind a stick that cairn-usb serves: its lines are the stick's pins.
extension Agent {
  /// Bus and lines, once the stick answers. Chip and stick stay as they are.
  static func stick(
    _ wiring: BoardProfile.LoRaWiring, _ bus: BoardProfile.SPIBus, _ path: FixedPath,
    _ chip: ChipWiring
  ) throws(RadioOpeningFailure) -> AgentRadio {
    let bridge = USBBridge(path: path, patienceMilliseconds: bus.timeoutMilliseconds)
    var lines = bridge.radioLines(
      USBBridgeRadioPins(
        reset: pin(wiring.reset), isResetActiveHigh: wiring.chip == .sx1272,
        busy: pin(wiring.busy), interrupt: pin(wiring.interrupt), receive: pin(wiring.receive)))
    if let absence = lines.absence() { throw .stick(absence) }
    return .spi(
      SPIRadio(
        bus: .usbBridge(bridge.spiDevice(select: bus.select)), lines: .usbBridge(lines),
        wiring: chip, lookMilliseconds: USBBridgeRadioLines.lookMilliseconds))
  }

  private static func pin(_ name: Name?) -> UInt8? {
    guard let name else { return nil }
    return BoardProfile.stickPin(name)
  }
}

extension USBBridgeAbsence {
  var faultCode: FaultCode {
    switch self {
    case .bridge: .bridgeAbsent
    case .foreign: .bridgeForeign
    case .stick: .disconnected
    case .failing: .stickFailing
    }
  }

  /// For the journal.
  var explanation: StaticString {
    switch self {
    case .bridge: "cairn-usb does not run: systemctl status cairn-usb@usb. It is asked for again"
    case .foreign: "another user than cairn-usb serves its socket, which is not used"
    case .stick: "no such stick is plugged in. It is asked for again"
    case .failing: "it fails or hangs: journalctl -u cairn-usb@usb says how. It is asked again"
    }
  }
}
