import Coverage
import LoRa
import Proofs
import Records

/// The checks of what was on the air, as the sender tells it.
extension SenderJudgement {
  mutating func transmission(
    _ order: BeaconOrder, _ draw: BeaconDraw, _ intent: ArchivedLeaf<BeaconIntent>,
    _ list: inout CheckList
  ) throws(CheckList.Failed) {
    let own = evidence.sents.filter { $0.value.number == order.number }
    guard let sent = own.min(by: { $0.isBefore($1) }) else {
      return try list.check("sent leaf is there", false, else: .noSent)
    }
    try list.check("sent leaf is there", true, else: .noSent, [Figure("leaf", sent.index)])
    try list.standing("sent leaf", sent)
    try list.check(
      "intent stands before the sent leaf", intent.isBefore(sent), else: .noIntent,
      [Figure("intent", intent.index), Figure("sent", sent.index)])
    let slot = sent.value.isRetry ? draw.reserveSlot : draw.slot
    let rendezvous = Rendezvous(nonce: order.nonce, plan: evidence.plan, policy: order.policy)
    guard let slot, let rendezvous else {
      return try list.check("rules and plan have a channel", false, else: .channelMismatch)
    }
    let place = rendezvous.place(slot: slot)
    let power = try derivedPower(order, draw, place, &list)
    derived = BeaconVerdict.Derived(
      slot: slot, isRetry: sent.value.isRetry, channel: place.channel,
      frequencyHertz: place.frequencyHertz, spreadingFactor: place.spreadingFactor,
      powerStep: draw.powerStep, powerCentidecibelMilliwatts: power)
    try list.check(
      "channel is the derived one", sent.value.frequencyHertz == place.frequencyHertz,
      else: .channelMismatch,
      [Figure("sent", sent.value.frequencyHertz), Figure("derived", place.frequencyHertz)])
    try list.check(
      "datarate is the derived one", sent.value.spreadingFactor == place.spreadingFactor,
      else: .datarateMismatch,
      [Figure("sent", sent.value.spreadingFactor), Figure("derived", place.spreadingFactor)])
    let told = try revealedPower(order, power, &list)
    try regulation(order, place, told ?? power, sent, &list)
    try list.place(evidence.sender)
    try time(order, slot, sent, &list)
    if order.policy.refusesSimulated {
      try list.check("hardware is real", !isSimulated, else: .simulated)
    }
  }

  /// By the enrolled radio, the region and the draw.
  private func derivedPower(
    _ order: BeaconOrder, _ draw: BeaconDraw, _ place: Rendezvous.Place, _ list: inout CheckList
  ) throws(CheckList.Failed) -> Int32 {
    let radio = evidence.sender.radio
    let power = radio.flatMap {
      Transmitter($0).output(
        step: draw.powerStep, frequencyHertz: place.frequencyHertz, plan: evidence.plan,
        policy: order.policy)
    }
    try list.check(
      "channel and an enrolled radio give a power", power != nil, else: .outsidePlan,
      [Figure("frequency", place.frequencyHertz), Figure("enrolled", radio == nil ? 0 : 1)])
    return power ?? 0
  }

  /// What the node says its radio was set to: within half a decibel of the drawn one. Nil when it doesn't say.
  private func revealedPower(
    _ order: BeaconOrder, _ derived: Int32, _ list: inout CheckList
  ) throws(CheckList.Failed) -> Int32? {
    let own = evidence.reveals.first {
      $0.value.number == order.number && $0.standing == .sound
    }
    let told = own?.value.powerCentidecibelMilliwatts
    let figures = [Figure("told", told), Figure("derived", derived)]
    guard let told else {
      list.notMade("power is the derived one", figures)
      return nil
    }
    try list.check(
      "power is the derived one", (told - derived).magnitude <= 50, else: .powerMismatch, figures)
    return told
  }

