import Coverage
import LoRa
import Proofs
import Records

/// What the witness's radio says, and when.
extension WitnessJudgement {
  mutating func radio(
    _ order: BeaconOrder, _ derived: BeaconVerdict.Derived, _ list: inout CheckList
  ) throws(CheckList.Failed) {
    let heard = reception
    try list.check(
      "datarate is the beacon's",
      heard.spreadingFactor == derived.spreadingFactor && heard.bandwidthHertz == 125_000
        && heard.codingRateDenominator == 5, else: .datarateDiffers,
      [
        Figure("spreadingFactor", heard.spreadingFactor),
        Figure("derived", derived.spreadingFactor), Figure("bandwidth", heard.bandwidthHertz),
        Figure("codingRate", heard.codingRateDenominator),
      ])
    try frequency(order, derived, &list)
    try snr(order, &list)
    try freeSpace(order, derived, &list)
    try noise(&list)
  }

  private func frequency(
    _ order: BeaconOrder, _ derived: BeaconVerdict.Derived, _ list: inout CheckList
  ) throws(CheckList.Failed) {
    let away = Int64(reception.frequencyHertz) - Int64(derived.frequencyHertz)
    // Radios that are set in kilohertz or in steps of 61 Hz.
    try list.check(
      "channel is the beacon's", away.magnitude <= 1_000, else: .frequencyError,
      [Figure("heard", reception.frequencyHertz), Figure("derived", derived.frequencyHertz)])
    guard let error = reception.frequencyErrorHertz else {
      return list.notMade("frequency error is within the tolerance", [Figure("error", .none)])
    }
    let limit =
      Int64(order.policy.frequencyTolerancePPM) * Int64(derived.frequencyHertz) / 1_000_000
    try list.check(
      "frequency error is within the tolerance", (away + Int64(error)).magnitude <= limit,
      else: .frequencyError, [Figure("error", error), Figure("limit", limit)])
  }

  private func snr(_ order: BeaconOrder, _ list: inout CheckList) throws(CheckList.Failed) {
    let limit =
      SignalPower.lowestSNRCentidecibels(spreadingFactor: reception.spreadingFactor)
      - Int32(order.policy.snrMarginCentidecibels)
    let figures = [Figure("snr", reception.snrCentidecibels), Figure("limit", limit)]
    guard let snr = reception.snrCentidecibels else {
      return list.notMade("SNR can be demodulated", figures)
    }
    try list.check("SNR can be demodulated", snr >= limit, else: .snrTooLow, figures)
  }

  /// Above -100 dBm the channel's power is the signal's, whatever the SNR.
  private static let clearlyAboveNoise: Int32 = -10_000

  private mutating func freeSpace(
    _ order: BeaconOrder, _ derived: BeaconVerdict.Derived, _ list: inout CheckList
  ) throws(CheckList.Failed) {
    guard let metres = distance, let far = evidence.sender.radio else { return }
    let rssi = reception.rssiCentidecibelMilliwatts
    if let snr = reception.snrCentidecibels {
      signal = SignalPower.centidecibelMilliwatts(rssi: rssi, snrCentidecibels: snr)
    } else if rssi >= Self.clearlyAboveNoise {
      signal = rssi
    }
    let loss = Geometry.freeSpaceLossCentidecibels(
      metres: metres, frequencyHertz: derived.frequencyHertz)
    // Without an enrolled radio the witness's antenna gains nothing.
    let own = witness.node.radio.map { Transmitter($0).gainCentidecibels } ?? 0
    let most =
      derived.powerCentidecibelMilliwatts + Transmitter(far).gainCentidecibels + own - loss
    freeSpace = most
    let margin = Int32(order.policy.freeSpaceMarginCentidecibels)
    let figures = [
      Figure("signal", signal), Figure("freeSpace", most), Figure("margin", margin),
      Figure("loss", loss), Figure("metres", metres), Figure("rssi", rssi),
      Figure("snr", reception.snrCentidecibels),
    ]
    guard let signal else {
      return list.notMade("signal is not above free space", figures)
    }
    try list.check(
      "signal is not above free space", signal <= most + margin, else: .aboveFreeSpace, figures)
  }

  /// Noise in 125 kHz that a receiver may have. Below: -123 dBm of a perfect one at room temperature, and 3 dB for
  /// figures that are off. Above: louder than -80 dBm nobody puts up with for long.
  private static let possibleNoise: ClosedRange<Int32> = -12_600 ... -8_000

  private func noise(_ list: inout CheckList) throws(CheckList.Failed) {
    guard let snr = reception.snrCentidecibels, let signal else {
      return list.notMade("RSSI and SNR leave a possible noise", [Figure("snr", .none)])
    }
    let noise = Int64(signal) - Int64(snr)
    // A radio's SNR ends at some 10 dB: of a strong signal it leaves too much noise, and never too little.
    let most = snr < 500 ? Int64(Self.possibleNoise.upperBound) : nil
    try list.check(
      "RSSI and SNR leave a possible noise",
      noise >= Int64(Self.possibleNoise.lowerBound) && noise <= most ?? .max,
      else: .impossibleNoise,
      [
        Figure("noise", noise), Figure("least", Self.possibleNoise.lowerBound),
        Figure("most", most),
      ])
  }

  func time(
    _ order: BeaconOrder, _ derived: BeaconVerdict.Derived,
    _ sent: (milliseconds: Int64, uncertainty: Int64), _ list: inout CheckList
  ) throws(CheckList.Failed) {
    let leaf = witness.leaf
    let moment = witness.node.utc(
      epoch: leaf.epoch, boot: leaf.boot, milliseconds: reception.endMilliseconds)
    try list.clock(moment, order.policy)
    guard let moment else { return }
    try list.clock(
      moment, after: order.window.startUTCMilliseconds, before: leaf.receiptUTCMilliseconds)
    let airtime = Rendezvous.timeOnAirMicroseconds(spreadingFactor: derived.spreadingFactor) ?? 0
    let begin = moment.milliseconds - Int64(airtime) / 1_000
    // The radio's own uncertainty is bounded as the clock's is: nobody buys time with a large one.
    let limit = Int64(order.policy.maximumUncertaintyMilliseconds)
    let slack =
      moment.uncertainty + sent.uncertainty
      + min(limit, Int64(reception.uncertaintyMilliseconds))
      + CoverageVerdict.radioLatencyMilliseconds
    let first = order.window.slotStartUTCMilliseconds(derived.slot)
    let last = order.window.slotEndUTCMilliseconds(derived.slot)
    try list.check(
      "reception lies in the slot", begin >= first - slack && moment.milliseconds <= last + slack,
      else: .outsideSlot,
      [
        Figure("begin", begin), Figure("end", moment.milliseconds), Figure("slotBegin", first),
        Figure("slotEnd", last), Figure("slack", slack),
      ])
    try list.check(
      "heard when it was sent", (begin - sent.milliseconds).magnitude <= UInt64(slack),
      else: .outsideSlot,
      [Figure("heard", begin), Figure("sent", sent.milliseconds), Figure("slack", slack)])
    let readable = sender.readableUTCMilliseconds ?? order.window.revealUTCMilliseconds
    try list.check(
      "receipt is earlier than the reveal", (leaf.receiptUTCMilliseconds ?? .max) < readable,
      else: .afterReveal,
      [Figure("receipt", leaf.receiptUTCMilliseconds), Figure("readable", readable)])
  }
}
