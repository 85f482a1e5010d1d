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
  /// Follow-ups of one event, and theirs: an intent that is durable, an order that is refused.
  private static var followLimit: Int { 16 }

  /// What only time brings about.
  mutating func followBeacons() {
    tellAirtime()
    guard now >= nextBeaconStep else { return }
    tellBeacons(.tick)
  }

  mutating func tellBeacons(_ event: BeaconEvent) {
    var events = FixedArray<16, BeaconEvent>(filler: .tick)
    events.append(event)
    var index = 0
    while index < events.count, index < Self.followLimit {
      let time = nodeTime
      guard var node = beacons.take() else {
        nextBeaconStep = .max
        return
      }
      if let lead = radio?.leadMilliseconds { node.leadMilliseconds = lead }
      let actions = node.handle(events[index], at: time)
      nextBeaconStep = node.nextStep(at: time)
      beacons = consume node
      for place in actions.indices {
        if let follow = perform(actions[place]) { _ = events.offer(follow) }
      }
      index += 1
    }
  }

  /// A challenge whose hash stands in the log; nil for one that asks for no beacons.
  mutating func take(_ order: BeaconOrder?) {
    guard let order else { return }
    let time = nodeTime
    radio?.take(order, at: time)
    nextRadioStep = now
    // The verdict counts by the clock leaf before the beacon: a fresh one.
    isClockWanted = true
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
    guard airtime?.begin(now: now + startBootMilliseconds) ?? false,
      let chain = makeChain(paths.chain, firstNumber: first, version: version)
    else { return }
    let anchor = Anchor(firstLink: first, value: chain.anchor)
    beacons?.begin(chain, firstNumber: first)
    anchorWanted = .anchor(anchor)
    keepEnrolment(paths, files.site, key: &key, anchor: anchorWanted)
  }

  private mutating func perform(_ action: BeaconAction) -> BeaconEvent? {
    let milliseconds = now
    switch action {
    case .writeIntent(let intent):
      let isKept = record {
        LeafEncoding.intent(milliseconds: milliseconds, intent, into: $0)
      }
      guard isKept else {
        missedWhileFull += 1
        return .intentFailed(number: intent.number)
      }
      // On the card before anything of it is on the air.
      commit()
      return .intentDurable(number: intent.number)
    case .transmit(let transmission):
      guard let reason = order(transmission) else { return nil }
      return .refused(number: transmission.number, reason)
    case .writeSent(let sent):
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
    guard radioLine != nil, let modulation = Modulation(spreadingFactor: order.spreadingFactor),
      let site = files.site.radio
    else { return .radioGone }
    if let reason = radio?.reasonAgainst(order) { return reason }
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
    let reason = radio?.send(order)
    nextRadioStep = now
    return reason
  }

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