  private func regulation(
    _ order: BeaconOrder, _ place: Rendezvous.Place, _ power: Int32,
    _ sent: ArchivedLeaf<SentBeacon>, _ list: inout CheckList
  ) throws(CheckList.Failed) {
    let plan = evidence.plan
    let band = plan.subBand(frequencyHertz: place.frequencyHertz, bandwidth: .khz125)
    guard let band, let radio = evidence.sender.radio else {
      return try list.check("signal lies in a sub-band", false, else: .outsidePlan)
    }
    try list.check(
      "signal lies in a sub-band", true, else: .outsidePlan,
      [Figure("from", plan.subBands[band].fromHertz), Figure("to", plan.subBands[band].toHertz)])
    let radiated = Transmitter(radio).eirpCentidecibelMilliwatts(output: power)
    let limit = plan.subBands[band].maximumEIRPCentidecibelMilliwatts
    let conducted = plan.maximumConductedCentidecibelMilliwatts
    // Half a decibel more than the whole decibel below the limit may be above it.
    try list.check(
      "power is within the region's limits",
      radiated <= limit + 50 && power <= (conducted ?? power) + 50, else: .powerAboveLimit,
      [
        Figure("radiated", radiated), Figure("limit", limit), Figure("conducted", power),
        Figure("conductedLimit", conducted),
      ])
    let airtime = sent.value.timeOnAirMicroseconds
    let dwell = plan.maximumDwellMicroseconds
    let shortest = Rendezvous.timeOnAirMicroseconds(spreadingFactor: place.spreadingFactor) ?? 0
    try list.check(
      "time on air is that of the frame, and within the dwell time",
      airtime == shortest && airtime <= dwell ?? .max, else: .dwellExceeded,
      [Figure("told", airtime), Figure("computed", shortest), Figure("limit", dwell)])
    try dutyCycle(order, plan, band, airtime, &list)
  }

  private func dutyCycle(
    _ order: BeaconOrder, _ plan: RegionPlan, _ band: Int, _ airtime: UInt32,
    _ list: inout CheckList
  ) throws(CheckList.Failed) {
    guard let permille = plan.subBands[band].dutyCyclePermille else { return }
    var sum = UInt64(airtime)
    for other in evidence.airtimes
    where plan.subBand(frequencyHertz: other.frequencyHertz, bandwidth: .khz125) == band {
      sum += UInt64(other.microseconds)
    }
    let share = UInt64(permille) * 3_600_000
    try list.check(
      "the hour's share of the sub-band is not exceeded", sum <= share, else: .dutyCycleExceeded,
      [
        Figure("sent", sum), Figure("share", share),
        Figure("transmissions", evidence.airtimes.count + 1),
      ])
  }

  private mutating func time(
    _ order: BeaconOrder, _ slot: Int, _ sent: ArchivedLeaf<SentBeacon>,
    _ list: inout CheckList
  ) throws(CheckList.Failed) {
    let begin = evidence.sender.utc(
      epoch: sent.epoch, boot: sent.boot, milliseconds: sent.value.startMilliseconds)
    try list.clock(begin, order.policy)
    guard let begin else { return }
    start = begin
    let issued = evidence.challenge.challenge.issuedUTCMilliseconds
    try list.clock(begin, after: issued, before: sent.receiptUTCMilliseconds)
    let first = order.window.slotStartUTCMilliseconds(slot)
    let last = order.window.slotEndUTCMilliseconds(slot)
    let end = begin.milliseconds + Int64(sent.value.timeOnAirMicroseconds) / 1_000
    let slack = begin.uncertainty + CoverageVerdict.radioLatencyMilliseconds
    try list.check(
      "beacon lies in its slot", begin.milliseconds >= first - slack && end <= last + slack,
      else: .outsideSlot,
      [
        Figure("begin", begin.milliseconds), Figure("end", end), Figure("slot", slot),
        Figure("slotBegin", first), Figure("slotEnd", last), Figure("slack", slack),
      ])
  }
}

extension CheckList {
  typealias Figure = VerdictCheck.Figure

  mutating func clock(
    _ moment: (milliseconds: Int64, uncertainty: Int64)?, _ policy: CoveragePolicy
  ) throws(Failed) {
    let limit = Int64(policy.maximumUncertaintyMilliseconds)
    try check(
      "clock is known well enough", moment.map { $0.uncertainty <= limit } ?? false,
      else: .clockUnknown,
      [Figure("uncertainty", moment?.uncertainty), Figure("limit", limit)])
  }

  /// A clock that lies before what the log shows to be older, or behind what a receipt shows to be newer, is wrong.
  mutating func clock(
    _ moment: (milliseconds: Int64, uncertainty: Int64), after: Int64, before: Int64?
  ) throws(Failed) {
    let slack = moment.uncertainty + CoverageVerdict.radioLatencyMilliseconds
    try check(
      "clock agrees with challenge and receipt",
      moment.milliseconds + slack >= after && moment.milliseconds - slack <= before ?? .max,
      else: .clockUnknown,
      [
        Figure("moment", moment.milliseconds), Figure("challenge", after),
        Figure("receipt", before),
      ])
  }
}
