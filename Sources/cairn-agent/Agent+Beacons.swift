import Coverage
import DeviceLog
import FixedMemory
import Identity
import LinuxPlatform
import LoRa
import NodeConfiguration
import NodeFiles
import Proofs
import RadioDuties
import Records
import Signers

/// Beacons: what `BeaconNode` decides becomes leaves, and orders for the radio.
///
///     challenge ─▶ intent leaf, committed ─▶ airtime, durable ─▶ radio ─▶ sent leaf ─ … ─▶ reveal leaf
extension Agent {
  /// What follows at once from what the node wanted.
  private struct Follow {
    let number: UInt32
    /// Nil: the intent is durable. Not durable: it could not be written, or another reason why the radio does not send.
    var reason: BeaconReason?
    var isIntent = false

    var event: BeaconEvent {
      guard let reason else { return .intentDurable(number: number) }
      return isIntent ? .intentFailed(number: number) : .refused(number: number, reason)
    }
  }

  /// What only time brings about.
  mutating func followBeacons() {
    tellAirtime()
    guard now >= nextBeaconStep else { return }
    tellBeacons(.tick)
  }

  mutating func tellBeacons(_ event: BeaconEvent) {
    // An intent, its order and what becomes of that, for two beacons: with room to spare.
    var follows = FixedArray<16, Follow>(filler: Follow(number: 0))
    tell(event, &follows)
    var index = 0
    while index < follows.count {
      tell(follows[index].event, &follows)
      index += 1
    }
  }

  @inline(never)
  private mutating func tell(_ event: BeaconEvent, _ follows: inout FixedArray<16, Follow>) {
    let time = nodeTime
    nextBeaconStep = .max
    if let lead = radioLeadMilliseconds() { beacons?.leadMilliseconds = lead }
    guard let actions = beacons?.handle(event, at: time) else { return }
    if let next = beacons?.nextStep(at: time) { nextBeaconStep = next }
    for place in actions.indices {
      if let follow = perform(actions[place]) { _ = follows.offer(follow) }
    }
  }

  /// A challenge whose hash stands in the log; nil for one that asks for no beacons.
  mutating func take(_ order: BeaconOrder?) {
    guard let order else { return }
    let time = nodeTime
    clockLimitMilliseconds = UInt32(order.policy.maximumUncertaintyMilliseconds)
    radio?.take(order, at: time)
    concentrator?.take(order, at: time)
    nextRadioStep = now
    nextForwarderStep = now
    // The verdict counts by the clock leaf before the beacon: a fresh one.
    isClockWanted = radio != nil || concentrator != nil
    nextClockLook = now
    guard beacons != nil else { return }
    tellBeacons(.challenge(order))
    beginChain(after: order)
  }

  /// Nobody who saw this challenge can have chosen the chain that serves the next ones.
  private mutating func beginChain(after order: BeaconOrder) {
    let time = nodeTime
    guard mayBeginChain, let node = beacons.take() else { return }
    let isWanted = node.wantsChain(for: order, at: time)
    beacons = consume node
    guard isWanted else { return }
    let (first, version) = (
      UInt64(order.number) + 1, enrolmentVersion(paths, key.publicKey) + 1
    )
    guard airtime != nil,
      let chain = makeChain(paths.chain, firstNumber: first, version: version)
    else { return }
    // Behind the chain: with a number of the old one a new one waits, and the old one without its number would show its
    // links again. When it can't be written, the next beacon's number replaces it.
    airtime?.begin(now: now + startBootMilliseconds)
    let anchor = Anchor(firstLink: first, value: chain.anchor)
    beacons?.begin(chain, firstNumber: first)
    anchorWanted = .anchor(anchor)
    keepEnrolment(paths, files.site, key: &key, anchor: anchorWanted)
  }

  private mutating func perform(_ action: BeaconAction) -> Follow? {
    let milliseconds = now
    switch action {
    case .writeIntent(let intent):
      let isKept = record {
        LeafEncoding.intent(milliseconds: milliseconds, intent, into: $0)
      }
      guard isKept else {
        missedWhileFull += 1
        return Follow(number: intent.number, reason: .notDurable, isIntent: true)
      }
      // On the card before anything of it is on the air.
      commit()
      return Follow(number: intent.number)
    case .transmit(let transmission):
      guard let reason = order(transmission) else { return nil }
      return Follow(number: transmission.number, reason: reason)
    case .writeSent(let sent):
      sentCount += 1
      keep {
        LeafEncoding.sent(
          schema: Self.radioSchema, milliseconds: milliseconds, sent, into: $0)
      }
      commit()
    case .writeReveal(let reveal):
      keep { LeafEncoding.reveal(milliseconds: milliseconds, reveal, into: $0) }
    case .writeNotSent(let number, let reason):
      var arguments = FixedArray<3, UInt64>(filler: 0)
      arguments.append(UInt64(number))
      arguments.append(UInt64(reason.rawValue))
      lastBeaconReason = reason
      keep {
        LeafEncoding.radioEvent(
          .beaconNotSent, schema: 0, milliseconds: milliseconds, arguments, into: $0)
      }
    }
    return nil
  }

