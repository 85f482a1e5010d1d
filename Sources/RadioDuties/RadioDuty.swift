import Buses
import Coverage
import FixedMemory
import LoRa
import Proofs
import Radios
import Records

/// What an agent does with one radio, as a machine that is cranked: it identifies and sets the radio, listens where
/// beacons are, and says which leaves are to be written. It owns the radio, and with it its line or bus, and nothing
/// else; times are arguments.
///
///     attach ─▶ begin ─▶ set ─▶ listens ─▶ frames ─▶ witness leaves
///                 ▲              │  ▲
///                 └─ a minute ◀──┘  └─ another channel, slot by slot, as the rendezvous has it
///
/// Invariants: a radio that failed is left alone for `attemptMilliseconds`; what it fails with is told at most once in
/// `FaultTally.intervalMilliseconds`, and counted in between; a slot is said to be listened to only when the radio was
/// set for it before its frame could begin, and answered after it that it listens.
public struct RadioDuty<Radio: LoRaRadio & ~Copyable>: ~Copyable {
  /// A radio that was given up is begun anew after so long.
  static var attemptMilliseconds: Int64 { 60_000 }
  /// A setting that was not taken is asked for again after so long.
  static var settingMilliseconds: Int64 { 1_000 }
  static var resetMilliseconds: Int64 { 60_000 }
  /// A frame's lines, or the questions for its figures, are over by then.
  static var latenessMilliseconds: Int64 { 3_000 }
  /// Events of the radio's in one step that lead to no action.
  static var eventLimit: Int { 32 }

  public let plan: RegionPlan
  private let transmitPowerCentidecibelMilliwatts: Int32

  private var radio: Radio?
  /// What the radio says of itself, after each turn of it: `unknown` and nil without one.
  public private(set) var state = RadioState.unknown
  public private(set) var identity: RadioIdentity?
  /// What it is set to.
  public private(set) var setting: RadioSetting?
  private(set) var capabilities: RadioCapabilities?
  private var isAttached = false
  /// When all of the last transmission's command had reached the radio; nil: it has not.
  private(set) var frameHandedOver: Int64?
  private var nextRadioStep: Int64 = .max
  private var frame = ReceivedFrame()
  /// How late the radio was looked at, at the worst of late.
  private var lateness: (at: Int64, milliseconds: UInt32) = (0, 0)
  var hearing: Hearing
  private var nextAttempt: Int64 = 0
  private var nextSetting: Int64 = 0
  /// What is to be sent, and what became of it until that is told.
  var sending: Sending?
  var outcome: (number: UInt32, outcome: TransmissionOutcome)?

  /// Of the window that lasts or comes first, and of the one behind it.
  var current: WindowWatch?
  var next: WindowWatch?
  var sequence = ChallengeSequence()
  var noise = NoiseWatch()

  var faults = FaultTally()
  var resetReason = RadioResetReason.wrongState
  var resetCount: UInt64 = 0
  private var nextReset: Int64 = 0
  private var deafSince: Int64?

  public var heardCount: UInt64 { hearing.heardCount }
  public var witnessCount: UInt64 { hearing.witnessCount }
  public var lastFrame: HeardFrame? {
    heardFrames.isEmpty ? nil : heardFrames[heardFrames.count - 1]
  }
  /// The last ones, the oldest first.
  public var heardFrames: FixedArray<8, HeardFrame> { hearing.frames }
  public var lastFault: FaultCode? { faults.last }

  public init(
    plan: RegionPlan, ownKeyHash: Digest, transmitPowerCentidecibelMilliwatts: Int32,
    frameLimit: Int = WitnessNode.usualFrameLimit
  ) {
    self.plan = plan
    self.transmitPowerCentidecibelMilliwatts = transmitPowerCentidecibelMilliwatts
    hearing = Hearing(ownKeyHash: ownKeyHash, frameLimit: frameLimit)
  }

  /// The radio's line is there, or its bus and lines.
  public mutating func attach(_ new: consuming Radio, at now: NodeTime) {
    radio = consume new
    noise = NoiseWatch()
    nextAttempt = now.milliseconds
    nextSetting = now.milliseconds
    look(now)
  }

  private mutating func look(_ now: NodeTime) {
    guard let present = radio.take() else {
      (state, identity, setting, capabilities) = (.unknown, nil, nil, nil)
      (isAttached, nextRadioStep) = (false, .max)
      return
    }
    (state, identity, setting) = (present.state, present.identity, present.setting)
    (capabilities, isAttached) = (present.capabilities, true)
    nextRadioStep = present.nextStep(atMilliseconds: now.milliseconds)
    frameHandedOver = present.frameHandedOverMilliseconds
    radio = consume present
  }

