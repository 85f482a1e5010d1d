import FixedMemory
import LoRa

/// Microchip RN2483 and RN2903, at 57600 baud (DS40001784G, DS40001811). Each command is answered by one line.
/// Reception ends with each frame, and the frame's figures are asked for after it.
enum RN2483 {
  static func command(
    _ script: CommandScript, _ index: Int, _ inputs: CommandInputs, payload: Span<UInt8>,
    into line: inout CommandLine
  ) -> SerialCommand? {
    let setting = inputs.setting
    switch (script, index) {
    case (.probe, 0):
      line.append("sys get ver")
      return SerialCommand(end: .version)
    case (.setUp, 0):
      // The LoRaWAN stack lets go of the radio; the answer is for how many milliseconds.
      line.append("mac pause")
      return SerialCommand(end: .value)
    case (.configure, 0):
      line.append("radio rxstop")
      return SerialCommand(end: .anything)
    case (.configure, 1...11): return set(index, setting, into: &line)
    case (.configure, 12):
      line.append("radio get freq")
      return SerialCommand(end: .value, expectedValue: Int64(setting.frequencyHertz))
    case (.listen, 0):
      line.append("radio rx 0")
      return SerialCommand()
    case (.send, 0):
      line.append("radio rxstop")
      return SerialCommand(end: .anything)
    case (.send, 1):
      line.append("radio tx ")
      line.append(upperHex: payload)
      return SerialCommand(attempts: 1)
    case (.send, 2): return SerialCommand(end: .sent, attempts: 1)
    case (.figures, 0):
      line.append("radio get snr")
      return SerialCommand(end: .value, isOptional: true)
    case (.figures, 1):
      line.append("radio get rssi")
      return SerialCommand(end: .value, isOptional: true)
    case (.poll, 0):
      // "busy" says that the radio is in reception.
      line.append("radio rx 0")
      return SerialCommand()
    case (.reset, 0):
      line.append("sys reset")
      return SerialCommand(end: .anything, pauseMilliseconds: 1_000, attempts: 1)
    default: return nil
    }
  }

  private static func set(_ index: Int, _ setting: RadioSetting, into line: inout CommandLine)
    -> SerialCommand
  {
    let modulation = setting.modulation
    line.append("radio set ")
    switch index {
    case 1: line.append("mod lora")
    case 2: line.append("freq ", Int64(setting.frequencyHertz))
    case 3: line.append("sf sf", Int64(modulation.spreadingFactor))
    case 4: line.append("bw ", Int64(modulation.bandwidth.hertz / 1_000))
    case 5: line.append("cr 4/", Int64(modulation.codingRateDenominator))
    case 6: line.append("prlen ", Int64(modulation.preambleSymbolCount))
    case 7: line.append("crc on")
    case 8: line.append(setting.hasInvertedIQ ? "iqi on" : "iqi off")
    case 9:
      line.append("sync ")
      line.append(hex: UInt64(setting.syncWord), digits: 2)
    case 10: line.append("pwr ", Int64(setting.powerCentidecibelMilliwatts / 100))
    // Its 15 seconds would end reception with radio_err.
    default: line.append("wdt 0")
    }
    return SerialCommand()
  }

  /// Older firmware than 1.0.5 can't leave reception, and tells no RSSI.
  static func version(_ kind: RadioKind, _ line: Span<UInt8>, _ start: LineCursor) -> LineMeaning {
    var cursor = start
    // "1.0.5": one digit each.
    guard let major = cursor.digit(line), cursor.skip(".", line), let minor = cursor.digit(line),
      cursor.skip(".", line), let patch = cursor.digit(line)
    else { return .garbled }
    let number = major * 100 + minor * 10 + patch
    return number >= 105 ? .version(kind, offset: 0) : .otherFirmware
  }

  static func meaning(_ line: Span<UInt8>) -> LineMeaning {
    if line.equals("ok") { return .ok }
    if line.equals("busy") { return .busy }
    if line.equals("invalid_param") || line.equals("not_free") { return .refused }
    if line.equals("radio_tx_ok") { return .sent }
    if line.equals("radio_err") { return .receptionEnded }
    var cursor = LineCursor()
    if cursor.skip("radio_rx", line) {
      cursor.skipAny(of: " ", line)
      return .bytes(offset: cursor.offset)
    }
    if let value = cursor.decimal(line), cursor.isAtEnd(line) { return .value(value) }
    return .chatter
  }
}
