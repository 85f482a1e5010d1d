/// What can be wrong with a chip, or with its lines. Each lasts until another is set.
public enum RadioChipFault: String, CaseIterable, Sendable {
  case none
  /// MISO stays low.
  case silent
  /// MISO stays high: nothing drives it.
  case floating
  /// Noise in place of each answer.
  case garbage
  /// Commands are refused in the status (SX126x), or not carried out (SX127x).
  case refusing
  /// The chip answers as always, and hears nothing.
  case deaf
  /// BUSY stays high.
  case stuckBusy = "stuck-busy"
  /// The interrupt line is not connected, and reads low.
  case lineLow = "line-low"
  case lineHigh = "line-high"
  /// The oscillator does not start.
  case oscillator
  /// A transmission never ends.
  case endless
}

/// A radio chip as its bus and its lines see it, and the air. Subclasses have the registers. All times are
/// milliseconds of one clock that never goes back.
open class RadioChipModel {
  public var fault = RadioChipFault.none
  /// Called with each frame when it begins on the air; `transmitted` keeps them too.
  public var onTransmit: ((AirFrame) -> Void)?
  public private(set) var transmitted: [AirFrame] = []
  /// Transfers as they came, for tests.
  public private(set) var transfers: [[UInt8]] = []
  /// What comes back in place of the n-th answer.
  public var onAnswer: ((Int, [UInt8]) -> [UInt8])?
  public private(set) var resetCount = 0
  /// The coding rate of frames from the air, whatever the chip is set to; nil: as it is set.
  public var senderCodingRateDenominator: Int?
  /// What is in the channel at this moment when nothing is received, in hundredths of dBm; nil: what the chip's
  /// register says anyway. The frequency is as near to what was set as the chip tunes.
  public var onPowerReading: ((_ frequencyHertz: UInt32) -> Int?)?
  /// What it is set to.
  public internal(set) var tuning = AirTuning()
  /// What a driver must not do.
  public internal(set) var violations: [String] = []

  private var noise: SplitMix64
  private var isInReset = false
  private var sendingUntil: Int64?

  public init(seed: UInt64) { noise = SplitMix64(seed: seed) }

  // MARK: Bus and lines

  public final func transfer(_ bytes: [UInt8], now: Int64) -> [UInt8] {
    settle(now)
    transfers.append(bytes)
    var reply = [UInt8](repeating: 0, count: bytes.count)
    if isInReset {
      violations.append("a transfer in reset")
    } else if !bytes.isEmpty {
      reply = answer(bytes, now: now)
    }
    switch fault {
    case .silent: reply = reply.map { _ in 0 }
    case .floating: reply = reply.map { _ in 0xff }
    case .garbage: reply = reply.map { _ in UInt8(truncatingIfNeeded: noise.next()) }
    default: break
    }
    if let onAnswer { reply = onAnswer(transfers.count - 1, reply) }
    return reply
  }

  /// What comes back while the bytes go over, before the chip select is high again and anything is carried out: for a
  /// bus that hands bytes over in pieces. `transfer` with all of them follows.
  public final func preview(_ bytes: [UInt8]) -> [UInt8] {
    switch fault {
    case .silent: return bytes.map { _ in 0 }
    case .floating: return bytes.map { _ in 0xff }
    case .garbage: return bytes.map { _ in UInt8(truncatingIfNeeded: noise.next()) }
    default:
      return isInReset || bytes.isEmpty
        ? [UInt8](repeating: 0, count: bytes.count) : reading(bytes)
    }
  }

  public final func holdReset(_ isHeld: Bool, now: Int64) {
    if isHeld, !isInReset { resetCount += 1 }
    if isInReset, !isHeld { restarted(now: now) }
    isInReset = isHeld
    sendingUntil = nil
  }

  /// The supply fell for a moment.
  public final func powerCycle(now: Int64) {
    sendingUntil = nil
    restarted(now: now)
  }

  public final func busyLevel(now: Int64) -> Bool { fault == .stuckBusy || isBusy(now: now) }

  public final func interruptLevel(now: Int64) -> Bool {
    settle(now)
    return switch fault {
    case .lineLow: false
    case .lineHigh: true
    default: isInterrupted
    }
  }

  /// When something next happens by itself, if anything does.
  public final var nextChange: Int64? { sendingUntil }

  // MARK: The air

  /// A frame has arrived at the antenna, on this chip's channel. False: it does not hear it.
  @discardableResult
  public final func deliver(
    _ bytes: [UInt8], _ figures: AirFigures, frequencyErrorHertz: Int = 0, hasCRC: Bool = true,
    isDamaged: Bool = false, now: Int64
  ) -> Bool {
    settle(now)
    guard isReceiving, fault != .deaf, !isInReset else { return false }
    heard(
      bytes, figures, frequencyErrorHertz: frequencyErrorHertz, hasCRC: hasCRC,
      isDamaged: isDamaged)
    return true
  }

  final func transmit(_ bytes: [UInt8], _ tuning: AirTuning, now: Int64) {
    let frame = AirFrame(
      bytes: bytes, tuning: tuning, startedAt: now,
      airtimeMilliseconds: tuning.airtimeMilliseconds(byteCount: bytes.count))
    transmitted.append(frame)
    onTransmit?(frame)
    guard fault != .endless else { return }
    sendingUntil = now + Int64(frame.airtimeMilliseconds.rounded(.up))
  }

  final func abortTransmission() { sendingUntil = nil }

  private func settle(_ now: Int64) {
    guard let end = sendingUntil, end <= now else { return }
    sendingUntil = nil
    transmissionEnded()
  }

  // MARK: For subclasses

  open var isReceiving: Bool { false }
  open var isInterrupted: Bool { false }
  open func isBusy(now: Int64) -> Bool { false }
  open func answer(_ bytes: [UInt8], now: Int64) -> [UInt8] { bytes }
  /// The answer alone, with nothing carried out.
  open func reading(_ bytes: [UInt8]) -> [UInt8] { bytes }
  open func restarted(now: Int64) {}
  open func transmissionEnded() {}
  open func heard(
    _ bytes: [UInt8], _ figures: AirFigures, frequencyErrorHertz: Int, hasCRC: Bool,
    isDamaged: Bool
  ) {}
  /// The chip leaves reception, and nobody has told it to.
  open func dropReception() {}
}