  /// The line is gone: it is closed here.
  public mutating func detach(at now: NodeTime) {
    sendingFailed(.bus(.disconnected), handedOverAt: frameHandedOver)
    radio = nil
    noise = NoiseWatch()
    look(now)
    forgetSlots(since: now.milliseconds - RadioBounds.statusPollMilliseconds, now)
  }

  /// Does what can be done now; nil when there is nothing more to do. At most one leaf for each call.
  /// - `unlookedMilliseconds`: how long the caller was at something else since the step before, and neither looked at
  ///   the radio nor waited for it. A frame may have come at any time of that.
  public mutating func step(at now: NodeTime, unlookedMilliseconds: UInt32 = 0)
    -> RadioDutyAction?
  {
    if unlookedMilliseconds >= lateness.milliseconds
      || now.milliseconds - lateness.at > Self.latenessMilliseconds
    {
      lateness = (now.milliseconds, unlookedMilliseconds)
    }
    for _ in 0..<Self.eventLimit {
      if let action = due(now) { return action }
      crank(now)
      let event = radio?.step(atMilliseconds: now.milliseconds, frame: &frame)
      look(now)
      guard let event else {
        return followWindow(now)
      }
      if let action = take(event, now) { return action }
    }
    return nil
  }

  /// When `step` is due, without anything that comes from the radio.
  public func nextStep(at now: NodeTime) -> Int64 {
    var wake = now.milliseconds + 60_000
    wake = min(wake, nextRadioStep)
    switch state {
    case .failed, .unknown: if isAttached { wake = min(wake, nextAttempt) }
    case .ready: wake = min(wake, nextSetting)
    case .starting, .configuring, .listening, .transmitting, .measuring: break
    }
    wake = min(wake, faults.nextMilliseconds)
    if resetCount > 0 { wake = min(wake, nextReset) }
    wake = min(wake, nextSendingStep(now))
    wake = min(wake, nextNoiseStep(now))
    return max(now.milliseconds, min(wake, nextWindowStep(now)))
  }

  /// What waits to be told.
  private mutating func due(_ now: NodeTime) -> RadioDutyAction? {
    if let ended = outcome {
      outcome = nil
      return .transmissionEnded(number: ended.number, ended.outcome)
    }
    if let since = deafSince {
      deafSince = nil
      return .writeDeaf(sinceMilliseconds: since)
    }
    if let told = faults.toTell(at: now.milliseconds) { return told }
    if resetCount > 0, now.milliseconds >= nextReset {
      nextReset = now.milliseconds + Self.resetMilliseconds
      let count = resetCount
      resetCount = 0
      return .writeReset(resetReason, count: count)
    }
    return hearing.refusalToTell(at: now.milliseconds)
  }

  /// Asks the radio for what is wanted of it now.
  private mutating func crank(_ now: NodeTime) {
    crankSending(now)
    crankNoise(now)
    switch state {
    case .failed, .unknown:
      guard isAttached, now.milliseconds >= nextAttempt else { return }
      nextAttempt = now.milliseconds + Self.attemptMilliseconds
      radio?.begin(atMilliseconds: now.milliseconds)
    case .ready, .listening:
      guard sending?.isAsked != true else { return }
      let place = sending?.place ?? wantedPlace(now)
      let isWanted = sending.map { !isSet(for: $0) } ?? !isSet(to: place)
      guard now.milliseconds >= nextSetting, isWanted, let capabilities,
        let modulation = Modulation(spreadingFactor: place.spreadingFactor)
      else { return }
      let setting = RadioSetting(
        frequencyHertz: place.frequencyHertz, modulation: modulation,
        powerCentidecibelMilliwatts: capabilities.nearestPower(
          toCentidecibelMilliwatts: sending?.order.powerCentidecibelMilliwatts
            ?? transmitPowerCentidecibelMilliwatts))
      do throws(RadioRefusal) {
        try radio?.configure(setting, atMilliseconds: now.milliseconds)
      } catch {
        // What it was asked for before ends in an event, and behind that it is asked again.
        guard error != .underWay else { return }
        // A radio that can't be set to the region's channels is another than the region asks for.
        faults.count(error == .notReady ? .radioBusy : .wrongRadio)
        nextSetting = now.milliseconds + Self.attemptMilliseconds
      }
    case .starting, .configuring, .transmitting, .measuring: return
    }
  }

  private func isSet(to place: ListeningPlace) -> Bool {
    state == .listening && isListening(to: place)
  }

