import Coverage
import LoRa
import Radios

/// Where a duty stands with the noise.
struct NoiseWatch: Sendable {
  /// Of two measurements of any channels.
  static var intervalMilliseconds: Int64 { 10_000 }
  /// Of two measurements of one channel.
  static var channelIntervalMilliseconds: Int64 { 60_000 }
  /// A receiver's gain has settled so long after a change of channel.
  static var settlingMilliseconds: Int64 { 20 }
  /// A reading that the radio did not take is asked for again after so long.
  static var refusedMilliseconds: Int64 { 1_000 }

  var table = NoiseTable()
  /// Readings of the measurement that is under way.
  var sampling: NoiseSampling?
  /// The radio owes a reading.
  var isAsked = false
  /// No reading before this.
  var nextMilliseconds: Int64 = 0
  /// Where the last measurement was, and until when: a frame may show that it was none.
  var last: (frequencyHertz: UInt32, milliseconds: Int64)?

  mutating func rest(until milliseconds: Int64) {
    sampling = nil
    nextMilliseconds = max(nextMilliseconds, milliseconds)
  }
}

/// The noise in the channels: for whoever asks how the radio is, and for nothing else. It is measured where the radio
/// listens anyway, in moments that nothing else wants:
///
///     slot 6 ──────── released │ set for slot 7 │ measured … │ slot 7 ────────
///
/// The radio is in reception all the while, so that no slot is lost to it.
extension RadioDuty where Radio: ~Copyable {
  /// Whether this radio tells the noise; nil while it is not known which radio it is.
  public var tellsNoise: Bool? { capabilities?.hasNoiseReading }

  /// Of each channel of the plan: nothing before it was measured.
  public func noise(channel: Int) -> NoiseTable.Channel? { noise.table.channel(channel) }

  /// The plan's channel that may be measured now; nil: not now.
  private func quietChannel(_ now: NodeTime) -> Int? {
    guard state == .listening, sending == nil, outcome == nil,
      capabilities?.hasNoiseReading == true,
      let setting, setting.modulation.bandwidth == .khz125, isListening(to: wantedPlace(now)),
      isBeforeSlot(now)
    else { return nil }
    for channel in 0..<min(plan.channelCount, NoiseTable.channelLimit)
    where plan.frequencyHertz(channel: channel) == setting.frequencyHertz {
      return channel
    }
    return nil
  }

  /// No beacon of the present window can be on the air yet, by a clock as bad as its uncertainty.
  private func isBeforeSlot(_ now: NodeTime) -> Bool {
    guard let current, let capabilities, now.isGoodEnough(for: current.order.policy),
      let utc = now.utcMilliseconds, let slot = current.slot(atUTCMilliseconds: utc, capabilities)
    else { return true }
    return utc + Int64(clamping: now.uncertaintyMilliseconds)
      < current.order.window.slotStartUTCMilliseconds(slot)
  }

  private func nextReading(_ channel: Int) -> Int64 {
    guard let known = noise.table.channel(channel) else { return noise.nextMilliseconds }
    return max(
      noise.nextMilliseconds, known.milliseconds + NoiseWatch.channelIntervalMilliseconds)
  }

  /// Asks for a reading when one is due and the moment is quiet.
  mutating func crankNoise(_ now: NodeTime) {
    guard !noise.isAsked else { return }
    guard let channel = quietChannel(now) else {
      noise.sampling = nil
      return
    }
    guard now.milliseconds >= nextReading(channel) else { return }
    let isOneMoment =
      noise.sampling.map {
        $0.channel == channel
          && now.milliseconds - $0.beganMilliseconds < NoiseSampling.limitMilliseconds
      } ?? false
    if !isOneMoment { noise.sampling = NoiseSampling(channel: channel, at: now.milliseconds) }
    do throws(RadioRefusal) {
      try askForNoise(now)
      noise.isAsked = true
    } catch {
      // It is at something else, which is no fault.
      noise.rest(until: now.milliseconds + NoiseWatch.refusedMilliseconds)
    }
  }

  /// A reading. It counts when the moment is as quiet as when it was asked for.
  mutating func take(noise centidecibelMilliwatts: Int32, _ now: NodeTime) {
    noise.isAsked = false
    guard var sampling = noise.sampling, let setting, quietChannel(now) == sampling.channel else {
      noise.sampling = nil
      return
    }
    guard let level = sampling.take(centidecibelMilliwatts) else {
      noise.sampling = sampling
      noise.nextMilliseconds = now.milliseconds + NoiseSampling.pauseMilliseconds
      return
    }
    noise.table.add(
      channel: sampling.channel, centidecibelMilliwatts: level, at: now.milliseconds)
    noise.last = (setting.frequencyHertz, now.milliseconds)
    noise.rest(until: now.milliseconds + NoiseWatch.intervalMilliseconds)
  }

  /// Whatever the radio is at now, it is another moment; and it may owe no reading any more.
  mutating func interruptNoise(_ now: NodeTime) {
    noise.isAsked = false
    noise.rest(until: now.milliseconds + NoiseWatch.intervalMilliseconds)
  }

  /// It has been set.
  mutating func settleNoise(_ now: NodeTime) {
    noise.rest(until: now.milliseconds + NoiseWatch.settlingMilliseconds)
  }

  /// A frame came: what was measured while it was on the air is none of noise.
  mutating func takeBackNoise(_ frame: borrowing ReceivedFrame, uncertaintyMilliseconds: Int64) {
    noise.sampling = nil
    guard let last = noise.last, last.frequencyHertz == frame.frequencyHertz else { return }
    let airtime =
      Modulation(
        spreadingFactor: frame.spreadingFactor, bandwidth: frame.bandwidth,
        codingRateDenominator: frame.codingRateDenominator)?
      .timeOnAirMicroseconds(payloadByteCount: frame.byteCount) ?? .max
    let start =
      frame.receivedMilliseconds - Int64(airtime) / 1_000 - 1 - uncertaintyMilliseconds
    guard last.milliseconds >= start else { return }
    noise.table.takeBack()
    noise.last = nil
  }

  /// When a reading is due.
  func nextNoiseStep(_ now: NodeTime) -> Int64 {
    guard !noise.isAsked, let channel = quietChannel(now) else { return .max }
    return max(now.milliseconds, nextReading(channel))
  }
}
