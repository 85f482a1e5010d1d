import FixedMemory
import LoRa

/// Seeed LoRa-E5 (Wio-E5) with its AT firmware in test mode, at 9600 baud. An answer begins with the command's name.
enum LoRaE5 {
  static func command(
    _ script: CommandScript, _ index: Int, _ inputs: CommandInputs, payload: Span<UInt8>,
    into line: inout CommandLine
  ) -> SerialCommand? {
    let setting = inputs.setting
    switch (script, index) {
    case (.probe, 0):
      line.append("AT+VER")
      return SerialCommand(end: .version)
    case (.setUp, 0):
      line.append("AT+MODE=TEST")
      return SerialCommand()
    case (.configure, 0):
      append(setting, to: &line)
      // The answer has the frequency as the firmware took it, from a number with 24 bits.
      return SerialCommand(
        end: .value, expectedValue: Int64(setting.frequencyHertz), tolerance: 100)
    case (.listen, 0), (.poll, 0):
      line.append("AT+TEST=RXLRPKT")
      return SerialCommand()
    case (.send, 0):
      line.append("AT+TEST=TXLRPKT,\"")
      line.append(upperHex: payload)
      line.append("\"")
      return SerialCommand(attempts: 1)
    case (.send, 1): return SerialCommand(end: .sent, attempts: 1)
    case (.reset, 0):
      line.append("AT+RESET")
      return SerialCommand(end: .anything, pauseMilliseconds: 1_500, attempts: 1)
    default: return nil
    }
  }

  /// Frequency, factor, bandwidth, preambles for sending and receiving, power, CRC, inverted IQ, public network.
  private static func append(_ setting: RadioSetting, to line: inout CommandLine) {
    let preamble = Int64(setting.modulation.preambleSymbolCount)
    line.append("AT+TEST=RFCFG,")
    line.append(megahertzOf: setting.frequencyHertz)
    line.append(",SF", Int64(setting.modulation.spreadingFactor))
    line.append(",", Int64(setting.modulation.bandwidth.hertz / 1_000))
    line.append(",", preamble)
    line.append(",", preamble)
    line.append(",", Int64(setting.powerCentidecibelMilliwatts / 100))
    line.append(",ON")
    line.append(setting.hasInvertedIQ ? ",ON" : ",OFF")
    line.append(setting.syncWord == 0x34 ? ",ON" : ",OFF")
  }

  static func meaning(_ line: Span<UInt8>) -> LineMeaning {
    var cursor = LineCursor()
    if cursor.skip("+TEST: ", line) { return test(line, cursor) }
    if cursor.skip("+MODE: ", line) { return cursor.skip("TEST", line) ? .ok : .refused }
    if cursor.skip("+AT: ERROR", line) || cursor.skip("+INFO: Input timeout", line) {
      return .refused
    }
    return cursor.skip("+RESET: OK", line) ? .restarted : .chatter
  }

  private static func test(_ line: Span<UInt8>, _ start: LineCursor) -> LineMeaning {
    var cursor = start
    if cursor.skip("LEN:", line) { return figures(line, cursor) }
    if cursor.skip("RX \"", line) { return .bytes(offset: cursor.offset) }
    if cursor.skip("RXLRPKT", line) { return cursor.isAtEnd(line) ? .ok : .garbled }
    if cursor.skip("TXLRPKT", line) { return .ok }
    if cursor.skip("TX DONE", line) { return .sent }
    if cursor.skip("RFCFG F:", line) {
      guard let hertz = cursor.decimal(line), cursor.skip(", SF", line) else { return .garbled }
      return .value(hertz)
    }
    return cursor.skip("ERROR", line) ? .refused : .chatter
  }

  private static func figures(_ line: Span<UInt8>, _ start: LineCursor) -> LineMeaning {
    var cursor = start
    guard let byteCount = cursor.decimal(line), cursor.skip(", RSSI:", line),
      let rssi = cursor.decimal(line, decimals: 2), cursor.skip(", SNR:", line),
      let snr = cursor.decimal(line, decimals: 2), cursor.isAtEnd(line),
      let figures = LineFigures(rssi: rssi, snr: snr, byteCount: byteCount)
    else { return .garbled }
    return .figures(figures)
  }
}
