/// What a module has set, as its radio would see it.
public struct AirTuning: Equatable, Sendable {
  public var frequencyHertz: UInt32
  public var spreadingFactor: Int
  public var bandwidthHertz: UInt32
  /// N of 4/N.
  public var codingRateDenominator: Int
  public var preambleSymbolCount: Int
  /// As SX127x writes it.
  public var syncWord: UInt8
  public var hasInvertedIQ: Bool
  public var powerDecibelMilliwatts: Int

  public init(
    frequencyHertz: UInt32 = 868_000_000, spreadingFactor: Int = 7,
    bandwidthHertz: UInt32 = 125_000, codingRateDenominator: Int = 5,
    preambleSymbolCount: Int = 8, syncWord: UInt8 = 0x12, hasInvertedIQ: Bool = false,
    powerDecibelMilliwatts: Int = 14
  ) {
    self.frequencyHertz = frequencyHertz
    self.spreadingFactor = spreadingFactor
    self.bandwidthHertz = bandwidthHertz
    self.codingRateDenominator = codingRateDenominator
    self.preambleSymbolCount = preambleSymbolCount
    self.syncWord = syncWord
    self.hasInvertedIQ = hasInvertedIQ
    self.powerDecibelMilliwatts = powerDecibelMilliwatts
  }

  /// With explicit header and CRC; the formula of the SX1261/2 data sheet, section 6.1.4, in floating point.
  public func airtimeMilliseconds(byteCount: Int) -> Double {
    let factor = Double(spreadingFactor)
    let symbol = Double(1 << spreadingFactor) / Double(bandwidthHertz) * 1_000
    let lowRate = symbol >= 16 ? 2.0 : 0
    let extra = spreadingFactor < 7 ? 6.25 : 4.25
    let bits = 8 * Double(byteCount) + 16 - 4 * factor + (spreadingFactor < 7 ? 0 : 8) + 20
    let blocks = (max(bits, 0) / (4 * (factor - lowRate))).rounded(.up)
    let symbols =
      Double(preambleSymbolCount) + extra + 8 + blocks * Double(codingRateDenominator)
    return symbols * symbol
  }
}

/// A frame on the air.
public struct AirFrame: Equatable, Sendable {
  public var bytes: [UInt8]
  public var tuning: AirTuning
  public var startedAt: Int64
  public var airtimeMilliseconds: Double
}

/// How strong a frame arrives, in hundredths of a decibel.
public struct AirFigures: Equatable, Sendable {
  public var rssi: Int
  public var snr: Int
  public init(rssi: Int, snr: Int) {
    self.rssi = rssi
    self.snr = snr
  }
}

/// What can be wrong with a module, or with its line. Each lasts until another is set.
public enum SerialModuleFault: String, CaseIterable, Sendable {
  case none
  /// Nothing comes from the module.
  case silent
  /// Noise comes in place of each line.
  case garbage
  /// Each line ends in its middle, and the next follows at once.
  case halfLines = "half-lines"
  /// The module answers as always, and hears nothing.
  case deaf
  /// Every command is refused as busy.
  case busy
  /// Every command is refused.
  case refusing
}

/// A module as its serial line sees it: bytes in, bytes out, and time; and as the air sees it: what it listens to,
/// what it sends. Subclasses answer commands. All times are milliseconds of one clock that never goes back.
open class SerialModuleModel {
  public let name: String
  public let baudRate: Int
  public var fault = SerialModuleFault.none
  /// Whether commands come back.
  public var echoes = false
  /// Called with each frame when it begins on the air; `transmitted` keeps them too.
  public var onTransmit: ((AirFrame) -> Void)?
  public private(set) var transmitted: [AirFrame] = []
  /// Commands as they came, for tests.
  public private(set) var commands: [String] = []
  /// What is to come over the line in place of the n-th thing that the module says.
  public var onLine: ((Int, [UInt8]) -> [UInt8])?
  public private(set) var lineCount = 0
  public var tuning = AirTuning()
  /// In reception: `deliver` reaches it.
  public internal(set) var isReceiving = false

  private var incoming: [UInt8] = []
  private var outgoing: [(at: Int64, bytes: [UInt8])] = []
  private var later: [(at: Int64, action: () -> Void)] = []
  private var lineFreeAt: Int64 = 0
  private var noise: SplitMix64
  /// Commands that come before are lost: the module starts.
  public internal(set) var deafToCommandsUntil: Int64 = 0

  public init(name: String, baudRate: Int, seed: UInt64) {
    self.name = name
    self.baudRate = baudRate
    noise = SplitMix64(seed: seed)
  }

