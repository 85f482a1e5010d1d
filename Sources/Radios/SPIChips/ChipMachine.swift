import Buses
import FixedMemory
import LoRa

/// A radio chip without its bus: transfers out, answers in, levels of lines and time as arguments.
///
///     request ──► script of transfers ──► event
///                 wait for BUSY, transfer, judge the answer, begin the script again, give up
///
/// Invariants:
/// 1. `script` is what is being done; nil when the chip listens undisturbed or is idle.
/// 2. `request` is what the caller waits for: it ends in exactly one event.
/// 3. `setting` is what the chip was last seen to have; nil while that is not known.
/// 4. A script that has sent is never begun again.
struct ChipMachine: ~Copyable {
  /// BUSY longer than this is a fault: the longest command, a calibration, takes 4 ms, a reset 100 ms.
  static var busyMilliseconds: Int64 { 1_000 }
  static var resetMilliseconds: Int64 { 2 }
  /// SX127x takes no transfer for 5 ms after a reset; SX126x holds BUSY.
  static var wakingMilliseconds: Int64 { 6 }
  /// First commands after a reset may be refused.
  static var identifyAttempts: UInt8 { 50 }
  static var identifyPauseMilliseconds: Int64 { 20 }
  static var attempts: UInt8 { 3 }
  /// What a chip says that it is still at is asked for so long: a calibration takes 10 ms.
  static var againMilliseconds: Int64 { 100 }
  static var transmissionMarginMilliseconds: Int64 { 2_000 }
  /// A chip whose line is not wired, or not believed, is asked so often for its interrupts.
  static var askMilliseconds: Int64 { 20 }
  /// Status, packet type, errors: a few bytes.
  static var pollMilliseconds: Int64 { 1_000 }
  /// So many times in a row that the line was high and the chip had no interrupt, it is not believed any more.
  static var emptyInterrupts: UInt8 { 16 }

  enum Phase: Equatable {
    case idle
    /// `transfer` is ready.
    case ready
    case pausing(until: Int64)
    /// A transmission is under way.
    case sending(until: Int64, nextAsk: Int64)
    case resetting
    /// Both from the first step behind the turn of the line, which may itself have taken its time. Nil: until then.
    case holdingReset(until: Int64?)
    case waking
  }

  let wiring: ChipWiring
  var identity: RadioIdentity?
  var capabilities: RadioCapabilities?
  var state = RadioState.unknown
  var setting: RadioSetting?
  var counts = RadioCounts()
  var events = FixedArray<6, RadioEvent>(filler: .identified)

  var script: ChipScript?
  var index = 0
  var phase = Phase.idle
  var transfer = ChipTransfer()
  var attempt: UInt8 = 1
  var busySince: Int64?
  /// The present place of the script was said again since then.
  var againSince: Int64?

  var request: RadioRequest?
  var isWaiting = false
  var target: RadioSetting?
  var wanted: RadioSetting?
  var payload = FixedBytes<255>()
  var payloadCount = 0
  var startedAt: Int64 = 0
  /// When the command that sends went to the bus: it may have been understood, whatever became of the transfer.
  var frameHandedOverAt: Int64?

  var held = ReceivedFrame()
  /// What the status question has found so far: it goes on, to see whether the settings are there still.
  var isOutOfReception = false
  /// What the last interrupt register read said.
  var flags: UInt16 = 0
  /// A register that is about to be changed.
  var kept: UInt8 = 0
  var frameByteCount = 0
  var frameOffset: UInt8 = 0
  /// The image was calibrated for this band; nil since the last reset.
  var calibratedBand: UInt32?

  /// The line tells of frames. Until the next reset false once it did not.
  var isLineBelieved = true
  var hasLine = false
  /// The line is to be read again although nothing is due: an interrupt was cleared.
  var mustLook = false
  var isInterrupted = false
  /// The frame of this fetch came without a word of the line: when is not known.
  var isUntimely = false
  /// The chip has a frame, and the line was low a moment before.
  var isSuspect = false
  var emptyInRow: UInt8 = 0

