import Foundation

/// Dragino LA66 with its peer-to-peer firmware. Settings work after a restart only; each sent frame begins with the
/// group's number.
public final class LA66Model: SerialModuleModel {
  /// What the firmware calls itself when it starts.
  public let banner: String
  /// Writes the SNR beside the RSSI: some versions do.
  public let showsSNR: Bool
  private var stored = AirTuning()
  private var (storedGroup, group) = (0, 0)
  private var (storedWindow, window) = (0, 0)

  public init(banner: String = "LA66 P2P Device", showsSNR: Bool = false, seed: UInt64 = 1) {
    self.banner = banner
    self.showsSNR = showsSNR
    super.init(name: "la66", baudRate: 9_600, seed: seed)
  }

  public override func restarted(now: Int64) {
    tuning = stored
    (group, window) = (storedGroup, storedWindow)
    isReceiving = window == 65535
    deafToCommandsUntil = now + 1_500
    say("", now: now, after: 900)
    say(banner, now: now, after: 900)
    say("Image Version: v1.2", now: now, after: 900)
  }

  public override func dropReception() {
    super.dropReception()
    window = 0
  }

  public override func command(_ text: String, now: Int64) {
    if text == "AT" { return ok(now) }
    if text == "ATZ" { return powerCycle(now: now) }
    guard text.hasPrefix("AT+"), let equals = text.firstIndex(of: "=") else {
      return say("AT_ERROR", now: now)
    }
    let name = String(text[text.index(text.startIndex, offsetBy: 3)..<equals])
    let value = String(text[text.index(after: equals)...])
    if value == "?" { return query(name, now: now) }
    if name == "SEND" { return send(value, now: now) }
    guard set(name, value.split(separator: ",").map(String.init)) else {
      return say("AT_PARAM_ERROR", now: now)
    }
    ok(now)
  }

  private func ok(_ now: Int64) { sayRaw(Array("\n\rOK\n\r".utf8), now: now, after: 3) }

  private func query(_ name: String, now: Int64) {
    switch name {
    case "FRE":
      let shown = String(format: "%.3f", Double(tuning.frequencyHertz) / 1e6)
      say("\(shown),\(shown)", now: now)
    case "RXMOD": say("\(window),0", now: now)
    default: return say("AT_ERROR", now: now)
    }
    ok(now)
  }

  private func set(_ name: String, _ values: [String]) -> Bool {
    let numbers = values.compactMap { Int($0) }
    let isPair = numbers.count == 2 && numbers[0] == numbers[1]
    switch name {
    case "FRE":
      guard values.count == 2, values[0] == values[1], let megahertz = Double(values[0]),
        (100...960).contains(megahertz)
      else { return false }
      stored.frequencyHertz = UInt32((megahertz * 1e6).rounded())
    case "SF" where isPair && (5...12).contains(numbers[0]): stored.spreadingFactor = numbers[0]
    case "BW" where isPair && (0...2).contains(numbers[0]):
      stored.bandwidthHertz = 125_000 << UInt32(numbers[0])
    case "CR" where isPair && (1...4).contains(numbers[0]):
      stored.codingRateDenominator = numbers[0] + 4
    case "CRC" where isPair, "HEADER" where isPair: return (0...1).contains(numbers[0])
    case "IQ" where isPair: stored.hasInvertedIQ = numbers[0] == 1
    case "PREAMBLE" where isPair: stored.preambleSymbolCount = numbers[0]
    case "SYNCWORD" where numbers.count == 1 && (0...1).contains(numbers[0]):
      stored.syncWord = numbers[0] == 1 ? 0x34 : 0x12
    case "GROUPMOD" where numbers.count == 2 && (0...255).contains(numbers[0]):
      storedGroup = numbers[0]
    case "POWER" where numbers.count == 1 && (0...22).contains(numbers[0]):
      stored.powerDecibelMilliwatts = numbers[0]
    case "RXMOD" where numbers.count == 2: storedWindow = numbers[0]
    default: return false
    }
    return true
  }

  private func send(_ value: String, now: Int64) {
    let fields = value.split(separator: ",", omittingEmptySubsequences: false)
    guard fields.count == 4, fields[0] == "0", let bytes = Self.bytes(hex: fields[1]),
      bytes.count <= 229
    else { return say("AT_PARAM_ERROR", now: now) }
    let wasReceiving = isReceiving
    isReceiving = false
    ok(now)
    transmit([UInt8(group)] + bytes, now: now) { [self] end in
      isReceiving = wasReceiving
      say("txDone", now: end)
    }
  }

  public override func heard(_ bytes: [UInt8], _ figures: AirFigures, now: Int64) {
    let spaced = bytes.map { hexadecimal(UInt64($0), digitCount: 2) }.joined(separator: " ")
    say("Data: (HEX:) \(spaced) ", now: now)
    let snr = showsSNR ? " Snr= \(Self.whole(figures.snr))" : ""
    say("Rssi= \(Self.whole(figures.rssi))\(snr)", now: now)
  }
}
