/// Seeed LoRa-E5 with its AT firmware, in test mode: version, mode, RFCFG, TXLRPKT, RXLRPKT, reset.
public final class LoRaE5Model: SerialModuleModel {
  public let version: String
  private var isInTestMode = false

  public init(version: String = "4.0.11", seed: UInt64 = 1) {
    self.version = version
    super.init(name: "lora-e5", baudRate: 9_600, seed: seed)
  }

  public override var busyAnswer: String { "+TEST: ERROR(-12)" }
  public override var refusal: String { "+AT: ERROR(-1)" }

  public override func restarted(now: Int64) {
    isInTestMode = false
    deafToCommandsUntil = now + 300
  }

  public override func command(_ text: String, now: Int64) {
    switch text {
    case "AT": say("+AT: OK", now: now)
    case "AT+VER": say("+VER: \(version)", now: now)
    case "AT+MODE=TEST":
      isInTestMode = true
      say("+MODE: TEST", now: now)
    case "AT+RESET":
      say("+RESET: OK", now: now)
      powerCycle(now: now)
    default:
      guard text.hasPrefix("AT+TEST="), isInTestMode else {
        return say("+AT: ERROR(-1)", now: now)
      }
      test(String(text.dropFirst(8)), now: now)
    }
  }

  private func test(_ text: String, now: Int64) {
    if text == "RXLRPKT" {
      isReceiving = true
      return say("+TEST: RXLRPKT", now: now)
    }
    if text.hasPrefix("RFCFG,") { return configure(text, now: now) }
    guard text.hasPrefix("TXLRPKT,\""), text.hasSuffix("\""),
      let bytes = Self.bytes(hex: text.dropFirst(9).dropLast())
    else { return say("+TEST: ERROR(-1)", now: now) }
    isReceiving = false
    say("+TEST: TXLRPKT \"\(Self.hex(bytes))\"", now: now)
    transmit(bytes, now: now) { [self] end in say("+TEST: TX DONE", now: end) }
  }

  private func configure(_ text: String, now: Int64) {
    let fields = text.split(separator: ",").map { $0.trimmingPrefix(" ") }
    guard fields.count == 10, let megahertz = Float(fields[1]), (100...960).contains(megahertz),
      fields[2].hasPrefix("SF"), let factor = Int(fields[2].dropFirst(2)),
      (7...12).contains(factor), let kilohertz = UInt32(fields[3]),
      [125, 250, 500].contains(kilohertz), let preamble = Int(fields[4]),
      Int(fields[5]) == preamble, let power = Int(fields[6]), (-1...22).contains(power),
      fields[7...9].allSatisfy({ $0 == "ON" || $0 == "OFF" })
    else { return say("+TEST: ERROR(-1)", now: now) }
    tuning = AirTuning(
      frequencyHertz: UInt32((Double(megahertz) * 1_000_000).rounded()), spreadingFactor: factor,
      bandwidthHertz: kilohertz * 1_000, preambleSymbolCount: preamble,
      syncWord: fields[9] == "ON" ? 0x34 : 0x12, hasInvertedIQ: fields[8] == "ON",
      powerDecibelMilliwatts: power)
    isReceiving = false
    say(
      "+TEST: RFCFG F:\(tuning.frequencyHertz), SF\(factor), BW\(kilohertz)K, TXPR:\(preamble), "
        + "RXPR:\(preamble), POW:\(power)dBm, CRC:\(fields[7]), IQ:\(fields[8]), PNET:\(fields[9])",
      now: now)
  }

  public override func heard(_ bytes: [UInt8], _ figures: AirFigures, now: Int64) {
    let (rssi, snr) = (Self.whole(figures.rssi), Self.whole(figures.snr))
    say("+TEST: LEN:\(bytes.count), RSSI:\(rssi), SNR:\(snr)", now: now)
    say("+TEST: RX \"\(Self.hex(bytes))\"", now: now)
  }
}
