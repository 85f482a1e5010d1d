import CBOR
import Coverage
import FixedMemory
import GWMP
import LoRa
import Proofs
import Radios
import Records

/// What an agent does with a concentrator behind a packet forwarder, as a machine that is cranked: messages of
/// `cairn-forwarder` in, leaves and requests to send out. The socket is the caller's; times are arguments.
///
///     connected ─▶ a gateway is there ─▶ frames ─▶ witness, frame leaves
///         ▲                 │ a minute of silence: fault 15
///         └─ disconnected ◀─┘
///
/// A concentrator hears all its channels and spreading factors at once: nothing is set. That it is there is known from
/// its packet forwarder, which asks every few seconds, and of whose silence `cairn-forwarder` tells after a minute: so
/// a slot counts as listened to when a minute and two turns have passed in which that was not told, or a frame came
/// behind it; and not when something got lost on the way.
///
/// Invariants: a request to send has one outcome; each fault is told at most once in `FaultTally.intervalMilliseconds`.
public struct ConcentratorDuty: ~Copyable {
  /// After so long without a question of its packet forwarder `cairn-forwarder` tells that a gateway is not there.
  static var silenceMilliseconds: Int64 { 60_000 }
  /// Then it is known that it was there: `cairn-forwarder` looks once in a turn of a second, and this program too.
  static var silenceKnownMilliseconds: Int64 { silenceMilliseconds + 2_000 }
  /// From the frame's end to the datagram's arrival: packet forwarders look for frames every 10 ms, and a busy machine
  /// is late.
  static var uncertaintyMilliseconds: UInt32 { 150 }
  /// `IF` chains of SX1301, SX1302 and SX1303 that demodulate all spreading factors.
  public static var channelCount: Int { 8 }

  public let plan: RegionPlan
  private let firstChannel: Int
  /// When the times of `NodeTime` began, by the clock of the forwarder's times.
  private let startBootMilliseconds: Int64

  var hearing: Hearing
  var faults = FaultTally()
  /// Whose packet forwarders have asked within the last minute, the oldest first.
  var gateways = FixedArray<8, UInt64>(filler: 0)
  public private(set) var isConnected = false
  private var isAbsenceTold = false
  private var isSilenceTold = false
  private(set) var connectedMilliseconds: Int64 = 0
  private var lostTold: UInt64 = 0

  /// Nil: it does not listen.
  var listeningSince: Int64?
  /// The last frame came then.
  var lastSignMilliseconds: Int64 = 0
  var windows = InlineArray<3, ConcentratorWindow?>(repeating: nil)
  var sequence = ChallengeSequence()

  var sending: ConcentratorSending?
  var outcome: (number: UInt32, outcome: TransmissionOutcome)?
  var requestNumber: UInt32 = 0

  /// - `firstChannel`: of the eight of the plan that the concentrator is set to, where the plan has more.
  public init(
    plan: RegionPlan, ownKeyHash: Digest, firstChannel: Int, frameLimit: Int,
    startBootMilliseconds: Int64
  ) {
    self.plan = plan
    self.firstChannel = firstChannel
    self.startBootMilliseconds = startBootMilliseconds
    hearing = Hearing(ownKeyHash: ownKeyHash, frameLimit: frameLimit)
  }

  // MARK: - for whoever asks how it is

  public var heardCount: UInt64 { hearing.heardCount }
  public var witnessCount: UInt64 { hearing.witnessCount }
  public var heardFrames: FixedArray<8, HeardFrame> { hearing.frames }
  public var lastFault: FaultCode? { faults.last }
  /// The first of those that are there: what the schema leaf calls the radio.
  public var gateway: UInt64? { gateways.isEmpty ? nil : gateways[0] }

  public var state: RadioState {
    if !isConnected { return .unknown }
    if gateways.isEmpty { return .starting }
    return sending?.isAsked == true ? .transmitting : .listening
  }

  // MARK: - the socket

  public mutating func connected(at now: NodeTime) {
    isConnected = true
    isAbsenceTold = false
    isSilenceTold = false
    connectedMilliseconds = now.milliseconds
    lostTold = 0
  }

  /// The connection has ended, or could not be made. `fault`: how; told once until there is one again.
  public mutating func disconnected(_ fault: FaultCode, at now: NodeTime) {
    stopListening(at: now)
    gateways.removeAll()
    sendingLost(at: now)
    let isNew = isConnected || !isAbsenceTold || fault != faults.last
    isConnected = false
    isAbsenceTold = true
    if isNew { faults.count(fault) }
  }

  /// A message came. `lineGone`: it is none that a forwarder sends, and the connection is to be given up.
  public mutating func take(_ message: Span<UInt8>, at now: NodeTime) -> RadioDutyAction? {
    let decoded: ForwarderMessage.Decoded
    do throws(CBORDecoder.Failure) {
      decoded = try ForwarderMessage.decode(message)
    } catch { return .lineGone }
    switch decoded {
    case .frame(let frame): return hear(frame, now)
    case .outcome(let answer): take(answer, now)
    case .gateway(let gateway): take(gateway, now)
    case .lost(let count):
      // Of this connection, from its beginning; only what is new counts.
      guard count >= lostTold else { return .lineGone }
      if count > lostTold { missed(now) }
      hearing.lost(count - lostTold)
      lostTold = count
    case .sending(let sending):
      let (from, isTooFar) = sending.fromMilliseconds.subtractingReportingOverflow(
        startBootMilliseconds)
      let (length, isTooLong) = sending.toMilliseconds.subtractingReportingOverflow(
        sending.fromMilliseconds)
      guard !isTooFar, !isTooLong, (0...60_000).contains(length),
        (now.milliseconds - 60_000...now.milliseconds + 60_000).contains(from)
      else { return .lineGone }
      deafen(from: from, to: from + length, at: now)
    case .transmit, .invalidTransmit: return .lineGone
    }
    return nil
  }

