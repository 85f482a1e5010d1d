/// SX1261, SX1262 and LLCC68 at the level of their commands, written from the data sheet (rev. 2.1, chapters 8, 9
/// and 13): modes, BUSY, status in every answer, data buffer, interrupts as levels.
public final class SX126xModel: RadioChipModel {
  public enum Mode: UInt8, Sendable {
    case standbyRC = 2
    case standbyOscillator, synthesiser, reception, transmission
  }

  public private(set) var mode = Mode.standbyRC
  /// Registers that were written, and those that have another value than 0 after a reset.
  public var registers: [UInt16: UInt8] = [:]
  public private(set) var buffer = [UInt8](repeating: 0, count: 256)
  public private(set) var interrupts: UInt16 = 0
  /// What GetRssiInst says, in half decibels below 0 dBm.
  public var instantPower: UInt8 = 220
  /// Band that the image was calibrated for; 0: not.
  public private(set) var imageBand: UInt16 = 0

  private let version: [UInt8]
  private let needsOscillator: Bool
  private var hasOscillator = false
  private var outcome: UInt8 = 0
  private var busyUntil: Int64 = 0
  /// They stay until they are cleared.
  public var errors: UInt16 = 0
  private var packetType: UInt8 = 0
  private var interruptMask: UInt16 = 0
  private var lineMask: UInt16 = 0
  private var (sendBase, receiveBase) = (0, 0)
  private var nextReceive = 0
  private var packetByteCount: UInt8 = 0
  private var lastFrame: (count: UInt8, start: UInt8) = (0, 0)
  private var figures: [UInt8] = [0, 0, 0]

  /// `needsOscillator`: a TCXO behind DIO3, which has to be fed before anything that needs a clock.
  public init(version: String = "SX1261 V2D 2D02", needsOscillator: Bool = false, seed: UInt64 = 1)
  {
    self.version = Array(version.utf8) + [0]
    self.needsOscillator = needsOscillator
    super.init(seed: seed)
    restarted(now: 0)
  }

  public override var isReceiving: Bool { mode == .reception && packetType == 1 }
  public override var isInterrupted: Bool { interrupts & lineMask != 0 }
  public override func isBusy(now: Int64) -> Bool { now < busyUntil }

  public override func restarted(now: Int64) {
    (mode, outcome, errors, packetType) = (.standbyRC, 1, 0, 0)
    (interrupts, interruptMask, lineMask) = (0, 0, 0)
    (hasOscillator, imageBand) = (false, 0)
    (sendBase, receiveBase, nextReceive) = (0, 0, 0)
    // After a reset, as the data sheet has them, and what a cold start leaves.
    registers = [0x0736: 0x0d, 0x0740: 0x14, 0x0741: 0x24, 0x0889: 0x01, 0x08d8: 0xc8]
    registers[0x08ac] = 0x94
    for (index, byte) in version.enumerated() { registers[0x0320 + UInt16(index)] = byte }
    busyUntil = now + 4
    tuning = AirTuning()
  }

  public override func dropReception() { mode = .standbyRC }

  public override func answer(_ bytes: [UInt8], now: Int64) -> [UInt8] {
    if isBusy(now: now) { violations.append("a command while BUSY is high") }
    let reply = reading(bytes)
    if fault == .refusing {
      outcome = 4
      return reply
    }
    outcome = 1
    if !Self.questions.contains(bytes[0]) {
      perform(bytes[0], Array(bytes.dropFirst()), now: now)
    }
    return reply
  }

  /// What carries nothing out.
  private static let questions: Set<UInt8> = [
    0x1d, 0x1e, 0x11, 0x12, 0x13, 0x14, 0x15, 0x17, 0xc0,
  ]

  public override func reading(_ bytes: [UInt8]) -> [UInt8] {
    let status = mode.rawValue << 4 | outcome << 1
    var reply = [UInt8](repeating: status, count: bytes.count)
    guard fault != .refusing else { return reply }
    let arguments = Array(bytes.dropFirst())
    func put(_ values: [UInt8], behind offset: Int) {
      for (index, value) in values.enumerated() where offset + index < reply.count {
        reply[offset + index] = value
      }
    }
    switch bytes[0] {
    case 0x1d where arguments.count >= 3:
      let address = Int(arguments[0]) << 8 | Int(arguments[1])
      put((0..<(arguments.count - 3)).map { registers[UInt16(address + $0)] ?? 0 }, behind: 4)
    case 0x1e where arguments.count >= 2:
      put(
        (0..<(arguments.count - 2)).map { buffer[(Int(arguments[0]) + $0) & 0xff] }, behind: 3)
    case 0x11: put([packetType], behind: 2)
    case 0x12: put([UInt8(interrupts >> 8), UInt8(interrupts & 0xff)], behind: 2)
    case 0x13: put([lastFrame.count, lastFrame.start], behind: 2)
    case 0x14: put(figures, behind: 2)
    case 0x15:
      let level = onPowerReading?(tuning.frequencyHertz).map { UInt8(clamping: -$0 / 50) }
      put([level ?? instantPower], behind: 2)
    case 0x17: put([UInt8(errors >> 8), UInt8(errors & 0xff)], behind: 2)
    default: break
    }
    return reply
  }

