import Buses
import FixedMemory
import LoRa

/// A module on a serial line, without the line: bytes in, bytes out, time as an argument.
///
///     request ──► script of commands ──► event
///                 say a command, wait for its end within its time, say it again, give up
///
/// Invariants:
/// 1. `exchange` is what is being said or waited for; nil when the module listens undisturbed or is idle.
/// 2. `request` is what the caller waits for: it ends in exactly one event.
/// 3. `setting` is what the module was last seen to have; nil while that is not known.
/// 4. What is sent is said once: a transmission's command has one attempt.
/// 5. Only a status that was found well ends a row of failures, where the module can tell its status.
struct SerialModule: ~Copyable {
  /// A command that is said again waits so long first: late answers to the one before pass meanwhile.
  static var quietMilliseconds: Int64 { 200 }
  static var busyAttempts: UInt8 { 5 }
  /// Beyond a frame's time on air, until the module must have told its end.
  static var transmissionMarginMilliseconds: Int64 { 2_000 }
  /// From there to the question for the status: after a transmission, and after what ended a failure.
  static var soonMilliseconds: Int64 { 1_000 }
  /// A frame's lines follow each other within this time, even at 9600 baud.
  static var frameMilliseconds: Int64 { 3_000 }

  struct Exchange {
    enum Phase: Equatable {
      case saying
      case waiting(until: Int64)
      /// Then the next command, or the same again.
      case pausing(until: Int64, isRepeated: Bool)
    }

    var script: CommandScript
    var index = 0
    var command = SerialCommand()
    var phase = Phase.saying
    var attempt: UInt8 = 1
    var busyCount: UInt8 = 0
    var value: Int64?
    /// Something came that is no answer: words, or bytes that make none.
    var sawWords = false
    var sawGarbage = false
    /// A frame came meanwhile: the module was in reception.
    var sawFrame = false
    /// The command is the one that sends: it is said once.
    var isSending: Bool { script == .send && command.attempts == 1 }
  }

  /// What is known of a frame whose lines have not all come.
  enum PartOfFrame {
    case none
    case figures(LineFigures, at: Int64)
    /// `held` has the bytes.
    case bytes(until: Int64)
  }

  let expected: RadioKind?
  var identity: RadioIdentity?
  var capabilities: RadioCapabilities?
  var state = RadioState.unknown
  var setting: RadioSetting?
  var counts = RadioCounts()

  var dialect = SerialDialect.rak3172
  var reader = LineReader()
  var output = CommandLine()
  var handedOverCount = 0
  var exchange: Exchange?
  var events = FixedArray<4, RadioEvent>(filler: .identified)

  var request: RadioRequest?
  /// The request waits for the end of what the driver does by itself.
  var isWaiting = false
  /// What the module is to have; nil before the first `configure`.
  var target: RadioSetting?
  /// What it is to have once the request is begun.
  var wanted: RadioSetting?
  var payload = FixedBytes<255>()
  var payloadCount = 0
  var handedOverAt: Int64 = 0
  /// The same, nil until the command that sends has left as a whole.
  var frameHandedOverAt: Int64?

  var held = ReceivedFrame()
  var part = PartOfFrame.none

  var isOldFirmware = false
  var isInOtherMode = false
  /// `configured` is to be told although nobody asked: after deafness or a reset.
  var isRestoring = false
  var probeRound: UInt8 = 0
  var failuresInRow: UInt8 = 0
  var resetsInRow: UInt8 = 0
  /// The module answered the last question for its status, and would not say.
  var isQuestionRefused = false
  /// When the module was last known to be in reception.
  var heardAt: Int64 = 0
  var nextPoll: Int64 = 0
  var renewalAt: Int64 = 0

  init(expected: RadioKind?) { self.expected = expected }

  var isOnTheLine: Bool { state != .unknown && state != .failed }

  /// There is something of a command left for the line.
  var isSaying: Bool {
    guard let exchange, case .saying = exchange.phase else { return false }
    return handedOverCount < output.byteCount
  }

  mutating func tell(_ event: RadioEvent) {
    // Room for all that one line or one tick can bring: deaf and reset, and an end of a request.
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
    guard isOnTheLine else { return now + RadioBounds.statusPollMilliseconds }
    var next = min(nextPoll, now + RadioBounds.statusPollMilliseconds)
    if case .bytes(let until) = part { next = min(next, until) }
    guard let exchange else { return request != nil || state == .starting ? now : max(now, next) }
    switch exchange.phase {
    case .saying: return now
    case .waiting(let until), .pausing(let until, _):
      if case .bytes(let end) = part { return max(now, min(until, end)) }
      return max(now, until)
    }
  }

  /// For tests, after each step.
  func checkInvariants() {
    var isUnderWay = false
    if exchange != nil { isUnderWay = true }
    precondition(!isUnderWay || isOnTheLine, "a failed module is left alone")
    precondition(request == nil || isOnTheLine, "a request without an end")
    precondition(state != .listening || setting != nil, "listening without a setting")
    precondition(handedOverCount <= output.byteCount, "more was said than there was")
    precondition(!output.overflowed, "a command longer than its line")
  }

  // MARK: Requests

  mutating func begin(atMilliseconds now: Int64) {
    (identity, capabilities, setting, target) = (nil, nil, nil, nil)
    events.removeAll()
    reader.clear()
    part = .none
    (request, isWaiting, isRestoring) = (.begin, false, false)
    (failuresInRow, resetsInRow, probeRound, isQuestionRefused) = (0, 0, 0, false)
    state = .starting
    beginProbing(atMilliseconds: now)
  }

  mutating func configure(_ setting: RadioSetting, atMilliseconds now: Int64) throws(RadioRefusal) {
    let (capabilities, identity) = try readiness()
    try capabilities.check(setting)
    try setting.checkForModule(identity.kind, isOldFirmware: isOldFirmware)
    if setting == self.setting, state == .listening {
      tell(.configured)
      return
    }
    wanted = setting
    (request, isWaiting) = (.configure, true)
  }

  mutating func transmit(_ bytes: Span<UInt8>, atMilliseconds now: Int64) throws(RadioRefusal) {
    let (capabilities, _) = try readiness()
    guard setting != nil, setting == target else { throw .notConfigured }
    guard !bytes.isEmpty, bytes.count <= Int(capabilities.maximumPayloadByteCount) else {
      throw .payloadTooLong
    }
    if let first = capabilities.fixedFirstByte, bytes[0] != first { throw .firstByteNotPossible }
    for index in bytes.indices { payload[index] = bytes[index] }
    payloadCount = bytes.count
    frameHandedOverAt = nil
    (request, isWaiting) = (.transmit, true)
  }

  mutating func measureNoise() throws(RadioRefusal) {
    _ = try readiness()
    throw .notMeasurable
  }

  private func readiness() throws(RadioRefusal) -> (RadioCapabilities, RadioIdentity) {
    guard let capabilities, let identity, state != .starting, isOnTheLine else {
      throw .notReady
    }
    guard request == nil else { throw .underWay }
    return (capabilities, identity)
  }
}
