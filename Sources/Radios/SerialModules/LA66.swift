import FixedMemory
import LoRa

/// Dragino LA66 with its peer-to-peer firmware, at 9600 baud. Settings are taken over by a restart, whose first
/// line is also the only place where the module names itself. Every frame it sends begins with its group's number:
/// that is set to the first byte of a beacon, so that the rest makes the whole.
enum LA66 {
  /// LoRaWAN's proprietary message type, which every beacon begins with.
  static var firstByte: UInt8 { 0xe0 }
  private static var receiveForEver: Int64 { 65_535 }
  /// From ATZ to the first line, and from there until commands are taken.
  private static var restartMilliseconds: Int64 { 4_000 }

  static func command(
    _ script: CommandScript, _ index: Int, _ inputs: CommandInputs, payload: Span<UInt8>,
    into line: inout CommandLine
  ) -> SerialCommand? {
    switch (script, index) {
    case (.probe, 0), (.configure, 12):
      line.append("ATZ")
      return SerialCommand(
        end: .version, answerMilliseconds: restartMilliseconds, pauseMilliseconds: 1_000)
    case (.configure, 0...11):
      set(index, inputs.setting, into: &line)
      return SerialCommand()
    case (.configure, 13):
      line.append("AT+FRE=?")
      return SerialCommand(end: .value, expectedValue: Int64(inputs.setting.frequencyHertz))
    case (.send, 0):
      // In hexadecimal, without acknowledgement and repetition.
      line.append("AT+SEND=0,")
      line.append(upperHex: payload.isEmpty ? payload : payload.extracting(1..<payload.count))
      line.append(",0,0")
      return SerialCommand(attempts: 1)
    case (.send, 1): return SerialCommand(end: .sent, attempts: 1)
    case (.poll, 0):
      line.append("AT+RXMOD=?")
      return SerialCommand(end: .value, expectedValue: receiveForEver)
    // Its reset is the same as the question who it is.
    default: return nil
    }
  }

  /// Each value twice: for sending and for receiving.
  private static func set(_ index: Int, _ setting: RadioSetting, into line: inout CommandLine) {
    let modulation = setting.modulation
    switch index {
    case 0:
      line.append("AT+FRE=")
      appendMegahertz(setting.frequencyHertz, to: &line)
      line.append(",")
      appendMegahertz(setting.frequencyHertz, to: &line)
    case 1: pair("AT+SF=", modulation.spreadingFactor, &line)
    case 2:
      let bandwidth = modulation.bandwidth
      pair("AT+BW=", bandwidth == .khz125 ? 0 : bandwidth == .khz250 ? 1 : 2, &line)
    case 3: pair("AT+CR=", modulation.codingRateDenominator - 4, &line)
    case 4: pair("AT+CRC=", 1, &line)
    case 5: pair("AT+HEADER=", 0, &line)
    case 6: pair("AT+IQ=", setting.hasInvertedIQ ? 1 : 0, &line)
    case 7: pair("AT+PREAMBLE=", UInt8(clamping: modulation.preambleSymbolCount), &line)
    case 8: line.append("AT+SYNCWORD=", setting.syncWord == 0x34 ? 1 : 0)
    case 9:
      // Sends with this group's number, and hears every group.
      line.append("AT+GROUPMOD=", Int64(firstByte))
      line.append(",0")
    case 10: line.append("AT+POWER=", Int64(setting.powerCentidecibelMilliwatts / 100))
    default:
      line.append("AT+RXMOD=", receiveForEver)
      line.append(",0")
    }
  }

  private static func pair(_ name: StaticString, _ value: UInt8, _ line: inout CommandLine) {
    line.append(name, Int64(value))
    line.append(",", Int64(value))
  }

  /// Three decimals, as the firmware shows them: channels stand on whole kilohertz.
  private static func appendMegahertz(_ hertz: UInt32, to line: inout CommandLine) {
    line.append(fixedPoint: Int64(hertz / 1_000), powerOfTen: -3)
  }

  static func meaning(_ line: Span<UInt8>) -> LineMeaning {
    if line.equals("OK") { return .ok }
    if line.equals("txDone") { return .sent }
    var cursor = LineCursor()
    if cursor.skip("Data: (HEX:)", line) { return .bytes(offset: cursor.offset) }
    if cursor.skip("Rssi=", line) { return figures(line, cursor) }
    if cursor.skip("AT_BUSY_ERROR", line) { return .busy }
    if cursor.skip("AT_", line) { return .refused }
    if cursor.skip("txTimeout", line) { return .sendFailed }
    return value(line)
  }

  /// "868.100,868.100" is hertz, "65535,0" a number.
  private static func value(_ line: Span<UInt8>) -> LineMeaning {
    var cursor = LineCursor()
    guard let first = cursor.decimal(line, decimals: 6), cursor.skip(",", line),
      cursor.decimal(line) != nil, cursor.isAtEnd(line)
    else { return .chatter }
    var point = LineCursor()
    _ = point.decimal(line)
    // A number without a point ends where it ends as a whole one.
    var whole = LineCursor()
    whole.skipAny(of: "0123456789", line)
    return .value(whole.offset == point.offset ? first / 1_000_000 : first)
  }

  private static func figures(_ line: Span<UInt8>, _ start: LineCursor) -> LineMeaning {
    var cursor = start
    cursor.skipAny(of: " ", line)
    guard let rssi = cursor.decimal(line, decimals: 2) else { return .garbled }
    var snr: Int64?
    cursor.skipAny(of: " ,", line)
    if cursor.skip("Snr=", line) || cursor.skip("SNR=", line) {
      cursor.skipAny(of: " ", line)
      snr = cursor.decimal(line, decimals: 2)
    }
    guard cursor.isAtEnd(line), let figures = LineFigures(rssi: rssi, snr: snr) else {
      return .garbled
    }
    return .figures(figures)
  }
}
