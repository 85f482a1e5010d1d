/// Microchip RN2483 (and RN2903), after DS40001784G: `sys`, `mac pause` and `radio` commands.
public final class RN2483Model: SerialModuleModel {
  public let version: String
  /// `radio get rssi` and `radio rxstop` came with firmware 1.0.5.
  public let hasRSSI: Bool
  private var isPaused = false
  private var watchdogMilliseconds: Int64 = 15_000
  private var last = AirFigures(rssi: -12_800, snr: -12_800)
  private var hasModulation = false
  private var isTransmitting = false
  private var receptionCount = 0

  public init(version: String = "RN2483 1.0.5 Oct 31 2018 15:06:52", seed: UInt64 = 1) {
    self.version = version
    hasRSSI = !version.contains(" 0.") && !version.contains(" 1.0.1")
    super.init(
      name: version.hasPrefix("RN2903") ? "rn2903" : "rn2483", baudRate: 57_600, seed: seed)
  }

  public override var busyAnswer: String { "busy" }
  public override var refusal: String { "invalid_param" }

  public override func restarted(now: Int64) {
    isPaused = false
    isTransmitting = false
    hasModulation = false
    watchdogMilliseconds = 15_000
    deafToCommandsUntil = now + 200
    say(version, now: now, after: 150)
  }

  public override func command(_ text: String, now: Int64) {
    let words = text.split(separator: " ").map(String.init)
    switch words.first {
    case "sys" where words == ["sys", "get", "ver"]: say(version, now: now)
    case "sys" where words == ["sys", "reset"]: powerCycle(now: now)
    case "mac" where words == ["mac", "pause"]:
      isPaused = true
      say("4294967245", now: now)
    case "radio" where words.count >= 2:
      guard isPaused else { return say("busy", now: now) }
      radio(Array(words.dropFirst()), now: now)
    default: say("invalid_param", now: now)
    }
  }

  private func radio(_ words: [String], now: Int64) {
    switch words[0] {
    case "rxstop" where hasRSSI:
      isReceiving = false
      say("ok", now: now)
    case "rx" where words.count == 2: receive(words[1], now: now)
    case "tx" where words.count == 2: send(words[1], now: now)
    case "get" where words.count == 2: get(words[1], now: now)
    case "set" where words.count == 3:
      guard !isReceiving, !isTransmitting else { return say("busy", now: now) }
      say(set(words[1], words[2]) ? "ok" : "invalid_param", now: now)
    default: say("invalid_param", now: now)
    }
  }

  private func receive(_ window: String, now: Int64) {
    guard window == "0", hasModulation else { return say("invalid_param", now: now) }
    guard !isReceiving, !isTransmitting else { return say("busy", now: now) }
    isReceiving = true
    receptionCount += 1
    say("ok", now: now)
    guard watchdogMilliseconds > 0 else { return }
    let count = receptionCount
    schedule(at: now + watchdogMilliseconds) { [self] in
      guard isReceiving, receptionCount == count else { return }
      isReceiving = false
      say("radio_err", now: now + watchdogMilliseconds)
    }
  }

  private func send(_ hex: String, now: Int64) {
    guard let bytes = Self.bytes(hex: hex), bytes.count <= 255 else {
      return say("invalid_param", now: now)
    }
    guard !isReceiving, !isTransmitting else { return say("busy", now: now) }
    isTransmitting = true
    say("ok", now: now)
    transmit(bytes, now: now) { [self] end in
      isTransmitting = false
      say("radio_tx_ok", now: end)
    }
  }

  private func get(_ name: String, now: Int64) {
    switch name {
    case "freq": say("\(tuning.frequencyHertz)", now: now)
    case "snr": say("\(Self.whole(last.snr))", now: now)
    case "rssi" where hasRSSI: say("\(Self.whole(last.rssi))", now: now)
    default: say("invalid_param", now: now)
    }
  }

  private func set(_ name: String, _ value: String) -> Bool {
    let ranges: [ClosedRange<Int>] =
      self.name == "rn2903"
      ? [902_000_000...928_000_000] : [433_050_000...434_790_000, 863_000_000...870_000_000]
    switch name {
    case "mod":
      hasModulation = value == "lora"
      return hasModulation
    case "freq":
      guard let hertz = Int(value), ranges.contains(where: { $0.contains(hertz) }) else {
        return false
      }
      tuning.frequencyHertz = UInt32(hertz)
    case "sf":
      guard value.hasPrefix("sf"), let factor = Int(value.dropFirst(2)), (7...12).contains(factor)
      else { return false }
      tuning.spreadingFactor = factor
    case "bw":
      guard let kilohertz = UInt32(value), [125, 250, 500].contains(kilohertz) else { return false }
      tuning.bandwidthHertz = kilohertz * 1_000
    case "cr":
      guard value.hasPrefix("4/"), let rate = Int(value.dropFirst(2)), (5...8).contains(rate)
      else { return false }
      tuning.codingRateDenominator = rate
    case "prlen":
      guard let count = Int(value), (0...65535).contains(count) else { return false }
      tuning.preambleSymbolCount = count
    case "crc": return value == "on" || value == "off"
    case "iqi":
      guard value == "on" || value == "off" else { return false }
      tuning.hasInvertedIQ = value == "on"
    case "sync":
      guard let word = UInt8(value, radix: 16) else { return false }
      tuning.syncWord = word
    case "pwr":
      let powers = self.name == "rn2903" ? 2...20 : -3...15
      guard let power = Int(value), powers.contains(power) else { return false }
      tuning.powerDecibelMilliwatts = power
    case "wdt":
      guard let milliseconds = Int64(value), milliseconds >= 0 else { return false }
      watchdogMilliseconds = milliseconds
    default: return false
    }
    return true
  }

  public override func heard(_ bytes: [UInt8], _ figures: AirFigures, now: Int64) {
    isReceiving = false
    last = figures
    say("radio_rx  \(Self.hex(bytes))", now: now)
  }
}