  private mutating func hear(_ frame: ForwarderMessage.Frame, _ now: NodeTime) -> RadioDutyAction? {
    let (end, isTooFar) = frame.receivedMilliseconds.subtractingReportingOverflow(
      startBootMilliseconds)
    // One clock gives both times, and the frame came since this connection was made.
    guard !isTooFar, end >= 0, end <= now.milliseconds + 1_000 else { return .lineGone }
    let packet = frame.packet
    let milliseconds = min(end, now.milliseconds)
    lastSignMilliseconds = max(lastSignMilliseconds, milliseconds)
    hearing.count(
      HeardFrame(
        milliseconds: milliseconds, frequencyHertz: packet.frequencyHertz,
        spreadingFactor: packet.spreadingFactor, byteCount: packet.byteCount,
        firstByte: packet.bytes.isEmpty ? 0 : packet.bytes[0],
        rssiCentidecibelMilliwatts: packet.packetRSSICentidecibelMilliwatts,
        snrCentidecibels: packet.snrCentidecibels))
    guard packet.checksum != Self.wrongChecksum,
      let power = packet.packetRSSICentidecibelMilliwatts,
      let reception = Reception(
        endMilliseconds: milliseconds, uncertaintyMilliseconds: Self.uncertaintyMilliseconds,
        frequencyHertz: packet.frequencyHertz, spreadingFactor: packet.spreadingFactor,
        bandwidthHertz: packet.bandwidthHertz,
        codingRateDenominator: packet.codingRateDenominator, rssiCentidecibelMilliwatts: power,
        signalCentidecibelMilliwatts: packet.signalRSSICentidecibelMilliwatts,
        snrCentidecibels: packet.snrCentidecibels,
        frequencyErrorHertz: packet.frequencyErrorHertz,
        correctionNumber: UInt64(RSSICorrection.boardOffset.rawValue), correctionCentidecibels: 0)
    else { return nil }
    return hearing.leaf(packet.bytes, reception, at: now.milliseconds)
  }

  private static var wrongChecksum: UInt8 { ReceivedFrame.Checksum.wrong.rawValue }

  private mutating func take(_ gateway: ForwarderMessage.Gateway, _ now: NodeTime) {
    var place: Int?
    for index in gateways.indices where gateways[index] == gateway.identifier { place = index }
    if gateway.isPresent {
      guard place == nil, gateways.offer(gateway.identifier) else { return }
      isSilenceTold = false
      if listeningSince == nil { listeningSince = now.milliseconds }
    } else if let place {
      for index in place..<(gateways.count - 1) { gateways[index] = gateways[index + 1] }
      _ = gateways.removeLast()
      guard gateways.isEmpty else { return }
      stopListening(at: now)
      tellSilence()
    }
  }

  private mutating func tellSilence() {
    isSilenceTold = true
    faults.count(.noAnswer)
  }

  // MARK: - steps

  /// What waits to be told, one for each call.
  public mutating func step(at now: NodeTime) -> RadioDutyAction? {
    followSending(now)
    if let ended = outcome {
      outcome = nil
      return .transmissionEnded(number: ended.number, ended.outcome)
    }
    if isConnected, gateways.isEmpty, !isSilenceTold,
      now.milliseconds >= connectedMilliseconds + Self.silenceMilliseconds
    {
      tellSilence()
    }
    if let told = faults.toTell(at: now.milliseconds) { return told }
    if let told = hearing.refusalToTell(at: now.milliseconds) { return told }
    return endedWindow(now)
  }

  /// When `step` is due, without any message.
  public func nextStep(at now: NodeTime) -> Int64 {
    var wake = now.milliseconds + 60_000
    wake = min(wake, faults.nextMilliseconds)
    if isConnected, gateways.isEmpty, !isSilenceTold {
      wake = min(wake, connectedMilliseconds + Self.silenceMilliseconds)
    }
    wake = min(wake, nextSendingStep(now))
    return max(now.milliseconds, min(wake, nextWindowStep(now)))
  }

  /// Before the log ends, until nil: what the windows have so far, and what was counted.
  public mutating func finish(at now: NodeTime) -> RadioDutyAction? {
    if let ended = outcome {
      outcome = nil
      return .transmissionEnded(number: ended.number, ended.outcome)
    }
    if let listen = lastWindow(now) { return listen }
    return hearing.untoldRefusal() ?? faults.untold()
  }

  /// Whether the concentrator is set to this channel of the plan.
  func hears(channel: Int) -> Bool {
    hearsWholePlan || (firstChannel..<(firstChannel + Self.channelCount)).contains(channel)
  }

  var hearsWholePlan: Bool { plan.channelCount <= Self.channelCount }
}