  var isRestoring = false
  /// Both since the last question of each second that found all as it should be.
  var failuresInRow: UInt8 = 0
  var resetsInRow: UInt8 = 0
  var heardAt: Int64 = 0
  var nextPoll: Int64 = 0
  var nextAsk: Int64 = 0
  var renewalAt: Int64 = 0

  /// How often a line that wakes nobody is looked at.
  let lookMilliseconds: Int64?

  init(wiring: ChipWiring, lookMilliseconds: Int64? = nil) {
    self.wiring = wiring
    self.lookMilliseconds = lookMilliseconds
  }

  var isOnTheBus: Bool { state != .unknown && state != .failed }

  mutating func tell(_ event: RadioEvent) {
    // Room for all that one step can bring: what was noticed, deaf, ends of requests, reset.
    _ = events.offer(event)
  }

  mutating func takeEvent() -> RadioEvent? {
    guard !events.isEmpty else { return nil }
    let first = events[0]
    for index in 1..<events.count { events[index - 1] = events[index] }
    _ = events.removeLast()
    return first
  }

  func nextStep(atMilliseconds now: Int64) -> Int64 {
    guard events.isEmpty else { return now }
    guard isOnTheBus else { return now + RadioBounds.statusPollMilliseconds }
    switch phase {
    case .ready: return busySince == nil ? now : now + 1
    case .resetting, .waking: return now
    case .pausing(let until): return max(now, until)
    case .holdingReset(let until): return max(now, until ?? now)
    case .sending(let until, let ask): return max(now, min(until, ask))
    case .idle:
      guard state == .listening, !isWaiting, !mustLook else {
        return isWaiting || mustLook ? now : now + RadioBounds.statusPollMilliseconds
      }
      let next = min(nextPoll, renewalAt)
      guard hasLine, isLineBelieved else { return max(now, min(next, nextAsk)) }
      return max(now, min(next, lookMilliseconds.map { now + $0 } ?? next))
    }
  }

  /// For tests, after each step.
  func checkInvariants() {
    precondition(script == nil || isOnTheBus, "a failed chip is left alone")
    precondition(request == nil || isOnTheBus, "a request without an end")
    precondition(state != .listening || setting != nil, "listening without a setting")
  }

  // MARK: Requests

  mutating func begin(atMilliseconds now: Int64) {
    (identity, capabilities, setting, target) = (nil, nil, nil, nil)
    events.removeAll()
    (request, isWaiting, isRestoring) = (.begin, false, false)
    (failuresInRow, resetsInRow) = (0, 0)
    beginReset()
  }

  mutating func configure(_ setting: RadioSetting, atMilliseconds now: Int64) throws(RadioRefusal) {
    let capabilities = try readiness()
    try capabilities.check(setting)
    try setting.checkForChip(wiring.kind)
    if setting == self.setting, state == .listening {
      tell(.configured)
      return
    }
    wanted = setting
    (request, isWaiting) = (.configure, true)
  }

  mutating func transmit(_ bytes: Span<UInt8>, atMilliseconds now: Int64) throws(RadioRefusal) {
    _ = try readiness()
    guard setting != nil, setting == target else { throw .notConfigured }
    guard !bytes.isEmpty, bytes.count <= 255 else { throw .payloadTooLong }
    for index in bytes.indices { payload[index] = bytes[index] }
    payloadCount = bytes.count
    frameHandedOverAt = nil
    (request, isWaiting) = (.transmit, true)
  }

  mutating func measureNoise() throws(RadioRefusal) {
    _ = try readiness()
    guard setting != nil else { throw .notConfigured }
    (request, isWaiting) = (.measureNoise, true)
  }

  private func readiness() throws(RadioRefusal) -> RadioCapabilities {
    guard let capabilities, state != .starting, isOnTheBus else { throw .notReady }
    guard request == nil else { throw .underWay }
    return capabilities
  }
}
