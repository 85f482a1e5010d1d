/// SX1276 and SX1272 at the level of their registers, written from the data sheets (SX1276 rev. 7, SX1272 rev. 4).
public final class SX127xModel: RadioChipModel {
  public var registers = [UInt8](repeating: 0, count: 128)
  public private(set) var fifo = [UInt8](repeating: 0, count: 256)
  /// What the register of the power says that is in the channel now.
  public var instantPower: UInt8 = 45
  public private(set) var imageFrequencyHertz: UInt32 = 0

  /// The calibration of the image never ends.
  public var isAlwaysCalibrating = false

  private let version: UInt8
  private var calibratingUntil: Int64 = 0
  private var nextReceive = 0
  private var wakesAt: Int64 = 0

  public init(version: UInt8 = 0x12, seed: UInt64 = 1) {
    self.version = version
    super.init(seed: seed)
    restarted(now: -10)
  }

  private var mode: UInt8 { registers[0x01] & 7 }
  private var isLoRa: Bool { registers[0x01] & 0x80 != 0 }
  private var isSX1272: Bool { version == 0x22 }

  public override var isReceiving: Bool { isLoRa && mode == 5 }
  public override var isInterrupted: Bool {
    let flag: UInt8 =
      switch registers[0x40] >> 6 {
      case 0: 0x40
      case 1: 0x08
      default: 0x04
      }
    return registers[0x12] & ~registers[0x11] & flag != 0
  }

  public override func restarted(now: Int64) {
    registers = [UInt8](repeating: 0, count: 128)
    // In FSK standby at 434 MHz.
    registers.replaceSubrange(0x06...0x08, with: [0x6c, 0x80, 0x00])
    (registers[0x01], registers[0x42], registers[0x39]) = (0x09, version, 0x12)
    nextReceive = 0
    wakesAt = now + 5
  }

  public override func dropReception() { registers[0x01] = registers[0x01] & 0xf8 | 1 }

  private var frequencyHertz: UInt32 {
    let steps = registers[0x06...0x08].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return UInt32((steps * 32_000_000 + 1 << 18) >> 19)
  }

  public override func answer(_ bytes: [UInt8], now: Int64) -> [UInt8] {
    if now < wakesAt { violations.append("a transfer before the chip is awake") }
    let address = bytes[0] & 0x7f
    var reply = [UInt8](repeating: 0, count: bytes.count)
    for index in 1..<max(1, bytes.count) {
      // The FIFO is one register; others count on.
      let register = address == 0 ? 0 : Int(address) + index - 1
      guard register < registers.count else {
        violations.append("a register behind the last one")
        break
      }
      reply[index] = read(UInt8(register), isWriting: bytes[0] & 0x80 != 0, now: now)
      if bytes[0] & 0x80 != 0, fault != .refusing {
        write(UInt8(register), bytes[index], now: now)
      }
    }
    return reply
  }

  private func read(_ register: UInt8, isWriting: Bool, now: Int64) -> UInt8 {
    switch register {
    case 0x00:
      guard !isWriting else { return 0 }
      let byte = fifo[Int(registers[0x0d])]
      registers[0x0d] &+= 1
      return byte
    case 0x1b:
      return onPowerReading?(frequencyHertz).map { UInt8(clamping: $0 / 100 - powerBase) }
        ?? instantPower
    case 0x3b where !isLoRa:
      return registers[0x3b] & ~0x20 | (now < calibratingUntil || isAlwaysCalibrating ? 0x20 : 0)
    default: return registers[Int(register)]
    }
  }

  private func write(_ register: UInt8, _ value: UInt8, now: Int64) {
    switch register {
    case 0x00:
      if mode == 0 { violations.append("the FIFO in sleep") }
      fifo[Int(registers[0x0d])] = value
      registers[0x0d] &+= 1
    case 0x01: change(to: value, now: now)
    case 0x12: registers[0x12] &= ~value
    case 0x3b where !isLoRa:
      registers[0x3b] = value & ~0x40
      if value & 0x40 != 0 {
        if mode != 1 { violations.append("a calibration outside of standby") }
        (calibratingUntil, imageFrequencyHertz) = (now + 10, frequencyHertz)
      }
    case 0x42, 0x10, 0x13...0x1c, 0x28...0x2a:
      violations.append("register \(register) is read-only")
    default: registers[Int(register)] = value
    }
  }