  private static let lengths: [UInt8: Int] = [
    0x80: 1, 0x82: 3, 0x83: 3, 0x86: 4, 0x89: 1, 0x8a: 1, 0x8b: 4, 0x8c: 6, 0x8e: 2, 0x8f: 2,
    0x95: 4, 0x96: 1, 0x97: 4, 0x98: 2, 0x9d: 1, 0x02: 2, 0x07: 2, 0x08: 8,
  ]

  private func perform(_ code: UInt8, _ arguments: [UInt8], now: Int64) {
    if let length = Self.lengths[code], arguments.count != length {
      violations.append("command \(code) with \(arguments.count) bytes")
      outcome = 4
      return
    }
    func word(_ index: Int) -> UInt16 {
      UInt16(arguments[index]) << 8 | UInt16(arguments[index + 1])
    }
    switch code {
    case 0x80:
      (mode, busyUntil) = (arguments[0] == 0 ? .standbyRC : .standbyOscillator, now + 1)
      abortTransmission()
    case 0x82, 0x83: enter(code == 0x82, now: now)
    case 0x0d:
      for (index, value) in arguments.dropFirst(2).enumerated() {
        registers[word(0) + UInt16(index)] = value
      }
    case 0x0e:
      for (index, value) in arguments.dropFirst().enumerated() {
        buffer[(Int(arguments[0]) + index) & 0xff] = value
      }
    case 0x02: interrupts &= ~word(0)
    case 0x07: errors = 0
    case 0x08: (interruptMask, lineMask) = (word(0), word(2))
    case 0x97: hasOscillator = true
    case 0x89:
      busyUntil = now + 4
      if fault == .oscillator || needsOscillator && !hasOscillator { errors |= 0x20 }
    case 0x98: (imageBand, busyUntil) = (word(0), now + 4)
    case 0x8a: packetType = arguments[0]
    case 0x8f: (sendBase, receiveBase) = (Int(arguments[0]), Int(arguments[1]))
    case 0x95: registers[0x08e7] = arguments[2] == 1 ? 0x18 : 0x38
    case 0x86, 0x8b, 0x8c, 0x8e: tune(code, arguments)
    case 0x96, 0x9d: break
    default:
      violations.append("command \(code)")
      outcome = 4
    }
  }

  private func tune(_ code: UInt8, _ arguments: [UInt8]) {
    switch code {
    case 0x86:
      let steps = arguments.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      tuning.frequencyHertz = UInt32((steps * 32_000_000 + 1 << 24) >> 25)
    case 0x8b:
      tuning.spreadingFactor = Int(arguments[0])
      tuning.bandwidthHertz = [4: 125_000, 5: 250_000, 6: 500_000][Int(arguments[1])] ?? 0
      tuning.codingRateDenominator = Int(arguments[2]) + 4
    case 0x8c:
      tuning.preambleSymbolCount = Int(arguments[0]) << 8 | Int(arguments[1])
      packetByteCount = arguments[3]
      tuning.hasInvertedIQ = arguments[5] == 1
    default: tuning.powerDecibelMilliwatts = Int(Int8(bitPattern: arguments[0]))
    }
  }

  private func enter(_ isReception: Bool, now: Int64) {
    guard packetType == 1, errors & 0x20 == 0 else {
      outcome = 5
      return
    }
    busyUntil = now + 1
    tuning.syncWord = (registers[0x0740] ?? 0) & 0xf0 | (registers[0x0741] ?? 0) >> 4
    // 15.4
    if (registers[0x0736] ?? 0) & 4 != (tuning.hasInvertedIQ ? 0 : 4) {
      violations.append("register 0x0736 does not fit the IQ")
    }
    mode = isReception ? .reception : .transmission
    guard !isReception else {
      nextReceive = receiveBase
      return
    }
    // 15.1
    if (registers[0x0889] ?? 0) & 4 != (tuning.bandwidthHertz == 500_000 ? 0 : 4) {
      violations.append("register 0x0889 does not fit the bandwidth")
    }
    let bytes = (0..<Int(packetByteCount)).map { buffer[(sendBase + $0) & 0xff] }
    transmit(bytes, tuning, now: now)
  }

  public override func transmissionEnded() {
    mode = .standbyRC
    interrupts |= 0x0001 & interruptMask
  }

  public override func heard(
    _ bytes: [UInt8], _ figures: AirFigures, frequencyErrorHertz: Int, hasCRC: Bool,
    isDamaged: Bool
  ) {
    for (index, byte) in bytes.enumerated() { buffer[(nextReceive + index) & 0xff] = byte }
    lastFrame = (UInt8(bytes.count), UInt8(nextReceive & 0xff))
    nextReceive = (nextReceive + bytes.count) & 0xff
    let signal = figures.snr < 0 ? figures.rssi + figures.snr : figures.rssi
    self.figures = [
      UInt8(clamping: -figures.rssi / 50), UInt8(bitPattern: Int8(clamping: figures.snr / 25)),
      UInt8(clamping: -signal / 50),
    ]
    let steps = frequencyErrorHertz * 1_600_000 / (1_550 * Int(tuning.bandwidthHertz / 1_000))
    registers[0x076b] = UInt8(steps >> 16 & 0x0f) | (hasCRC ? 0x10 : 0)
    registers[0x076c] = UInt8(steps >> 8 & 0xff)
    registers[0x076d] = UInt8(steps & 0xff)
    let rate = senderCodingRateDenominator ?? tuning.codingRateDenominator
    registers[0x0749] = UInt8(clamping: rate - 4) << 4 | 0x02
    interrupts |= (isDamaged ? 0x0042 : 0x0002) & interruptMask
  }
}