  /// Whether it hears what is sent there: what is in reception measures the noise without leaving it.
  func isListening(to place: ListeningPlace) -> Bool {
    guard state == .listening || state == .measuring, let setting else { return false }
    return setting.frequencyHertz == place.frequencyHertz
      && setting.modulation.spreadingFactor == place.spreadingFactor
  }

  /// Set to the place and power of a transmission.
  func isSet(for sending: Sending) -> Bool {
    guard isSet(to: sending.place), let capabilities, let setting else { return false }
    return setting.powerCentidecibelMilliwatts
      == capabilities.nearestPower(
        toCentidecibelMilliwatts: sending.order.powerCentidecibelMilliwatts)
  }

  mutating func askToSend(_ order: RadioTransmission, _ now: NodeTime) throws(RadioRefusal) {
    frameHandedOver = nil
    try radio?.transmit(
      order.bytes.span.extracting(0..<order.byteCount), atMilliseconds: now.milliseconds)
  }

  mutating func askForNoise(_ now: NodeTime) throws(RadioRefusal) {
    try radio?.measureNoise(atMilliseconds: now.milliseconds)
  }

  private mutating func take(_ event: RadioEvent, _ now: NodeTime) -> RadioDutyAction? {
    switch event {
    case .identified:
      // The driver's own question, each second, comes first.
      interruptNoise(now)
      return nil
    case .configured:
      settleNoise(now)
      return nil
    case .noise(let reading):
      take(noise: reading, now)
      return nil
    case .transmitted(let report):
      sendingEnded(report)
      return nil
    case .received: return hear(now)
    case .deaf(let since):
      deafSince = max(0, since)
      interruptNoise(now)
      forgetSlots(since: since, now)
      return nil
    case .reset(let failure):
      if resetCount == 0 { resetReason = RadioResetReason(failure) }
      resetCount += 1
      interruptNoise(now)
      forgetSlots(since: now.milliseconds - RadioBounds.statusPollMilliseconds, now)
      return nil
    case .noticed(let failure):
      faults.count(failure.faultCode)
      return nil
    case .failed(let request, let failure):
      faults.count(failure.faultCode)
      interruptNoise(now)
      if request == .transmit || state == .failed {
        sendingFailed(failure, handedOverAt: frameHandedOver)
      }
      forgetSlots(since: now.milliseconds - RadioBounds.statusPollMilliseconds, now)
      nextSetting = now.milliseconds + Self.settingMilliseconds
      if state == .failed { nextAttempt = now.milliseconds + Self.attemptMilliseconds }
      return failure == .bus(.disconnected) ? .lineGone : nil
    }
  }

  private mutating func hear(_ now: NodeTime) -> RadioDutyAction? {
    let uncertainty = UInt32(
      clamping: UInt64(capabilities?.receiveTimeUncertaintyMilliseconds ?? 0)
        + UInt64(lateness.milliseconds))
    takeBackNoise(frame, uncertaintyMilliseconds: Int64(uncertainty))
    hearing.count(
      HeardFrame(
        milliseconds: frame.receivedMilliseconds, frequencyHertz: frame.frequencyHertz,
        spreadingFactor: frame.spreadingFactor, byteCount: frame.byteCount,
        firstByte: frame.bytes.isEmpty ? 0 : frame.bytes[0],
        rssiCentidecibelMilliwatts: frame.packetRSSICentidecibelMilliwatts,
        snrCentidecibels: frame.snrCentidecibels))
    guard frame.checksum != .wrong,
      let reception = Reception(frame, uncertaintyMilliseconds: uncertainty)
    else { return nil }
    return hearing.leaf(frame.bytes, reception, at: now.milliseconds)
  }

  /// Before the log ends, until nil: what the windows have so far, and what was counted and waits for its time.
  public mutating func finish(at now: NodeTime) -> RadioDutyAction? {
    if let ended = outcome {
      outcome = nil
      return .transmissionEnded(number: ended.number, ended.outcome)
    }
    while current != nil {
      if let listen = followWindow(now) ?? endWindow() { return listen }
    }
    if let since = deafSince {
      deafSince = nil
      return .writeDeaf(sinceMilliseconds: since)
    }
    if resetCount > 0 {
      let count = resetCount
      resetCount = 0
      return .writeReset(resetReason, count: count)
    }
    return hearing.untoldRefusal() ?? faults.untold()
  }

  /// For tests.
  func checkInvariants() {
    precondition(current != nil || next == nil, "a window behind none")
    if let current, let next {
      precondition(current.order.nonce != next.order.nonce, "a window twice")
    }
  }
}