  private func change(to value: UInt8, now: Int64) {
    let (old, oldMode) = (registers[0x01], mode)
    registers[0x01] = value
    if (old ^ value) & 0x80 != 0, oldMode != 0 {
      // Refused outside of sleep.
      registers[0x01] = value & 0x7f | old & 0x80
    }
    if oldMode == 3 { abortTransmission() }
    guard isLoRa else { return }
    if mode == 5, oldMode != 5 {
      nextReceive = Int(registers[0x0f])
      tune()
    }
    if mode == 3 {
      tune()
      let start = Int(registers[0x0e])
      transmit(
        (0..<Int(registers[0x22])).map { fifo[(start + $0) & 0xff] }, tuning, now: now)
    }
  }

  /// What the registers mean on the air, and whether errata are kept.
  private func tune() {
    tuning.frequencyHertz = frequencyHertz
    let (first, second) = (registers[0x1d], registers[0x1e])
    tuning.spreadingFactor = Int(second >> 4)
    let width = isSX1272 ? Int(first >> 6) : Int(first >> 4) - 7
    tuning.bandwidthHertz = (0...2).contains(width) ? 125_000 << UInt32(width) : 0
    tuning.codingRateDenominator = 4 + Int(isSX1272 ? first >> 3 & 7 : first >> 1 & 7)
    tuning.preambleSymbolCount = Int(registers[0x20]) << 8 | Int(registers[0x21])
    tuning.syncWord = registers[0x39]
    let isInverted = registers[0x33] & 0x40 != 0 || registers[0x33] & 0x01 == 0
    tuning.hasInvertedIQ = isInverted
    if registers[0x3b] != (isInverted ? 0x19 : 0x1d) { violations.append("half an inverted IQ") }
    let amplifier = registers[0x09]
    let strong = registers[isSX1272 ? 0x5a : 0x4d] == 0x87
    tuning.powerDecibelMilliwatts =
      amplifier & 0x80 != 0
      ? Int(amplifier & 0x0f) + (strong ? 5 : 2) : Int(amplifier & 0x0f) - (isSX1272 ? 1 : 0)
    guard !isSX1272 else { return }
    let isLow = frequencyHertz <= 525_000_000
    if (registers[0x01] & 0x08 != 0) != isLow { violations.append("registers of the other band") }
    let isWide = tuning.bandwidthHertz == 500_000
    let isKept =
      registers[0x36] == (isWide ? 0x02 : 0x03) && registers[0x31] >> 7 == (isWide ? 1 : 0)
      && (!isWide || registers[0x3a] == (isLow ? 0x7f : 0x64))
      && (isWide || registers[0x2f] == 0x40 && registers[0x30] == 0)
    if !isKept { violations.append("errata of this bandwidth") }
  }

  public override func transmissionEnded() {
    registers[0x01] = registers[0x01] & 0xf8 | 1
    registers[0x12] |= 0x08
  }

  private var powerBase: Int {
    isSX1272 ? -139 : frequencyHertz <= 525_000_000 ? -164 : -157
  }

  public override func heard(
    _ bytes: [UInt8], _ figures: AirFigures, frequencyErrorHertz: Int, hasCRC: Bool,
    isDamaged: Bool
  ) {
    for (index, byte) in bytes.enumerated() { fifo[(nextReceive + index) & 0xff] = byte }
    registers[0x10] = UInt8(nextReceive & 0xff)
    registers[0x13] = UInt8(bytes.count)
    nextReceive = (nextReceive + bytes.count) & 0xff
    registers[0x19] = UInt8(bitPattern: Int8(clamping: figures.snr / 25))
    let above = Double(figures.rssi) / 100 - Double(powerBase)
    let raw = figures.snr >= 0 ? above * 15 / 16 : above - Double(figures.snr) / 100
    registers[0x1a] = UInt8(clamping: Int(raw.rounded()))
    let rate = senderCodingRateDenominator ?? tuning.codingRateDenominator
    registers[0x18] = UInt8(clamping: rate - 4) << 5 | 0x04
    registers[0x1c] = hasCRC ? 0x40 : 0
    let steps =
      Double(frequencyErrorHertz) * 32e6 / 16_777_216 * 500_000 / Double(tuning.bandwidthHertz)
    let value = Int(steps.rounded())
    registers[0x28] = UInt8(value >> 16 & 0x0f)
    registers[0x29] = UInt8(value >> 8 & 0xff)
    registers[0x2a] = UInt8(value & 0xff)
    registers[0x12] |= isDamaged ? 0x60 : 0x40
  }
}