  // MARK: The line

  /// Bytes from the host.
  public func receive(_ bytes: [UInt8], now: Int64) {
    settle(now)
    for byte in bytes {
      guard byte == 0x0d || byte == 0x0a else {
        incoming.append(byte)
        continue
      }
      guard !incoming.isEmpty else { continue }
      let text = String(decoding: incoming, as: UTF8.self)
      incoming = []
      guard now >= deafToCommandsUntil else { continue }
      commands.append(text)
      if echoes { say(text, now: now) }
      switch fault {
      case .busy: say(busyAnswer, now: now)
      case .refusing: say(refusal, now: now)
      default: command(text, now: now)
      }
    }
  }

  /// What has come over the line by now.
  public func output(now: Int64) -> [UInt8] {
    settle(now)
    var bytes: [UInt8] = []
    while let first = outgoing.first, first.at <= now {
      bytes += first.bytes
      outgoing.removeFirst()
    }
    return bytes
  }

  /// When something next happens by itself, if anything does.
  public var nextChange: Int64? {
    [outgoing.first?.at, later.map(\.at).min()].compactMap { $0 }.min()
  }

  /// A line, as soon as the module has found it and the line has carried it.
  public func say(_ text: String, now: Int64, after delay: Int64 = 3) {
    sayRaw(Array((text + "\r\n").utf8), now: now, after: delay)
  }

  /// Bytes as they are, beside all that the model says by itself.
  public func sayRaw(_ raw: [UInt8], now: Int64, after delay: Int64 = 0) {
    var bytes = raw
    switch fault {
    case .silent: return
    case .garbage:
      bytes = raw.map { _ in UInt8(truncatingIfNeeded: noise.next()) } + [0x0a]
    case .halfLines: bytes = Array(raw.prefix(raw.count / 2))
    case .none, .deaf, .busy, .refusing: break
    }
    if let onLine { bytes = onLine(lineCount, bytes) }
    lineCount += 1
    lineFreeAt =
      max(lineFreeAt, now + delay) + Int64((bytes.count * 10_000 + baudRate - 1) / baudRate)
    outgoing.append((lineFreeAt, bytes))
  }

  /// Does something at a later time.
  func schedule(at time: Int64, _ action: @escaping () -> Void) { later.append((time, action)) }

  private func settle(_ now: Int64) {
    while let index = later.indices.filter({ later[$0].at <= now }).min(by: {
      later[$0].at < later[$1].at
    }) {
      later.remove(at: index).action()
    }
  }

  // MARK: The air

  /// A frame has arrived at the antenna, on this module's channel. False: it does not hear it.
  @discardableResult
  public func deliver(_ bytes: [UInt8], _ figures: AirFigures, now: Int64) -> Bool {
    settle(now)
    guard isReceiving, fault != .deaf, now >= deafToCommandsUntil else { return false }
    heard(bytes, figures, now: now)
    return true
  }

  func transmit(_ bytes: [UInt8], now: Int64, done: @escaping (Int64) -> Void) {
    let frame = AirFrame(
      bytes: bytes, tuning: tuning, startedAt: now + 5,
      airtimeMilliseconds: tuning.airtimeMilliseconds(byteCount: bytes.count))
    transmitted.append(frame)
    onTransmit?(frame)
    let end = frame.startedAt + Int64(frame.airtimeMilliseconds.rounded(.up))
    schedule(at: end) { done(end) }
  }

  /// The radio leaves reception, and the firmware does not notice.
  public func dropReception() { isReceiving = false }

  /// The supply fell for a moment.
  public func powerCycle(now: Int64) {
    incoming = []
    later = []
    isReceiving = false
    tuning = AirTuning()
    restarted(now: now)
  }

  // MARK: For subclasses

  open var busyAnswer: String { "AT_BUSY_ERROR" }
  open var refusal: String { "AT_ERROR" }
  open func command(_ text: String, now: Int64) {}
  open func heard(_ bytes: [UInt8], _ figures: AirFigures, now: Int64) {}
  open func restarted(now: Int64) {}

  /// Firmware shows whole decibels, cut towards zero as integer division does.
  static func whole(_ hundredths: Int) -> Int { hundredths / 100 }

  static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { hexadecimal(UInt64($0), digitCount: 2).uppercased() }.joined()
  }

  static func bytes(hex text: some StringProtocol) -> [UInt8]? {
    let digits = Array(text)
    guard digits.count % 2 == 0, !digits.isEmpty else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let byte = UInt8(String(digits[index...(index + 1)]), radix: 16) else { return nil }
      bytes.append(byte)
    }
    return bytes
  }
}