  /// With a full ring a gap leaf tells how many leaves there was no room for.
  private mutating func keep(_ encode: (consuming MutableSpan<UInt8>) -> Int) {
    if !record(encode) { missedWhileFull += 1 }
  }

  /// Hands a beacon to the radio; or says why not.
  private mutating func order(_ beacon: BeaconTransmission) -> BeaconReason? {
    send(
      RadioTransmission(
        bytes: beacon.frame.bytes, number: beacon.number,
        startMilliseconds: beacon.startMilliseconds,
        latestMilliseconds: beacon.latestMilliseconds, frequencyHertz: beacon.frequencyHertz,
        spreadingFactor: beacon.spreadingFactor,
        powerCentidecibelMilliwatts: beacon.powerCentidecibelMilliwatts))
  }

  /// The one way to the air: by the region's rules and the hour's budget, whoever asks.
  mutating func send(_ order: RadioTransmission) -> BeaconReason? {
    guard radioLine != nil || forwarder != nil, let site = files.site.radio else {
      return .radioGone
    }
    guard let modulation = Modulation(spreadingFactor: order.spreadingFactor) else {
      return .notAllowed
    }
    if let reason = radio?.reasonAgainst(order) { return reason }
    if let reason = concentrator?.reasonAgainst(order) { return reason }
    do throws(AirtimeLedger.Refusal) {
      let power = order.powerCentidecibelMilliwatts
      try airtime?.take(
        frequencyHertz: order.frequencyHertz, modulation: modulation,
        byteCount: UInt8(order.byteCount), power: power,
        eirp: power + Int32(clamping: site.antennaGainCentidBi)
          - Int32(clamping: site.cableLossCentidB),
        number: order.number == 0 ? nil : order.number, now: now + startBootMilliseconds)
    } catch {
      tellAirtime()
      switch error {
      case .notDurable: return .notDurable
      case .rule(.needsListenBeforeTalk): return .listenBeforeTalk
      case .rule(.dutyCycleSpent), .rule(.airtimeUnknown): return .airtimeSpent
      case .rule(.outsideTheBand), .rule(.datarateNotInThePlan), .rule(.powerTooHigh),
        .rule(.dwellTooLong):
        return .notAllowed
      }
    }
    (nextRadioStep, nextForwarderStep) = (now, now)
    if let reason = radio?.send(order) { return reason }
    return concentrator?.send(order)
  }

  /// A frame of eight bytes that is no beacon, and no LoRaWAN: as strong as a beacon of the first step. Nil: the radio
  /// has it.
  mutating func sendTest(channel: UInt8, spreadingFactor: UInt8) -> BeaconReason? {
    guard let ledger = airtime, let node = beacons.take() else { return .notAllowed }
    let transmitter = node.setup.transmitter
    let keyHash = node.setup.keyHash
    // A beacon that has its slot soon comes first.
    let isNear = nextBeaconStep - now < Self.testMilliseconds && node.isInHand
    beacons = consume node
    guard !isNear else { return .radioBusy }
    guard let hertz = ledger.plan.frequencyHertz(channel: Int(channel)),
      let power = transmitter.output(
        step: 0, frequencyHertz: hertz, plan: ledger.plan, policy: CoveragePolicy())
    else { return .noChannel }
    var bytes = FixedBytes<24>()
    bytes[0] = 0xe0
    for index in 0..<4 { bytes[2 + index] = keyHash[index] }
    testCount &+= 1
    bytes[6] = UInt8(truncatingIfNeeded: testCount >> 8)
    bytes[7] = UInt8(truncatingIfNeeded: testCount)
    let start = now + (radioLeadMilliseconds() ?? 0)
    return send(
      RadioTransmission(
        bytes: bytes, byteCount: 8, number: 0, startMilliseconds: start,
        latestMilliseconds: start + 10_000, frequencyHertz: hertz,
        spreadingFactor: spreadingFactor, powerCentidecibelMilliwatts: power))
  }

  /// A test is over by then, whatever the radio.
  private static var testMilliseconds: Int64 { 15_000 }

  private mutating func tellAirtime() {
    guard let arguments = airtime?.refusalToTell(now: now) else { return }
    let milliseconds = now
    keep {
      LeafEncoding.radioEvent(
        .airtimeSpent, schema: 0, milliseconds: milliseconds, arguments, into: $0)
    }
  }

  /// What became of a transmission.
  mutating func take(_ outcome: TransmissionOutcome, of number: UInt32) {
    guard number > 0 else { return }
    switch outcome {
    case .sent(let start, let power, let isConfirmed):
      tellBeacons(
        .transmitted(
          number: number, startMilliseconds: start, powerCentidecibelMilliwatts: power,
          isConfirmed: isConfirmed))
    case .refused(let reason): tellBeacons(.refused(number: number, reason))
    }
  }
}
