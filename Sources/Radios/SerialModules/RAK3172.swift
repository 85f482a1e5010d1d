import FixedMemory
import LoRa

/// RAK3172 and its relatives with RAK's AT firmware in its point-to-point mode, at 115200 baud (9600 before RUI3).
/// RUI3 AT command manual; for older firmware the "deprecated" manual. Every answer ends with OK or AT_…ERROR.
enum RAK3172 {
  /// Receives without end, and may transmit meanwhile.
  private static var receiveForEver: Int64 { 65_533 }

  static func command(
    _ script: CommandScript, _ index: Int, _ inputs: CommandInputs, payload: Span<UInt8>,
    into line: inout CommandLine
  ) -> SerialCommand? {
    let setting = inputs.setting
    switch (script, index) {
    case (.probe, 0):
      line.append("AT+VER=?")
      return SerialCommand(end: .version)
    case (.setUp, 0):
      line.append("AT+NWM=?")
      return SerialCommand(end: .value)
    case (.setUp, 1):
      guard inputs.isInOtherMode else { return nil }
      // The change restarts the module.
      line.append("AT+NWM=0")
      return SerialCommand(end: .anything, pauseMilliseconds: 2_500)
    case (.configure, 0):
      // In reception the module refuses settings as busy.
      line.append("AT+PRECV=0")
      return SerialCommand()
    case (.configure, 1):
      append(setting, isOld: inputs.isOldFirmware, to: &line)
      return SerialCommand()
    case (.configure, 2) where !inputs.isOldFirmware:
      // Both nibbles go into a register of the SX126x, each with a 4 behind it.
      let word = UInt64(setting.syncWord)
      line.append("AT+SYNCWORD=")
      line.append(hex: (word >> 4) << 12 | 0x0400 | (word & 15) << 4 | 0x04, digits: 4)
      return SerialCommand()
    case (.configure, 3) where !inputs.isOldFirmware:
      line.append("AT+IQINVER=", setting.hasInvertedIQ ? 1 : 0)
      return SerialCommand()
    case (.configure, 4) where !inputs.isOldFirmware, (.configure, 2):
      line.append("AT+PFREQ=?")
      return SerialCommand(end: .value, expectedValue: Int64(setting.frequencyHertz))
    case (.listen, 0):
      line.append("AT+PRECV=", receiveForEver)
      return SerialCommand()
    case (.send, 0):
      line.append("AT+PSEND=")
      line.append(upperHex: payload)
      return SerialCommand(attempts: 1)
    case (.send, 1): return SerialCommand(end: .sent, attempts: 1)
    case (.poll, 0):
      line.append("AT+PRECV=?")
      return SerialCommand(end: .value, expectedValue: receiveForEver)
    case (.reset, 0):
      line.append("ATZ")
      return SerialCommand(end: .anything, pauseMilliseconds: 2_000, attempts: 1)
    default: return nil
    }
  }

  /// Frequency, spreading factor, bandwidth, coding rate 0 to 3, preamble, power. RUI3 numbers bandwidths 0, 1, 2.
  private static func append(_ setting: RadioSetting, isOld: Bool, to line: inout CommandLine) {
    let bandwidth = setting.modulation.bandwidth
    line.append("AT+P2P=", Int64(setting.frequencyHertz))
    line.append(":", Int64(setting.modulation.spreadingFactor))
    if isOld {
      line.append(":", Int64(bandwidth.hertz / 1_000))
    } else {
      line.append(":", bandwidth == .khz125 ? 0 : bandwidth == .khz250 ? 1 : 2)
    }
    line.append(":", Int64(setting.modulation.codingRateDenominator) - 5)
    line.append(":", Int64(setting.modulation.preambleSymbolCount))
    line.append(":", Int64(setting.powerCentidecibelMilliwatts / 100))
  }

  static func meaning(_ line: Span<UInt8>) -> LineMeaning {
    if line.equals("OK") { return .ok }
    var cursor = LineCursor()
    if cursor.skip("+EVT:", line) { return event(line, cursor) }
    if cursor.skip("AT_BUSY_ERROR", line) { return .busy }
    if cursor.skip("AT_", line) { return .refused }
    if cursor.skip("AT+", line) { return answer(line, cursor) }
    // Before RUI3 an answer is the bare value.
    if let value = cursor.decimal(line), cursor.isAtEnd(line) { return .value(value) }
    cursor = LineCursor()
    if cursor.skip("Current Work Mode", line) || cursor.skip("RAKwireless", line) {
      return .restarted
    }
    return .chatter
  }

  /// "PRECV=65533", or the echo of a command, whose value is not looked for.
  private static func answer(_ line: Span<UInt8>, _ start: LineCursor) -> LineMeaning {
    var cursor = start
    guard
      cursor.skip("PRECV=", line) || cursor.skip("PFREQ=", line) || cursor.skip("NWM=", line)
    else { return .chatter }
    guard let value = cursor.decimal(line) else { return .garbled }
    return cursor.isAtEnd(line) ? .value(value) : .garbled
  }

  /// RXP2P:-110:5:HEX by RUI3, with words before the numbers in some of its versions; before RUI3
  /// "RXP2P, RSSI -110, SNR 5", and "+EVT:HEX" as the next line.
  private static func event(_ line: Span<UInt8>, _ start: LineCursor) -> LineMeaning {
    var cursor = start
    if cursor.skip("TXP2P", line) {
      cursor.skipAny(of: " _", line)
      return cursor.skip("DONE", line) && cursor.isAtEnd(line) ? .sent : .sendFailed
    }
    guard cursor.skip("RXP2P", line) else { return .bytes(offset: cursor.offset) }
    cursor.skipAny(of: ":, _", line)
    if cursor.skip("RECEIVE", line) || cursor.skip("ERROR", line) { return .receptionEnded }
    if cursor.skip("RSSI", line) { cursor.skipAny(of: ": ", line) }
    guard let rssi = cursor.decimal(line, decimals: 2) else { return .garbled }
    cursor.skipAny(of: ":, ", line)
    if cursor.skip("SNR", line) { cursor.skipAny(of: ": ", line) }
    guard let snr = cursor.decimal(line, decimals: 2),
      let figures = LineFigures(rssi: rssi, snr: snr)
    else { return .garbled }
    if cursor.isAtEnd(line) { return .figures(figures) }
    return cursor.skip(":", line) ? .frame(figures, offset: cursor.offset) : .garbled
  }
}
