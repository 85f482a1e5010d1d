/// RAK3172 with RAK's AT firmware, after its RUI3 manual and the one for older firmware: the commands that
/// point-to-point operation takes.
public final class RAK3172Model: SerialModuleModel {
  /// How the firmware tells of a frame.
  public enum EventForm: String, CaseIterable, Sendable {
    case rui3
    case rui3WithWords = "rui3-with-words"
    case old
  }

  public let version: String
  public let eventForm: EventForm
  private let isOld: Bool
  /// 0 point to point, 1 LoRaWAN; kept without power.
  public private(set) var networkMode: Int
  private var receiveMode = 0
  /// The command that sends is refused, and no other.
  public var refusesToSend = false

  public init(
    version: String = "RUI_4.0.6_RAK3172-E", eventForm: EventForm = .rui3, networkMode: Int = 0,
    seed: UInt64 = 1
  ) {
    self.version = version
    self.eventForm = eventForm
    self.networkMode = networkMode
    isOld = version.hasPrefix("V")
    super.init(name: "rak3172", baudRate: isOld ? 9_600 : 115_200, seed: seed)
  }

  public override func dropReception() {
    super.dropReception()
    receiveMode = 0
  }

  public override func restarted(now: Int64) {
    receiveMode = 0
    deafToCommandsUntil = now + 700
    say("RAKwireless RAK3172", now: now, after: 400)
    say("Current Work Mode: LoRa P2P.", now: now, after: 410)
  }

  public override func command(_ text: String, now: Int64) {
    if text == "AT" { return ok(now) }
    if text == "ATZ" { return powerCycle(now: now) }
    guard text.hasPrefix("AT+"), let equals = text.firstIndex(of: "=") else {
      return say("AT_ERROR", now: now)
    }
    let name = String(text[text.index(text.startIndex, offsetBy: 3)..<equals])
    let value = String(text[text.index(after: equals)...])
    if value == "?" { query(name, now: now) } else { set(name, value, now: now) }
  }

  private func ok(_ now: Int64) { sayRaw(Array("\r\nOK\r\n".utf8), now: now, after: 3) }

  private func query(_ name: String, now: Int64) {
    let value: String
    switch name {
    case "VER": value = version
    case "NWM": value = "\(networkMode)"
    case "PRECV": value = "\(receiveMode)"
    case "PFREQ": value = "\(tuning.frequencyHertz)"
    default: return say("AT_ERROR", now: now)
    }
    say(isOld ? value : "AT+\(name)=\(value)", now: now)
    ok(now)
  }

  private func set(_ name: String, _ value: String, now: Int64) {
    switch name {
    case "NWM":
      guard let mode = Int(value), (0...1).contains(mode) else { return parameterError(now) }
      if mode == networkMode { return ok(now) }
      networkMode = mode
      powerCycle(now: now)
    case "PRECV": return receive(value, now: now)
    case "PSEND": return send(value, now: now)
    case "P2P", "SYNCWORD", "IQINVER":
      guard networkMode == 0 else { return say("AT_MODE_NO_SUPPORT", now: now) }
      guard receiveMode == 0 else { return say("AT_BUSY_ERROR", now: now) }
      guard !isOld || name == "P2P" else { return say("AT_ERROR", now: now) }
      change(name, value, now: now)
    default: say("AT_ERROR", now: now)
    }
  }

  private func parameterError(_ now: Int64) { say("AT_PARAM_ERROR", now: now) }

  private func change(_ name: String, _ value: String, now: Int64) {
    switch name {
    case "SYNCWORD":
      guard value.count == 4, let word = UInt16(value, radix: 16), word & 0x0f0f == 0x0404 else {
        return parameterError(now)
      }
      tuning.syncWord = UInt8(word >> 8 & 0xf0 | word >> 4 & 0x0f)
    case "IQINVER":
      guard value == "0" || value == "1" else { return parameterError(now) }
      tuning.hasInvertedIQ = value == "1"
    default:
      let fields = value.split(separator: ":", omittingEmptySubsequences: false)
        .compactMap { Int($0) }
      let bandwidths = isOld ? [125, 250, 500] : [0, 1, 2]
      guard fields.count == 6, (150_000_000...960_000_000).contains(fields[0]),
        (5...12).contains(fields[1]), let bandwidth = bandwidths.firstIndex(of: fields[2]),
        (0...3).contains(fields[3]), (2...65535).contains(fields[4]), (5...22).contains(fields[5])
      else { return parameterError(now) }
      tuning.frequencyHertz = UInt32(fields[0])
      tuning.spreadingFactor = fields[1]
      tuning.bandwidthHertz = [125_000, 250_000, 500_000][bandwidth]
      tuning.codingRateDenominator = fields[3] + 5
      tuning.preambleSymbolCount = fields[4]
      tuning.powerDecibelMilliwatts = fields[5]
    }
    ok(now)
  }

  private func receive(_ value: String, now: Int64) {
    guard let mode = Int(value), (0...65535).contains(mode) else { return parameterError(now) }
    guard mode == 0 || receiveMode == 0 else { return say("AT_BUSY_ERROR", now: now) }
    receiveMode = mode
    isReceiving = mode != 0
    ok(now)
  }

  private func send(_ value: String, now: Int64) {
    guard receiveMode == 0 || receiveMode == 65533 else { return say("AT_BUSY_ERROR", now: now) }
    guard !refusesToSend else { return say("AT_ERROR", now: now) }
    guard value.count <= 500, let bytes = Self.bytes(hex: value) else {
      return parameterError(now)
    }
    isReceiving = false
    ok(now)
    transmit(bytes, now: now) { [self] end in
      isReceiving = receiveMode != 0
      say("+EVT:TXP2P DONE", now: end)
    }
  }

  public override func heard(_ bytes: [UInt8], _ figures: AirFigures, now: Int64) {
    let (rssi, snr) = (Self.whole(figures.rssi), Self.whole(figures.snr))
    switch eventForm {
    case .rui3: say("+EVT:RXP2P:\(rssi):\(snr):\(Self.hex(bytes))", now: now)
    case .rui3WithWords:
      say("+EVT:RXP2P:RSSI \(rssi):SNR \(snr):\(Self.hex(bytes))", now: now)
    case .old:
      say("+EVT:RXP2P, RSSI \(rssi), SNR \(snr)", now: now)
      say("+EVT:\(Self.hex(bytes))", now: now)
    }
    if receiveMode == 65535 { dropReception() }
  }
}
